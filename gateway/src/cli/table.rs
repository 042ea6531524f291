//! Tables for people: at most as wide as the terminal, 80 columns when there is none.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, presets::NOTHING};
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

/// Keeps the first `columns` columns as wide as their content: a broken time or plate is misread.
pub(super) fn unbroken(table: &mut Table, columns: usize) {
    for column in table.column_iter_mut().take(columns) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// At most `most` characters, the middle left out.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= most {
        return text.to_owned();
    }
    let half = most.saturating_sub(1) / 2;
    let (head, tail) = (
        chars.iter().take(half),
        chars.iter().skip(chars.len() - half),
    );
    head.chain(std::iter::once(&'\u{2026}'))
        .chain(tail)
        .collect()
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

/// Without the spaces a table pads its lines with.
pub(super) fn trimmed(table: &str) -> String {
    table
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Lines of at most `most` characters, as far as words allow.
pub(super) fn wrapped(text: &str, most: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let length = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if length == 0 => line.push_str(word),
            Some(line) if length + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
