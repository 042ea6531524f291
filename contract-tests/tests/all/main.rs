//! What holds across crates (coverage of the registry, the shape of the tree) and end to end (the gateway as a process).

#[cfg(test)]
mod agreement_changes;
#[cfg(test)]
mod agreements;
#[cfg(test)]
mod answer;
#[cfg(test)]
mod api_document;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod cheats;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod images;
#[cfg(test)]
mod installation;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod ledger_faults;
#[cfg(test)]
mod ledger_tree;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod review;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod second_thoughts;
#[cfg(test)]
mod source;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod streaming;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod webhooks;
