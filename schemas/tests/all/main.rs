//! Tests of the crate's rules as a whole: decisions, documents, release, published schemas.

#[cfg(test)]
mod committed;
#[cfg(test)]
mod comparing;
#[cfg(test)]
mod decision_table;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod json_schemas;
#[cfg(test)]
mod niem;
#[cfg(test)]
mod permits;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod release;
#[cfg(test)]
mod rules;
