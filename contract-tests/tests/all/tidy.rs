//! The shape of the tree: who may depend on whom, who may call what, and what may not stand anywhere.

mod calls;
mod interface;
mod manifests;
mod one_folder;
mod text;
