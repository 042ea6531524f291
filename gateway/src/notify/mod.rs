//! Telling owners of alert lists: what is sent to their systems, how it is signed, and when it is tried again.
//!
//! In scope: the envelope of an event, its signature, the times of attempts, hours in which somebody is left alone. **An event
//! has one identity for ever, and every attempt carries it.** Deliberately absent: sockets, files, clocks, and what a hit says.

pub mod event;
pub mod quiet;
pub mod schedule;
pub mod signing;
