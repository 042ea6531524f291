//! `turnpike watch simulate`: which recorded reads an alert list would have matched.
//!
//! One audited question for each entry, as its owner could ask it by hand: the same permits, limits and records. Nobody is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    time::Duration,
};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_matcher::{Entry as Looked, How, Match, Matcher, Wanted as Looking};
use turnpike_schemas::{
    alert::Wanted,
    api::{
        Answer, QueryRequest, SourceList, SourceOutcome,
        alerts::{AlertEntries, AlertEntry, AlertList, AlertState},
    },
    hit::{
        Matched,
        memory::{Memory, Step},
        passage::{Sighting, Windows},
    },
    plate::JurisdictionMatch,
    query::{MatchMode, TimeWindow},
    read::{PlateRead, SourceId},
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
    progress::entries_bar,
    query::{json, span},
    table::{clean, table, time, trimmed, unbroken},
    words::counted,
};

/// How long to wait where so many questions are not allowed at once.
const WAIT: Duration = Duration::from_secs(1);

/// How hits are counted where an installation keeps its defaults.
const WINDOWS: Windows = Windows {
    passage: SignedDuration::from_secs(30),
    repeat: SignedDuration::from_mins(10),
};

/// Try alert lists out
#[derive(Debug, Subcommand)]
pub(super) enum WatchCommand {
    /// Say which recorded reads a list would have matched; nobody is told, and every question is on record
    Simulate(Simulate),
}

/// Which recorded reads a list would have matched
#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    server: Server,
    /// The list; yours, or shared with you
    list: Uuid,
    /// How far back: `36h`, `7d`
    #[arg(long, value_parser = span)]
    last: SignedDuration,
    /// Of these sources only; of all whose reads are kept here when left out
    #[arg(long = "source", value_parser = super::query::source)]
    sources: Vec<SourceId>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What would have been.
#[derive(Debug, Default, Serialize)]
struct Simulated {
    /// The first and the last moment looked at.
    from: Timestamp,
    to: Timestamp,
    /// Entries that were asked about.
    entries: u64,
    /// Entries that are not looked for now, and were not asked about.
    left_out: u64,
    /// What each source did with the questions: words and numbers.
    sources: BTreeMap<SourceId, BTreeMap<String, u64>>,
    matches: Vec<Found>,
    /// How often the owner would have been told.
    hits: u64,
}

/// A read that an entry would have matched.
#[derive(Debug, Serialize)]
struct Found {
    entry: u64,
    wanted: String,
    matched: Matched,
    issuer: JurisdictionMatch,
    /// Whether the owner would have been told of it; others belong to a passage that is told already.
    told: bool,
    read: PlateRead,
}

/// An entry that is looked for, with what it looks for.
struct Active<'a> {
    entry: &'a AlertEntry,
    wanted: Wanted,
}

impl WatchCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::Simulate(command) => command.run(out).await,
        }
    }
}

impl Simulate {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let to = SystemClock.now();
        let from = to.checked_sub(self.last);
        let window = from.ok().and_then(|from| TimeWindow::new(from, to).ok());
        let window = window.ok_or_else(|| usage("`--last` is too long, or nothing"))?;
        let path = format!("/v1/alert-lists/{}", self.list);
        let list: AlertList = self.server.get(&path).await?;
        let entries: AlertEntries = self.server.get(&format!("{path}/entries")).await?;
        let active: Vec<Active<'_>> = entries.entries.iter().filter_map(Active::of).collect();
        let left_out = entries.entries.len().saturating_sub(active.len());
        let mut simulated = Simulated {
            from: window.from(),
            to: window.to(),
            left_out: left_out as u64,
            ..Simulated::default()
        };
        let sources = self.recorded().await?;
        let (matcher, mut reads) = (matcher(&list, &active)?, BTreeMap::new());
        let bar = entries_bar(active.len() as u64, "entries asked about");
        for one in &active {
            let answer = self.ask(&question(&list, one, window, &sources)).await?;
            simulated.entries += 1;
            let wanted = answer.sources.iter();
            for report in wanted.filter(|report| sources.contains(&report.source)) {
                let counts = simulated.sources.entry(report.source.clone()).or_default();
                *counts
                    .entry(outcome(&report.outcome).to_owned())
                    .or_default() += 1;
            }
            reads.extend(answer.reads.into_iter().map(|read| (read.id.clone(), read)));
            bar.inc(1);
        }
        bar.finish_and_clear();
        simulated.look(&matcher, &active, reads.into_values().collect());
        if self.json {
            json(out, &simulated)?;
        } else {
            simulated.print(out, &list)?;
        }
        Ok(Exit::Done)
    }

    /// The sources whose reads are kept here: no other is contacted for a trial.
    async fn recorded(&self) -> Result<Vec<SourceId>, Outcome> {
        let known: SourceList = self.server.get("/v1/sources").await?;
        let kept = known.sources.into_iter();
        let kept: Vec<SourceId> = kept
            // One that is asked live has a breaker.
            .filter(|source| source.breaker.is_none())
            .map(|source| source.source)
            .filter(|source| self.sources.is_empty() || self.sources.contains(source))
            .collect();
        if let Some(other) = self.sources.iter().find(|source| !kept.contains(source)) {
            return Err(usage(&format!("no reads of `{other}` are kept here")));
        }
        if kept.is_empty() {
            return Err(usage("no reads of any source are kept here"));
        }
        Ok(kept)
    }

    /// One question, once so many are allowed.
    async fn ask(&self, question: &QueryRequest) -> Result<Answer, Outcome> {
        loop {
            let asked = self.server.post("/v1/queries", question).await;
            match asked {
                Err(outcome) if outcome.exit == Exit::RateLimited => tokio::time::sleep(WAIT).await,
                asked => return asked,
            }
        }
    }
}

impl<'a> Active<'a> {
    fn of(entry: &'a AlertEntry) -> Option<Self> {
        let wanted = Wanted::parse(&entry.plate).ok()?;
        (entry.state == AlertState::Active).then_some(Self { entry, wanted })
    }
}

/// The question that an entry stands for, over the whole window.
fn question(
    list: &AlertList,
    one: &Active<'_>,
    window: TimeWindow,
    sources: &[SourceId],
) -> QueryRequest {
    QueryRequest {
        plate: one.wanted.expose().to_owned(),
        match_mode: match one.wanted {
            Wanted::Pattern(_) => MatchMode::Partial,
            Wanted::Plate(_) if list.list.look_alike => MatchMode::LookAlike,
            Wanted::Plate(_) => MatchMode::Exact,
        },
        jurisdiction: one.entry.jurisdiction.clone(),
        window,
        purpose: list.list.purpose,
        offence: list.list.offence,
        case_reference: list.list.case_reference.clone(),
        on_behalf_of: list.list.on_behalf_of.clone(),
        sources: Some(sources.to_vec()),
        deadline_ms: None,
        urgent: false,
        warrant: None,
        note: None,
    }
}

/// What reads are matched by, as they are when they arrive: an entry has its place here.
fn matcher(list: &AlertList, active: &[Active<'_>]) -> Result<Matcher, Outcome> {
    let matcher = Matcher::new();
    for (place, one) in (0_u32..).zip(active) {
        let looked = Looked {
            id: place,
            wanted: match &one.wanted {
                Wanted::Plate(plate) => Looking::Plate {
                    plate: plate.clone(),
                    look_alike: list.list.look_alike,
                },
                Wanted::Pattern(pattern) => Looking::Pattern(pattern.clone()),
            },
            jurisdiction: one.entry.jurisdiction.clone(),
            expires_at: Timestamp::MAX,
        };
        let taken = matcher.insert(&looked);
        taken.map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
    }
    Ok(matcher)
}

/// What a source did with a question, in a word or two.
fn outcome(outcome: &SourceOutcome) -> &'static str {
    match outcome {
        SourceOutcome::Answered {
            searched: None,
            truncated: false,
            ..
        }
        | SourceOutcome::Empty { searched: None, .. } => "searched",
        SourceOutcome::Answered { .. } | SourceOutcome::Empty { .. } => "searched in part",
        SourceOutcome::Refused { .. } => "REFUSED",
        SourceOutcome::RateLimited { .. } => "LIMITED",
        SourceOutcome::Stale { .. } => "searched, but old",
        SourceOutcome::Unsupported { .. } => "CANNOT",
        SourceOutcome::TimedOut | SourceOutcome::Failed { .. } | SourceOutcome::NotAsked => {
            "FAILED"
        }
    }
}

impl Simulated {
    /// Matches reads in the order in which they were taken.
    fn look(&mut self, matcher: &Matcher, active: &[Active<'_>], mut reads: Vec<PlateRead>) {
        reads.sort_by_key(|read| read.observation.captured_at);
        let (mut memory, mut found) = (Memory::default(), Vec::<Match>::new());
        for read in reads {
            let observed = &read.observation.plate;
            found.clear();
            let issuer = observed.jurisdiction.as_ref();
            matcher.find(&observed.plate, issuer, self.to, &mut found);
            let of = |matched: &Match| {
                let place = usize::try_from(matched.id).ok()?;
                Some((active.get(place)?, *matched))
            };
            let pairs: Vec<_> = found.iter().filter_map(of).collect();
            let entries: BTreeSet<u64> = pairs.iter().map(|(one, _)| one.entry.entry).collect();
            let sighting = Sighting::of(&read);
            let mut told = BTreeSet::new();
            for step in memory.settle(&read.id, &entries, Some(&sighting), &WINDOWS) {
                let (Step::Open { entry, hit } | Step::Join { entry, hit }) = &step else {
                    continue;
                };
                if matches!(step, Step::Open { .. }) {
                    told.insert(*entry);
                }
                memory.join(&read.id, *entry, hit, sighting.clone(), Timestamp::MAX);
            }
            self.hits += told.len() as u64;
            self.matches
                .extend(pairs.into_iter().map(|(one, matched)| Found {
                    entry: one.entry.entry,
                    wanted: one.wanted.expose().to_owned(),
                    matched: match matched.how {
                        How::Exact => Matched::Exact,
                        How::LookAlike => Matched::LookAlike,
                        How::Pattern => Matched::Pattern,
                    },
                    issuer: matched.issuer,
                    told: told.contains(&one.entry.entry),
                    read: read.clone(),
                }));
        }
    }

    fn print(&self, out: &mut dyn Write, list: &AlertList) -> Result<(), Outcome> {
        writeln!(
            out,
            "{}: what it would have matched",
            clean(&list.list.name)
        )?;
        writeln!(
            out,
            "from {} to {} UTC, of reads kept here",
            time(self.from),
            time(self.to)
        )?;
        writeln!(
            out,
            "Possible matches: nothing is confirmed, and nobody was told.\n"
        )?;
        if !self.matches.is_empty() {
            let mut rows = table(&[
                "taken (UTC)",
                "read",
                "wanted",
                "how",
                "issuer",
                "source",
                "told",
            ]);
            for one in &self.matches {
                rows.add_row([
                    time(one.read.observation.captured_at),
                    clean(one.read.observation.plate.plate.expose()),
                    clean(&one.wanted),
                    how(one.matched).to_owned(),
                    issuer(one.issuer).to_owned(),
                    one.read.source.to_string(),
                    if one.told { "yes" } else { "same passage" }.to_owned(),
                ]);
            }
            unbroken(&mut rows, 3);
            writeln!(out, "{}\n", trimmed(&rows.to_string()))?;
        }
        let left = match self.left_out {
            0 => String::new(),
            left => format!("; {left} not looked for now and left out"),
        };
        let asked = counted(self.entries, "entry");
        let (matches, hits) = (
            counted(self.matches.len() as u64, "matching read"),
            counted(self.hits, "hit"),
        );
        writeln!(out, "{asked} asked about{left}: {matches}, {hits}")?;
        for (source, counts) in &self.sources {
            let counts: Vec<String> = counts
                .iter()
                .map(|(what, count)| format!("{what} {count}"))
                .collect();
            writeln!(out, "  {source}: {}", counts.join(", "))?;
        }
        if self
            .sources
            .values()
            .any(|counts| counts.keys().any(|what| what != "searched"))
        {
            writeln!(out, "Not everything was searched: there may be more.")?;
        }
        Ok(())
    }
}

fn how(matched: Matched) -> &'static str {
    match matched {
        Matched::Exact => "exact",
        Matched::LookAlike => "look-alike",
        Matched::Pattern => "pattern",
    }
}

fn issuer(compared: JurisdictionMatch) -> &'static str {
    match compared {
        JurisdictionMatch::Same => "same",
        JurisdictionMatch::Different => "different",
        JurisdictionMatch::Unknown => "not known",
    }
}

fn usage(message: &str) -> Outcome {
    Outcome::new(Exit::Usage, message)
}
