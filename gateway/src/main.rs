//! The `turnpike` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    turnpike_gateway::cli::main(std::env::args_os())
}
