//! Mappings that are shipped.
//!
//! Each is made from what is publicly known; where that leaves a choice to the installer, the preset asks for a setting.

/// Every preset: its name, and its text.
pub const PRESETS: &[(&str, &str)] = &[
    ("elsag-csv", include_str!("presets/elsag-csv.toml")),
    ("nedap-xml", include_str!("presets/nedap-xml.toml")),
    (
        "parkmobile-rights",
        include_str!("presets/parkmobile-rights.toml"),
    ),
    ("repo-csv", include_str!("presets/repo-csv.toml")),
    ("repo-rest", include_str!("presets/repo-rest.toml")),
    ("tattile-csv", include_str!("presets/tattile-csv.toml")),
    ("tattile-xml", include_str!("presets/tattile-xml.toml")),
];

/// The name a preset has in messages, and its text.
pub(super) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    PRESETS.iter().find(|(known, _)| *known == name).copied()
}
