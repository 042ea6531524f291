//! Acknowledgements: what came back, read as the hub would read it.

/// The codes a hub accepts.
const CODES: [&str; 11] = [
    "00", "01", "02", "03", "04", "05", "07", "10", "11", "12", "13",
];

/// One acknowledgement file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// The name it had in the folder.
    pub file_name: String,
    /// Name of the acknowledged file without extension.
    pub original: String,
    /// Type of the acknowledged file, from the document.
    pub orig_type: String,
    /// `OrigSubmissionDateTime`.
    pub orig_submitted: String,
    /// Hub that acknowledges.
    pub hub: String,
    /// `FromAgencyID`.
    pub from: String,
    /// `ToAgencyID`.
    pub to: String,
    /// `AckDateTime`.
    pub acked_at: String,
    /// `AckReturnCode`.
    pub code: String,
    /// Everything the hub would complain about; empty for a good acknowledgement.
    pub problems: Vec<String>,
}

impl Ack {
    pub(super) fn parse(file_name: &str, bytes: &[u8]) -> Self {
        let mut ack = Self {
            file_name: file_name.to_owned(),
            ..Self::default()
        };
        ack.read_document(&String::from_utf8_lossy(bytes));
        ack.read_name(file_name);
        ack
    }

    fn read_document(&mut self, xml: &str) {
        self.check(
            xml.contains("<Acknowledgement>"),
            "root is not Acknowledgement",
        );
        let mut field = |name: &str| {
            let text = element(xml, name);
            if text.is_none() {
                self.problems.push(format!("{name} is missing"));
            }
            text.unwrap_or_default()
        };
        let submission_type = field("SubmissionType");
        let orig_type = field("OrigSubmissionType");
        let orig_submitted = field("OrigSubmissionDateTime");
        let (hub, from, to) = (
            field("NIOPHubID"),
            field("FromAgencyID"),
            field("ToAgencyID"),
        );
        let (acked_at, code) = (field("AckDateTime"), field("AckReturnCode"));
        (self.orig_type, self.orig_submitted) = (orig_type, orig_submitted);
        (self.hub, self.from, self.to) = (hub, from, to);
        (self.acked_at, self.code) = (acked_at, code);
        self.check(submission_type == "ACK", "SubmissionType is not ACK");
        self.check(
            CODES.contains(&self.code.as_str()),
            "AckReturnCode is not known",
        );
        let times = [self.orig_submitted.clone(), self.acked_at.clone()];
        self.check(
            times.iter().all(|time| is_utc(time)),
            "a time is not YYYY-MM-DDThh:mm:ssZ",
        );
    }

    /// `HUB_AGENCY_<original stem>_CC_<TYPE>.ACK`.
    fn read_name(&mut self, file_name: &str) {
        let stem = file_name
            .get(..file_name.len().saturating_sub(4))
            .unwrap_or_default();
        let parts: Vec<_> = stem.split('_').collect();
        let [hub, agency, original @ .., code, kind] = parts.as_slice() else {
            self.problems.push("name has too few parts".to_owned());
            return;
        };
        let digits = |text: &str, count| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let agencies = match *kind {
            "STRAN" | "SCORR" | "SRECON" => Some(3),
            "BTVL" | "DTVL" => Some(2),
            _ => None,
        };
        let shape = agencies.is_some_and(|n| {
            original.len() == n + 1
                && original.iter().take(n).all(|part| digits(part, 4))
                && original.last().is_some_and(|time| digits(time, 14))
        });
        self.check(shape, "name does not follow the pattern of its type");
        self.check(
            digits(hub, 4) && digits(agency, 4),
            "name has no hub and agency",
        );
        self.check(
            digits(code, 2) && *code == self.code,
            "code differs in name and document",
        );
        let same_kind = *kind == self.orig_type || self.orig_type == "STVL";
        self.check(same_kind, "type differs in name and document");
        self.check(*hub == self.hub, "hub differs in name and document");
        let name_time = original.last().copied().unwrap_or_default();
        let time: String = self
            .orig_submitted
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        self.check(
            time == name_time,
            "submission time differs in name and document",
        );
        self.original = original.join("_");
    }

    fn check(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.problems.push(otherwise.to_owned());
        }
    }
}

fn element(xml: &str, name: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

fn is_utc(time: &str) -> bool {
    time.len() == 20 && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok()
}
