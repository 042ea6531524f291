//! How far, which plates, and on which conditions.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Differences, Direction, word};
use crate::agreement::{AgreementDocument, Demand, Excess, Urgent};

impl Differences {
    pub(super) fn how_far(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (before, after) = (&old.how_far, &new.how_far);
        let days = |document: &AgreementDocument, purpose| {
            let terms = &document.how_far;
            let own = terms.lookback_days_for.get(purpose);
            *own.unwrap_or(&terms.lookback_days)
        };
        self.more(
            "how_far.lookback_days",
            "days of look-back",
            before.lookback_days,
            after.lookback_days,
        );
        let named = before.lookback_days_for.keys();
        let named: BTreeSet<_> = named.chain(after.lookback_days_for.keys()).collect();
        for purpose in named {
            let what = format!("days of look-back because of `{purpose}`");
            let (old, new) = (days(old, purpose), days(new, purpose));
            self.more("how_far.lookback_days_for", &what, old, new);
        }
        self.more(
            "how_far.supervisor_after_days",
            "days of look-back without a supervisor",
            before.supervisor_after_days,
            after.supervisor_after_days,
        );
        self.more(
            "how_far.max_window_days",
            "days of a window",
            before.max_window_days,
            after.max_window_days,
        );
        self.so(
            "how_far.excess",
            "windows that reach too far are answered in part",
            before.excess == Excess::Cut,
            after.excess == Excess::Cut,
        );
    }

    pub(super) fn plates(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        self.so(
            "plates.look_alike",
            "look-alikes are compared",
            old.plates.look_alike,
            new.plates.look_alike,
        );
        let (before, after) = (old.plates.partial, new.plates.partial);
        self.so(
            "plates.partial",
            "partial plates are compared",
            before.is_some(),
            after.is_some(),
        );
        if let (Some(old), Some(new)) = (before, after) {
            self.less(
                "plates.partial.min_known",
                "known characters of a partial plate",
                old.min_known,
                new.min_known,
            );
            self.more(
                "plates.partial.max_window_days",
                "days of a window for a partial plate",
                old.max_window_days,
                new.max_window_days,
            );
        }
    }

    pub(super) fn conditions(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (before, after) = (&old.conditions, &new.conditions);
        for (key, what, demanded, demands) in [
            (
                "conditions.declaration",
                "without a declaration",
                before.declaration,
                after.declaration,
            ),
            (
                "conditions.warrant",
                "without a warrant",
                before.warrant,
                after.warrant,
            ),
        ] {
            let direction = match (demanded, demands) {
                (Demand::OutsideHome, Demand::OutsideHome) => {
                    self.home(old, new, key, what);
                    continue;
                }
                (old, new) if old == new => continue,
                // Fewer are asked for one.
                (old, new) if new < old => Direction::Wider,
                _ => Direction::Narrower,
            };
            let (new, old) = (word(&demands), word(&demanded));
            let text = format!("demanded of `{new}` instead of `{old}`: others ask {what}");
            self.push(direction, key, text);
        }
        self.so(
            "conditions.urgent",
            "urgent questions need neither warrant nor supervisor",
            before.urgent == Urgent::Accepted,
            after.urgent == Urgent::Accepted,
        );
        if after.declaration != Demand::Nobody || before.declaration != Demand::Nobody {
            self.declarations(old, new);
        }
    }

    fn home(&mut self, old: &AgreementDocument, new: &AgreementDocument, key: &str, what: &str) {
        let (Some(old), Some(new)) = (&old.conditions.home, &new.conditions.home) else {
            return;
        };
        if old == new {
            return;
        }
        if !new.within(old) {
            let text = format!("organisations of `{new}` may now ask {what}");
            self.push(Direction::Wider, key, text);
        }
        if !old.within(new) {
            let text = format!("organisations of `{old}` may no longer ask {what}");
            self.push(Direction::Narrower, key, text);
        }
    }

    fn declarations(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let until = |document: &AgreementDocument, id: &str| {
            let on_file = document.conditions.declarations.iter();
            on_file
                .filter(|declared| declared.organisation == id)
                .map(|declared| declared.until)
                .max()
        };
        let on_file = |document: &AgreementDocument| -> BTreeSet<String> {
            let declared = document.conditions.declarations.iter();
            declared.map(|it| it.organisation.clone()).collect()
        };
        for id in on_file(old).union(&on_file(new)) {
            let (before, after) = (until(old, id), until(new, id));
            let direction = match after.cmp(&before) {
                std::cmp::Ordering::Equal => continue,
                std::cmp::Ordering::Greater => Direction::Wider,
                std::cmp::Ordering::Less => Direction::Narrower,
            };
            let say = |until: Option<Timestamp>| {
                until.map_or_else(|| "not at all".to_owned(), |until| format!("until {until}"))
            };
            let (after, before) = (say(after), say(before));
            let text = format!("the declaration of `{id}` counts {after} instead of {before}");
            self.push(direction, "conditions.declarations", text);
        }
    }
}
