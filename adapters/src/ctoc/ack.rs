//! Acknowledgement files: one line of nine fields. The time stands in the name as well as in the line.

use super::{REVISION, name::FileName};
use crate::adapter::{Acknowledgement, Stamped};

/// The codes this adapter answers with. The format has one more; its meaning is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 00: every record was taken.
    Accepted,
    /// 01: the header is wrong.
    Header,
    /// 02: the file is not one that is taken.
    BadFile,
    /// 03: records or the trailer are wrong.
    Detail,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "00",
            Self::Header => "01",
            Self::BadFile => "02",
            Self::Detail => "03",
        }
    }
}

/// The acknowledgement of the file called `name`, whose header says that it was made at `created`: blank where the header
/// was not understood.
pub(super) fn acknowledge(name: &FileName, created: &str, code: Code) -> Acknowledgement {
    let FileName {
        whole,
        stamp,
        from,
        to,
        kind,
        ..
    } = name;
    let file = Stamped {
        before: format!("{to}{from}_"),
        form: "%Y%m%dT%H%M%S",
        after: format!("_{from}{to}_{stamp}.ACK"),
    };
    let line = Stamped {
        before: format!(
            "ACK,{:>10},{whole:>45},{},{},{created:>25},",
            kind.word(),
            to.to_ascii_uppercase(),
            from.to_ascii_uppercase()
        ),
        form: "%Y-%m-%dT%H:%M:%S+00:00",
        after: format!(",{},{REVISION}\n", code.as_str()),
    };
    Acknowledgement::stamped(file, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_parties_file_times_and_code() {
        let now = "2026-03-04T14:00:00.25Z".parse().unwrap();
        let name = FileName::parse("qaqb_20260304T051500.pbp").unwrap();
        let ack = acknowledge(&name, "2026-03-04T05:15:00-08:00", Code::Detail);
        assert_eq!(
            ack.name(now),
            "qbqa_20260304T140000_qaqb_20260304T051500.ACK"
        );
        assert_eq!(
            String::from_utf8(ack.body(now)).unwrap(),
            include_str!("fixtures/qbqa_20260304T140000_qaqb_20260304T051500.ACK")
        );
    }
}
