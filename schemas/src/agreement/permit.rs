//! Permits: proof that one agreement allows one thing. Private fields, no `Clone`, made by `Agreement` only.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    Agreement, AgreementRef, Alerts, Field, HowMuch, Obligation, Places, Requester, Retention,
    UpstreamField, What,
};
use crate::{
    query::{Query, TimeWindow},
    read::{ImageRef, Place, PlateRead, SourceId},
};

/// What a permit and an image permit have in common.
#[derive(Debug)]
pub(super) struct Grant {
    agreement: AgreementRef,
    source: SourceId,
    query: Arc<Query>,
    window: TimeWindow,
    what: What,
    places: Places,
    how_much: HowMuch,
    disclose: BTreeSet<UpstreamField>,
    obligations: Vec<Obligation>,
}

pub(super) fn grant(
    agreement: &Agreement,
    requester: &Requester,
    query: &Query,
    window: TimeWindow,
) -> Grant {
    let document = agreement.document();
    Grant {
        agreement: agreement.reference().clone(),
        source: document.source.clone(),
        query: Arc::new(query.clone()),
        window,
        what: document.what.clone(),
        places: document.places.clone(),
        how_much: document.how_much,
        disclose: document.upstream.disclose.clone(),
        obligations: agreement.obligations(requester, query),
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

    fn releases(&self, read: &PlateRead) -> bool {
        self.answers(read) && self.places.release(&read.observation.place) && self.sure_enough(read)
    }

    fn release(&self, read: PlateRead) -> Option<PlateRead> {
        let released = |read| strip(read, &self.what, self.places.position_decimals);
        self.releases(&read).then(|| released(read))
    }

    /// A read without a confidence is not surer than any floor.
    fn sure_enough(&self, read: &PlateRead) -> bool {
        let floor = self.what.confidence_floor_percent;
        let confidence = read.observation.plate.confidence;
        floor == 0
            || confidence.is_some_and(|confidence| confidence.get() * 100.0 >= f64::from(floor))
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

/// Proof that one agreement allows telling somebody of reads of one plate, at the moment it was decided for.
#[must_use]
#[derive(Debug)]
pub struct AlertPermit {
    grant: Grant,
    terms: Alerts,
    retention: Option<SignedDuration>,
}

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
        self.0.what.max_reads
    }

    /// How many questions the agreement allows. The gateway counts them.
    #[must_use]
    pub fn how_much(&self) -> HowMuch {
        self.0.how_much
    }

    /// What the permit binds its holder to.
    #[must_use]
    pub fn obligations(&self) -> &[Obligation] {
        &self.0.obligations
    }

    /// The same, each `name=value`.
    #[must_use]
    pub fn obligations_in_words(&self) -> Vec<String> {
        self.0.obligations.iter().map(ToString::to_string).collect()
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
    /// not withdrawn, answers the question, was taken where reads are released and is sure enough; otherwise the read with
    /// every field and image removed that is not released and its position rounded.
    #[must_use]
    pub fn release(&self, read: PlateRead) -> Option<PlateRead> {
        self.0.release(read)
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

    /// Whether the permit covers images of a read that was released: it is of this source, inside the window, not withdrawn
    /// and answers the question. Place and confidence were decided when it was released and may no longer be in it.
    #[must_use]
    pub fn covers(&self, read: &PlateRead) -> bool {
        self.0.answers(read)
    }

    /// Whether the permit covers images of this kind.
    #[must_use]
    pub fn covers_kind(&self, image: &ImageRef) -> bool {
        self.0.what.image_kinds.contains(&image.kind)
    }

    /// What the permit binds its holder to, each `name=value`.
    #[must_use]
    pub fn obligations_in_words(&self) -> Vec<String> {
        self.0.obligations.iter().map(ToString::to_string).collect()
    }
}

impl AlertPermit {
    pub(super) fn of(grant: Grant, terms: Alerts, retention: Option<Retention>) -> Self {
        Self {
            grant,
            terms,
            retention: retention.map(Retention::span),
        }
    }

    /// When nothing of a read captured at `captured_at` may be known any more; nothing where the agreement lets nothing be kept.
    #[must_use]
    pub fn keep_until(&self, captured_at: Timestamp) -> Option<Timestamp> {
        let kept = self.retention?;
        Some(captured_at.checked_add(kept).unwrap_or(Timestamp::MAX))
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &SourceId {
        &self.grant.source
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &AgreementRef {
        &self.grant.agreement
    }

    /// The window granted: never wider than the window asked for.
    #[must_use]
    pub fn window(&self) -> TimeWindow {
        self.grant.window
    }

    /// The longest that an entry lasts.
    #[must_use]
    pub fn longest(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.terms.max_days) * 24)
    }

    /// How often its owner must say that an entry still holds.
    #[must_use]
    pub fn confirm_every(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.terms.confirm_days) * 24)
    }

    /// Whether a second person must agree to an entry first.
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        self.terms.second_approval
    }

    /// What the permit binds its holder to, each `name=value`.
    #[must_use]
    pub fn obligations_in_words(&self) -> Vec<String> {
        let obligations = self.grant.obligations.iter();
        obligations.map(ToString::to_string).collect()
    }

    /// Applies the agreement to a read, as [`Permit::release`] does.
    #[must_use]
    pub fn release(&self, read: PlateRead) -> Option<PlateRead> {
        self.grant.release(read)
    }
}

impl IngestPermit {
    pub(super) fn new(agreement: &Agreement, retention: Retention) -> Self {
        Self {
            agreement: agreement.reference().clone(),
            source: agreement.document().source.clone(),
            retention: retention.span(),
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

fn strip(mut read: PlateRead, what: &What, position_decimals: u32) -> PlateRead {
    let has = |field| what.fields.contains(&field);
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
    round(place, position_decimals);
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
    let kinds = &what.image_kinds;
    observation
        .images
        .retain(|image| kinds.contains(&image.kind));
    if !has(Field::Extra) {
        observation.extra.clear();
    }
    observation.aliases.clear();
    read
}

fn round(place: &mut Place, decimals: u32) {
    let scale = (0..decimals).fold(1.0, |scale, _| scale * 10.0);
    for degrees in [&mut place.lat, &mut place.lon].into_iter().flatten() {
        *degrees = (*degrees * scale).round() / scale;
    }
}

fn clear_unless<T>(keep: bool, value: &mut Option<T>) {
    if !keep {
        *value = None;
    }
}
