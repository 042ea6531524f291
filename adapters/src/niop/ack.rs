//! Acknowledgement files. Everything in one but the code comes from the file name, so a file whose content cannot be read is answered too.

use super::name::FileName;
use crate::adapter::Acknowledgement;

/// The codes this adapter answers with. The format has more; their meanings are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 00: every record was taken.
    Accepted,
    /// 01: the number of records is not the one in the header.
    CountMismatch,
    /// 02: some records were not taken.
    DetailErrors,
    /// 07: the name, the archive, the XML or the header is wrong, or the file is not one that is taken.
    BadFile,
}

/// Who acknowledges: ids from the settings, where they are set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receiver<'a> {
    pub(super) hub: Option<&'a str>,
    pub(super) agency: Option<&'a str>,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "00",
            Self::CountMismatch => "01",
            Self::DetailErrors => "02",
            Self::BadFile => "07",
        }
    }
}

/// The acknowledgement of the file called `name`; `None` when nobody is named as its receiver (lists name none).
pub(super) fn acknowledge(
    name: &FileName,
    receiver: Receiver<'_>,
    code: Code,
) -> Option<Acknowledgement> {
    let hub = receiver.hub.unwrap_or(&name.hub);
    let agency = receiver.agency.or(name.to.as_deref())?;
    let code = code.as_str();
    let before = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <Acknowledgement>\n  <SubmissionType>ACK</SubmissionType>\n  \
         <OrigSubmissionType>{}</OrigSubmissionType>\n  \
         <OrigSubmissionDateTime>{}</OrigSubmissionDateTime>\n  \
         <NIOPHubID>{hub}</NIOPHubID>\n  <FromAgencyID>{agency}</FromAgencyID>\n  \
         <ToAgencyID>{}</ToAgencyID>\n  <AckDateTime>",
        name.kind.submission_type(),
        name.submitted_at,
        name.from,
    );
    let after =
        format!("</AckDateTime>\n  <AckReturnCode>{code}</AckReturnCode>\n</Acknowledgement>\n");
    let file = format!(
        "{hub}_{agency}_{}_{code}_{}.ACK",
        name.stem,
        name.kind.extension()
    );
    Some(Acknowledgement::new(file, before, after))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const NOBODY: Receiver<'_> = Receiver {
        hub: None,
        agency: None,
    };

    #[test]
    fn an_acknowledgement_names_the_receiver_the_file_and_the_code() {
        let name = FileName::parse("9999_0901_0902_20260304131500_STRAN.zip").unwrap();
        let receiver = Receiver {
            hub: Some("9998"),
            agency: None,
        };
        let ack = acknowledge(&name, receiver, Code::DetailErrors).unwrap();
        assert_eq!(
            ack.name(Timestamp::UNIX_EPOCH),
            "9998_0902_9999_0901_0902_20260304131500_02_STRAN.ACK"
        );
        let body = ack.body("2026-03-04T14:00:00.25Z".parse().unwrap());
        assert_eq!(
            String::from_utf8(body).unwrap(),
            include_str!("fixtures/9998_0902_9999_0901_0902_20260304131500_02_STRAN.ACK")
        );
    }

    #[test]
    fn without_settings_the_names_in_the_file_name_are_used() {
        let name = FileName::parse("9999_0901_0902_20260304131500.SCORR").unwrap();
        let ack = acknowledge(&name, NOBODY, Code::Accepted).unwrap();
        assert_eq!(
            ack.name(Timestamp::UNIX_EPOCH),
            "9999_0902_9999_0901_0902_20260304131500_00_SCORR.ACK"
        );
    }

    #[test]
    fn a_list_is_acknowledged_only_by_a_named_receiver() {
        let name = FileName::parse("9999_0901_20260304131500.BTVL").unwrap();
        assert_eq!(acknowledge(&name, NOBODY, Code::BadFile), None);
        let receiver = Receiver {
            hub: None,
            agency: Some("0902"),
        };
        assert_eq!(
            acknowledge(&name, receiver, Code::BadFile).map(|ack| ack.name(Timestamp::UNIX_EPOCH)),
            Some("9999_0902_9999_0901_20260304131500_07_BTVL.ACK".to_owned())
        );
    }
}
