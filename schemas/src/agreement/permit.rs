//! Permits: proof that one agreement allows one thing. Private fields, no `Clone`, made by `Agreement` only.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{Agreement, AgreementRef, Field, Retention, UpstreamField};
use crate::{
    query::{Query, TimeWindow},
    read::{PlateRead, SourceId},
};

/// What a permit and an image permit have in common.
#[derive(Debug)]
pub(super) struct Grant {
    agreement: AgreementRef,
    source: SourceId,
    query: Arc<Query>,
    window: TimeWindow,
    fields: BTreeSet<Field>,
    max_reads: u32,
    disclose: BTreeSet<UpstreamField>,
}

pub(super) fn grant(agreement: &Agreement, query: &Query, window: TimeWindow) -> Grant {
    let document = agreement.document();
    Grant {
        agreement: agreement.reference().clone(),
        source: document.source.clone(),
        query: Arc::new(query.clone()),
        window,
        fields: document.what.fields.clone(),
        max_reads: document.what.max_reads,
        disclose: document.upstream.disclose.clone(),
    }
}

impl Grant {
    fn answers(&self, read: &PlateRead) -> bool {
        let observation = &read.observation;
        read.source == self.source
            && !observation.retracted
            && self.window.contains(observation.captured_at)
            && self.query.is_answered_by(&observation.plate)
    }
}

/// Proof that one agreement allows one question. Private fields: only [`Agreement::permit`] makes one.
///
/// ```compile_fail
/// // There is no other constructor.
/// let permit = turnpike_schemas::agreement::Permit {};
/// ```
/// ```compile_fail
/// // And no second copy: one decision, one use.
/// fn twice(permit: turnpike_schemas::agreement::Permit) -> [turnpike_schemas::agreement::Permit; 2] {
///     [permit.clone(), permit]
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct Permit(Grant);

/// Proof that one agreement allows fetching images of the reads that answered one question.
#[must_use]
#[derive(Debug)]
pub struct ImagePermit(Grant);

/// Proof that one agreement allows taking reads of its source in, and how long they are kept.
#[must_use]
#[derive(Debug)]
pub struct IngestPermit {
    agreement: AgreementRef,
    source: SourceId,
    retention: SignedDuration,
}

impl Permit {
    pub(super) fn of(grant: Grant) -> Self {
        Self(grant)
    }

    /// The question.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.0.query
    }

    /// The window granted: never wider than the window asked for.
    #[must_use]
    pub fn window(&self) -> TimeWindow {
        self.0.window
    }

    /// Whether the agreement granted less than the window asked for.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.0.window != self.0.query.window()
    }

    /// Most reads granted.
    #[must_use]
    pub fn max_reads(&self) -> u32 {
        self.0.max_reads
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &AgreementRef {
        &self.0.agreement
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceId {
        &self.0.source
    }

    /// Whether the source may be told this part of the question.
    #[must_use]
    pub fn discloses(&self, field: UpstreamField) -> bool {
        self.0.disclose.contains(&field)
    }

    /// Applies the agreement to a read that came back: `None` unless it is of this source, inside the window,
    /// not withdrawn and answers the question; otherwise the read with every field removed that is not released.
    #[must_use]
    pub fn release(&self, read: PlateRead) -> Option<PlateRead> {
        self.0.answers(&read).then(|| strip(read, &self.0.fields))
    }
}

impl ImagePermit {
    pub(super) fn of(grant: Grant) -> Self {
        Self(grant)
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceId {
        &self.0.source
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &AgreementRef {
        &self.0.agreement
    }

    /// The window granted: never wider than the window asked for.
    #[must_use]
    pub fn window(&self) -> TimeWindow {
        self.0.window
    }

    /// Whether the permit covers an image of this read: the same condition as for releasing the read.
    #[must_use]
    pub fn covers(&self, read: &PlateRead) -> bool {
        self.0.answers(read)
    }
}

impl IngestPermit {
    pub(super) fn new(agreement: &Agreement, retention: Retention) -> Self {
        Self {
            agreement: agreement.reference().clone(),
            source: agreement.document().source.clone(),
            retention: SignedDuration::from_hours(i64::from(retention.days) * 24),
        }
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceId {
        &self.source
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &AgreementRef {
        &self.agreement
    }

    /// When a read captured at `captured_at` must no longer be readable.
    #[must_use]
    pub fn keep_until(&self, captured_at: Timestamp) -> Timestamp {
        captured_at
            .checked_add(self.retention)
            .unwrap_or(Timestamp::MAX)
    }
}

fn strip(mut read: PlateRead, fields: &BTreeSet<Field>) -> PlateRead {
    let has = |field| fields.contains(&field);
    let observation = &mut read.observation;
    let plate = &mut observation.plate;
    if !has(Field::PlateRaw) {
        plate.plate = plate.plate.without_raw();
        for candidate in &mut plate.candidates {
            candidate.plate = candidate.plate.without_raw();
        }
    }
    if !has(Field::Jurisdiction) {
        plate.jurisdiction = None;
        plate.jurisdiction_confidence = None;
    }
    if !has(Field::Confidence) {
        plate.confidence = None;
        for candidate in &mut plate.candidates {
            candidate.confidence = None;
        }
    }
    if !has(Field::Candidates) {
        plate.candidates.clear();
    }
    let place = &mut observation.place;
    if !has(Field::Position) {
        place.lat = None;
        place.lon = None;
    }
    clear_unless(has(Field::Site), &mut place.site);
    clear_unless(has(Field::Camera), &mut place.camera);
    clear_unless(has(Field::Lane), &mut place.lane);
    clear_unless(has(Field::Bearing), &mut place.bearing_deg);
    clear_unless(has(Field::Bearing), &mut place.image_bearing_deg);
    if !has(Field::Vehicle) {
        observation.vehicle = crate::read::Vehicle::default();
    }
    if !has(Field::Images) {
        observation.images.clear();
    }
    if !has(Field::Extra) {
        observation.extra.clear();
    }
    observation.aliases.clear();
    read
}

fn clear_unless<T>(keep: bool, value: &mut Option<T>) {
    if !keep {
        *value = None;
    }
}
