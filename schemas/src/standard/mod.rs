//! Wire formats published by standards bodies, and profiles of them that are ours.

mod audit;
pub mod cadf;
pub mod niem;
pub mod ocsf;
