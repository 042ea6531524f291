//! Tests of the gateway through its public face.

#[cfg(test)]
mod committed;
#[cfg(test)]
mod config;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod policy;
#[cfg(test)]
#[expect(dead_code, reason = "of `schemas`, which uses all of it")]
#[path = "../../../schemas/tests/all/reference.rs"]
mod reference;
