//! Tests of the gateway through its public face.

#[cfg(test)]
mod config;
#[cfg(test)]
mod foreign;
