//! Tables for people: at most as wide as the terminal, 80 columns when there is none.

use comfy_table::{Cell, ContentArrangement, Table, presets::NOTHING};
use jiff::Timestamp;

/// Width where there is no terminal.
const WIDTH: u16 = 80;

/// A table without lines, with a header.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH);
    }
    table.set_header(header.iter().map(|title| Cell::new(title.to_uppercase())));
    table
}

/// UTC to the second, without a letter between date and time.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Removes what would move the cursor: a source's text must not write over an answer.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
