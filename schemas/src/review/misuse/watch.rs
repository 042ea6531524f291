//! The rules over a stream of entries.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::super::{Key, Tally};
use super::crowd::Crowd;
use super::urgency::{Owed, Urgency};
use super::volume::Volume;
use super::{Flag, MAX_ENTRIES, Raised, RuleId, Watching};
use serde_json::Value;

use crate::ledger::{Action, Admin, AdminAction, Body, Entry, Intent, Personal, SourceOutcome};

/// Follows a ledger and raises flags. Entries must come in the order of the ledger.
pub struct Misuse {
    watching: Watching,
    span: i64,
    rows: VecDeque<Row>,
    contacts: VecDeque<Contact>,
    pairs: HashMap<(Key, Key), Pair>,
    crowds: HashMap<(Key, Key), Crowd>,
    cases: HashMap<(Key, Key), Case>,
    volumes: HashMap<Key, Volume>,
    off_hours: HashMap<Key, i64>,
    open: HashMap<u64, Open>,
    asked: HashMap<(Key, Key), Catch>,
    sources: HashMap<Key, Catch>,
    urgency: Urgency,
}

/// Reads a source gives others for as many questions, below which having none is chance.
const EXPECTED: u64 = 8;

/// One question of the window.
#[derive(Debug, Clone, Copy)]
struct Row {
    at: i64,
    entry: u64,
    user: Key,
    organisation: Key,
    plate: Key,
    case: Key,
    purpose: Key,
    doubtful: bool,
}

/// One source that was asked and answered, in the window.
#[derive(Debug, Clone, Copy)]
struct Contact {
    at: i64,
    user: Key,
    source: Key,
    hit: bool,
}

/// One user and one plate.
#[derive(Debug, Default)]
struct Pair {
    questions: u32,
    /// Questions whose reason says nothing, or whose case the register does not know.
    doubtful: u32,
    cases: Tally,
    purposes: Tally,
    repeated: Raised,
    declared: Raised,
}

/// One case reference of one organisation.
#[derive(Debug, Default)]
struct Case {
    plates: Tally,
    raised: Raised,
}

/// What one user got of one source.
#[derive(Debug, Default)]
struct Catch {
    asked: u32,
    hits: u32,
    raised: Raised,
}

/// A question whose outcome has not come yet.
#[derive(Debug)]
struct Open {
    user: Key,
    subject: Personal,
    organisation: String,
}

/// What an entry says about a question.
struct Asked<'a> {
    subject: &'a Personal,
    organisation: &'a str,
    plate: &'a Personal,
    case: &'a Personal,
    purpose: &'a str,
    urgent: bool,
    unknown_case: bool,
}

impl Misuse {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(watching: Watching) -> Self {
        Self {
            span: i64::from(watching.thresholds.window_days) * 86_400,
            watching,
            rows: VecDeque::new(),
            contacts: VecDeque::new(),
            pairs: HashMap::new(),
            crowds: HashMap::new(),
            cases: HashMap::new(),
            volumes: HashMap::new(),
            off_hours: HashMap::new(),
            open: HashMap::new(),
            asked: HashMap::new(),
            sources: HashMap::new(),
            urgency: Urgency::default(),
        }
    }

    /// Takes the next entry into account; flags it raises are appended.
    pub fn follow(&mut self, entry: &Entry, flags: &mut Vec<Flag>) {
        self.tick(entry.at, flags);
        match &entry.body {
            Body::Intent(intent) => {
                if let Some(asked) = Asked::of_intent(intent) {
                    self.ask(entry, &asked, flags);
                }
            }
            Body::Refused(refused) => {
                if let Some(asked) = Asked::of_refused(refused) {
                    self.ask(entry, &asked, flags);
                }
            }
            Body::OutcomePart(part) => self.answer(entry, std::slice::from_ref(part), flags),
            Body::Outcome(outcome) => {
                self.answer(entry, &outcome.sources, flags);
                self.close(entry);
            }
            Body::Interrupted(_) => self.close(entry),
            Body::Admin(admin) => {
                self.urgency.follow(admin);
                self.added(entry, admin, flags);
            }
            Body::Decision(_) | Body::DryRun(_) | Body::Ingest(_) | Body::Delivery(_) => {}
        }
    }

    /// Lets time pass without an entry: what has become overdue is flagged, what is too old is forgotten.
    pub fn tick(&mut self, now: Timestamp, flags: &mut Vec<Flag>) {
        let hours = i64::from(self.watching.thresholds.justification_hours);
        let within = SignedDuration::from_hours(hours);
        while let Some(owed) = self.urgency.overdue(now, within) {
            flags.push(unjustified(owed));
        }
        self.forget(now.as_second().saturating_sub(self.span));
    }

    /// Rows and counts held: what the last days need.
    #[must_use]
    pub fn held(&self) -> usize {
        self.rows.len()
            + self.contacts.len()
            + self.pairs.len()
            + self.crowds.len()
            + self.cases.len()
            + self.volumes.len()
            + self.off_hours.len()
            + self.open.len()
            + self.asked.len()
            + self.sources.len()
            + self.urgency.len()
    }

    fn ask(&mut self, entry: &Entry, asked: &Asked<'_>, flags: &mut Vec<Flag>) {
        let row = self.row(entry, asked);
        self.rows.push_back(row);
        if matches!(entry.body, Body::Intent(_)) {
            let open = Open {
                user: row.user,
                subject: asked.subject.clone(),
                organisation: asked.organisation.to_owned(),
            };
            self.open.insert(entry.index, open);
            if asked.urgent {
                self.urgency.add(Owed {
                    entry: entry.index,
                    at: entry.at,
                    subject: asked.subject.clone(),
                    organisation: asked.organisation.to_owned(),
                });
            }
        }
        let found = [
            self.repeated(&row),
            self.declared(&row, asked),
            self.crowded(&row),
            self.reused(&row),
            self.sudden(&row),
            self.off_hours(entry.at, &row, asked),
        ];
        for (rule, count) in found.into_iter().flatten() {
            flags.push(self.flag(rule, count, entry, asked, &row));
        }
    }

    /// Plates that somebody put on an alert list.
    fn added(&mut self, entry: &Entry, admin: &Admin, flags: &mut Vec<Flag>) {
        let fact = |name: &str| admin.facts.get(name)?.as_str();
        let (Some(by), Some(organisation), Some(case), Some(purpose)) = (
            admin.by.as_ref(),
            fact("organisation"),
            fact("case_reference"),
            fact("purpose"),
        ) else {
            return;
        };
        let plates = admin.facts.get("plates").and_then(Value::as_array);
        if admin.action != AdminAction::AlertChange || fact("change") != Some("imported") {
            return;
        }
        let case = Personal::new(case);
        for plate in plates.into_iter().flatten().filter_map(Value::as_str) {
            let plate = Personal::new(plate);
            if !is_open([by, &plate, &case]) {
                continue;
            }
            let asked = Asked {
                subject: by,
                organisation,
                plate: &plate,
                case: &case,
                purpose,
                urgent: false,
                unknown_case: false,
            };
            let row = self.row(entry, &asked);
            self.watch(entry, &asked, &row, flags);
        }
    }

    fn row(&self, entry: &Entry, asked: &Asked<'_>) -> Row {
        Row {
            at: entry.at.as_second(),
            entry: entry.index,
            user: Key::of(&[asked.subject.expose()]),
            organisation: Key::of(&[asked.organisation]),
            plate: Key::of(&[asked.plate.expose()]),
            case: Key::of(&[asked.case.expose()]),
            purpose: Key::of(&[asked.purpose]),
            doubtful: asked.unknown_case || self.is_vague(asked),
        }
    }

    /// Whether purpose or case reference say nothing.
    fn is_vague(&self, asked: &Asked<'_>) -> bool {
        let letters: String = asked
            .case
            .expose()
            .chars()
            .filter(|c| c.is_alphabetic())
            .flat_map(char::to_lowercase)
            .collect();
        let vague = &self.watching.thresholds.vague;
        vague
            .iter()
            .any(|word| *word == letters || word == asked.purpose)
    }

    fn repeated(&mut self, row: &Row) -> Option<(RuleId, u32)> {
        let at = &self.watching.thresholds;
        let pair = self.pairs.entry(row.user.with(row.plate)).or_default();
        pair.questions += 1;
        pair.doubtful += u32::from(row.doubtful);
        pair.cases.add(row.case);
        pair.purposes.add(row.purpose);
        let gives_doubt = pair.doubtful > 0 || pair.cases.len() > 1 || pair.purposes.len() > 1;
        let threshold = if gives_doubt {
            at.repeats
        } else {
            at.repeats_any_reason
        };
        let raised = pair.repeated.by(pair.questions, threshold);
        raised.then_some((RuleId::RepeatedPlate, pair.questions))
    }

    /// After `repeated`, which counts the question.
    fn declared(&mut self, row: &Row, asked: &Asked<'_>) -> Option<(RuleId, u32)> {
        let declared = self.watching.declared.as_ref()?;
        if !declared(asked.plate.expose()) {
            return None;
        }
        let pair = self.pairs.get_mut(&row.user.with(row.plate))?;
        let raised = pair.declared.by(pair.questions, 1);
        raised.then_some((RuleId::DeclaredVehicle, pair.questions))
    }

    fn crowded(&mut self, row: &Row) -> Option<(RuleId, u32)> {
        let crowd = self
            .crowds
            .entry(row.organisation.with(row.plate))
            .or_default();
        let users = crowd.add(row.user, row.case, self.watching.thresholds.crowd)?;
        Some((RuleId::CrowdedPlate, users))
    }

    fn reused(&mut self, row: &Row) -> Option<(RuleId, u32)> {
        let most = self.watching.thresholds.case_plates;
        let case = self
            .cases
            .entry(row.organisation.with(row.case))
            .or_default();
        if !case.plates.add(row.plate) {
            return None;
        }
        let plates = u32::try_from(case.plates.len()).unwrap_or(u32::MAX);
        let raised = case.raised.by(plates, most.saturating_add(1));
        raised.then_some((RuleId::ReusedCase, plates))
    }

    fn sudden(&mut self, row: &Row) -> Option<(RuleId, u32)> {
        let volume = self.volumes.entry(row.user).or_default();
        let questions = volume.add(day(row.at), &self.watching.thresholds)?;
        Some((RuleId::SuddenVolume, questions))
    }

    fn off_hours(&mut self, at: Timestamp, row: &Row, asked: &Asked<'_>) -> Option<(RuleId, u32)> {
        let rosters = &self.watching.rosters;
        let mut rosters = rosters
            .iter()
            .filter(|roster| roster.organisation() == asked.organisation)
            .map(|roster| roster.at(at))
            .peekable();
        let (day, _) = *rosters.peek()?;
        if rosters.any(|(_, works)| works) || self.off_hours.get(&row.user) == Some(&day) {
            return None;
        }
        self.off_hours.insert(row.user, day);
        Some((RuleId::OutOfHours, 1))
    }

    /// A plate that is to be watched, under another case than it was asked about.
    fn watch(&self, entry: &Entry, asked: &Asked<'_>, row: &Row, flags: &mut Vec<Flag>) {
        let pair = self.pairs.get(&row.user.with(row.plate));
        let is_other = pair.is_some_and(|pair| pair.cases.keys().all(|case| case != row.case));
        if is_other {
            let mut flag = self.flag(RuleId::AlertAfterQuery, 1, entry, asked, row);
            flag.entries.push(entry.index);
            flags.push(flag);
        }
    }

    /// What sources gave: a source that was contacted and had nothing is what fishing is made of.
    fn answer(&mut self, entry: &Entry, sources: &[SourceOutcome], flags: &mut Vec<Flag>) {
        let Some(open) = entry.intent.and_then(|intent| self.open.get(&intent)) else {
            return;
        };
        let at = entry.at.as_second();
        for source in sources {
            let hit = source.count > 0;
            if !hit && source.outcome != "empty" {
                continue;
            }
            let key = Key::of(&[&source.source]);
            let contact = Contact {
                at,
                user: open.user,
                source: key,
                hit,
            };
            self.contacts.push_back(contact);
            let all = self.sources.entry(key).or_default();
            all.add(hit);
            let catch = self.asked.entry(open.user.with(key)).or_default();
            catch.add(hit);
            let threshold = self.watching.thresholds.fishing;
            if catch.is_odd(all, threshold) && catch.raised.by(catch.asked, threshold) {
                flags.push(Flag {
                    rule: RuleId::Fishing,
                    entry: entry.index,
                    at: entry.at,
                    count: u64::from(catch.asked),
                    subject: Some(open.subject.clone()),
                    organisation: open.organisation.clone(),
                    plate: None,
                    case_reference: None,
                    source: Some(source.source.clone()),
                    entries: self.entries(|row| row.user == open.user),
                });
            }
        }
    }

    fn close(&mut self, entry: &Entry) {
        if let Some(intent) = entry.intent {
            self.open.remove(&intent);
        }
    }

    fn flag(&self, rule: RuleId, count: u32, entry: &Entry, asked: &Asked<'_>, row: &Row) -> Flag {
        let of_user = matches!(
            rule,
            RuleId::RepeatedPlate | RuleId::DeclaredVehicle | RuleId::AlertAfterQuery
        );
        let entries = match rule {
            RuleId::CrowdedPlate => self.entries(|other| {
                other.organisation == row.organisation && other.plate == row.plate
            }),
            RuleId::ReusedCase => self
                .entries(|other| other.organisation == row.organisation && other.case == row.case),
            RuleId::SuddenVolume => {
                self.entries(|other| other.user == row.user && day(other.at) == day(row.at))
            }
            _ if of_user => {
                self.entries(|other| other.user == row.user && other.plate == row.plate)
            }
            _ => vec![entry.index],
        };
        let about_plate = of_user || rule == RuleId::CrowdedPlate;
        let about_user = !matches!(rule, RuleId::CrowdedPlate | RuleId::ReusedCase);
        Flag {
            rule,
            entry: entry.index,
            at: entry.at,
            count: u64::from(count),
            subject: about_user.then(|| asked.subject.clone()),
            organisation: asked.organisation.to_owned(),
            plate: about_plate.then(|| asked.plate.clone()),
            case_reference: (rule == RuleId::ReusedCase).then(|| asked.case.clone()),
            source: None,
            entries,
        }
    }

    /// The newest questions of the window that are meant, oldest first.
    fn entries(&self, meant: impl Fn(&Row) -> bool) -> Vec<u64> {
        let newest = self.rows.iter().rev().filter(|row| meant(row));
        let mut entries: Vec<u64> = newest.take(MAX_ENTRIES).map(|row| row.entry).collect();
        entries.reverse();
        entries
    }

    /// Lets go of what is older than the window. A clock that ran ahead for a moment costs what was held, not what comes.
    fn forget(&mut self, before: i64) {
        while let Some(row) = self.rows.front().filter(|row| row.at <= before).copied() {
            self.rows.pop_front();
            self.forget_row(&row);
        }
        while let Some(contact) = self.contacts.front().filter(|contact| contact.at <= before) {
            let key = contact.user.with(contact.source);
            if let Some(catch) = self.asked.get_mut(&key)
                && catch.remove(contact.hit)
            {
                self.asked.remove(&key);
            }
            if let Some(all) = self.sources.get_mut(&contact.source)
                && all.remove(contact.hit)
            {
                self.sources.remove(&contact.source);
            }
            self.contacts.pop_front();
        }
    }

    fn forget_row(&mut self, row: &Row) {
        let key = row.user.with(row.plate);
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.questions = pair.questions.saturating_sub(1);
            pair.doubtful = pair.doubtful.saturating_sub(u32::from(row.doubtful));
            pair.cases.remove(row.case);
            pair.purposes.remove(row.purpose);
            if pair.questions == 0 {
                self.pairs.remove(&key);
            }
        }
        let key = row.organisation.with(row.plate);
        if let Some(crowd) = self.crowds.get_mut(&key)
            && crowd.remove(row.user, row.case)
        {
            self.crowds.remove(&key);
        }
        let key = row.organisation.with(row.case);
        if let Some(case) = self.cases.get_mut(&key) {
            case.plates.remove(row.plate);
            if case.plates.is_empty() {
                self.cases.remove(&key);
            }
        }
        if let Some(volume) = self.volumes.get_mut(&row.user)
            && volume.remove(day(row.at))
        {
            self.volumes.remove(&row.user);
            self.off_hours.remove(&row.user);
        }
        self.open.remove(&row.entry);
    }
}

impl Catch {
    fn add(&mut self, hit: bool) {
        self.asked += 1;
        self.hits += u32::from(hit);
    }

    /// True when nothing is left.
    fn remove(&mut self, hit: bool) -> bool {
        self.asked = self.asked.saturating_sub(1);
        self.hits = self.hits.saturating_sub(u32::from(hit));
        self.asked == 0
    }

    /// No read at all, where others got some: a source that has nothing for anybody says nothing about one who asks.
    fn is_odd(&self, all: &Self, least: u32) -> bool {
        let others = u64::from(all.asked.saturating_sub(self.asked));
        let expected = u64::from(self.asked) * u64::from(all.hits);
        self.hits == 0 && (others < u64::from(least) || expected >= EXPECTED * others)
    }
}

impl fmt::Debug for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Misuse")
            .field("watching", &self.watching)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl<'a> Asked<'a> {
    /// Only what is wanted of a plate; an image belongs to its question. A check releases nothing, and still tells whether
    /// the plate was seen.
    fn of_intent(intent: &'a Intent) -> Option<Self> {
        let is_open = is_open([&intent.subject, &intent.plate, &intent.case_reference]);
        // To be told of a read is no question: the entry that is looked for was one.
        let asks = !matches!(intent.action, Action::Image | Action::Alert);
        (asks && is_open).then(|| Self {
            subject: &intent.subject,
            organisation: &intent.organisation,
            plate: &intent.plate,
            case: &intent.case_reference,
            purpose: &intent.purpose,
            urgent: intent
                .grounds
                .as_ref()
                .is_some_and(|grounds| grounds.urgent),
            unknown_case: intent
                .grounds
                .as_ref()
                .is_some_and(|grounds| grounds.case_standing == "unknown"),
        })
    }

    /// A question that was understood and refused.
    fn of_refused(refused: &'a crate::ledger::Refused) -> Option<Self> {
        let action = refused.action?;
        let (subject, plate) = (refused.subject.as_ref()?, refused.plate.as_ref()?);
        let is_open = is_open([subject, plate, refused.case_reference.as_ref()?]);
        let asks = !matches!(action, Action::Image | Action::Alert);
        (asks && is_open).then_some(())?;
        Some(Self {
            subject,
            organisation: refused.organisation.as_deref()?,
            plate,
            case: refused.case_reference.as_ref()?,
            purpose: refused.purpose.as_deref()?,
            urgent: false,
            unknown_case: false,
        })
    }
}

/// Whether the key of none of these is destroyed: what cannot be told apart cannot be compared.
fn is_open(personal: [&Personal; 3]) -> bool {
    personal.iter().all(|text| text.text().is_some())
}

fn unjustified(owed: Owed) -> Flag {
    Flag {
        rule: RuleId::UnjustifiedUrgency,
        entry: owed.entry,
        at: owed.at,
        count: 1,
        subject: Some(owed.subject),
        organisation: owed.organisation,
        plate: None,
        case_reference: None,
        source: None,
        entries: vec![owed.entry],
    }
}

fn day(second: i64) -> i64 {
    second.div_euclid(86_400)
}
