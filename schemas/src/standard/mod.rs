//! Wire formats published by standards bodies, and profiles of them that are ours.

pub mod niem;
