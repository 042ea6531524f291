//! Acknowledgements: what came back, read as the agency would read it.

use super::{AWAY, HOME, VERSION};

/// The code of an acknowledgement.
///
/// # Errors
/// What the agency would complain about.
pub fn read_ack(name: &str, body: &[u8]) -> Result<String, String> {
    let line = String::from_utf8(body.to_vec()).map_err(|error| error.to_string())?;
    let line = line.trim_end_matches('\n');
    let field = |from: usize, to: usize| line.get(from..to).unwrap_or_default();
    if line.len() != 92 {
        return Err(format!("{} characters", line.len()));
    }
    let fixed = format!("ACK {VERSION}{HOME}{AWAY}");
    if field(0, 20) != fixed {
        return Err(format!("begins with `{}`", field(0, 20)));
    }
    let original = field(20, 70).trim_end();
    let (stem, extension) = original.rsplit_once('.').ok_or("no original name")?;
    let expected = if extension.eq_ignore_ascii_case("zip") {
        format!("{HOME}_{stem}.ACK")
    } else {
        format!("{HOME}_{stem}_{extension}.ACK")
    };
    if name != expected {
        return Err(format!("is called `{name}`, not `{expected}`"));
    }
    let time = field(70, 90);
    if !time.ends_with('Z') || time.parse::<jiff::Timestamp>().is_err() {
        return Err(format!("`{time}` is no time"));
    }
    match field(90, 92) {
        code @ ("00" | "01" | "02" | "03" | "04" | "05" | "06" | "07") => Ok(code.to_owned()),
        code => Err(format!("`{code}` is no code")),
    }
}
