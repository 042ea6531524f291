//! The contract kit, the simulated vendors and the synthetic town.
//!
//! [`town`] invents vehicles that really drive past sites; [`sim`] serves what the sites saw in
//! each vendor's own wire format; [`fault`] breaks the road between a simulator and its client.
//! None of the three names a type of the product: they are written from the vendors' manuals, so a
//! misreading on one side shows up as a failing test.

pub mod fault;
pub mod kit;
pub mod sim;
pub mod town;
pub mod world;
