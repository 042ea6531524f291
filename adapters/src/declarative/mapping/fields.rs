//! `[fields]`: the canonical names on the left, the vendor's places on the right.

use std::ops::Range;

use jiff::{Timestamp, tz::TimeZone};
use turnpike_schemas::{
    plate::Jurisdiction,
    read::{ImageKind, ReadKind},
};

use super::{
    Loading,
    document::{Node, Table},
    source::{Kind, PERSONAL},
};
use crate::declarative::{
    capture,
    field::{Condition, Source, Test, TimeField},
    path::{Format, Path},
    read::{Candidates, Described, Fields, Identity, Issuer, Revision, Scaled},
    time::{LocalZone, Repeated, TimeFormat, Zone},
};

impl<'t> Loading<'_, 't, '_> {
    /// The canonical fields.
    pub(super) fn fields(&mut self, mut table: Table<'_, 't>, kind: ReadKind) -> Option<Fields> {
        let record = table.require("record", self.problems);
        let plate = table
            .require("plate", self.problems)
            .and_then(|node| node.table(self.problems));
        let captured = table.require("captured_at", self.problems);
        let record = record.and_then(|node| self.identity(&node));
        let aliases = table
            .take("aliases")
            .map(|node| self.aliases(&node))
            .unwrap_or_default();
        let revision = table.take("revision").and_then(|node| self.revision(&node));
        let retracted = table
            .take("retracted")
            .and_then(|node| self.condition(&node, false));
        let not_before = table
            .take("not_before")
            .and_then(|node| self.instant(&node));
        let captured = captured.and_then(|node| self.time(&node));
        let mut fields = Fields {
            kind,
            typed: self.layout.format.is_typed(),
            record: Identity::Content,
            aliases,
            revision,
            retracted,
            plate: Source::default(),
            confidence: None,
            jurisdiction: None,
            jurisdiction_confidence: None,
            candidates: None,
            captured_at: captured.unwrap_or_else(nothing),
            not_before,
            position: None,
            site: None,
            camera: None,
            lane: None,
            bearing: None,
            image_bearing: None,
            make: None,
            model: None,
            colour: None,
            class: None,
            images: Vec::new(),
            image_base: None,
            extra: Vec::new(),
            skip: Vec::new(),
        };
        if let Some(table) = plate {
            self.plate(table, &mut fields);
        }
        if let Some(place) = table.table("place", self.problems) {
            self.place(place, &mut fields);
        }
        if let Some(vehicle) = table.table("vehicle", self.problems) {
            self.vehicle(vehicle, &mut fields);
        }
        if let Some(images) = table.table("images", self.problems) {
            self.images(images, &mut fields);
        }
        if let Some(extra) = table.table("extra", self.problems) {
            self.extra(&extra, &mut fields);
        }
        table.finish(self.problems);
        fields.record = record?;
        Some(fields)
    }

    fn plate(&mut self, mut table: Table<'_, 't>, fields: &mut Fields) {
        if let Some(node) = table.require("text", self.problems)
            && let Some(source) = self.plate_text(&node)
        {
            fields.plate = source;
        }
        fields.confidence = table.take("confidence").and_then(|node| self.scaled(&node));
        fields.jurisdiction = table
            .take("jurisdiction")
            .and_then(|node| self.issuer(&node));
        fields.jurisdiction_confidence = table
            .take("jurisdiction_confidence")
            .and_then(|node| self.scaled(&node));
        fields.candidates = table
            .take("candidates")
            .and_then(|node| self.candidates(&node));
        table.finish(self.problems);
    }

    fn place(&mut self, mut table: Table<'_, 't>, fields: &mut Fields) {
        let number = |loading: &mut Self, node: Option<Node<'_, 't>>| {
            node.and_then(|node| loading.source(&node, Kind::Number))
        };
        let lat = table.take("lat");
        let lon = table.take("lon");
        match (&lat, &lon) {
            (Some(half), None) | (None, Some(half)) => {
                self.problems
                    .add(&half.span, "`place.lat` and `place.lon` belong together");
            }
            _ => {}
        }
        let (lat, lon) = (number(self, lat), number(self, lon));
        fields.position = lat.zip(lon);
        fields.bearing = number(self, table.take("bearing_deg"));
        fields.image_bearing = number(self, table.take("image_bearing_deg"));
        let name = |loading: &mut Self, node: Option<Node<'_, 't>>| {
            node.and_then(|node| loading.source(&node, Kind::Identity))
        };
        fields.site = name(self, table.take("site"));
        fields.camera = name(self, table.take("camera"));
        fields.lane = name(self, table.take("lane"));
        table.finish(self.problems);
    }

    fn vehicle(&mut self, mut table: Table<'_, 't>, fields: &mut Fields) {
        fields.make = table.take("make").and_then(|node| self.described(&node));
        fields.model = table.take("model").and_then(|node| self.described(&node));
        fields.colour = table.take("colour").and_then(|node| self.described(&node));
        fields.class = table.take("class").and_then(|node| self.described(&node));
        table.finish(self.problems);
    }

    fn images(&mut self, mut table: Table<'_, 't>, fields: &mut Fields) {
        self.used.note("image_base_url");
        for (key, kind) in [
            ("plate", ImageKind::Plate),
            ("vehicle", ImageKind::Vehicle),
            ("scene", ImageKind::Scene),
        ] {
            if let Some(node) = table.take(key)
                && let Some(source) = self.source(&node, Kind::Text)
            {
                fields.images.push((kind, source));
            }
        }
        table.finish(self.problems);
    }

    fn extra(&mut self, table: &Table<'_, 't>, fields: &mut Fields) {
        for (name, span, node) in table.each() {
            let good = (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !good {
                self.problems.add(
                    &span,
                    "a name under `extra` is 1 to 64 of `a-z`, `0-9` and `_`",
                );
            }
            if self.is_denied(name) {
                self.problems.add(&span, PERSONAL);
            }
            if let Some(source) = self.source(&node, Kind::Identity) {
                fields.extra.push((name.to_owned(), source));
            }
        }
    }

    fn identity(&mut self, node: &Node<'_, 't>) -> Option<Identity> {
        if node.value.as_str() == Some("content") {
            return Some(Identity::Content);
        }
        self.source(node, Kind::Identity).map(Identity::Field)
    }

    fn aliases(&mut self, node: &Node<'_, 't>) -> Vec<Source> {
        let list = node.list(self.problems).unwrap_or_default();
        list.iter()
            .filter_map(|node| self.source(node, Kind::Identity))
            .collect()
    }

    fn revision(&mut self, node: &Node<'_, 't>) -> Option<Revision> {
        let is_time = node
            .value
            .as_table()
            .is_some_and(|table| table.iter().any(|(key, _)| key.get_ref() == "time"));
        if is_time {
            self.time(node).map(Revision::Time)
        } else {
            self.source(node, Kind::Number).map(Revision::Number)
        }
    }

    fn instant(&mut self, node: &Node<'_, 't>) -> Option<Timestamp> {
        let text = node.text(self.problems)?;
        let instant = text.parse();
        if instant.is_err() {
            self.problems.add(
                &node.span,
                "must be an instant such as `2015-01-01T00:00:00Z`",
            );
        }
        instant.ok()
    }

    /// A plate may be called a tag: the deny list means transponders.
    fn plate_text(&mut self, node: &Node<'_, 't>) -> Option<Source> {
        let (source, table) = self.opened(node, Kind::Text, &["tag", "tagnumber"])?;
        self.done(table);
        Some(source)
    }

    fn source(&mut self, node: &Node<'_, 't>, kind: Kind) -> Option<Source> {
        let (source, table) = self.opened(node, kind, &[])?;
        self.done(table);
        Some(source)
    }

    fn done(&mut self, table: Option<Table<'_, 't>>) {
        if let Some(table) = table {
            table.finish(self.problems);
        }
    }

    fn scaled(&mut self, node: &Node<'_, 't>) -> Option<Scaled> {
        let (source, table) = self.opened(node, Kind::Number, &[])?;
        let Some(mut table) = table else {
            self.problems.add(&node.span, SCALE);
            return None;
        };
        let full = self.full(&mut table);
        table.finish(self.problems);
        Some(Scaled {
            source,
            full: full?,
        })
    }

    /// The value that stands for certainty. It is never told from the values.
    fn full(&mut self, table: &mut Table<'_, 't>) -> Option<f64> {
        let Some(node) = table.take("scale") else {
            self.problems.add(&table.span, SCALE);
            return None;
        };
        let full = if node.value.as_str() == Some("configured") {
            self.used.note("full_scale");
            let chosen = self.choices.full_scale;
            if chosen.is_none() {
                self.problems
                    .add(&node.span, "needs the setting `full_scale` of the source");
            }
            return chosen;
        } else {
            node.number().filter(|full| *full > 0.0)
        };
        if full.is_none() {
            self.problems.add(&node.span, SCALE);
        }
        full
    }

    fn issuer(&mut self, node: &Node<'_, 't>) -> Option<Issuer> {
        let (source, table) = self.opened(node, Kind::Text, &[])?;
        let Some(mut table) = table else {
            return Some(Issuer {
                source,
                country: None,
            });
        };
        let country = table.take("country").and_then(|node| self.country(&node));
        table.finish(self.problems);
        Some(Issuer { source, country })
    }

    fn country(&mut self, node: &Node<'_, 't>) -> Option<Jurisdiction> {
        let text = node.text(self.problems)?;
        if text == "configured" {
            self.used.note("country");
            if self.choices.country.is_none() {
                self.problems
                    .add(&node.span, "needs the setting `country` of the source");
            }
            return self.choices.country.clone();
        }
        let country = Jurisdiction::parse(text)
            .ok()
            .filter(|country| !country.has_subdivision());
        if country.is_none() {
            self.problems
                .add(&node.span, "must be a country of ISO 3166-1 such as `US`");
        }
        country
    }

    fn described(&mut self, node: &Node<'_, 't>) -> Option<Described> {
        let (value, table) = self.opened(node, Kind::Text, &[])?;
        let confidence = table.and_then(|mut table| {
            let confidence = table.take("confidence").and_then(|node| self.scaled(&node));
            table.finish(self.problems);
            confidence
        });
        Some(Described { value, confidence })
    }

    fn candidates(&mut self, node: &Node<'_, 't>) -> Option<Candidates> {
        if self.layout.format != Format::Json && self.layout.format != Format::JsonLines {
            self.problems
                .add(&node.span, "`candidates` are read from JSON only");
            return None;
        }
        let mut table = node.table(self.problems)?;
        let list = table.require("at", self.problems)?;
        let list = self.steps(&list)?;
        let mut each = capture::Node::default();
        let text = table.require("text", self.problems)?;
        each.at(&self.steps(&text)?).slot = Some(0);
        let confidence = table
            .table("confidence", self.problems)
            .and_then(|mut table| {
                let place = table.require("at", self.problems)?;
                each.at(&self.steps(&place)?).slot = Some(1);
                let full = self.full(&mut table)?;
                let source = Source {
                    name: place.value.as_str().unwrap_or_default().to_owned(),
                    slots: vec![1],
                    unknown: self.unknown.clone(),
                    loose: table.flag("number_or_text", self.problems).unwrap_or(false),
                    ..Source::default()
                };
                table.finish(self.problems);
                Some(Scaled { source, full })
            });
        table.finish(self.problems);
        self.layout.candidates(&list, each);
        let text = Source {
            unknown: self.unknown.clone(),
            ..Source::default()
        };
        Some(Candidates { text, confidence })
    }

    fn steps(&mut self, node: &Node<'_, 't>) -> Option<Vec<String>> {
        let text = node.text(self.problems)?;
        match self.place_at(text, &node.span, &[])?.path {
            Path::Steps(steps) => Some(steps),
            _ => {
                self.problems.add(&node.span, "must name one place");
                None
            }
        }
    }

    /// A field that is a time: its form, and which zone it is meant in.
    fn time(&mut self, node: &Node<'_, 't>) -> Option<TimeField> {
        let (mut source, table) = self.opened(node, Kind::Text, &[])?;
        let Some(mut table) = table else {
            self.problems.add(
                &node.span,
                "a time needs its form: `{ at = \"...\", time = \"rfc3339\" }`",
            );
            return None;
        };
        if table.take("join").is_none() {
            " ".clone_into(&mut source.join);
        }
        let format = self.form(&mut table);
        let zone = table.take("zone");
        let repeated = table.word("repeated_hour", &Repeated::WORDS, self.problems);
        let format = match format {
            Some(format) => format,
            None => {
                table.finish(self.problems);
                return None;
            }
        };
        let zone = self.zone(zone.as_ref(), &format, &table.span);
        let is_local = matches!(zone, Some(Zone::Named(_) | Zone::Field { .. }));
        if is_local {
            self.used.note("repeated_hour");
        } else if repeated.is_some() {
            self.problems
                .add(&table.span, "`repeated_hour` is for local times");
        }
        table.finish(self.problems);
        Some(TimeField {
            source,
            format,
            zone: zone?,
            repeated: self
                .choices
                .repeated_hour
                .or(repeated)
                .unwrap_or(Repeated::Refuse),
        })
    }

    fn form(&mut self, table: &mut Table<'_, 't>) -> Option<TimeFormat> {
        let node = table.require("time", self.problems)?;
        let text = node.text(self.problems)?;
        TimeFormat::parse(text)
            .map_err(|message| self.problems.add(&node.span, message))
            .ok()
    }

    fn zone(
        &mut self,
        node: Option<&Node<'_, 't>>,
        format: &TimeFormat,
        span: &Range<usize>,
    ) -> Option<Zone> {
        let Some(node) = node else {
            if format.has_zone() {
                return Some(Zone::InValue);
            }
            self.problems.add(
                span,
                "a time without an offset needs `zone`: `\"utc\"`, `\"configured\"`, a name such as `\"America/New_York\"`, or `{ at = \"...\", names = \"iana\" }`",
            );
            return None;
        };
        if format.has_zone() {
            if node.value.as_str() == Some("in_value") {
                return Some(Zone::InValue);
            }
            self.problems.add(
                &node.span,
                "the value itself says its zone: leave `zone` out",
            );
            return None;
        }
        if node.value.is_table() {
            return self.zone_field(node);
        }
        match node.text(self.problems)? {
            "utc" => Some(Zone::Utc),
            "in_value" => {
                self.problems
                    .add(&node.span, "this form of time has no offset in it");
                None
            }
            "configured" => {
                self.used.note("zone");
                if self.choices.zone.is_none() {
                    self.problems
                        .add(&node.span, "needs the setting `zone` of the source");
                }
                let zone = self.choices.zone.clone();
                zone.map(|zone| Zone::Named(LocalZone::new(zone)))
            }
            name => match TimeZone::get(name) {
                Ok(zone) if name.contains('/') => Some(Zone::Named(LocalZone::new(zone))),
                _ => {
                    self.problems.add(
                        &node.span,
                        "not a zone of the IANA database such as `America/New_York`",
                    );
                    None
                }
            },
        }
    }

    fn zone_field(&mut self, node: &Node<'_, 't>) -> Option<Zone> {
        let mut table = node.table(self.problems)?;
        let place = table.require("at", self.problems);
        let windows = table
            .word(
                "names",
                &[("iana", false), ("windows", true)],
                self.problems,
            )
            .unwrap_or(false);
        table.finish(self.problems);
        let slot = self.slot(&place?, &[])?;
        Some(Zone::Field { slot, windows })
    }

    /// A condition: `{ at, equals }`, `{ at, not_equals }` or `{ at, set = true }`. `of_answer` counts from the whole answer.
    pub(super) fn condition(&mut self, node: &Node<'_, 't>, of_answer: bool) -> Option<Condition> {
        let mut table = node.table(self.problems)?;
        let condition = self.condition_in(&mut table, of_answer);
        table.finish(self.problems);
        condition
    }

    pub(super) fn condition_in(
        &mut self,
        table: &mut Table<'_, 't>,
        of_answer: bool,
    ) -> Option<Condition> {
        let place = table.require("at", self.problems);
        let equals = table.take("equals").map(|node| self.scalars(&node));
        let not_equals = table.take("not_equals").map(|node| self.scalars(&node));
        let set = table.flag("set", self.problems);
        let test = match (equals, not_equals, set) {
            (Some(texts), None, None) => Some(Test::Equals(texts)),
            (None, Some(texts), None) => Some(Test::NotEquals(texts)),
            (None, None, Some(true)) => Some(Test::IsSet),
            _ => {
                let message = "a condition has one of `equals = [...]`, `not_equals = [...]` and `set = true`";
                self.problems.add(&table.span, message);
                None
            }
        };
        let place = place?;
        let slot = if of_answer {
            self.answer_slot(&place)?
        } else {
            self.slot(&place, &[])?
        };
        Some(Condition { slot, test: test? })
    }

    /// `[[records.skip]]`.
    pub(super) fn skipped(&mut self, table: &Table<'_, 't>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (name, span, node) in table.each() {
            match name {
                "at" | "missing" => {}
                "skip" => {
                    let list = node.list(self.problems).unwrap_or_default();
                    conditions.extend(list.iter().filter_map(|node| self.condition(node, false)));
                }
                _ => self.problems.add(
                    &span,
                    format!("unknown key `{name}`; known here: `at`, `missing`, `skip`"),
                ),
            }
        }
        conditions
    }
}

const SCALE: &str = "a confidence needs its full scale: `{ at = \"...\", scale = 100 }`, or `scale = \"configured\"`";

/// Stands in for a time that could not be read, until the problems are told.
fn nothing() -> TimeField {
    TimeField {
        source: Source::default(),
        format: TimeFormat::Epoch { per_second: 1 },
        zone: Zone::InValue,
        repeated: Repeated::Refuse,
    }
}
