//! End-to-end tests: the gateway as a process, the tree as a whole.

#[cfg(test)]
mod agreements;
#[cfg(test)]
mod answer;
#[cfg(test)]
mod api_document;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod images;
#[cfg(test)]
mod installation;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod limits;
mod readme;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod streaming;
