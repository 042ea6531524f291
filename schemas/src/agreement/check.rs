//! The rules themselves, each at its place in the fixed order.
//!
//! Every rule reads only the document, the requester, the question and the time.

use jiff::{SignedDuration, Timestamp, tz::Offset};

use super::{
    Action, Agreement, Excess, Field, Obligation, OnBehalfRule, Organisation, Register, Requester,
    Role, Rule, Status, Urgent,
};
use crate::query::{AskedPlate, CaseStanding, Query, TimeWindow};

/// The rules about one organisation: the asking one, or the one asked for.
struct OrganisationRules {
    class: Rule,
    jurisdiction: Rule,
    id: Rule,
}

const ASKING: OrganisationRules = OrganisationRules {
    class: Rule::OrganisationClassNotAllowed,
    jurisdiction: Rule::JurisdictionNotAllowed,
    id: Rule::OrganisationNotAllowed,
};

const ASKED_FOR: OrganisationRules = OrganisationRules {
    class: Rule::OnBehalfOfClassNotAllowed,
    jurisdiction: Rule::OnBehalfOfJurisdictionNotAllowed,
    id: Rule::OnBehalfOfOrganisationNotAllowed,
};

impl Agreement {
    /// Whether a permit would be given, without one: for comparing agreements over questions that were asked.
    #[must_use]
    pub fn would_permit(
        &self,
        action: Action,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> bool {
        self.check(action, requester, query, now).is_ok()
    }

    /// The window granted, or the first rule that refuses.
    pub(super) fn check(
        &self,
        action: Action,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> Result<TimeWindow, Rule> {
        self.in_effect(now)?;
        ensure(self.lists(action), Rule::ActionNotAllowed)?;
        self.why(query)?;
        self.who(requester, query, now)?;
        self.case(query)?;
        self.conditions(requester, query, now)?;
        self.plate(query)?;
        self.how_far(requester, query, now)
    }

    pub(super) fn in_effect(&self, now: Timestamp) -> Result<(), Rule> {
        let document = &self.document;
        ensure(document.status == Status::Active, Rule::AgreementNotActive)?;
        ensure(
            document.effective_from <= now,
            Rule::AgreementNotYetInEffect,
        )?;
        ensure(now < document.effective_until, Rule::AgreementExpired)?;
        ensure(now < document.review_due, Rule::ReviewOverdue)
    }

    /// An image is a field of a read as well: without that field no read carries one to fetch.
    pub(super) fn lists(&self, action: Action) -> bool {
        let released =
            action != Action::Image || self.document.what.fields.contains(&Field::Images);
        released && self.document.actions.contains(&action)
    }

    fn why(&self, query: &Query) -> Result<(), Rule> {
        let (why, purpose) = (&self.document.why, query.purpose());
        ensure(!why.prohibited.contains(&purpose), Rule::PurposeProhibited)?;
        ensure(why.purposes.contains(&purpose), Rule::PurposeNotAllowed)?;
        if !purpose.is_criminal() {
            return Ok(());
        }
        let allowed = |offence| match why.offences.get(&purpose) {
            Some(listed) => listed.contains(&offence),
            None => purpose.implied_offence() == Some(offence),
        };
        ensure(
            query.offence().is_some_and(allowed),
            Rule::OffenceNotAllowed,
        )
    }

    fn who(&self, requester: &Requester, query: &Query, now: Timestamp) -> Result<(), Rule> {
        let who = &self.document.who;
        ensure(
            !who.roles.is_disjoint(&requester.roles),
            Rule::RoleNotAllowed,
        )?;
        self.subject(requester, now)?;
        self.organisation(&requester.organisation, &ASKING)?;
        ensure(
            requester.resolves(query.on_behalf_of()),
            Rule::OnBehalfOfNotAllowed,
        )?;
        let Some(other) = &requester.on_behalf_of else {
            return Ok(());
        };
        ensure(
            who.on_behalf_of == OnBehalfRule::BothAllowed,
            Rule::OnBehalfOfNotAllowed,
        )?;
        self.organisation(other, &ASKED_FOR)
    }

    fn subject(&self, requester: &Requester, now: Timestamp) -> Result<(), Rule> {
        let (requires, is) = (self.document.who.requires, requester.attributes);
        ensure(!requires.sworn || is.sworn, Rule::SwornRequired)?;
        let today = Offset::UTC.to_datetime(now).date();
        let trained = is.training_until.is_some_and(|last| today <= last);
        ensure(!requires.training || trained, Rule::TrainingNotCurrent)?;
        ensure(is.assurance >= requires.assurance, Rule::AssuranceTooLow)
    }

    fn organisation(
        &self,
        organisation: &Organisation,
        rules: &OrganisationRules,
    ) -> Result<(), Rule> {
        let who = &self.document.who;
        ensure(
            who.organisation_classes.contains(&organisation.class),
            rules.class,
        )?;
        let within = |area| organisation.jurisdiction.within(area);
        ensure(who.jurisdictions.iter().any(within), rules.jurisdiction)?;
        let listed =
            who.organisations.contains("*") || who.organisations.contains(&organisation.id);
        ensure(listed, rules.id)
    }

    fn case(&self, query: &Query) -> Result<(), Rule> {
        let case = &self.document.case;
        let matched = case.patterns.iter().any(|form| form.matches(query.case()));
        ensure(matched, Rule::CasePatternMismatch)?;
        match (case.register, query.case_standing()) {
            (Register::Ignore | Register::Flag, _)
            | (Register::Require, CaseStanding::Confirmed) => Ok(()),
            (Register::Require, CaseStanding::NotChecked) => Err(Rule::CaseNotChecked),
            (Register::Require, CaseStanding::Unknown) => Err(Rule::CaseUnknown),
            (Register::Require, CaseStanding::Unavailable) => Err(Rule::CaseRegisterUnavailable),
        }
    }

    fn conditions(&self, requester: &Requester, query: &Query, now: Timestamp) -> Result<(), Rule> {
        let conditions = &self.document.conditions;
        for organisation in parties(requester) {
            if !conditions.demands(conditions.declaration, organisation) {
                continue;
            }
            let on_file = conditions
                .declarations
                .iter()
                .find(|declaration| declaration.organisation == organisation.id)
                .ok_or(Rule::DeclarationMissing)?;
            ensure(now < on_file.until, Rule::DeclarationExpired)?;
        }
        let demanded = self.demands_warrant(requester);
        ensure(
            !demanded || query.warrant().is_some() || self.urgency_counts(query),
            Rule::WarrantRequired,
        )
    }

    fn demands_warrant(&self, requester: &Requester) -> bool {
        let conditions = &self.document.conditions;
        parties(requester).any(|party| conditions.demands(conditions.warrant, party))
    }

    /// Whether the question is urgent and the agreement takes that for a warrant and a supervisor.
    fn urgency_counts(&self, query: &Query) -> bool {
        query.is_urgent() && self.document.conditions.urgent == Urgent::Accepted
    }

    fn plate(&self, query: &Query) -> Result<(), Rule> {
        match query.plate() {
            AskedPlate::Exact(_) => Ok(()),
            AskedPlate::LookAlike(_) => {
                ensure(self.document.plates.look_alike, Rule::LookAlikeNotAllowed)
            }
            AskedPlate::Partial(pattern) => {
                let terms = self
                    .document
                    .plates
                    .partial
                    .ok_or(Rule::PartialPlateNotAllowed)?;
                let known = u32::try_from(pattern.known()).unwrap_or(0);
                ensure(known >= terms.min_known, Rule::PartialPlateTooShort)?;
                ensure(
                    query.window().span() <= days(terms.max_window_days),
                    Rule::PartialPlateWindowTooLong,
                )
            }
        }
    }

    fn how_far(
        &self,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> Result<TimeWindow, Rule> {
        let (terms, asked) = (&self.document.how_far, query.window());
        let lookback = terms.lookback_days_for.get(&query.purpose());
        let earliest = earlier(now, *lookback.unwrap_or(&terms.lookback_days));
        let recent = asked.not_before(earliest).ok_or(Rule::WindowTooOld)?;
        let refuse = terms.excess == Excess::Refuse;
        ensure(!refuse || recent == asked, Rule::WindowReachesTooFar)?;
        let unlimited = requester.roles.contains(&Role::Supervisor) || self.urgency_counts(query);
        let given = if unlimited {
            recent
        } else {
            let for_all = earlier(now, terms.supervisor_after_days);
            let given = recent.not_before(for_all).ok_or(Rule::SupervisorRequired)?;
            ensure(!refuse || given == recent, Rule::SupervisorRequired)?;
            given
        };
        ensure(
            !refuse || asked.span() <= days(terms.max_window_days),
            Rule::WindowTooLong,
        )?;
        // There is nothing to find in the future, so the newest part that is granted is counted back from the present.
        let newest = given.to().min(now.max(given.from()));
        let narrow = given.not_before(earlier(newest, terms.max_window_days));
        narrow
            .map(|window| window.at_most(days(terms.max_window_days)))
            .ok_or(Rule::WindowTooOld)
    }

    /// What a permit for this question binds to.
    pub(super) fn obligations(&self, requester: &Requester, query: &Query) -> Vec<Obligation> {
        let document = &self.document;
        let mut bound = self.duties();
        if query.is_urgent() {
            bound.push(Obligation::Justification);
        }
        if document.case.register.flags(query.case_standing()) {
            bound.push(Obligation::CaseFlagged(query.case_standing()));
        }
        let conditions = &document.conditions;
        for organisation in parties(requester) {
            let on_file = |declared: &&super::Declaration| {
                declared.organisation == organisation.id
                    && conditions.demands(conditions.declaration, organisation)
            };
            let on_file = conditions.declarations.iter().find(on_file);
            bound.extend(on_file.cloned().map(Obligation::Declaration));
        }
        if self.demands_warrant(requester) && query.warrant().is_some() {
            bound.push(Obligation::Warrant);
        }
        bound
    }

    /// What every permit of this agreement binds to.
    fn duties(&self) -> Vec<Obligation> {
        let (document, duties) = (&self.document, &self.document.duties);
        let mut bound = vec![
            Obligation::FeedHours(duties.feed_hours),
            Obligation::DeleteAfterDays(duties.delete_after_days),
            Obligation::OnwardTransfer(duties.onward_transfer.clone()),
        ];
        if duties.confirm_match {
            bound.push(Obligation::ConfirmMatch);
        }
        if document.places.limits() {
            bound.push(Obligation::PlacesLimited);
        }
        if document.what.confidence_floor_percent > 0 {
            let floor = document.what.confidence_floor_percent;
            bound.push(Obligation::ConfidenceFloor(floor));
        }
        if document.what.fields.contains(&Field::Position) {
            let decimals = document.places.position_decimals;
            bound.push(Obligation::PositionDecimals(decimals));
        }
        bound
    }
}

/// The asking organisation, and the one asked for.
fn parties(requester: &Requester) -> impl Iterator<Item = &Organisation> {
    std::iter::once(&requester.organisation).chain(&requester.on_behalf_of)
}

fn ensure(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

fn earlier(at: Timestamp, by_days: u32) -> Timestamp {
    at.checked_sub(days(by_days)).unwrap_or(Timestamp::MIN)
}
