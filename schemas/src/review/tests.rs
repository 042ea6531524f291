use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::filter::Filter;
use super::misuse::labelled::{Log, Plan, SOURCES};
use super::question::{Question, Questions, State};
use super::sample::{SampleError, Sampler, Share, seed};
use super::statement::Gathering;
use super::trail::Trace;
use super::transparency::{Counting, Month, PeriodError, Transparency, is_due, rounded};
use super::unused::{Account, Governed, Use, is_dormant};
use super::weeks::{FindingResult, Reviews, Standing, Week, fact};
use super::*;
use crate::agreement::Role;
use crate::ledger::{Action, Admin, AdminAction, Body, Entry, Nonce, Personal};

fn entries() -> Vec<Entry> {
    let plan = Plan {
        organisations: 1,
        days: 40,
        ..Plan::default()
    };
    Log::new(plan).collect()
}

fn questions(entries: &[Entry]) -> Vec<Question> {
    let (mut questions, mut complete) = (Questions::default(), Vec::new());
    for entry in entries {
        questions.follow(entry, &mut complete);
    }
    complete.extend(questions.finish());
    complete
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn covered(size: usize) -> Covered {
    Covered {
        origin: "log.example/1".to_owned(),
        size: size as u64,
        root: String::new(),
    }
}

fn administered(entries: &mut Vec<Entry>, at: Timestamp, admin: Admin) -> u64 {
    let index = entries.len() as u64;
    entries.push(Entry {
        index,
        at,
        nonce: Nonce::from_bytes([0; 16]),
        question: None,
        intent: None,
        body: Body::Admin(admin),
    });
    index
}

fn finding(about: u64, result: FindingResult) -> Admin {
    Admin {
        action: AdminAction::Finding,
        by: Some(Personal::new("kim.duarte")),
        facts: [
            (fact::ENTRY.to_owned(), about.into()),
            (fact::RESULT.to_owned(), result.as_str().into()),
        ]
        .into(),
    }
}

#[test]
fn questions_are_put_together_from_their_entries_and_filtered() {
    let entries = entries();
    let questions = questions(&entries);
    let intents: Vec<u64> = entries
        .iter()
        .filter(|entry| matches!(entry.body, Body::Intent(_)))
        .map(|entry| entry.index)
        .collect();
    let found: Vec<u64> = questions.iter().map(|question| question.entry).collect();
    assert_eq!(found, intents);
    for question in &questions {
        assert_eq!(question.state, State::Answered);
        assert_eq!(question.sources.len(), SOURCES.len());
        assert!(question.sources.iter().all(|line| line.was_contacted()));
        let empty = question.sources.iter().all(|line| line.word() == "empty");
        assert_eq!(empty, question.reads() == 0);
    }
    let filter = Filter {
        subject: Some(Personal::new("published-1")),
        source: Some(SOURCES[2].to_owned()),
        outcome: Some("empty".to_owned()),
        from: Some(questions[0].at),
        to: Some(questions[questions.len() - 1].at),
        ..Filter::default()
    };
    let wanted = questions.iter().filter(|question| filter.wants(question));
    let by_hand = questions.iter().filter(|question| {
        question.subject.as_ref().unwrap().expose() == "published-1"
            && question.sources[2].reads == 0
            && question.at < questions[questions.len() - 1].at
    });
    let wanted: Vec<u64> = wanted.map(|question| question.entry).collect();
    assert!(!wanted.is_empty());
    assert_eq!(
        wanted,
        by_hand.map(|question| question.entry).collect::<Vec<_>>()
    );
    let nobody = Filter {
        plate: Some(Personal::new("TPKNOBODY")),
        ..Filter::default()
    };
    assert!(!questions.iter().any(|question| nobody.wants(question)));
    assert!(
        questions
            .iter()
            .all(|question| Filter::default().wants(question))
    );
}

#[test]
fn a_question_without_its_outcome_is_open_and_an_interrupted_one_is_told() {
    let mut entries = entries();
    entries.truncate(9);
    let last = entries.len() as u64;
    let intent = 5;
    assert!(matches!(entries[5].body, Body::Intent(_)));
    let open = questions(&entries);
    assert_eq!(open[1].state, State::Open);
    assert_eq!(open[1].sources.len(), 3);
    entries.push(Entry {
        index: last,
        at: entries[8].at,
        nonce: Nonce::from_bytes([0; 16]),
        question: entries[5].question,
        intent: Some(intent),
        body: Body::Interrupted(crate::ledger::Interrupted {
            reason: crate::ledger::InterruptReason::Restart,
        }),
    });
    let told = questions(&entries);
    assert_eq!(told[1].state, State::Interrupted);
    assert_eq!(told[1].reason.as_deref(), Some("restart"));
    assert_eq!(told[1].reads(), 0);
}

fn sampler(entries: &[Entry], from: &str, to: &str, size: usize) -> Sampler {
    let mut sampler = Sampler::new(at(from), at(to), size as u64).unwrap();
    entries.iter().for_each(|entry| sampler.follow(entry));
    sampler
}

#[test]
fn a_sample_is_recomputed_from_the_checkpoint_and_cannot_be_chosen() {
    let entries = entries();
    let share: Share = "1%".parse().unwrap();
    let (from, to) = ("2026-01-05T00:00:00Z", "2026-01-26T00:00:00Z");
    let note = "log.example/1\n5000\nAAAA\n";
    let drawn = |cosignature: &[u8]| {
        sampler(&entries, from, to, entries.len())
            .draw(share, seed(note, cosignature))
            .unwrap()
    };
    let first = drawn(b"time and signature");
    assert_eq!(first, drawn(b"time and signature"));
    assert_ne!(first.entries, drawn(b"another time").entries);
    assert_eq!(first.entries.len() as u64, share.of(first.population));
    assert!(first.population > 500 && first.entries.is_sorted());
    // The words of the head of the module, done by hand for one entry.
    let in_period = |entry: &&Entry| {
        at(from) <= entry.at && entry.at < at(to) && matches!(entry.body, Body::Intent(_))
    };
    let hash = |parts: &[&[u8]]| {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        <[u8; 32]>::from(hasher.finalize())
    };
    let by_hand = hash(&[
        b"turnpike sample 1\n",
        note.as_bytes(),
        b"time and signature",
    ]);
    let lowest = entries
        .iter()
        .filter(in_period)
        .min_by_key(|entry| hash(&[&by_hand, &entry.index.to_be_bytes()]))
        .unwrap();
    assert!(first.entries.contains(&lowest.index));
    // Every question is as likely as any other: over many seeds, each week gets its part.
    let mut early = 0;
    for n in 0..200_u32 {
        let sample = drawn(&n.to_be_bytes());
        early += sample
            .entries
            .iter()
            .filter(|index| {
                entries[usize::try_from(**index).unwrap()].at < at("2026-01-12T00:00:00Z")
            })
            .count();
    }
    let all = 200 * first.entries.len();
    assert!((all / 4..all / 2).contains(&early), "{early} of {all}");
}

#[test]
fn a_checkpoint_from_within_the_period_is_refused() {
    let entries = entries();
    let (from, to) = ("2026-01-05T00:00:00Z", "2026-01-26T00:00:00Z");
    let share: Share = "10%".parse().unwrap();
    let after = entries.iter().position(|entry| entry.at >= at(to)).unwrap();
    for (size, wanted) in [
        (after, Err(SampleError::TooEarly)),
        (after - 5, Err(SampleError::TooEarly)),
        (after + 1, Ok(())),
        (entries.len() + 1, Err(SampleError::Short)),
    ] {
        let drawn = sampler(&entries, from, to, size).draw(share, [0; 32]);
        assert_eq!(drawn.map(drop), wanted, "{size}");
    }
    assert_eq!(
        Sampler::new(at(to), at(from), 1).unwrap_err(),
        SampleError::Period
    );
}

#[test]
fn a_share_is_written_in_percent() {
    for (text, of_1000, shown) in [
        ("1%", 10, "1 %"),
        ("0.5%", 5, "0.5 %"),
        ("2.25 %", 23, "2.25 %"),
        ("100%", 1_000, "100 %"),
        ("0.0001%", 1, "0.0001 %"),
    ] {
        let share: Share = text.parse().unwrap();
        assert_eq!(
            (share.of(1_000), share.to_string()),
            (of_1000, shown.to_owned())
        );
        assert_eq!(share.of(0), 0);
    }
    for text in ["1", "0%", "101%", "-1%", "1.23456%", "%", "1,5%", "+1%"] {
        assert_eq!(text.parse::<Share>(), Err(SampleError::Share), "{text}");
    }
}

#[test]
fn weeks_are_due_then_overdue_until_somebody_signs_them_off() {
    let mut entries = entries();
    let grace = SignedDuration::from_hours(24 * 7);
    let standing = |entries: &[Entry], now: &str| {
        let mut reviews = Reviews::default();
        entries.iter().for_each(|entry| reviews.follow(entry));
        reviews.weeks(at(now), grace)
    };
    let weeks = standing(&entries, "2026-01-21T12:00:00Z");
    let standings: Vec<Standing> = weeks.iter().map(|line| line.standing).collect();
    assert_eq!(
        standings,
        [Standing::Overdue, Standing::Due, Standing::Running]
    );
    let first_week = weeks[0].clone();
    assert_eq!(first_week.week.to_string(), "2026-01-05");
    let asked = entries
        .iter()
        .filter(|entry| {
            matches!(entry.body, Body::Intent(_)) && Week::of(entry.at) == first_week.week
        })
        .count();
    assert_eq!(first_week.questions, asked as u64);
    let now = at("2026-02-14T00:00:00Z");
    administered(&mut entries, now, finding(0, FindingResult::Unclear));
    administered(&mut entries, now, finding(0, FindingResult::Unjustified));
    let review = Admin {
        action: AdminAction::Review,
        by: Some(Personal::new("kim.duarte")),
        facts: [(fact::WEEK.to_owned(), "2026-01-05".into())].into(),
    };
    let entry = administered(&mut entries, now, review);
    let signed = &standing(&entries, "2026-02-14T00:00:01Z")[0];
    assert_eq!(signed.standing, Standing::Reviewed);
    assert_eq!(
        (signed.findings, signed.unjustified),
        (1, 1),
        "the last one counts"
    );
    assert_eq!(signed.entry, Some(entry));
    assert!("2026-01-06".parse::<Week>().is_err());
    assert_eq!(Week::of(at("2026-01-11T23:59:59Z")), first_week.week);
    assert_eq!(Week::of(first_week.week.ends()), first_week.week.next());
}

fn account(subject: &str, roles: &[Role]) -> Account {
    Account {
        subject: subject.to_owned(),
        organisation: "org-0".to_owned(),
        roles: roles.iter().copied().collect(),
    }
}

#[test]
fn what_nobody_uses_is_counted_from_entries_alone() {
    let mut entries = entries();
    let accounts = [
        account("officer-1", &[Role::Investigator]),
        account("nobody", &[Role::Supervisor]),
        account("published-1", &[Role::Investigator]),
        account("kim.duarte", &[Role::Auditor]),
    ];
    let governed = |source: &str| Governed {
        source: source.to_owned(),
        agreement: format!("{source}@1"),
    };
    let sources = [governed("north-tolls"), governed("quiet-tolls")];
    let last = entries[entries.len() - 1].at;
    administered(&mut entries, last, finding(0, FindingResult::Justified));
    let now = last + SignedDuration::from_hours(24 * 3);
    let mut usage = Use::default();
    entries.iter().for_each(|entry| usage.follow(entry));
    let unused = usage.unused(&accounts, &sources, now, 30, Some(90));
    let names: Vec<_> = unused
        .accounts
        .iter()
        .map(|idle| idle.subject.expose())
        .collect();
    assert_eq!(names, ["nobody"]);
    assert_eq!(unused.accounts[0].last_asked_at, None);
    assert!(
        !unused.accounts[0].dormant,
        "new, as far as the ledger knows"
    );
    let sources_unused: Vec<_> = unused
        .sources
        .iter()
        .map(|idle| idle.name.as_str())
        .collect();
    assert_eq!(sources_unused, ["quiet-tolls"]);
    assert_eq!(unused.agreements[0].name, "quiet-tolls@1");
    assert!(!unused.roles.iter().any(|idle| idle.role == Role::Auditor));
    assert_eq!(unused.entries, entries.len() as u64);
    let much_later = now + SignedDuration::from_hours(24 * 120);
    let unused = usage.unused(&accounts, &sources, much_later, 30, Some(90));
    let dormant: BTreeSet<_> = unused
        .accounts
        .iter()
        .filter(|idle| idle.dormant)
        .map(|idle| idle.subject.expose())
        .collect();
    assert_eq!(dormant, ["officer-1", "published-1"].into());
}

#[test]
fn an_account_is_dormant_after_its_days_and_not_before() {
    let since = at("2026-01-01T00:00:00Z");
    let after = |days: i64| since + SignedDuration::from_hours(24 * days);
    assert!(!is_dormant(Some(since), after(90), Some(90)));
    let late = after(90) + SignedDuration::from_secs(1);
    assert!(is_dormant(Some(since), late, Some(90)));
    assert!(
        !is_dormant(Some(since), late, None),
        "no limit is configured"
    );
    assert!(!is_dormant(None, late, Some(90)), "nothing is known of it");
}

#[test]
fn recertification_starts_idleness_anew() {
    let mut entries = entries();
    let now = at("2026-06-01T00:00:00Z");
    let change = Admin {
        action: AdminAction::AccountChange,
        by: Some(Personal::new("lee.nakamura")),
        facts: [
            (unused::ACCOUNT.to_owned(), "officer-1".into()),
            (unused::CHANGE.to_owned(), unused::RECERTIFIED.into()),
        ]
        .into(),
    };
    administered(&mut entries, now, change);
    let mut usage = Use::default();
    entries.iter().for_each(|entry| usage.follow(entry));
    assert_eq!(usage.idle_since("officer-1"), Some(now));
    assert!(usage.idle_since("officer-2").unwrap() < now);
}

#[test]
fn a_statement_holds_every_question_that_touched_the_source_and_no_plate() {
    let entries = entries();
    let day: jiff::civil::Date = "2026-01-15".parse().unwrap();
    let mut gathering = Gathering::new("north-tolls", day);
    let all = questions(&entries);
    for question in &all {
        gathering.follow(question, |subject| format!("u-{}", subject.len()));
    }
    let statement = gathering.finish(covered(entries.len()));
    let of_day = |question: &&Question| question.at.to_string().starts_with("2026-01-15");
    let touching: Vec<&Question> = all.iter().filter(of_day).collect();
    assert!(statement.questions > 20);
    assert_eq!(statement.questions, touching.len() as u64);
    let lines: Vec<u64> = statement.lines.iter().map(|line| line.entry).collect();
    let wanted: Vec<u64> = touching.iter().map(|question| question.entry).collect();
    assert_eq!(lines, wanted);
    let reads: u64 = touching
        .iter()
        .map(|question| question.sources[0].reads)
        .sum();
    assert_eq!(statement.reads, reads);
    for counts in [
        &statement.organisations,
        &statement.purposes,
        &statement.outcomes,
    ] {
        let sum: u64 = counts.iter().map(|count| count.uses).sum();
        assert_eq!(sum, statement.lines.len() as u64);
    }
    let text = serde_json::to_string(&statement).unwrap();
    for question in touching {
        assert!(!text.contains(question.plate.as_ref().unwrap().expose()));
        assert!(!text.contains(question.case_reference.as_ref().unwrap().expose()));
    }
    assert!(!text.contains("officer"));
}

fn report(entries: &[Entry]) -> Transparency {
    let month: Month = "2026-01".parse().unwrap();
    let mut counting = Counting::new(month, month).unwrap();
    let mut reviews = Reviews::default();
    for question in questions(entries) {
        counting.follow(&question);
    }
    entries.iter().for_each(|entry| reviews.follow(entry));
    counting.finish(reviews.findings(), covered(entries.len()))
}

#[test]
fn the_public_report_is_rounded_recomputed_and_tells_of_nobody() {
    let mut log = entries();
    let now = log[log.len() - 1].at;
    administered(&mut log, now, finding(0, FindingResult::Unjustified));
    let report = report(&log);
    assert_eq!(report, self::report(&log));
    let asked = questions(&log)
        .iter()
        .filter(|question| question.at < at("2026-02-01T00:00:00Z"))
        .count();
    assert_eq!(report.questions, rounded(asked as u64));
    assert_eq!(report.findings[0].name, "unjustified");
    assert_eq!(report.findings[0].count, "<10");
    let counts = [
        &report.purposes,
        &report.organisation_classes,
        &report.states,
        &report.sources,
        &report.outcomes,
    ];
    for count in counts.into_iter().flatten() {
        let whole = count
            .count
            .parse::<u64>()
            .is_ok_and(|count| count % 10 == 0);
        assert!(whole || count.count == "<10", "{}", count.name);
    }
    let text = serde_json::to_string(&report).unwrap();
    for hidden in ["TPK", "officer", "BRK-", "org-0"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    let changed = Transparency {
        questions: "0".to_owned(),
        ..report.clone()
    };
    assert_eq!(report.differences(&changed), ["questions"]);
    assert!(report.differences(&report).is_empty());
    let read: Transparency = serde_json::from_str(&text).unwrap();
    assert_eq!(read, report);
}

#[test]
fn a_report_covers_whole_months_that_are_over_for_long_enough() {
    let month = |text: &str| text.parse::<Month>();
    for wrong in ["2026-13", "2026-1", "2026", "2026-01-05", "jan"] {
        assert_eq!(month(wrong), Err(PeriodError::Month), "{wrong}");
    }
    let (january, march) = (month("2026-01").unwrap(), month("2026-03").unwrap());
    let due = |now: &str| is_due(january, march, at(now), 30);
    assert!(due("2026-05-01T00:00:00Z").is_ok());
    let early = due("2026-04-30T23:59:59Z").unwrap_err();
    assert!(early.to_string().contains("2026-05-01"), "{early}");
    assert_eq!(
        is_due(march, january, at("2027-01-01T00:00:00Z"), 30),
        Err(PeriodError::Order)
    );
    let counts: Vec<String> = [0, 1, 9, 10, 14, 15, 104, 995].map(rounded).to_vec();
    assert_eq!(counts, ["0", "<10", "<10", "10", "10", "20", "100", "1000"]);
}

#[test]
fn a_trail_names_every_source_and_plate_one_user_reached() {
    let entries = entries();
    let mut trace = Trace::of("published-1");
    let all = questions(&entries);
    all.iter().for_each(|question| trace.follow(question));
    let trail = trace.finish(entries.len() as u64);
    let own = all
        .iter()
        .filter(|question| question.subject.as_ref().unwrap().expose() == "published-1");
    let mut plates = BTreeMap::<&str, u64>::new();
    for question in own {
        *plates
            .entry(question.plate.as_ref().unwrap().expose())
            .or_default() += 1;
    }
    let found: BTreeMap<&str, u64> = trail
        .plates
        .iter()
        .map(|plate| (plate.plate.expose(), plate.questions))
        .collect();
    assert_eq!(found, plates);
    assert_eq!(trail.questions, plates.values().sum::<u64>());
    let sources: Vec<_> = trail
        .sources
        .iter()
        .map(|reached| reached.source.as_str())
        .collect();
    assert_eq!(sources, ["north-tolls", "south-police", "west-parking"]);
    assert_eq!(trail.sources[0].questions, trail.questions);
}

/// The same entries, asked for as `action` by `subject`.
fn as_if(entries: &[Entry], action: Action, subject: &str) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    for entry in &mut entries {
        if let Body::Intent(intent) = &mut entry.body {
            (intent.action, intent.subject) = (action, Personal::new(subject));
        }
    }
    entries
}

#[test]
fn images_and_checks_are_no_questions_and_are_told_apart() {
    let entries = entries();
    let day: jiff::civil::Date = "2026-01-15".parse().unwrap();
    for action in [Action::Query, Action::Image, Action::Check] {
        let entries = as_if(&entries, action, "officer-1");
        let asks = action == Action::Query;
        let mut reviews = Reviews::default();
        entries.iter().for_each(|entry| reviews.follow(entry));
        let weeks = reviews.weeks(at("2026-06-01T00:00:00Z"), SignedDuration::ZERO);
        assert_eq!(
            weeks.iter().any(|week| week.questions > 0),
            asks,
            "{action:?}"
        );
        let (mut trace, mut gathering) =
            (Trace::of("officer-1"), Gathering::new("north-tolls", day));
        let (first, last) = ("2026-01".parse::<Month>(), "2026-12".parse::<Month>());
        let counting = Counting::new(first.unwrap(), last.unwrap()).unwrap();
        let all = questions(&entries);
        let answered = |question: &&Question| question.state == State::Answered;
        for question in all.iter().filter(answered) {
            trace.follow(question);
            gathering.follow(question, str::to_owned);
            assert_eq!(counting.counts(question), asks, "{action:?}");
        }
        let trail = trace.finish(0);
        assert_eq!(trail.questions > 0, asks, "{action:?}");
        assert!(
            !trail.sources.is_empty(),
            "what was reached is told all the same"
        );
        let statement = gathering.finish(covered(entries.len()));
        let uses = statement.lines.len() as u64;
        let told = (statement.questions, statement.images, statement.checks);
        let wanted = match action {
            Action::Query => (uses, 0, 0),
            Action::Image => (0, uses, 0),
            _ => (0, 0, uses),
        };
        assert_eq!(told, wanted, "{action:?}");
        assert!(uses > 0);
    }
}

#[test]
fn what_a_system_asks_for_a_person_is_use_of_the_system() {
    let entries = as_if(&entries(), Action::Query, "dispatch/ines.moreau");
    let mut usage = Use::default();
    entries.iter().for_each(|entry| usage.follow(entry));
    assert!(usage.last_asked("dispatch").is_some());
    assert_eq!(
        usage.last_asked("dispatch"),
        usage.last_asked("dispatch/ines.moreau")
    );
    assert_eq!(usage.last_asked("dispat"), None);
}
