//! What claims mean, by the configuration. A claim that is mapped and wrong refuses the token; nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;
use turnpike_schemas::agreement::{Assurance, Attributes, Organisation, Role};

use super::token::{BadToken, Claims, text};
use crate::{
    config::{self, Provider},
    control::Profile,
    identity::duties,
};

/// Longest subject, in bytes.
const MAX_SUBJECT: usize = 64;

/// Who verified claims speak of.
pub(super) fn profile(
    settings: &Provider,
    claims: &Claims,
    organisations: &BTreeMap<String, Organisation>,
) -> Result<Profile, BadToken> {
    match machine(claims) {
        Some(client) => system(settings, client),
        None => person(settings, claims, organisations),
    }
}

/// The client, where a token speaks of no person: its subject is the client, or it has none.
fn machine(claims: &Claims) -> Option<&str> {
    let client = text(claims, "client_id").or(text(claims, "azp"))?;
    match text(claims, "sub") {
        None => Some(client),
        Some(subject) => (subject == client).then_some(client),
    }
}

fn system(settings: &Provider, client: &str) -> Result<Profile, BadToken> {
    let known = settings.systems.get(client);
    let (organisation, role) = known.ok_or(BadToken::UnknownSystem)?;
    Ok(Profile {
        subject: named(settings, client)?,
        organisation: organisation.clone(),
        roles: BTreeSet::from([*role]),
        attributes: Attributes::default(),
    })
}

fn person(
    settings: &Provider,
    claims: &Claims,
    organisations: &BTreeMap<String, Organisation>,
) -> Result<Profile, BadToken> {
    let names = &settings.claims;
    let subject = string(claims, &names.subject)?.ok_or(BadToken::Subject)?;
    let roles = roles(settings, claims)?;
    // Whoever is a machine at the provider is configured as one.
    if roles.is_empty() || roles.contains(&Role::System) || duties::check(&roles).is_err() {
        return Err(BadToken::Roles);
    }
    let training = optional(claims, names.training_until.as_deref())?
        .map(|value| value.as_str().and_then(|text| text.parse::<Date>().ok()))
        .map(|date| date.ok_or(BadToken::Claim));
    let sworn = optional(claims, names.sworn.as_deref())?
        .map(|value| value.as_bool().ok_or(BadToken::Claim));
    Ok(Profile {
        subject: named(settings, subject)?,
        organisation: organisation(names, claims, organisations)?,
        roles,
        attributes: Attributes {
            sworn: sworn.transpose()?.unwrap_or_default(),
            training_until: training.transpose()?,
            assurance: assurance(settings, claims),
        },
    })
}

/// Subjects of different providers never meet, nor those of the gateway's own accounts.
fn named(settings: &Provider, subject: &str) -> Result<String, BadToken> {
    let fits = !subject.is_empty()
        && subject.len() <= MAX_SUBJECT
        && !subject.contains(|c: char| c.is_control() || c == '/');
    if !fits {
        return Err(BadToken::Subject);
    }
    Ok(format!("{}:{subject}", settings.id))
}

/// The organisation with class and jurisdiction. Where the provider states those as well, both sides must say the same; an
/// organisation that is not configured is known only where the provider states both.
fn organisation(
    names: &config::Claims,
    claims: &Claims,
    organisations: &BTreeMap<String, Organisation>,
) -> Result<Organisation, BadToken> {
    let id = string(claims, &names.organisation)?.ok_or(BadToken::Organisation)?;
    let class = stated(claims, names.class.as_deref())?;
    let jurisdiction = stated(claims, names.jurisdiction.as_deref())?;
    let Some(known) = organisations.get(id) else {
        if !turnpike_schemas::read::is_identifier(id) || id == "self" {
            return Err(BadToken::Organisation);
        }
        return Ok(Organisation {
            id: id.to_owned(),
            class: class.ok_or(BadToken::Organisation)?,
            jurisdiction: jurisdiction.ok_or(BadToken::Organisation)?,
        });
    };
    let agrees = class.is_none_or(|class| class == known.class)
        && jurisdiction.is_none_or(|area| area == known.jurisdiction);
    agrees.then(|| known.clone()).ok_or(BadToken::Affiliation)
}

/// A mapped claim that must be there and of its type.
fn stated<T: serde::de::DeserializeOwned>(
    claims: &Claims,
    name: Option<&str>,
) -> Result<Option<T>, BadToken> {
    let Some(name) = name else {
        return Ok(None);
    };
    let value = find(claims, name).ok_or(BadToken::Affiliation)?;
    let value = serde_json::from_value(value.clone());
    value.map(Some).map_err(|_| BadToken::Affiliation)
}

fn roles(settings: &Provider, claims: &Claims) -> Result<BTreeSet<Role>, BadToken> {
    let words: Vec<&str> = match find(claims, &settings.claims.roles) {
        None => Vec::new(),
        Some(Value::String(words)) => words.split_whitespace().collect(),
        Some(Value::Array(words)) => {
            let words = words.iter().map(Value::as_str);
            words.collect::<Option<_>>().ok_or(BadToken::Claim)?
        }
        Some(_) => return Err(BadToken::Claim),
    };
    let known = words
        .into_iter()
        .filter_map(|word| settings.roles.get(word));
    Ok(known.copied().collect())
}

/// The surest that `acr` or any of `amr` stands for.
fn assurance(settings: &Provider, claims: &Claims) -> Assurance {
    let acr = text(claims, "acr");
    let amr = claims.get("amr").and_then(Value::as_array);
    let amr = amr.into_iter().flatten().filter_map(Value::as_str);
    let known = acr.into_iter().chain(amr);
    let known = known.filter_map(|word| settings.assurance.get(word));
    known.copied().max().unwrap_or_default()
}

fn string<'a>(claims: &'a Claims, name: &str) -> Result<Option<&'a str>, BadToken> {
    match find(claims, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadToken::Claim),
    }
}

fn optional<'a>(claims: &'a Claims, name: Option<&str>) -> Result<Option<&'a Value>, BadToken> {
    Ok(name
        .and_then(|name| find(claims, name))
        .filter(|value| !value.is_null()))
}

/// A claim by its name, or by names with dots between where there is none of the whole name.
fn find<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}
