//! Adapters and a simulated vendor that are registered nowhere, proven by the kit from outside: what a third party
//! writes in a repository of its own. All are what `turnpike source new --kind rust` writes, one adapter for each way in which
//! reads come.

#![expect(
    clippy::duplicate_mod,
    reason = "each adapter has the same `wire.rs`, which is written to each"
)]

use std::process::ExitCode;

// Inside the repository they are modules of its crates and say `crate`; this is what they mean by it.
use turnpike_adapters::{adapter, context, error, registry, web};
use turnpike_contract_tests::{fault, kit, sim, town};

macro_rules! written {
    ($($name:ident in $path:literal;)*) => {$(
        #[path = $path]
        #[expect(
            unreachable_pub,
            reason = "it is a public module where it is written to"
        )]
        #[expect(dead_code, reason = "its own tests run where it is written to")]
        mod $name;
    )*};
}

written! {
    newsource in "../../adapters/templates/newsource/mod.rs";
    asked in "../../adapters/templates/asked/mod.rs";
    dropped in "../../adapters/templates/dropped/mod.rs";
    listened in "../../adapters/templates/listened/mod.rs";
}

#[path = "../templates"]
mod vendors {
    #[expect(
        unreachable_pub,
        reason = "it is a public module where it is written to"
    )]
    pub(crate) mod newsource;

    pub(crate) use newsource::bench::Way;
}

use kit::BenchEntry;
use vendors::Way;

const fn way(variant: &'static str, way: Way) -> BenchEntry {
    BenchEntry {
        variant,
        ..way.bench()
    }
}

fn main() -> ExitCode {
    kit::main_of(&[
        (&newsource::ENTRY, &[const { way("push", Way::Push) }]),
        (&asked::ENTRY, &[const { way("pull", Way::Pull) }]),
        (&dropped::ENTRY, &[const { way("file", Way::File) }]),
        (&listened::ENTRY, &[const { way("listen", Way::Listen) }]),
    ])
}
