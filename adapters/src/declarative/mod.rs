//! Any source whose records are plain JSON, XML, delimited or fixed-width text, by one mapping file and no code.
//!
//! A mapping says how the source is asked (or that it pushes, or drops files), where each canonical field is, and how its value
//! is to be read. It is a table, not a program: it is checked when it is loaded, and it cannot loop. A vendor that needs logic gets a
//! folder of Rust. The language is described in `docs/adding-a-source.md`.

mod ask;
mod capture;
mod field;
mod images;
mod mapping;
mod path;
pub mod presets;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod time;
mod windows;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::{
    capture::{Broken, Fault, Found},
    settings::Settings,
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Disposition, Image, Info, Item, Message,
        Page, ReadSeek, Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::{Entry, Evidence, Sample, SecretNames},
    token::Tokens,
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "declarative",
    title: "Any plain source, by a mapping file",
    family: Family::Repossession,
    capabilities: CAPABILITIES,
    transport: "HTTPS, webhook or files; JSON, XML, CSV, fixed width",
    evidence: Evidence::OwnDocuments,
    cannot_give: "what its records do not hold",
    example: "# A mapping of your own is { file = \"vendor.toml\" }, beside this file.\nmapping = { preset = \"repo-rest\" }\nbase_url = \"https://api.sightings.example/v1\"\ntoken_url = \"https://login.sightings.example/oauth/token\"\n",
    samples: &[
        Sample {
            name: "repo-rest.json",
            content_type: "application/json",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/repo-rest.json"),
        },
        Sample {
            name: "repo-csv.csv",
            content_type: "text/csv",
            topic: None,
            example: Some("mapping = { preset = \"repo-csv\" }\n"),
            bytes: include_bytes!("fixtures/repo-csv.csv"),
        },
    ],
    secrets: &AsMapped,
    optional_secrets: &[],
    hosts: |settings| Ok(Settings::parse(settings)?.hosts()),
    build,
    saved_answer: Some(|settings, body| ask::saved(&Settings::parse(settings)?.mapping, body)),
};

const CAPABILITIES: Capabilities = Capabilities {
    search: true,
    push: true,
    file: true,
    images: true,
    ..Capabilities::NONE
};

/// The mapping names its secrets.
#[derive(Debug)]
struct AsMapped;

impl SecretNames for AsMapped {
    fn under(&self, settings: &Value) -> Result<Vec<String>> {
        Ok(Settings::parse(settings)?.secrets())
    }
}

/// One source: its mapping, and the token its searches share.
#[derive(Debug)]
struct Declarative {
    info: Info,
    settings: Settings,
    tokens: Tokens,
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    let mapping = &settings.mapping;
    let info = Info {
        id: ENTRY.id,
        version: kept(format!("1+{}", mapping.digest)),
        family: mapping.family,
        capabilities: Capabilities {
            search: mapping.pull.is_some(),
            push: mapping.webhook,
            file: mapping.files.is_some(),
            images: settings.image_base_url.is_some(),
            ..Capabilities::NONE
        },
    };
    Ok(Box::new(Declarative {
        info,
        settings,
        tokens: Tokens::default(),
    }))
}

/// A version that lives as long as the process, as those in the code do. Each mapping text has one, however often it is loaded.
fn kept(version: String) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(version.as_str()) {
        return known;
    }
    let version: &'static str = version.leak();
    kept.insert(version);
    version
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Declarative {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        match self.site() {
            Some(site) => ask::run(&self.settings.mapping, &site, ctx, permit).await,
            None => unsupported("search"),
        }
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mapping = &self.settings.mapping;
        if !mapping.webhook {
            return unsupported("decode");
        }
        let mut page = Page::default();
        let mut index = 0;
        let read = mapping.layout.message(&message.body, &mut |found| {
            page.push(self.item(index, &found));
            index += 1;
            Ok(())
        });
        match read {
            Ok(()) => Ok(Decoded { page, reply: None }),
            Err(Broken::Error(error)) => Err(error),
            Err(Broken::Rule(fault)) => {
                let message = if fault.field.is_empty() {
                    format!("the message is {}", fault.rule)
                } else {
                    format!("`{}`: {}", fault.field, fault.rule)
                };
                Err(Error::new(ErrorKind::Malformed, "decode", message))
            }
        }
    }

    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        let Some(files) = &self.settings.mapping.files else {
            return unsupported("decode_file");
        };
        let other = files
            .name_ends
            .as_ref()
            .is_some_and(|end| !name.ends_with(end.as_str()));
        if other {
            return Ok(refused("(name)", "not a file this mapping takes"));
        }
        let mut index = 0;
        let read = self.settings.mapping.layout.file(file, &mut |found| {
            let item = self.item(index, &found);
            index += 1;
            sink(item)
        });
        match read {
            // Nothing tells such a file from one that was cut short.
            Ok(()) if index == 0 && !files.may_be_empty => Ok(refused("(file)", "holds no record")),
            Ok(()) => Ok(verdict(Disposition::Accepted)),
            Err(Broken::Error(error)) => Err(error),
            Err(Broken::Rule(Fault { field, rule })) => {
                let field = if field.is_empty() { "(file)" } else { &field };
                Ok(refused(field, rule))
            }
        }
    }

    async fn image(&self, ctx: &Context, _: &ImagePermit, image: &ImageRef) -> Result<Image> {
        let Some(base) = &self.settings.image_base_url else {
            return unsupported("image");
        };
        let site = ask::Site {
            base: self.settings.base_url.as_ref().unwrap_or(base),
            token_url: self.settings.token_url.as_ref(),
            tokens: &self.tokens,
        };
        ask::image(&self.settings.mapping, &site, ctx, base, &image.reference).await
    }

    fn subscription(&self) -> Option<Subscription> {
        None
    }
}

impl Declarative {
    fn site(&self) -> Option<ask::Site<'_>> {
        Some(ask::Site {
            base: self.settings.base_url.as_ref()?,
            token_url: self.settings.token_url.as_ref(),
            tokens: &self.tokens,
        })
    }

    fn item(&self, index: u64, found: &Found<'_, '_>) -> Item {
        match found {
            Found::Record(record) => self.settings.mapping.fields.item(index, record),
            Found::Bad(rule) => Item::Rejected(Rejection::new(Some(index), "(record)", *rule)),
        }
    }
}

fn refused(field: &str, rule: &str) -> Verdict {
    verdict(Disposition::Rejected(Rejection::new(None, field, rule)))
}

fn verdict(disposition: Disposition) -> Verdict {
    Verdict {
        disposition,
        acknowledgement: None,
        partial_acknowledgement: None,
    }
}
