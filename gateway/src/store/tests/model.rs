//! The store against a simple model in memory, under random arrivals, corrections, joins, clock steps, sweeps and restarts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::codec::{Key, micros},
    *,
};

/// Sources and the days their reads are kept.
const SOURCES: [(&str, u32); 2] = [("brookdale", 25), ("harbor", 60)];
const PLATES: [&str; 4] = ["TPK0421", "TPKO421", "TPK0422", "XYZ777"];

#[derive(Debug, Clone)]
enum Step {
    Deposit(usize, Vec<Arrival>),
    Wait(i64),
    Sweep,
    Restart,
}

#[derive(Debug, Clone)]
struct Arrival {
    record: u8,
    aliases: Vec<u8>,
    revision: u64,
    plate: usize,
    hours_ago: i64,
    retracted: bool,
    reason: Option<u8>,
}

#[derive(Debug, Clone)]
struct Version {
    observation: Observation,
    received_at: Timestamp,
    arrival: usize,
    keep_until: i64,
}

/// One read with its revisions.
#[derive(Debug, Clone)]
struct Group {
    source: usize,
    id: ReadId,
    keys: BTreeSet<String>,
    versions: Vec<Version>,
    current: usize,
}

#[derive(Debug, Default)]
struct Model {
    groups: Vec<Group>,
    arrivals: usize,
}

impl Group {
    fn current(&self) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.arrival == self.current)
    }

    /// Whether a neighbour in the order of revisions says the same; the one before takes the number.
    fn says_so_already(&mut self, observation: &Observation) -> bool {
        let said = said(observation);
        let current = self.current;
        let (mut before, after): (Vec<_>, Vec<_>) = self
            .versions
            .iter_mut()
            .map(|version| {
                let rank = (version.observation.revision, version.received_at);
                ((rank, version.arrival == current, version.arrival), version)
            })
            .partition(|(_, version)| version.observation.revision <= observation.revision);
        let next = after.iter().min_by_key(|(rank, _)| *rank);
        if next.is_some_and(|(_, version)| self::said(&version.observation) == said) {
            return true;
        }
        before.sort_by_key(|(rank, _)| *rank);
        match before.pop() {
            Some((_, version)) if self::said(&version.observation) == said => {
                version.observation.revision = observation.revision;
                true
            }
            _ => false,
        }
    }

    fn oldest(&self) -> (Timestamp, Key) {
        let first = self.versions.iter().map(|version| version.received_at);
        (first.min().unwrap(), Key::of(&self.id))
    }
}

impl Model {
    fn expire(&mut self, now: i64) {
        for group in &mut self.groups {
            group.versions.retain(|version| version.keep_until > now);
        }
        self.groups.retain(|group| !group.versions.is_empty());
    }

    fn ingest(&mut self, source: usize, observation: Observation, received_at: Timestamp) {
        let now = micros(received_at).0;
        self.expire(now);
        let (name, days) = SOURCES[source];
        let keep_until = micros(ingest_permit(name, days).keep_until(observation.captured_at)).0;
        let mut keys: BTreeSet<String> = observation.aliases.iter().cloned().collect();
        keys.insert(observation.record.clone());
        let (mut known, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.groups)
            .into_iter()
            .partition(|group| group.source == source && !group.keys.is_disjoint(&keys));
        self.groups = others;
        known.sort_by_key(|group| Key::of(&group.id));
        let versions = || known.iter().flat_map(|group| &group.versions);
        if keep_until <= now {
            if !versions().all(|version| version.observation.revision <= observation.revision) {
                self.groups.extend(known);
            }
            return;
        }
        if versions().any(|version| version.observation == observation) {
            self.groups.extend(known);
            return;
        }
        if let [group] = known.as_mut_slice()
            && group.says_so_already(&observation)
        {
            self.groups.extend(known);
            return;
        }
        self.arrivals += 1;
        let revision = observation.revision;
        let new = Version {
            received_at,
            arrival: self.arrivals,
            keep_until,
            observation,
        };
        let current = known
            .iter()
            .filter_map(Group::current)
            .max_by_key(|version| (version.observation.revision, version.received_at));
        let current = match current {
            Some(current) if current.observation.revision > revision => current.arrival,
            _ => new.arrival,
        };
        let id = known.iter().min_by_key(|group| group.oldest());
        let id = id.map_or_else(|| id_of(source, &new), |group| group.id.clone());
        let mut merged = Group {
            source,
            id,
            keys,
            versions: Vec::new(),
            current,
        };
        for group in known {
            merged.keys.extend(group.keys);
            merged.versions.extend(group.versions);
        }
        merged.versions.push(new);
        let limit = merged.current().unwrap().keep_until;
        for version in &mut merged.versions {
            version.keep_until = version.keep_until.min(limit);
        }
        self.groups.push(merged);
    }

    fn findable(&self, source: usize) -> impl Iterator<Item = (&Group, &Version)> {
        self.groups
            .iter()
            .filter(move |group| group.source == source)
            .filter_map(|group| group.current().map(|current| (group, current)))
            .filter(|(_, current)| !current.observation.retracted)
    }
}

/// An observation without its number and the reason it was sent for.
fn said(observation: &Observation) -> Observation {
    let mut said = observation.clone();
    said.revision = 0;
    said.extra.remove("correction_reason");
    said
}

fn id_of(source: usize, version: &Version) -> ReadId {
    id(SOURCES[source].0, &version.observation.record)
}

impl Arrival {
    fn observation(&self, now: Timestamp) -> Observation {
        let captured_at = now - SignedDuration::from_hours(self.hours_ago);
        let mut observation = Observation::new(
            format!("r{}", self.record),
            plate(PLATES[self.plate]),
            // Captures do not depend on the minute of the test, so that the same content can arrive twice.
            Timestamp::from_second(captured_at.as_second() / 86_400 * 86_400).unwrap(),
            ZoneProvenance::Format,
        );
        observation.aliases = self
            .aliases
            .iter()
            .map(|alias| format!("r{alias}"))
            .collect();
        observation.revision = self.revision;
        observation.retracted = self.retracted;
        let reason = self.reason.map(|reason| format!("0{reason}"));
        let reason = reason.map(|reason| ("correction_reason".to_owned(), reason));
        observation.extra.extend(reason);
        observation
    }
}

fn arrival() -> impl Strategy<Value = Arrival> {
    (
        0..6_u8,
        prop::collection::vec(3..9_u8, 0..2),
        0..4_u64,
        0..PLATES.len(),
        0..1_700_i64,
        prop::bool::weighted(0.1),
        prop::option::weighted(0.3, 1..4_u8),
    )
        .prop_map(
            |(record, aliases, revision, plate, hours_ago, retracted, reason)| Arrival {
                record,
                aliases,
                revision,
                plate,
                hours_ago,
                retracted,
                reason,
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..SOURCES.len(), prop::collection::vec(arrival(), 1..4)).prop_map(|(source, arrivals)| Step::Deposit(source, arrivals)),
        3 => (1..400_i64).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
    ]
}

fn comparable(reads: Vec<(ReadId, Observation, Timestamp)>) -> Vec<(ReadId, String, Timestamp)> {
    let text = |observation| serde_json::to_string(&observation).unwrap();
    let mut reads: Vec<_> = reads
        .into_iter()
        .map(|(id, observation, received_at)| (id, text(observation), received_at))
        .collect();
    reads.sort();
    reads
}

fn stored(reads: Vec<PlateRead>) -> Vec<(ReadId, String, Timestamp)> {
    let parts = reads
        .into_iter()
        .map(|read| (read.id, read.observation, read.received_at));
    comparable(parts.collect())
}

async fn compare(bench: &Bench, model: &mut Model) {
    let now = bench.clock.now();
    model.expire(micros(now).0);
    for (source, (name, _)) in SOURCES.into_iter().enumerate() {
        for asked in [
            exact("TPK0421"),
            exact("XYZ777"),
            look_alike("TPK0421"),
            partial("TPK04??"),
            partial("?PK04?1"),
        ] {
            let found = bench.search(name, asked.clone(), 10_000).await;
            let sorted = found.reads.is_sorted_by(|newer, older| {
                newer.observation.captured_at >= older.observation.captured_at
            });
            assert!(sorted && !found.truncated);
            let days = if matches!(asked, AskedPlate::Partial(_)) {
                30
            } else {
                300
            };
            let from = now - SignedDuration::from_hours(days * 24);
            let want = model.findable(source).filter(|(_, current)| {
                let read = &current.observation;
                asked.matches(&read.plate.plate)
                    && read.captured_at >= from
                    && read.captured_at < now
            });
            let want = want.map(|(group, current)| {
                (
                    group.id.clone(),
                    current.observation.clone(),
                    current.received_at,
                )
            });
            assert_eq!(stored(found.reads), comparable(want.collect()), "{asked:?}");
        }
    }
    compare_by_id(bench, model).await;
}

async fn compare_by_id(bench: &Bench, model: &Model) {
    for group in &model.groups {
        let history = bench.store().history(&group.id).await.unwrap();
        let want = group.versions.iter().map(|version| {
            (
                group.id.clone(),
                version.observation.clone(),
                version.received_at,
            )
        });
        assert_eq!(stored(history), comparable(want.collect()));
        let current = bench.store().get(&group.id).await.unwrap();
        let want = group
            .current()
            .map(|version| &version.observation)
            .filter(|observation| !observation.retracted);
        assert_eq!(current.as_ref().map(|read| &read.observation), want);
    }
}

fn compare_counters(bench: &Bench, model: &Model) {
    for (source, (name, _)) in SOURCES.into_iter().enumerate() {
        let stats = bench.store().source_stats(&SourceId::parse(name).unwrap());
        let held = usize::try_from(stats.held).unwrap();
        assert_eq!(held, model.findable(source).count(), "{name}");
    }
}

async fn play(steps: Vec<Step>) {
    let mut bench = Bench::with(StoreConfig {
        max_open_months: 2,
        ..StoreConfig::default()
    });
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Deposit(source, arrivals) => {
                bench.clock.advance(SignedDuration::from_secs(1));
                let now = bench.clock.now();
                let reads: Vec<_> = arrivals
                    .iter()
                    .map(|arrival| arrival.observation(now))
                    .collect();
                let (name, days) = SOURCES[source];
                bench.ingest_as(name, days, &reads).await;
                reads
                    .into_iter()
                    .for_each(|read| model.ingest(source, read, now));
            }
            Step::Wait(hours) => bench.clock.advance(SignedDuration::from_hours(hours)),
            Step::Sweep => {
                bench.store().sweep().await.unwrap();
                model.expire(micros(bench.clock.now()).0);
                compare_counters(&bench, &model);
            }
            Step::Restart => bench.reopen(),
        }
        compare(&bench, &mut model).await;
    }
    bench.store().sweep().await.unwrap();
    compare_counters(&bench, &model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_store_answers_as_a_simple_model_does(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(steps));
    }
}
