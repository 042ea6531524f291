//! Acknowledgements: what came back, read as the operator would read it.

use jiff::civil::DateTime;

use super::{DESTINATION, REVISION, SOURCE};

/// The code of an acknowledgement.
///
/// # Errors
/// What the operator would complain about.
pub fn read_ack(name: &str, body: &[u8]) -> Result<String, String> {
    let line = String::from_utf8(body.to_vec()).map_err(|error| error.to_string())?;
    let line = line.strip_suffix('\n').ok_or("the line has no end")?;
    let fields: Vec<&str> = line.split(',').collect();
    let [ack, kind, original, from, to, made, acked, code, revision] = fields.as_slice() else {
        return Err(format!("{} fields", fields.len()));
    };
    let lengths = (kind.len(), original.len(), made.len(), acked.len());
    if lengths != (10, 45, 25, 25) {
        return Err(format!("fields are {lengths:?} characters"));
    }
    if (*ack, *from, *to, *revision) != ("ACK", DESTINATION, SOURCE, REVISION) {
        return Err(line.to_owned());
    }
    let acked_at: DateTime = acked
        .get(..19)
        .and_then(|clock| clock.parse().ok())
        .ok_or("no time of acknowledgement")?;
    let back = [DESTINATION, SOURCE].concat().to_lowercase();
    let (stem, _) = original.trim_start().rsplit_once('.').ok_or("no name")?;
    let expected = format!("{back}_{}_{stem}.ACK", acked_at.strftime("%Y%m%dT%H%M%S"));
    if name != expected {
        return Err(format!("is called `{name}`, not `{expected}`"));
    }
    match *code {
        "00" | "01" | "02" | "03" | "04" => Ok((*code).to_owned()),
        code => Err(format!("`{code}` is no code")),
    }
}
