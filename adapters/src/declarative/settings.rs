//! The `settings` table of a source of this adapter: which mapping, and what the mapping leaves open.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::plate::Jurisdiction;
use url::Url;

use super::{
    mapping::{Choices, Mapping},
    presets,
    time::Repeated,
};
use crate::{
    error::{Error, ErrorKind, Result},
    web,
};

const OPERATION: &str = "settings";

/// Settings as meant: every value checked, and none without effect.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) mapping: Mapping,
    /// Root of the source's API.
    pub(super) base_url: Option<Url>,
    /// Where tokens are given.
    pub(super) token_url: Option<Url>,
    /// Below which its images are.
    pub(super) image_base_url: Option<Url>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    mapping: RawMapping,
    base_url: Option<String>,
    token_url: Option<String>,
    image_base_url: Option<String>,
    zone: Option<String>,
    repeated_hour: Option<String>,
    country: Option<String>,
    full_scale: Option<f64>,
    page_size: Option<u32>,
    max_pages: Option<u32>,
}

/// One that is shipped, or the text of a file under its name: whoever reads the configuration reads the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    preset: Option<String>,
    file: Option<String>,
    text: Option<String>,
}

impl Settings {
    /// Reads and checks a `settings` table and the mapping it names.
    ///
    /// # Errors
    /// `Config`, naming the first setting that is wrong, or every problem of the mapping.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        let raw: Raw =
            serde_path_to_error::deserialize(settings).map_err(|error| wrong(error.to_string()))?;
        let choices = choices(&raw)?;
        let (file, text) = raw.mapping.named()?;
        let (mut mapping, used) = Mapping::load(file, text, &choices)?;
        for (key, given) in raw.given() {
            if given && !used.has(key) {
                return Err(wrong(format!("`{key}` has no effect with this mapping")));
            }
        }
        let address = |key, text: &Option<String>| {
            let url = text
                .as_ref()
                .map(|text| web::address(key, text))
                .transpose()?;
            let needed = used.has(key) && key != "image_base_url";
            if url.is_none() && needed {
                return Err(wrong(format!("`{key}` is required by this mapping")));
            }
            Ok(url)
        };
        let image_base_url = address("image_base_url", &raw.image_base_url)?;
        mapping.fields.image_base.clone_from(&image_base_url);
        Ok(Self {
            base_url: address("base_url", &raw.base_url)?,
            token_url: address("token_url", &raw.token_url)?,
            image_base_url,
            mapping,
        })
    }

    /// Names of the secrets the mapping uses.
    pub(super) fn secrets(&self) -> Vec<String> {
        use super::ask::request::HeaderText;

        let Some(pull) = &self.mapping.pull else {
            return Vec::new();
        };
        let mut names: Vec<String> = Vec::new();
        let headers = pull
            .request
            .headers
            .iter()
            .filter_map(|(_, text)| match text {
                HeaderText::Secret(name) => Some(name.as_str()),
                HeaderText::Template(_) => None,
            });
        for name in pull.auth.secrets().into_iter().chain(headers) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Every address the source may be contacted at.
    pub(super) fn hosts(&self) -> Vec<Url> {
        let all = [&self.base_url, &self.token_url, &self.image_base_url];
        all.into_iter().flatten().cloned().collect()
    }
}

impl Raw {
    fn given(&self) -> [(&'static str, bool); 9] {
        [
            ("base_url", self.base_url.is_some()),
            ("token_url", self.token_url.is_some()),
            ("image_base_url", self.image_base_url.is_some()),
            ("zone", self.zone.is_some()),
            ("repeated_hour", self.repeated_hour.is_some()),
            ("country", self.country.is_some()),
            ("full_scale", self.full_scale.is_some()),
            ("page_size", self.page_size.is_some()),
            ("max_pages", self.max_pages.is_some()),
        ]
    }
}

impl RawMapping {
    /// File name and text.
    fn named(&self) -> Result<(&str, &str)> {
        match (&self.preset, &self.file, &self.text) {
            (Some(name), None, None) => presets::find(name).ok_or_else(|| {
                let known: Vec<&str> = presets::PRESETS.iter().map(|(name, _)| *name).collect();
                wrong(format!("unknown preset; known: {}", known.join(", ")))
            }),
            (None, Some(file), Some(text)) => Ok((file, text)),
            (None, Some(_), None) => Err(wrong(
                "`mapping.file` was not read: settings that name a file go through the gateway's configuration",
            )),
            _ => Err(wrong(
                "`mapping` is `{ file = \"vendor.toml\" }` or `{ preset = \"repo-rest\" }`",
            )),
        }
    }
}

fn choices(raw: &Raw) -> Result<Choices> {
    let zone = match &raw.zone {
        None => None,
        Some(name) => Some(
            TimeZone::get(name)
                .ok()
                .filter(|_| name.contains('/'))
                .ok_or_else(|| wrong("`zone` is not a zone of the IANA database"))?,
        ),
    };
    let repeated_hour = match &raw.repeated_hour {
        None => None,
        Some(word) => Some(
            Repeated::WORDS
                .iter()
                .find(|(known, _)| known == word)
                .map(|(_, meaning)| *meaning)
                .ok_or_else(|| wrong("`repeated_hour` is `refuse`, `earlier` or `later`"))?,
        ),
    };
    let country = match &raw.country {
        None => None,
        Some(code) => Some(
            Jurisdiction::parse(code)
                .ok()
                .filter(|country| !country.has_subdivision())
                .ok_or_else(|| wrong("`country` is a code of ISO 3166-1 such as `US`"))?,
        ),
    };
    if raw
        .full_scale
        .is_some_and(|full| !(full.is_finite() && full > 0.0))
    {
        return Err(wrong("`full_scale` must be above 0"));
    }
    let in_range =
        |value: Option<u32>, most: u32| value.is_none_or(|value| (1..=most).contains(&value));
    if !in_range(raw.page_size, 10_000) {
        return Err(wrong("`page_size` must be 1 to 10000"));
    }
    if !in_range(raw.max_pages, 1_000) {
        return Err(wrong("`max_pages` must be 1 to 1000"));
    }
    Ok(Choices {
        zone,
        repeated_hour,
        country,
        full_scale: raw.full_scale,
        page_size: raw.page_size,
        max_pages: raw.max_pages,
    })
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, OPERATION, message)
}
