//! Lists of everybody, written through the gateway's own book before it starts.

use std::{collections::BTreeSet, io, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_gateway::alerts::{Book, By, Duties, Import, NewList, Terms};
use turnpike_matcher::Matcher;
use turnpike_schemas::{
    agreement::Assurance,
    alert::{Entry, Reason, Wanted},
    query::{CaseRef, OnBehalfOf, Purpose},
};
use uuid::Uuid;

use super::installation::{ORGANISATION, subject};

/// Entries of a list.
pub(super) const ENTRIES: usize = 2_500;

/// Forms of plates there are: three letters, four digits.
const PLATES: usize = 26 * 26 * 26 * 10_000;
/// Shares no divisor with them, so that no two numbers have the same plate.
const STRIDE: usize = 104_395_303;

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// One of the letters, beginning anew after the last.
pub(super) fn letter(letters: &str, number: usize) -> char {
    let mut letters = letters.chars().cycle();
    letters.nth(number % LETTERS.len()).unwrap_or_default()
}

/// The plate of an entry, of a list; no other has it.
pub(super) fn plate(list: usize, entry: usize) -> String {
    let place = (list * ENTRIES + entry) * STRIDE % PLATES;
    let (letters, digits) = (place / 10_000, place % 10_000);
    let [a, b, c] = [letters / 676, letters / 26, letters].map(|n| letter(LETTERS, n));
    format!("{a}{b}{c}{digits:04}")
}

/// Writes so many lists; how many entries that are.
pub(super) async fn fill(data: &Path, lists: usize) -> io::Result<u64> {
    let now = SystemClock.now();
    let path = data.join("alerts.sqlite");
    let matcher = Arc::new(Matcher::new());
    let most = turnpike_matcher::MAX_ENTRIES;
    let book = Book::open(&path, matcher, most, now).map_err(io::Error::other)?;
    let mut entries = 0;
    for number in 0..lists {
        let id = Uuid::now_v7();
        let by = By {
            subject: subject(number),
            at: now,
            recorded: 0,
        };
        let list = list(number)?;
        book.make(id, list, now).await.map_err(io::Error::other)?;
        let import = import(number, now)?;
        let done = book.import(id, import, by).await;
        entries += done.map_err(io::Error::other)?.added.len() as u64;
    }
    Ok(entries)
}

fn list(number: usize) -> io::Result<NewList> {
    Ok(NewList {
        owner: subject(number),
        organisation: ORGANISATION.to_owned(),
        name: format!("Stolen, {number}"),
        topic: None,
        terms: Terms {
            purpose: Purpose::StolenVehicle,
            offence: None,
            case_reference: CaseRef::parse("BRK-2026-000042").map_err(io::Error::other)?,
            on_behalf_of: OnBehalfOf::Own,
            legal_basis: "Vehicle Code 4.2".to_owned(),
            assurance: Assurance::Aal1,
        },
        look_alike: number.is_multiple_of(2),
        confidential: false,
        shared: BTreeSet::new(),
        as_of: None,
    })
}

fn import(list: usize, now: Timestamp) -> io::Result<Import> {
    let reason = Reason::parse("stolen_vehicle").map_err(io::Error::other)?;
    let entry = |number| {
        Ok(Entry {
            wanted: Wanted::parse(&plate(list, number)).map_err(io::Error::other)?,
            jurisdiction: None,
            reason: reason.clone(),
            expires_at: now + SignedDuration::from_hours(24 * 6),
            note: None,
        })
    };
    Ok(Import {
        revision: 0,
        key: Uuid::now_v7().to_string(),
        sha256: "00".repeat(32),
        add: (0..ENTRIES).map(entry).collect::<io::Result<_>>()?,
        remove: Vec::new(),
        renew: Vec::new(),
        as_of: None,
        duties: Duties {
            confirm_every: SignedDuration::from_hours(24 * 7),
            approval: false,
        },
    })
}
