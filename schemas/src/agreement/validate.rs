//! Checks what the types cannot say, and makes the document an [`Agreement`].

use sha2::{Digest, Sha256};

use super::{
    Action, Agreement, AgreementDocument, AgreementRef, Declaration, Demand, Field, Problem,
};
use crate::{plate::MIN_KNOWN_CHARS, query::Purpose, read::is_identifier};

/// Longest time, in days.
const MAX_DAYS: u32 = 36_500;

/// Longest that an entry of an alert list may be made to last, in days.
const MAX_ALERT_DAYS: u32 = 366;

const DAYS: &str = "must be 1 to 36500";

/// Collects problems.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn require(&mut self, holds: bool, key: &'static str, message: impl Into<String>) {
        if !holds {
            let message = message.into();
            self.0.push(Problem { key, message });
        }
    }
}

impl AgreementDocument {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn validate(self) -> Result<Agreement, Vec<Problem>> {
        let mut problems = Problems::default();
        self.identity(&mut problems);
        self.who_and_why(&mut problems);
        self.bounds(&mut problems);
        self.plates_and_images(&mut problems);
        self.in_return(&mut problems);
        self.kept(&mut problems);
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        let reference = AgreementRef(format!("{}@{}", self.id, self.version));
        let sha256 = digest(&self);
        Ok(Agreement {
            document: self,
            reference,
            sha256,
        })
    }

    fn identity(&self, problems: &mut Problems) {
        let id = "must be 1 to 64 characters of `a-z`, `0-9` and `-`";
        problems.require(is_identifier(&self.id), "id", id);
        problems.require(self.version > 0, "version", "must be 1 or more");
        let earlier = self.supersedes.as_ref().map(|named| {
            let number = named.0.strip_prefix(&format!("{}@", self.id));
            let number = number.and_then(|number| number.parse::<u32>().ok());
            number.is_some_and(|number| (1..self.version).contains(&number))
        });
        problems.require(
            earlier.unwrap_or(self.version <= 1),
            "supersedes",
            "must name the version this one replaces, `id@version`, from version 2 on",
        );
        let provider = "must name the source owner";
        problems.require(filled(&self.provider), "provider", provider);
        let basis = "must name the law or contract";
        problems.require(filled(&self.legal_basis), "legal_basis", basis);
        let contact = "must say whom to tell of incidents";
        problems.require(filled(&self.contact), "contact", contact);
        problems.require(
            !self.signed_by.is_empty() && self.signed_by.iter().all(|name| is_key_name(name)),
            "signed_by",
            "must name at least one key, without spaces and `+`",
        );
        problems.require(
            self.effective_from < self.effective_until,
            "effective_until",
            "must be after `effective_from`",
        );
    }

    fn who_and_why(&self, problems: &mut Problems) {
        problems.require(
            self.who.roles.iter().all(|role| role.may_ask()),
            "who.roles",
            "may hold `investigator`, `supervisor` and `system` only: no other role asks",
        );
        let known = |id: &String| id == "*" || is_identifier(id);
        problems.require(
            self.who.organisations.iter().all(known),
            "who.organisations",
            "may hold identifiers of organisations, or `*` for all",
        );
        let unnamed = |purpose: &&Purpose| {
            let names_itself = purpose.implied_offence().is_some();
            purpose.is_criminal() && !names_itself && !self.why.offences.contains_key(purpose)
        };
        let allowed = self.why.purposes.difference(&self.why.prohibited);
        let missing: Vec<&str> = allowed.filter(unnamed).map(|it| it.as_str()).collect();
        problems.require(
            missing.is_empty(),
            "why.offences",
            format!(
                "must list the types of offence allowed for `{}`",
                missing.join("`, `")
            ),
        );
        let extra = |purpose: &&Purpose| !purpose.is_criminal();
        let extra: Vec<&str> = self
            .why
            .offences
            .keys()
            .filter(extra)
            .map(|it| it.as_str())
            .collect();
        problems.require(
            extra.is_empty(),
            "why.offences",
            format!("lists `{}`, which is about no offence", extra.join("`, `")),
        );
    }

    fn bounds(&self, problems: &mut Problems) {
        let far = &self.how_far;
        problems.require(days_ok(far.lookback_days), "how_far.lookback_days", DAYS);
        problems.require(
            far.lookback_days_for
                .values()
                .all(|days| days_ok(*days) && *days > far.lookback_days),
            "how_far.lookback_days_for",
            "must be more than `how_far.lookback_days` for each purpose, at most 36500",
        );
        problems.require(
            days_ok(far.supervisor_after_days),
            "how_far.supervisor_after_days",
            DAYS,
        );
        problems.require(
            days_ok(far.max_window_days),
            "how_far.max_window_days",
            DAYS,
        );
        problems.require(
            self.places.position_decimals <= 6,
            "where.position_decimals",
            "must be 0 to 6",
        );
        problems.require(
            self.what.max_reads > 0,
            "what.max_reads",
            "must be 1 or more",
        );
        problems.require(
            self.what.confidence_floor_percent <= 100,
            "what.confidence_floor_percent",
            "must be 0 to 100",
        );
        let limits = [
            (self.how_much.user_per_hour, "how_much.user_per_hour"),
            (
                self.how_much.organisation_per_day,
                "how_much.organisation_per_day",
            ),
        ];
        for (limit, key) in limits {
            problems.require(limit > 0, key, "must be 1 or more");
        }
    }

    fn plates_and_images(&self, problems: &mut Problems) {
        if let Some(partial) = self.plates.partial {
            let least = u32::try_from(MIN_KNOWN_CHARS).unwrap_or(u32::MAX);
            problems.require(
                partial.min_known >= least,
                "plates.partial.min_known",
                "must be 4 or more",
            );
            problems.require(
                (1..=31).contains(&partial.max_window_days),
                "plates.partial.max_window_days",
                "must be 1 to 31",
            );
        }
        problems.require(
            !self.what.fields.contains(&Field::Images) || !self.what.image_kinds.is_empty(),
            "what.image_kinds",
            "is required with field `images`: say which kinds, `plate`, `vehicle` or `scene`",
        );
    }

    fn in_return(&self, problems: &mut Problems) {
        let conditions = &self.conditions;
        let outside = [conditions.declaration, conditions.warrant].contains(&Demand::OutsideHome);
        problems.require(
            conditions.home.is_some() || !outside,
            "conditions.home",
            "is required with `outside_home`: say where home is",
        );
        problems.require(
            conditions.declarations.iter().all(is_complete),
            "conditions.declarations",
            "must each name an organisation, a document and its SHA-256, 64 lower-case hexadecimal digits",
        );
        let mut declared: Vec<&str> = conditions
            .declarations
            .iter()
            .map(|declaration| declaration.organisation.as_str())
            .collect();
        declared.sort_unstable();
        problems.require(
            declared.is_sorted_by(|a, b| a < b),
            "conditions.declarations",
            "must be one for an organisation",
        );
        let duties = &self.duties;
        problems.require(
            (1..=8_760).contains(&duties.feed_hours),
            "duties.feed_hours",
            "must be 1 to 8760",
        );
        problems.require(
            days_ok(duties.delete_after_days),
            "duties.delete_after_days",
            DAYS,
        );
        problems.require(
            duties.onward_transfer.iter().all(|id| is_identifier(id)),
            "duties.onward_transfer",
            "may hold identifiers of organisations only",
        );
    }

    fn kept(&self, problems: &mut Problems) {
        if let Some(retention) = self.retention {
            let fits = retention.days <= MAX_DAYS && retention.minutes <= 24 * 60;
            problems.require(
                fits && retention.days + retention.minutes > 0,
                "retention",
                "must be `days` up to 36500, `minutes` up to 1440, or both, and not 0",
            );
        }
        problems.require(
            self.retention.is_some() || !self.actions.contains(&Action::Ingest),
            "retention",
            "is required with action `ingest`: say how long reads are kept",
        );
        if let Some(alerts) = self.alerts {
            let days = 1..=MAX_ALERT_DAYS;
            problems.require(
                days.contains(&alerts.max_days),
                "alerts.max_days",
                "must be 1 to 366",
            );
            problems.require(
                days.contains(&alerts.confirm_days) && alerts.confirm_days <= alerts.max_days,
                "alerts.confirm_days",
                "must be 1 to `max_days`",
            );
        }
        problems.require(
            self.alerts.is_some() == self.actions.contains(&Action::Alert),
            "alerts",
            "goes with action `alert`: say how long entries last, or take it out",
        );
    }
}

fn filled(text: &str) -> bool {
    !text.trim().is_empty()
}

/// As in the signed notes of C2SP.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

fn is_complete(declaration: &Declaration) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    is_identifier(&declaration.organisation)
        && filled(&declaration.id)
        && declaration.sha256.len() == 64
        && declaration.sha256.bytes().all(hex)
}

fn days_ok(days: u32) -> bool {
    (1..=MAX_DAYS).contains(&days)
}

/// Canonical because keys are sorted, whatever `serde_json` was built to do, and the document holds no floats.
fn digest(document: &AgreementDocument) -> String {
    let mut canonical = serde_json::to_value(document).unwrap_or_default();
    canonical.sort_all_objects();
    crate::hex::hex(&Sha256::digest(canonical.to_string().as_bytes()))
}
