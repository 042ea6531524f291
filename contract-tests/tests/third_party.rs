//! An adapter and a simulated vendor that are registered nowhere, proven by the kit from outside: what a third party
//! writes in a repository of its own. Both are what `turnpike source new --kind rust` writes.

use std::process::ExitCode;

// Inside the repository the two are modules of its crates and say `crate`; this is what they mean by it.
use turnpike_adapters::{adapter, context, error, registry};
use turnpike_contract_tests::{fault, kit, sim, town};

#[path = "../../adapters/templates/newsource/mod.rs"]
#[expect(
    unreachable_pub,
    reason = "it is a public module where it is written to"
)]
#[expect(dead_code, reason = "its own tests run where it is written to")]
mod newsource;

#[path = "../templates"]
mod vendors {
    #[expect(
        unreachable_pub,
        reason = "it is a public module where it is written to"
    )]
    pub(crate) mod newsource;

    pub(crate) use newsource::bench::BENCH;
}

fn main() -> ExitCode {
    kit::main(&newsource::ENTRY, &[vendors::BENCH])
}
