//! What holds across crates: coverage of the registry, and the shape of the tree.

mod coverage;
mod tidy;
mod tree;
