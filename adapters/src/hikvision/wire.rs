//! The document as the camera writes it: `EventNotificationAlert` of ISAPI, as far as a read needs it.
//!
//! Elements are known by their local names: firmware differs in the namespace, and recorders add prefixes. What is not
//! named here ends at the parse: occupants (belt, phone, mask, child), list names, remarks, addresses of the device.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    events::{BytesRef, Event},
};

const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: u32 = 4096;
/// Longest text of one element that is taken.
const MAX_TEXT: usize = 1024;

const NOT_WELL_FORMED: &str = "not well-formed XML";

/// An element whose text is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// `ANPR` for a read.
    EventType,
    /// `active` or `inactive`.
    EventState,
    MacAddress,
    ChannelId,
    /// Free text.
    ChannelName,
    /// `xs:dateTime`, with an offset on modern firmware.
    DateTime,
    /// Of the event; absent on old firmware.
    Uuid,
    /// `true` when sent again later.
    Resent,
    CountryAbbreviation,
    /// A number of the vendor's, a name on old firmware.
    Country,
    LicensePlate,
    /// Before the camera's local rules.
    OriginalPlate,
    /// Lane.
    Line,
    /// `forward` towards the camera, `reverse` away from it.
    Direction,
    /// 0 to 100.
    Confidence,
    /// 0 to 100 for each character, with commas.
    CharConfidence,
    PlateType,
    PlateColour,
    VehicleType,
    /// A colour's name.
    Colour,
    /// A number of the vendor's; 0 for none. The same for the next two.
    Logo,
    SubLogo,
    Model,
    Speed,
    /// `yyyyMMddHHmmssSSS`, local, of a picture.
    AbsTime,
    LongitudeType,
    LongitudeDegree,
    LongitudeMinute,
    LongitudeSecond,
    LatitudeType,
    LatitudeDegree,
    LatitudeMinute,
    LatitudeSecond,
}

const FIELDS: usize = Field::LatitudeSecond as usize + 1;

impl Field {
    /// Where it stands.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::EventType => "eventType",
            Self::EventState => "eventState",
            Self::MacAddress => "macAddress",
            Self::ChannelId => "channelID",
            Self::ChannelName => "channelName",
            Self::DateTime => "dateTime",
            Self::Uuid => "UUID",
            Self::Resent => "isDataRetransmission",
            Self::CountryAbbreviation => "countryAbbreviation",
            Self::Country => "ANPR/country",
            Self::LicensePlate => "ANPR/licensePlate",
            Self::OriginalPlate => "ANPR/originalLicensePlate",
            Self::Line => "ANPR/line",
            Self::Direction => "ANPR/direction",
            Self::Confidence => "ANPR/confidenceLevel",
            Self::CharConfidence => "ANPR/plateCharBelieve",
            Self::PlateType => "ANPR/plateType",
            Self::PlateColour => "ANPR/plateColor",
            Self::VehicleType => "ANPR/vehicleType",
            Self::Colour => "ANPR/vehicleInfo/color",
            Self::Logo => "ANPR/vehicleInfo/vehicleLogoRecog",
            Self::SubLogo => "ANPR/vehicleInfo/vehileSubLogoRecog",
            Self::Model => "ANPR/vehicleInfo/vehileModel",
            Self::Speed => "ANPR/vehicleInfo/speed",
            Self::AbsTime => "ANPR/pictureInfoList/pictureInfo/absTime",
            Self::LongitudeType => "DeviceGPSInfo/longitudeType",
            Self::LongitudeDegree => "DeviceGPSInfo/Longitude/degree",
            Self::LongitudeMinute => "DeviceGPSInfo/Longitude/minute",
            Self::LongitudeSecond => "DeviceGPSInfo/Longitude/sec",
            Self::LatitudeType => "DeviceGPSInfo/latitudeType",
            Self::LatitudeDegree => "DeviceGPSInfo/Latitude/degree",
            Self::LatitudeMinute => "DeviceGPSInfo/Latitude/minute",
            Self::LatitudeSecond => "DeviceGPSInfo/Latitude/sec",
        }
    }
}

/// A field and the rule it breaks.
pub(super) type Fault = (&'static str, &'static str);

/// One document. Not printable: it holds the plate.
pub(super) struct Alert<'x> {
    fields: [Option<Cow<'x, str>>; FIELDS],
    fault: Option<Fault>,
    /// Whether it has an `ANPR` element.
    pub(super) has_anpr: bool,
}

/// What an open element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Root,
    Anpr,
    VehicleInfo,
    Pictures,
    Picture,
    Gps,
    Longitude,
    Latitude,
    Leaf(Field),
    Skipped,
}

impl Node {
    /// The element called `name` inside this one.
    fn child(self, name: &str) -> Self {
        use Field as F;
        match (self, name) {
            (Self::Root, "ANPR") => Self::Anpr,
            (Self::Root, "eventType") => Self::Leaf(F::EventType),
            (Self::Root, "eventState") => Self::Leaf(F::EventState),
            (Self::Root, "macAddress") => Self::Leaf(F::MacAddress),
            (Self::Root, "channelID") => Self::Leaf(F::ChannelId),
            (Self::Root, "channelName") => Self::Leaf(F::ChannelName),
            (Self::Root, "dateTime") => Self::Leaf(F::DateTime),
            (Self::Root, "UUID") => Self::Leaf(F::Uuid),
            (Self::Root, "isDataRetransmission") => Self::Leaf(F::Resent),
            (Self::Root, "countryAbbreviation") => Self::Leaf(F::CountryAbbreviation),
            (Self::Root, "DeviceGPSInfo") => Self::Gps,
            (Self::Anpr, "country") => Self::Leaf(F::Country),
            (Self::Anpr, "licensePlate") => Self::Leaf(F::LicensePlate),
            (Self::Anpr, "originalLicensePlate") => Self::Leaf(F::OriginalPlate),
            (Self::Anpr, "line") => Self::Leaf(F::Line),
            (Self::Anpr, "direction") => Self::Leaf(F::Direction),
            (Self::Anpr, "confidenceLevel") => Self::Leaf(F::Confidence),
            (Self::Anpr, "plateCharBelieve") => Self::Leaf(F::CharConfidence),
            (Self::Anpr, "plateType") => Self::Leaf(F::PlateType),
            (Self::Anpr, "plateColor") => Self::Leaf(F::PlateColour),
            (Self::Anpr, "vehicleType") => Self::Leaf(F::VehicleType),
            (Self::Anpr, "vehicleInfo") => Self::VehicleInfo,
            (Self::Anpr, "pictureInfoList") => Self::Pictures,
            (Self::VehicleInfo, "color") => Self::Leaf(F::Colour),
            (Self::VehicleInfo, "vehicleLogoRecog") => Self::Leaf(F::Logo),
            (Self::VehicleInfo, "vehileSubLogoRecog") => Self::Leaf(F::SubLogo),
            (Self::VehicleInfo, "vehileModel") => Self::Leaf(F::Model),
            (Self::VehicleInfo, "speed") => Self::Leaf(F::Speed),
            (Self::Pictures, "pictureInfo") => Self::Picture,
            (Self::Picture, "absTime") => Self::Leaf(F::AbsTime),
            (Self::Gps, "longitudeType") => Self::Leaf(F::LongitudeType),
            (Self::Gps, "latitudeType") => Self::Leaf(F::LatitudeType),
            (Self::Gps, "Longitude") => Self::Longitude,
            (Self::Gps, "Latitude") => Self::Latitude,
            (Self::Longitude, "degree") => Self::Leaf(F::LongitudeDegree),
            (Self::Longitude, "minute") => Self::Leaf(F::LongitudeMinute),
            (Self::Longitude, "sec") => Self::Leaf(F::LongitudeSecond),
            (Self::Latitude, "degree") => Self::Leaf(F::LatitudeDegree),
            (Self::Latitude, "minute") => Self::Leaf(F::LatitudeMinute),
            (Self::Latitude, "sec") => Self::Leaf(F::LatitudeSecond),
            _ => Self::Skipped,
        }
    }
}

impl<'x> Alert<'x> {
    /// Reads a document to its end.
    ///
    /// # Errors
    /// The rule that the document as a whole breaks.
    pub(super) fn parse(text: &'x str) -> Result<Self, &'static str> {
        let mut reader = Reader::from_str(text);
        // Firmware writes `&` as it is inside names.
        reader.config_mut().allow_dangling_amp = true;
        let mut document = Document {
            alert: Self {
                fields: [const { None }; FIELDS],
                fault: None,
                has_anpr: false,
            },
            begun: false,
            open: Vec::with_capacity(MAX_DEPTH),
            elements: 0,
        };
        loop {
            match reader.read_event() {
                Ok(Event::Eof) => return document.finish(),
                Ok(event) => document.take(event)?,
                Err(_) => return Err(NOT_WELL_FORMED),
            }
        }
    }

    /// The first field that cannot be what the format says, whatever it means.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The text of a field; `None` where it is absent or empty.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        let text = self.sent(field)?;
        (!text.is_empty()).then_some(text)
    }

    /// The text of a field, which may be empty.
    pub(super) fn sent(&self, field: Field) -> Option<&str> {
        let text = self.fields.get(field as usize)?.as_ref()?;
        Some(text.trim())
    }
}

struct Document<'x> {
    alert: Alert<'x>,
    begun: bool,
    open: Vec<Node>,
    elements: u32,
}

impl<'x> Document<'x> {
    fn take(&mut self, event: Event<'x>) -> Result<(), &'static str> {
        match event {
            Event::Start(start) => self.start(start.local_name().as_ref()),
            Event::Empty(start) => {
                self.start(start.local_name().as_ref())?;
                self.end();
                Ok(())
            }
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => self.text(text.into_inner()),
            Event::CData(text) => self.text(text.into_inner()),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::DocType(_) => Err("document type declaration"),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, name: &str) -> Result<(), &'static str> {
        if self.open.len() >= MAX_DEPTH {
            return Err("elements are nested too deep");
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err("too many elements");
        }
        let node = match self.open.last() {
            Some(Node::Leaf(field)) => {
                self.fail(*field, "element inside text");
                Node::Skipped
            }
            Some(parent) => parent.child(name),
            None => self.root(name)?,
        };
        let node = match node {
            Node::Leaf(field) => self.open_field(field),
            node => node,
        };
        if node == Node::Anpr {
            if self.alert.has_anpr {
                self.fault("ANPR", "given twice");
            }
            self.alert.has_anpr = true;
        }
        self.open.push(node);
        Ok(())
    }

    fn root(&mut self, name: &str) -> Result<Node, &'static str> {
        if self.begun {
            return Err("more than one document");
        }
        self.begun = true;
        if name != "EventNotificationAlert" {
            return Err("not an EventNotificationAlert");
        }
        Ok(Node::Root)
    }

    fn end(&mut self) {
        self.open.pop();
    }

    /// Begins a field. Of the pictures' times the first is taken; nothing else may be there twice.
    fn open_field(&mut self, field: Field) -> Node {
        match self.alert.fields.get_mut(field as usize) {
            Some(slot) if slot.is_none() => {
                *slot = Some(Cow::Borrowed(""));
                Node::Leaf(field)
            }
            _ => {
                if field != Field::AbsTime {
                    self.fail(field, "given twice");
                }
                Node::Skipped
            }
        }
    }

    fn text(&mut self, text: Cow<'x, str>) -> Result<(), &'static str> {
        match self.open.last().copied() {
            Some(Node::Leaf(field)) => {
                self.append(field, text);
                Ok(())
            }
            Some(_) => Ok(()),
            None if text.trim_ascii().is_empty() => Ok(()),
            None if self.begun => Err("text behind the document"),
            None => Err(NOT_WELL_FORMED),
        }
    }

    fn append(&mut self, field: Field, text: Cow<'x, str>) {
        let Some(Some(slot)) = self.alert.fields.get_mut(field as usize) else {
            return;
        };
        if slot.len() + text.len() > MAX_TEXT {
            self.fail(field, "longer than 1024 bytes");
        } else if slot.is_empty() {
            *slot = text;
        } else {
            slot.to_mut().push_str(&text);
        }
    }

    /// Character references and the five predefined entities; there is no declaration, so there are no others. One of
    /// those makes the text of its field something else than text.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), &'static str> {
        let resolved = match reference.resolve_char_ref() {
            Ok(Some(c)) => c,
            Ok(None) => match &**reference {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "apos" => '\'',
                "quot" => '"',
                _ => char::REPLACEMENT_CHARACTER,
            },
            Err(_) => char::REPLACEMENT_CHARACTER,
        };
        self.text(Cow::Owned(resolved.to_string()))
    }

    fn fail(&mut self, field: Field, rule: &'static str) {
        self.fault(field.path(), rule);
    }

    fn fault(&mut self, path: &'static str, rule: &'static str) {
        self.alert.fault.get_or_insert((path, rule));
    }

    fn finish(self) -> Result<Alert<'x>, &'static str> {
        if !self.begun || !self.open.is_empty() {
            return Err("ends too early");
        }
        Ok(self.alert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(inside: &str) -> String {
        format!("<EventNotificationAlert>{inside}</EventNotificationAlert>")
    }

    #[test]
    fn fields_are_told_by_local_name_and_place() {
        for (open, close) in [
            (
                "<EventNotificationAlert xmlns='http://www.hikvision.com/ver20/XMLSchema'>",
                "</EventNotificationAlert>",
            ),
            (
                "<EventNotificationAlert xmlns='http://www.std-cgi.com/ver10/XMLSchema'>",
                "</EventNotificationAlert>",
            ),
            (
                "<ns1:EventNotificationAlert xmlns:ns1='http://www.isapi.org/ver20/XMLSchema'>",
                "</ns1:EventNotificationAlert>",
            ),
        ] {
            let text = format!(
                "<?xml version='1.0'?><!-- x -->{open}<n:eventType> ANPR\n</n:eventType><country>3</country>\
                 <ANPR><licensePlate><![CDATA[TPK]]>0&#52;21</licensePlate><eventType>other</eventType><line/></ANPR>{close}\n"
            );
            let alert = Alert::parse(&text).unwrap();
            assert_eq!(alert.get(Field::EventType), Some("ANPR"));
            assert_eq!(alert.get(Field::LicensePlate), Some("TPK0421"));
            assert_eq!(
                (alert.get(Field::Country), alert.get(Field::Line)),
                (None, None)
            );
            assert_eq!(
                (alert.sent(Field::Line), alert.fault(), alert.has_anpr),
                (Some(""), None, true)
            );
        }
    }

    #[test]
    fn the_first_picture_gives_the_time() {
        let picture = |time: &str| format!("<pictureInfo><absTime>{time}</absTime></pictureInfo>");
        let text = root(&format!(
            "<ANPR><pictureInfoList>{}{}</pictureInfoList></ANPR>",
            picture("1"),
            picture("2")
        ));
        let alert = Alert::parse(&text).unwrap();
        assert_eq!(
            (alert.get(Field::AbsTime), alert.fault()),
            (Some("1"), None)
        );
    }

    #[test]
    fn a_stray_ampersand_is_text_and_an_unknown_entity_is_none() {
        let text = root(
            "<channelName>Gate & Yard &amp; Lot</channelName><macAddress>a&nbsp;b</macAddress>",
        );
        let alert = Alert::parse(&text).unwrap();
        assert_eq!(alert.get(Field::ChannelName), Some("Gate & Yard & Lot"));
        assert_eq!(alert.get(Field::MacAddress), Some("a\u{fffd}b"));
    }

    #[test]
    fn a_document_that_is_none_says_why() {
        for (text, rule) in [
            (String::new(), "ends too early"),
            ("text".to_owned(), NOT_WELL_FORMED),
            ("<html></html>".to_owned(), "not an EventNotificationAlert"),
            (
                "<!DOCTYPE a [<!ENTITY b 'c'>]><EventNotificationAlert/>".to_owned(),
                "document type declaration",
            ),
            ("<EventNotificationAlert><a>".to_owned(), "ends too early"),
            ("<EventNotificationAlert></a>".to_owned(), NOT_WELL_FORMED),
            (root("") + &root(""), "more than one document"),
            (root("") + "x", "text behind the document"),
            (root(&"<a>".repeat(100_000)), "elements are nested too deep"),
            (root(&"<a/>".repeat(5_000)), "too many elements"),
        ] {
            assert_eq!(Alert::parse(&text).err(), Some(rule), "{:.60}", text);
        }
    }

    #[test]
    fn a_field_that_is_no_plain_text_is_a_fault() {
        let long = "x".repeat(1025);
        for (inside, fault) in [
            (
                "<ANPR><licensePlate>T<b>P</b>K</licensePlate></ANPR>",
                ("ANPR/licensePlate", "element inside text"),
            ),
            ("<UUID>a</UUID><UUID>b</UUID>", ("UUID", "given twice")),
            ("<ANPR/><ANPR/>", ("ANPR", "given twice")),
            (
                &*format!("<UUID>{long}</UUID>"),
                ("UUID", "longer than 1024 bytes"),
            ),
        ] {
            assert_eq!(
                Alert::parse(&root(inside)).unwrap().fault(),
                Some(fault),
                "{:.60}",
                inside
            );
        }
        assert_eq!(
            Alert::parse(&root(&format!("<other>{long}</other>")))
                .unwrap()
                .fault(),
            None
        );
    }
}
