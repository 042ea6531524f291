//! What vendors that nobody contacts have in common: they send payloads, and there is nothing to ask or to switch.

use async_trait::async_trait;
use serde_json::Value;

use super::small_town;
use crate::fault::FaultProxy;
use crate::kit::{Asked, Behaviour, History, Outcome, Sample, SimHandle, Versions, Via};
use crate::town::{Family, Town};

/// A vendor whose payloads are made beforehand.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) town: Town,
    pub(super) family: Family,
    pub(super) settings: Value,
    pub(super) never_says: &'static [&'static str],
    pub(super) history: History,
    pub(super) samples: Vec<Sample>,
    pub(super) versions: Vec<Versions>,
    /// Reads an acknowledgement as the vendor would.
    pub(super) acknowledged: fn(&str, &[u8]) -> Result<String, String>,
}

impl Dropped {
    /// A vendor with nothing to send yet, in the same town as every other.
    pub(super) fn new(family: Family, settings: Value) -> Self {
        Self {
            town: small_town(),
            family,
            settings,
            never_says: &[],
            history: History::default(),
            samples: Vec::new(),
            versions: Vec::new(),
            acknowledged: |_, _| Err("the vendor knows no acknowledgements".to_owned()),
        }
    }
}

/// A dropped file.
pub(super) fn file(
    what: impl Into<String>,
    name: impl Into<String>,
    bytes: Vec<u8>,
    (gives, answer): (crate::kit::Gives, crate::kit::Answer),
) -> Sample {
    Sample {
        name: name.into(),
        answer,
        ..Sample::new(what, Via::File, bytes, gives)
    }
}

#[async_trait]
impl SimHandle for Dropped {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        self.family
    }

    fn settings(&self) -> Value {
        self.settings.clone()
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn road(&self) -> Option<&FaultProxy> {
        None
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        Err(format!(
            "a vendor nobody contacts cannot be told {behaviour:?}"
        ))
    }

    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    fn image(&self) -> Option<String> {
        None
    }

    async fn history(&self) -> Result<&History, String> {
        Ok(&self.history)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        Ok(&self.samples)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        Ok(self.versions.clone())
    }

    fn never_says(&self) -> &'static [&'static str] {
        self.never_says
    }

    fn acknowledged(&self, name: &str, body: &[u8]) -> Result<String, String> {
        (self.acknowledged)(name, body)
    }
}
