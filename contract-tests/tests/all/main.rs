//! End-to-end tests: the gateway as a process, the tree as a whole.

mod crash;
mod ledger_faults;
mod readme;
