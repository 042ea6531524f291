//! Documents as the vendor's description shows them.

use jiff::tz::Offset;
use jiff::{Timestamp, civil::DateTime};

use crate::sim::CANARY;
use crate::town::{Family, Passage, TOWN_OFFSET_HOURS};

/// Which namespace the firmware writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// `hikvision.com`, version 2.0.
    Hikvision,
    /// `isapi.org`.
    Isapi,
    /// `std-cgi.com`.
    StdCgi,
    /// `isapi.org` under a prefix, as a recorder relays it.
    Prefixed,
}

/// One ANPR event. Every field can be changed before [`Event::xml`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Address of the camera.
    pub mac: String,
    /// Its channel.
    pub channel: u32,
    /// Its name, free text.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Whether `dateTime` has milliseconds; `absTime` always has.
    pub milliseconds: bool,
    /// The offset the camera is set to, in hours; `None` writes none.
    pub offset_hours: Option<i8>,
    /// The text; `unknown` when none was read.
    pub plate: String,
    /// 0 to 100.
    pub confidence: f64,
    /// Lane.
    pub lane: u8,
    /// `forward`, `reverse` or `unknown`.
    pub direction: &'static str,
    /// Of the vehicle.
    pub colour: &'static str,
    /// Event id; old firmware has none.
    pub uuid: Option<String>,
    /// How often it was posted.
    pub post_count: u32,
    /// Sent again later.
    pub resent: bool,
    /// Whether it says something about the people inside, all canaries.
    pub occupants: bool,
    /// Of the document.
    pub namespace: Namespace,
    /// Declared encoding, where declared.
    pub declared: Option<&'static str>,
}

impl Event {
    /// The event of a passage with a read plate; `None` for another family.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        if passage.site.family != Family::Camera {
            return None;
        }
        let code: u32 = passage.site.code.parse().ok()?;
        let plate = passage.text.as_deref().unwrap_or("unknown");
        let mut event = Self::read(code, passage.at, plate);
        event.confidence = passage.confidence_percent();
        event.lane = passage.lane;
        event.colour = passage.vehicle.colour;
        event.name = passage.site.name.clone();
        Some(event)
    }

    /// An event of camera number `code`.
    #[must_use]
    pub fn read(code: u32, at: Timestamp, plate: &str) -> Self {
        Self {
            mac: format!("02:00:00:00:{:02x}:{:02x}", code / 256 % 256, code % 256),
            channel: 1,
            name: "Brookdale Gate 2".to_owned(),
            at,
            milliseconds: true,
            offset_hours: Some(TOWN_OFFSET_HOURS),
            plate: plate.to_owned(),
            confidence: 91.0,
            lane: 2,
            direction: "forward",
            colour: "blue",
            uuid: Some(format!(
                "7f1c2b9e-0000-4000-8000-{:012x}",
                at.as_millisecond()
            )),
            post_count: 1,
            resent: false,
            occupants: false,
            namespace: Namespace::Isapi,
            declared: Some("UTF-8"),
        }
    }

    /// The document.
    #[must_use]
    pub fn xml(&self) -> String {
        let declaration = self
            .declared
            .map(|name| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>\r\n"));
        let (open, close) = self.root();
        let body = format!(
            "{open}\r\n<ipAddress>192.0.2.21</ipAddress>\r\n<portNo>80</portNo>\r\n<protocol>HTTP</protocol>\r\n\
             <macAddress>{}</macAddress>\r\n<channelID>{}</channelID>\r\n<dateTime>{}</dateTime>\r\n\
             <activePostCount>{}</activePostCount>\r\n<eventType>ANPR</eventType>\r\n<eventState>active</eventState>\r\n\
             <eventDescription>ANPR</eventDescription>\r\n<channelName>{}</channelName>\r\n{}{}\
             <picNum>2</picNum>\r\n<isDataRetransmission>{}</isDataRetransmission>\r\n{close}",
            self.mac,
            self.channel,
            self.date_time(),
            self.post_count,
            self.name,
            self.anpr(),
            self.uuid
                .as_ref()
                .map(|uuid| format!("<UUID>{uuid}</UUID>\r\n"))
                .unwrap_or_default(),
            self.resent,
        );
        let body = if self.namespace == Namespace::Prefixed {
            prefixed(&body)
        } else {
            body
        };
        declaration.unwrap_or_default() + &body
    }

    fn root(&self) -> (String, &'static str) {
        let (version, namespace) = match self.namespace {
            Namespace::Hikvision => ("2.0", "xmlns=\"http://www.hikvision.com/ver20/XMLSchema\""),
            Namespace::Isapi => ("2.0", "xmlns=\"http://www.isapi.org/ver20/XMLSchema\""),
            Namespace::StdCgi => ("1.0", "xmlns=\"http://www.std-cgi.com/ver10/XMLSchema\""),
            Namespace::Prefixed => ("2.0", "xmlns:ns1=\"http://www.isapi.org/ver20/XMLSchema\""),
        };
        let open = format!("<EventNotificationAlert version=\"{version}\" {namespace}>");
        (open, "</EventNotificationAlert>")
    }

    fn anpr(&self) -> String {
        let occupants = if self.occupants {
            format!(
                "<pilotsafebelt>{CANARY}</pilotsafebelt>\r\n<uphone>{CANARY}</uphone>\r\n<smoking>{CANARY}</smoking>\r\n\
                 <frontChild>{CANARY}</frontChild>\r\n<vehicleListName>{CANARY}</vehicleListName>\r\n"
            )
        } else {
            "<vehicleListName>otherList</vehicleListName>\r\n".to_owned()
        };
        format!(
            "<ANPR>\r\n<country>0</country>\r\n<licensePlate>{}</licensePlate>\r\n<line>{}</line>\r\n<direction>{}</direction>\r\n\
             <confidenceLevel>{}</confidenceLevel>\r\n<plateType>unknown</plateType>\r\n<plateColor>white</plateColor>\r\n\
             <vehicleType>SUVMPV</vehicleType>\r\n<vehicleInfo>\r\n<index>77</index>\r\n<color>{}</color>\r\n\
             <vehicleLogoRecog>0</vehicleLogoRecog>\r\n</vehicleInfo>\r\n<pictureInfoList>\r\n<pictureInfo>\r\n\
             <fileName>licensePlatePicture.jpg</fileName>\r\n<type>licensePlatePicture</type>\r\n<dataType>0</dataType>\r\n\
             <absTime>{}</absTime>\r\n</pictureInfo>\r\n</pictureInfoList>\r\n{occupants}</ANPR>\r\n",
            self.plate,
            self.lane,
            self.direction,
            self.confidence,
            self.colour,
            self.clock().strftime("%Y%m%d%H%M%S%3f"),
        )
    }

    /// What the camera's clock shows.
    fn clock(&self) -> DateTime {
        let hours = self.offset_hours.unwrap_or(TOWN_OFFSET_HOURS);
        Offset::constant(hours).to_datetime(self.at)
    }

    fn date_time(&self) -> String {
        let clock = self.clock();
        let mut text = if self.milliseconds {
            clock.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string()
        } else {
            clock.strftime("%Y-%m-%dT%H:%M:%S").to_string()
        };
        if let Some(hours) = self.offset_hours {
            let sign = if hours < 0 { '-' } else { '+' };
            text.push_str(&format!("{sign}{:02}:00", hours.unsigned_abs()));
        }
        text
    }
}

/// What the stream says every few seconds.
#[must_use]
pub fn heartbeat(at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\r\n\
         <ipAddress>192.0.2.21</ipAddress>\r\n<macAddress>02:00:00:00:00:21</macAddress>\r\n<channelID>1</channelID>\r\n\
         <dateTime>{at}</dateTime>\r\n<activePostCount>0</activePostCount>\r\n<eventType>videoloss</eventType>\r\n\
         <eventState>inactive</eventState>\r\n<eventDescription>videoloss alarm</eventDescription>\r\n</EventNotificationAlert>"
    )
}

/// An event of another kind.
#[must_use]
pub fn end_of_event(kind: &str) -> String {
    heartbeat(Timestamp::UNIX_EPOCH).replace("videoloss<", &format!("{kind}<"))
}

fn prefixed(xml: &str) -> String {
    let marked = xml.replace("</", "\u{1}");
    marked.replace('<', "<ns1:").replace('\u{1}', "</ns1:")
}
