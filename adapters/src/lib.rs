//! Everything of turnpike that speaks to the outside: one trait, one folder per vendor protocol.

pub mod adapter;
pub mod apds;
pub mod axis;
mod camera;
pub mod conformance;
pub mod context;
pub mod ctoc;
pub mod declarative;
pub mod error;
pub mod flock;
pub mod frigate;
pub mod hikvision;
pub mod iag;
mod json;
pub mod layers;
pub mod multipart;
pub mod niem;
pub mod niop;
pub mod plate_recognizer;
pub mod registry;
pub mod rekor;
pub mod sharpv;
mod token;
mod toll;
pub mod transport;
pub mod verkada;
mod watched;
pub mod web;
mod xml_window;

/// What `turnpike source new --kind rust` writes are modules of the tests, so they compile and work.
#[cfg(test)]
#[path = "../templates"]
#[expect(
    clippy::duplicate_mod,
    reason = "each has the same `wire.rs`, which is written to each"
)]
mod templates {
    macro_rules! written {
        ($($name:ident)*) => {$(
            #[expect(
                unreachable_pub,
                reason = "it is a public module where it is written to"
            )]
            mod $name;
        )*};
    }

    written! { newsource asked dropped listened }
}

/// The examples of the guide compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-an-adapter.md")]
mod adding_an_adapter {}

/// So do those about mappings.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-a-source.md")]
mod adding_a_source {}
