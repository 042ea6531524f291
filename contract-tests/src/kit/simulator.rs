//! A simulated vendor as a check sees it: without its wire format.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::{History, Outcome, Sample, Versions};
use crate::fault::FaultProxy;
use crate::town::{Family, Town};

/// How a simulated vendor behaves from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Well.
    Well,
    /// Every record comes twice.
    Duplicates,
    /// Records come in no order.
    Shuffled,
    /// The way to the next page leads in a circle.
    PageCycle,
    /// Records come with fields about people, all of them canaries.
    Personal,
    /// Records that need care come before the others.
    OddRecords,
    /// The credential in use is void; a new one would be good.
    StaleCredential,
    /// No credential is good.
    NoCredentialIsGood,
    /// There is no image.
    NoImage,
    /// Images are larger than anybody wants.
    HugeImage,
    /// Images are pages of HTML.
    ImageIsPage,
}

/// One question as the vendor understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The plate.
    pub plate: String,
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
}

/// A running simulated vendor.
#[async_trait]
pub trait SimHandle: Debug + Send + Sync {
    /// The town the vendor stands in.
    fn town(&self) -> &Town;

    /// What of the town the vendor sees.
    fn family(&self) -> Family;

    /// The `settings` table of a source at this vendor.
    fn settings(&self) -> Value;

    /// The secrets of a source at this vendor.
    fn secrets(&self) -> &'static [(&'static str, &'static str)];

    /// The road to the vendor; `None` for a vendor nobody contacts.
    fn road(&self) -> Option<&FaultProxy>;

    /// Changes how the vendor behaves.
    ///
    /// # Errors
    /// The simulator cannot do that.
    fn behave(&self, behaviour: Behaviour) -> Outcome;

    /// The questions that arrived, oldest first.
    fn asked(&self) -> Vec<Asked>;

    /// The locator of an image of the whole scene that the vendor has.
    fn image(&self) -> Option<String>;

    /// Payloads for a piece of the town's history. Made when first asked for.
    ///
    /// # Errors
    /// They cannot be made.
    async fn history(&self) -> Result<&History, String>;

    /// Payloads one by one, good and bad, each with what must become of it. Made when first asked for.
    ///
    /// # Errors
    /// They cannot be made.
    async fn samples(&self) -> Result<&[Sample], String>;

    /// Corrections, where the vendor makes any.
    ///
    /// # Errors
    /// They cannot be made.
    fn versions(&self) -> Result<Vec<Versions>, String>;

    /// JSON pointers into a read that this vendor has no words for.
    fn never_says(&self) -> &'static [&'static str];

    /// Reads an acknowledgement file as the vendor would, and returns its code.
    ///
    /// # Errors
    /// What the vendor would complain about.
    fn acknowledged(&self, name: &str, body: &[u8]) -> Result<String, String>;
}
