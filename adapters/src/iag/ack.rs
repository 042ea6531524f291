//! Acknowledgement files: one line of 92 characters. Everything in it but the code comes from the file name.

use super::{VERSION, name::FileName};
use crate::adapter::Acknowledgement;

/// The codes this adapter answers with. The format has more; their meanings are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 00: every record was taken.
    Accepted,
    /// 01: the header is wrong, or does not count the records.
    Header,
    /// 02: some records were not taken.
    DetailErrors,
    /// 07: the name or the archive is wrong, or the file is not one that is taken.
    BadFile,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "00",
            Self::Header => "01",
            Self::DetailErrors => "02",
            Self::BadFile => "07",
        }
    }
}

/// The acknowledgement of the file called `name`; `None` when nobody is named as its receiver (lists name none).
pub(super) fn acknowledge(
    name: &FileName,
    home_agency: Option<&str>,
    code: Code,
) -> Option<Acknowledgement> {
    let agency = home_agency.or(name.to.as_deref())?;
    let file = format!("{agency}_{}_{}.ACK", name.stem, name.kind.code());
    let before = format!("ACK {VERSION}{agency}{}{:<50}", name.from, name.whole);
    Some(Acknowledgement::new(file, before, code.as_str()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-04T14:00:00.25Z".parse().unwrap()
    }

    #[test]
    fn an_acknowledgement_is_one_line_of_92_characters() {
        let name = FileName::parse("0901_0902_20260304131500_ICTX.ZIP").unwrap();
        let ack = acknowledge(&name, None, Code::DetailErrors).unwrap();
        assert_eq!(ack.name(now()), "0902_0901_0902_20260304131500_ICTX.ACK");
        let body = String::from_utf8(ack.body(now())).unwrap();
        assert_eq!(body.len(), 92);
        assert_eq!(
            body,
            include_str!("fixtures/0902_0901_0902_20260304131500_ICTX.ACK")
        );
    }

    #[test]
    fn a_list_is_acknowledged_only_by_a_named_receiver() {
        let name = FileName::parse("0901_20260304131500_ITAG.ZIP").unwrap();
        assert_eq!(acknowledge(&name, None, Code::BadFile), None);
        let ack = acknowledge(&name, Some("0902"), Code::BadFile).unwrap();
        assert_eq!(ack.name(now()), "0902_0901_20260304131500_ITAG.ACK");
    }
}
