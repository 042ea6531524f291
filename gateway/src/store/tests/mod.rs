//! The store against its promises. Plates and places are invented.

mod arrivals;
mod crash;
mod model;
mod promises;
mod retention;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    agreement::{
        Agreement, AgreementDocument, IngestPermit, Organisation, OrganisationClass, Permit,
        Requester, Role,
    },
    plate::{Jurisdiction, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
    read::{Observation, PlateRead, Provenance, ReadId, SourceId, ZoneProvenance},
};

use super::{Deposit, Found, Ingested, Store, StoreConfig, StoreError};

#[derive(Debug)]
pub(super) struct SetClock(Mutex<Timestamp>);

impl SetClock {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(at(text))))
    }

    fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }

    fn advance(&self, by: SignedDuration) {
        let now = self.now().checked_add(by).unwrap();
        self.set(now);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A store in a directory of its own, which can be closed and opened again.
struct Bench {
    dir: TempDir,
    clock: Arc<SetClock>,
    config: StoreConfig,
    store: Option<Store>,
}

impl Bench {
    fn new() -> Self {
        Self::with(StoreConfig::default())
    }

    fn with(config: StoreConfig) -> Self {
        let mut bench = Self {
            dir: tempfile::tempdir().unwrap(),
            clock: SetClock::at("2026-03-20T12:00:00Z"),
            config,
            store: None,
        };
        bench.reopen();
        bench
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(self.open().unwrap());
    }

    fn open(&self) -> Result<Store, StoreError> {
        let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&self.clock);
        Store::open(self.dir.path(), self.config, clock)
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Stores observations of a source whose reads are kept for 40 days.
    async fn ingest(&self, observations: &[Observation]) -> Ingested {
        self.ingest_as("brookdale", 40, observations).await
    }

    async fn ingest_as(&self, source: &str, days: u32, observations: &[Observation]) -> Ingested {
        let deposit = Deposit {
            observations: observations.to_vec(),
            provenance: provenance(),
            received_at: self.clock.now(),
        };
        let permit = ingest_permit(source, days);
        self.store().ingest(&permit, deposit).await.unwrap()
    }

    async fn found(&self, plate: AskedPlate) -> Vec<PlateRead> {
        self.search("brookdale", plate, 1_000).await.reads
    }

    async fn search(&self, source: &str, plate: AskedPlate, max_reads: u32) -> Found {
        let now = self.clock.now();
        let from = match plate {
            AskedPlate::Partial(_) => now.checked_sub(SignedDuration::from_hours(30 * 24)),
            _ => now.checked_sub(SignedDuration::from_hours(300 * 24)),
        };
        let window = TimeWindow::new(from.unwrap(), now).unwrap();
        let permit = permit(source, plate, window, max_reads, now);
        self.store().search(&permit).await.unwrap()
    }

    fn bytes_on_disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        files
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plate(text: &str) -> Plate {
    Plate::parse(text).unwrap()
}

fn exact(text: &str) -> AskedPlate {
    AskedPlate::Exact(plate(text))
}

fn look_alike(text: &str) -> AskedPlate {
    AskedPlate::LookAlike(plate(text))
}

fn partial(text: &str) -> AskedPlate {
    AskedPlate::Partial(PlatePattern::parse(text).unwrap())
}

fn observation(record: &str, text: &str, captured_at: &str) -> Observation {
    Observation::new(
        record.to_owned(),
        plate(text),
        at(captured_at),
        ZoneProvenance::InValue,
    )
}

fn provenance() -> Provenance {
    Provenance {
        adapter: "lanes".to_owned(),
        adapter_version: "1".to_owned(),
        agreement: Some("brookdale@1".to_owned()),
        payload_sha256: "00".repeat(32),
    }
}

fn id(source: &str, record: &str) -> ReadId {
    ReadId::derive(&SourceId::parse(source).unwrap(), record)
}

fn agreement(source: &str, days: u32, max_reads: u32) -> Agreement {
    let document = json!({
        "id": source, "version": 1, "source": source, "provider": "Brookdale", "legal_basis": "an invented act", "contact": "nobody.example", "signed_by": ["owner.example"],
        "status": "active", "effective_from": "2020-01-01T00:00:00Z", "effective_until": "2100-01-01T00:00:00Z", "review_due": "2100-01-01T00:00:00Z",
        "actions": ["query", "ingest"],
        "who": { "organisation_classes": ["state_local"], "jurisdictions": ["US"], "roles": ["investigator"], "on_behalf_of": "refuse",
            "organisations": ["*"], "requires": { "sworn": false, "training": false, "assurance": "aal1" } },
        "why": { "purposes": ["stolen_vehicle"], "prohibited": [] },
        "case": { "patterns": ["*"], "register": "ignore" },
        "where": { "within": ["*"], "excluded": [], "position_decimals": 6 },
        "how_much": { "user_per_hour": 1000000, "organisation_per_day": 1000000 },
        "conditions": { "declaration": "nobody", "warrant": "nobody", "urgent": "like_any" },
        "duties": { "feed_hours": 24, "delete_after_days": 30, "onward_transfer": [], "confirm_match": true },
        "how_far": { "lookback_days": 36500, "supervisor_after_days": 36500, "max_window_days": 36500, "excess": "cut" },
        "plates": { "look_alike": true, "partial": { "min_known": 4, "max_window_days": 31 } },
        "what": { "fields": [], "confidence_floor_percent": 0, "max_reads": max_reads }, "retention": { "days": days },
    });
    let document: AgreementDocument = serde_json::from_value(document).unwrap();
    document.validate().unwrap()
}

fn ingest_permit(source: &str, days: u32) -> IngestPermit {
    let permit = agreement(source, days, 1).ingest_permit(at("2026-01-01T00:00:00Z"));
    permit.unwrap()
}

fn permit(
    source: &str,
    plate: AskedPlate,
    window: TimeWindow,
    max_reads: u32,
    now: Timestamp,
) -> Permit {
    let query = Query::new(
        plate,
        window,
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-1").unwrap(),
        OnBehalfOf::Own,
    );
    let requester = Requester {
        subject: "kim".to_owned(),
        organisation: Organisation {
            id: "brookdale-pd".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: [Role::Investigator].into(),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    };
    let agreement = agreement(source, 1, max_reads);
    agreement.permit(&requester, &query.unwrap(), now).unwrap()
}
