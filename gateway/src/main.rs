//! The `turnpike` command.

use std::process::ExitCode;

/// An answer is put together on one thread and let go on another; the allocator of the C library makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    turnpike_gateway::cli::main(std::env::args_os())
}
