//! Progress for work that takes a while; nothing where nobody watches.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` entries.
pub(super) fn entries_bar(length: u64, message: &str) -> ProgressBar {
    bar(length, message, "{bar:20} {pos}/{len} {per_sec} {wide_msg}")
}

/// A bar over `length` bytes.
pub(super) fn bytes_bar(length: u64, message: &str) -> ProgressBar {
    bar(length, message, "{bar:20} {bytes}/{total_bytes} {wide_msg}")
}

fn bar(length: u64, message: &str, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template(template);
    let bar = style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style));
    bar.set_message(message.to_owned());
    bar
}
