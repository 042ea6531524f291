//! A hit, for somebody who has to decide what to do about it.

use std::io::{self, Write};

use turnpike_schemas::{
    api::hits::{HitEvent, HitEventKind, HitNotice, HitReport},
    hit::{HitState, Matched, Standing},
    plate::JurisdictionMatch,
    read::{Attribute, PlateRead},
};

use super::super::{
    table::{clean, time, wrapped},
    words::counted,
};

pub(super) fn state_words(state: HitState) -> &'static str {
    match state {
        HitState::Unconfirmed => "not looked at",
        HitState::Confirmed => "confirmed",
        HitState::WrongPlate => "wrong plate",
        HitState::WrongJurisdiction => "wrong issuer",
        HitState::Stale => "stale",
        HitState::Other => "otherwise wrong",
    }
}

pub(super) fn standing_words(standing: Standing) -> &'static str {
    match standing {
        Standing::Stands => "yes",
        Standing::Corrected => "NO: corrected",
        Standing::Withdrawn => "NO: withdrawn",
    }
}

/// `about` is what was shown of the hit before.
pub(super) fn event(out: &mut dyn Write, event: &HitEvent, about: Option<&str>) -> io::Result<()> {
    match event.kind {
        HitEventKind::Reviewed => writeln!(
            out,
            "-- {} UTC: {}\n   {}\n   hit     {}\n",
            time(event.at),
            state_words(event.state),
            about.unwrap_or("shown before this began"),
            event.hit
        ),
        HitEventKind::Hit => whole(out, event, "POSSIBLE MATCH: CONFIRM BEFORE ACTING"),
        HitEventKind::Escalated => whole(
            out,
            event,
            "POSSIBLE MATCH ITS OWNER HAS NOT SEEN: CONFIRM BEFORE ACTING",
        ),
        HitEventKind::Amended if event.standing == Standing::Stands => whole(
            out,
            event,
            "POSSIBLE MATCH AGAIN, after a correction: CONFIRM BEFORE ACTING",
        ),
        HitEventKind::Amended => {
            let why = match event.standing {
                Standing::Withdrawn => "the source withdrew its read",
                _ => "the source corrected its read",
            };
            writeln!(
                out,
                "!! NO LONGER A MATCH: do not act on this hit\n   {}\n   {} UTC: {why}.\n   hit     {}\n",
                about.unwrap_or("shown before this began"),
                time(event.at),
                event.hit
            )
        }
    }
}

fn whole(out: &mut dyn Write, event: &HitEvent, title: &str) -> io::Result<()> {
    writeln!(out, "** {title}")?;
    match &event.notice {
        Some(told) => notice(out, told)?,
        None => writeln!(out, "   What it showed may no longer be known.")?,
    }
    writeln!(out)
}

pub(super) fn report(out: &mut dyn Write, hit: &HitReport) -> io::Result<()> {
    match hit.standing {
        Standing::Stands => writeln!(out, "** POSSIBLE MATCH: CONFIRM BEFORE ACTING")?,
        standing => writeln!(
            out,
            "!! NO LONGER A MATCH ({}): do not act on this hit",
            standing.as_str()
        )?,
    }
    match &hit.notice {
        Some(told) => notice(out, told)?,
        None => writeln!(
            out,
            "   hit     {}\n   What it showed may no longer be known.",
            hit.hit
        )?,
    }
    match &hit.review {
        Some(review) => writeln!(
            out,
            "   found   {} by {}, {} UTC, after {} s",
            state_words(hit.state),
            clean(&review.by),
            time(review.at),
            review.took_s
        )?,
        None => writeln!(out, "   found   nobody has looked yet")?,
    }
    if let Some(ledger) = hit.ledger {
        writeln!(
            out,
            "   record  entries {} and {} of the ledger",
            ledger.intent, ledger.outcome
        )?;
    }
    Ok(())
}

/// The label of each line is as wide as the longest.
fn line(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    for (n, part) in wrapped(text, 66).lines().enumerate() {
        let label = if n == 0 { label } else { "" };
        writeln!(out, "   {label:<8}{part}")?;
    }
    Ok(())
}

fn notice(out: &mut dyn Write, told: &HitNotice) -> io::Result<()> {
    let observed = &told.read.observation;
    let issuer = observed.plate.jurisdiction.as_ref();
    let issuer = issuer.map_or("issuer not given", |issuer| issuer.as_str());
    let sure = observed.plate.confidence.map_or_else(
        || "confidence not given".to_owned(),
        |sure| format!("{:.0} % sure", sure.get() * 100.0),
    );
    let plate = clean(observed.plate.plate.expose());
    line(out, "read", &format!("{plate}  {issuer}  {sure}"))?;
    line(out, "wanted", &wanted(told))?;
    let late = told.late_by_s.map_or_else(String::new, |late| {
        format!("  LATE: told {} after that", span(late))
    });
    let at = time(observed.captured_at);
    line(out, "when", &format!("{at} UTC{late}"))?;
    line(out, "where", &place(&told.read))?;
    line(out, "vehicle", &vehicle(&told.read))?;
    for caution in &told.cautions {
        line(out, "CAUTION", &caution.says)?;
    }
    for image in &observed.images {
        line(out, "image", &image.reference)?;
    }
    line(
        out,
        "list",
        &format!(
            "{}, entry {}: {}",
            clean(&told.list_name),
            told.entry,
            told.reason.as_str()
        ),
    )?;
    line(
        out,
        "for",
        &format!("{}, case {}", told.purpose, told.case_reference.as_str()),
    )?;
    if !told.obligations.is_empty() {
        line(out, "bound", &told.obligations.join(", "))?;
    }
    line(out, "hit", told.hit.as_str())
}

fn wanted(told: &HitNotice) -> String {
    let issuer = told.wanted_jurisdiction.as_ref();
    let issuer = issuer.map_or("issuer not known", |issuer| issuer.as_str());
    let how = match told.matched {
        Matched::Exact => "the same text",
        Matched::LookAlike => "NOT the same text: only looks alike",
        Matched::Pattern => "a part of the plate only",
    };
    let same = match told.issuer {
        JurisdictionMatch::Same => "same issuer",
        JurisdictionMatch::Unknown => "issuer NOT compared",
        JurisdictionMatch::Different => "other issuer",
    };
    format!("{}  {issuer}  ({how}, {same})", clean(&told.wanted))
}

fn place(read: &PlateRead) -> String {
    let place = &read.observation.place;
    let mut parts = vec![read.source.to_string()];
    let named = [
        ("", &place.site),
        ("", &place.camera),
        ("lane ", &place.lane),
    ];
    parts.extend(
        named
            .into_iter()
            .filter_map(|(what, name)| Some(format!("{what}{}", clean(name.as_ref()?)))),
    );
    if let (Some(lat), Some(lon)) = (place.lat, place.lon) {
        parts.push(format!("{lat:.5},{lon:.5}"));
    }
    if let Some(bearing) = place.bearing_deg {
        parts.push(format!("heading {bearing:.0} degrees"));
    }
    parts.join(", ")
}

fn vehicle(read: &PlateRead) -> String {
    let seen = &read.observation.vehicle;
    let parts = [&seen.colour, &seen.make, &seen.model, &seen.class];
    let said: Vec<String> = parts
        .into_iter()
        .flatten()
        .map(|part: &Attribute| clean(&part.value))
        .collect();
    if said.is_empty() {
        "not described by the source".to_owned()
    } else {
        said.join(" ")
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => counted(seconds, "second"),
        120..7_200 => counted(seconds / 60, "minute"),
        7_200..172_800 => counted(seconds / 3_600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}
