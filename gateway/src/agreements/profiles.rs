//! Starting profiles: agreements to begin with, to be reviewed by counsel.

/// One starting profile.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// The document, with comments.
    pub document: &'static str,
    /// What it decides, for a person to read.
    pub table: &'static str,
}

/// The two files of a profile.
macro_rules! profile {
    ($name:literal) => {
        Profile {
            name: $name,
            document: include_str!(concat!("../../../schemas/profiles/", $name, ".toml")),
            table: include_str!(concat!("../../../schemas/profiles/", $name, ".txt")),
        }
    };
}

/// Every profile.
pub const PROFILES: &[Profile] = &[
    profile!("us-ca"),
    profile!("us-va"),
    profile!("us-wa"),
    profile!("us-il"),
    profile!("us-nh"),
    profile!("eu-led"),
    profile!("uk-tiered"),
    profile!("private-parking"),
];

/// What is filled in when an agreement is begun from a profile.
#[derive(Debug, Clone, Copy)]
pub struct Filled<'a> {
    /// Identifier of the agreement.
    pub id: &'a str,
    /// The source.
    pub source: &'a str,
    /// Who grants.
    pub provider: &'a str,
    /// Whom to tell of incidents.
    pub contact: &'a str,
    /// Name of the key that signs.
    pub signed_by: &'a str,
    /// First day in effect.
    pub from: jiff::civil::Date,
    /// First day no longer in effect.
    pub until: jiff::civil::Date,
    /// Day of the review.
    pub review: jiff::civil::Date,
}

impl Profile {
    /// The profile with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// The document with these values in place of those to be filled in; comments stay.
    #[must_use]
    pub fn filled(&self, with: &Filled<'_>) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let midnight = |day: jiff::civil::Date| quoted(&format!("{day}T00:00:00Z"));
        let values = [
            ("id", quoted(with.id)),
            ("source", quoted(with.source)),
            ("provider", quoted(with.provider)),
            ("contact", quoted(with.contact)),
            ("signed_by", format!("[{}]", quoted(with.signed_by))),
            ("effective_from", midnight(with.from)),
            ("effective_until", midnight(with.until)),
            ("review_due", midnight(with.review)),
        ];
        let mut text = String::with_capacity(self.document.len());
        for line in self.document.lines() {
            let value = values.iter().find(|(key, _)| {
                let rest = line.strip_prefix(key);
                rest.is_some_and(|rest| rest.starts_with(" = "))
            });
            match value {
                Some((key, value)) => text.push_str(&format!("{key} = {value}")),
                None => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }
}
