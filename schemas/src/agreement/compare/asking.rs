//! When, who, why and for which case.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Differences, Direction, word, words};
use crate::{
    agreement::{AgreementDocument, OnBehalfRule, Register, Status},
    query::{CaseStanding, Offence, Purpose},
};

impl Differences {
    pub(super) fn time(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (from, until) = (old.effective_from, end(old));
        let (new_from, new_until) = (new.effective_from, end(new));
        let old_active = old.status == Status::Active;
        self.so(
            "status",
            "anything at all is permitted",
            old_active,
            new.status == Status::Active,
        );
        let begins = match new_from.cmp(&from) {
            std::cmp::Ordering::Less => Some(Direction::Wider),
            std::cmp::Ordering::Greater => Some(Direction::Narrower),
            std::cmp::Ordering::Equal => None,
        };
        if let Some(direction) = begins {
            let text = format!("in effect from {new_from} instead of {from}");
            self.push(direction, "effective_from", text);
        }
        let ends = match new_until.cmp(&until) {
            std::cmp::Ordering::Greater => Some(Direction::Wider),
            std::cmp::Ordering::Less => Some(Direction::Narrower),
            std::cmp::Ordering::Equal => None,
        };
        if let Some(direction) = ends {
            let text =
                format!("permits until {new_until} instead of {until}, its end or its review");
            self.push(direction, "effective_until", text);
        }
        let actions = |document: &AgreementDocument| document.actions.iter().map(word).collect();
        self.listed(
            "actions",
            "the action",
            "be done",
            &actions(old),
            &actions(new),
        );
    }

    pub(super) fn who(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (before, after) = (&old.who, &new.who);
        self.listed(
            "who.organisation_classes",
            "organisations of class",
            "ask",
            &words(&before.organisation_classes),
            &words(&after.organisation_classes),
        );
        let areas = |all: &BTreeSet<crate::plate::Jurisdiction>, other: &BTreeSet<_>| {
            let own = |area: &&crate::plate::Jurisdiction| {
                let covered = |wide: &crate::plate::Jurisdiction| area.within(wide);
                !other.iter().any(covered)
            };
            all.iter().filter(own).map(ToString::to_string).collect()
        };
        self.listed(
            "who.jurisdictions",
            "organisations of",
            "ask",
            &areas(&before.jurisdictions, &after.jurisdictions),
            &areas(&after.jurisdictions, &before.jurisdictions),
        );
        self.listed_or_all(
            "who.organisations",
            "the organisations",
            "ask",
            &before.organisations,
            &after.organisations,
        );
        self.listed(
            "who.roles",
            "subjects with the role",
            "ask",
            &words(&before.roles),
            &words(&after.roles),
        );
        self.so(
            "who.on_behalf_of",
            "questions for another organisation are permitted",
            before.on_behalf_of == OnBehalfRule::BothAllowed,
            after.on_behalf_of == OnBehalfRule::BothAllowed,
        );
        let (old, new) = (before.requires, after.requires);
        self.so(
            "who.requires.sworn",
            "subjects who are not sworn officers may ask",
            !old.sworn,
            !new.sworn,
        );
        self.so(
            "who.requires.training",
            "subjects without current training may ask",
            !old.training,
            !new.training,
        );
        if old.assurance != new.assurance {
            let direction = if new.assurance < old.assurance {
                Direction::Wider
            } else {
                Direction::Narrower
            };
            let (new, old) = (word(&new.assurance), word(&old.assurance));
            let text = format!("a sign-in at {new} suffices instead of {old}");
            self.push(direction, "who.requires.assurance", text);
        }
    }

    pub(super) fn why(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let (before, after) = (purposes(old), purposes(new));
        let all = |asked: &BTreeSet<Purpose>| asked.iter().map(ToString::to_string).collect();
        self.listed(
            "why.purposes",
            "questions because of",
            "be asked",
            &all(&before),
            &all(&after),
        );
        for purpose in before.intersection(&after) {
            let types = |document| {
                let allowed = offences(document, *purpose);
                allowed.iter().map(ToString::to_string).collect()
            };
            self.listed(
                "why.offences",
                &format!("questions because of `{purpose}`, offence"),
                "be asked",
                &types(old),
                &types(new),
            );
        }
    }

    pub(super) fn case(&mut self, old: &AgreementDocument, new: &AgreementDocument) {
        let forms = |document: &AgreementDocument| {
            let patterns = document.case.patterns.iter();
            patterns.map(|form| form.as_str().to_owned()).collect()
        };
        self.listed_or_all(
            "case.patterns",
            "case references of the form",
            "be asked for",
            &forms(old),
            &forms(new),
        );
        let accepted = |document: &AgreementDocument| {
            let all = CaseStanding::ALL.into_iter();
            all.filter(|standing| {
                document.case.register != Register::Require || *standing == CaseStanding::Confirmed
            })
            .map(|standing| standing.as_str().to_owned())
            .collect()
        };
        self.listed(
            "case.register",
            "cases of which the register says",
            "be asked for",
            &accepted(old),
            &accepted(new),
        );
        let flagged = |document: &AgreementDocument| document.case.register == Register::Flag;
        let accepts = |document: &AgreementDocument| document.case.register != Register::Require;
        if accepts(old) && accepts(new) {
            self.so(
                "case.register",
                "cases that are not confirmed pass unmarked",
                !flagged(old),
                !flagged(new),
            );
        }
    }
}

fn end(document: &AgreementDocument) -> Timestamp {
    document.effective_until.min(document.review_due)
}

fn purposes(document: &AgreementDocument) -> BTreeSet<Purpose> {
    let why = &document.why;
    why.purposes.difference(&why.prohibited).copied().collect()
}

fn offences(document: &AgreementDocument, purpose: Purpose) -> BTreeSet<Offence> {
    let listed = document.why.offences.get(&purpose).cloned();
    // A question names no other type of offence than its purpose does.
    let implied = purpose.implied_offence();
    let allowed = listed.unwrap_or_else(|| implied.into_iter().collect());
    match implied {
        Some(implied) => allowed.into_iter().filter(|it| *it == implied).collect(),
        None => allowed,
    }
}
