//! What leaves, how much, and what is owed for it.

use std::collections::BTreeSet;

use super::{Differences, words};
use crate::agreement::{Action, AgreementDocument, PlacePattern};

impl Differences {
    pub(super) fn places(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let names = |patterns: &BTreeSet<PlacePattern>| {
            let names = patterns.iter();
            names.map(|place| place.as_str().to_owned()).collect()
        };
        let (before, after) = (&old.places, &new.places);
        let (within, now_within) = (names(&before.within), names(&after.within));
        let reads = "reads of";
        self.listed_or_all("where.within", reads, "leave", &within, &now_within);
        // Taken off this list is let through.
        self.listed(
            "where.excluded",
            reads,
            "leave",
            &names(&after.excluded),
            &names(&before.excluded),
        );
        self.more(
            "where.position_decimals",
            "decimals of a position",
            before.position_decimals,
            after.position_decimals,
        );
    }

    pub(super) fn what(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (before, after) = (&old.what, &new.what);
        let field = "the field";
        let (old_fields, new_fields) = (words(&before.fields), words(&after.fields));
        self.listed("what.fields", field, "leave", &old_fields, &new_fields);
        self.listed(
            "what.image_kinds",
            "images that show",
            "leave",
            &words(&before.image_kinds),
            &words(&after.image_kinds),
        );
        self.less(
            "what.confidence_floor_percent",
            "percent of least confidence",
            before.confidence_floor_percent,
            after.confidence_floor_percent,
        );
        let reads = "reads in an answer";
        self.more("what.max_reads", reads, before.max_reads, after.max_reads);
        self.more(
            "how_much.user_per_hour",
            "questions of a user in an hour",
            old.how_much.user_per_hour,
            new.how_much.user_per_hour,
        );
        self.more(
            "how_much.organisation_per_day",
            "questions of an organisation in a day",
            old.how_much.organisation_per_day,
            new.how_much.organisation_per_day,
        );
        self.listed(
            "upstream.disclose",
            "to the source",
            "be told",
            &words(&old.upstream.disclose),
            &words(&new.upstream.disclose),
        );
    }

    pub(super) fn in_return(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (before, after) = (&old.duties, &new.duties);
        self.more(
            "duties.feed_hours",
            "hours until the provider is told of a use",
            before.feed_hours,
            after.feed_hours,
        );
        self.more(
            "duties.delete_after_days",
            "days until what was released is deleted",
            before.delete_after_days,
            after.delete_after_days,
        );
        self.listed(
            "duties.onward_transfer",
            "to the organisations",
            "what was released be passed on",
            &before.onward_transfer,
            &after.onward_transfer,
        );
        self.so(
            "duties.confirm_match",
            "a match may be acted on unconfirmed",
            !before.confirm_match,
            !after.confirm_match,
        );
        let kept = |document: &AgreementDocument| {
            let kept = document.retention.filter(|_| takes_in(document));
            let minutes = kept.map_or(0, |kept| kept.span().as_secs() / 60);
            u32::try_from(minutes).unwrap_or(u32::MAX)
        };
        let what = "minutes that reads taken in are kept";
        self.more("retention", what, kept(old), kept(new));
        self.alerts(old, new);
    }

    /// Where only one of them has alerts, that is said of the actions.
    fn alerts(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (Some(before), Some(after)) = (old.alerts, new.alerts) else {
            return;
        };
        self.more(
            "alerts.max_days",
            "days that an entry of an alert list lasts",
            before.max_days,
            after.max_days,
        );
        self.more(
            "alerts.confirm_days",
            "days until an entry of an alert list must be confirmed",
            before.confirm_days,
            after.confirm_days,
        );
        self.so(
            "alerts.second_approval",
            "one person alone adds to an alert list",
            !before.second_approval,
            !after.second_approval,
        );
    }
}

fn takes_in(document: &AgreementDocument) -> bool {
    document.actions.contains(&Action::Ingest)
}
