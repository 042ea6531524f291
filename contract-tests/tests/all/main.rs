//! What holds across crates (coverage of the registry, the shape of the tree) and end to end (the gateway as a process).

mod coverage;
mod readme;
mod tidy;
mod tree;
