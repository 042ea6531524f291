//! What an adapter declares, and that it does nothing else.

use serde_json::Value;
use url::Url;

use super::{Outcome, Payload, Subject, Via};
use crate::{
    adapter::{Capabilities, Message, Subscription},
    error::{ErrorKind, Result},
};

pub(super) fn info_is_constant(subject: &Subject<'_>) -> Outcome {
    let before = subject.adapter.info().clone();
    for payload in subject.payloads.iter().take(5) {
        drop(payload.decode(subject.decoder()));
    }
    Outcome::require(before == *subject.adapter.info(), || {
        "identity or capabilities changed while decoding".to_owned()
    })
}

pub(super) fn info_declares_no_more_than_the_registry(subject: &Subject<'_>) -> Outcome {
    let (info, entry) = (subject.adapter.info(), subject.entry);
    let mut problems: Vec<String> = flags(info.capabilities)
        .into_iter()
        .zip(flags(entry.capabilities))
        .filter(|((_, declared), (_, registered))| *declared && !registered)
        .map(|((name, _), _)| format!("`{name}` is declared by the adapter and not by its entry"))
        .collect();
    if info.id != entry.id {
        problems.push("the adapter's id is not the one of its entry".to_owned());
    }
    if info.version.is_empty() {
        problems.push("the adapter has no version".to_owned());
    }
    Outcome::of(problems)
}

fn flags(of: Capabilities) -> [(&'static str, bool); 8] {
    [
        ("search", of.search),
        ("poll", of.poll),
        ("push", of.push),
        ("file", of.file),
        ("subscribe", of.subscribe),
        ("images", of.images),
        ("partial_plates", of.partial_plates),
        ("look_alike", of.look_alike),
    ]
}

pub(super) fn a_subscription_is_named_if_declared_and_stays_with_the_source(
    subject: &Subject<'_>,
) -> Outcome {
    let named = subject.adapter.subscription();
    let declared = subject.adapter.info().capabilities.subscribe;
    if named.is_some() != declared {
        let what = format!("declared: {declared}, named: {}", named.is_some());
        return Outcome::Failed(vec![what]);
    }
    let url = match &named {
        None => return Outcome::NotApplicable("the adapter does not subscribe".to_owned()),
        Some(Subscription::Mqtt { topics, .. }) if topics.is_empty() => {
            return Outcome::Failed(vec!["no topic is named".to_owned()]);
        }
        Some(Subscription::Mqtt { broker, .. }) => broker,
        Some(Subscription::HttpStream { url }) => url,
    };
    let Ok(hosts) = (subject.entry.hosts)(subject.settings) else {
        return Outcome::Failed(vec!["the settings name no hosts".to_owned()]);
    };
    let same = |host: &Url| {
        (host.scheme(), host.host_str(), host.port()) == (url.scheme(), url.host_str(), url.port())
    };
    Outcome::require(hosts.iter().any(same), || {
        "the subscription leads to another host".to_owned()
    })
}

pub(super) fn undeclared_messages_are_unsupported(subject: &Subject<'_>) -> Outcome {
    let can = subject.adapter.info().capabilities;
    if can.push || can.subscribe {
        return Outcome::NotApplicable("the adapter takes messages".to_owned());
    }
    let bodies = ["", "{}", "<a/>"];
    let refused = |body: &&'static str| unsupported(&subject.adapter.decode(&Message::json(*body)));
    Outcome::require(bodies.iter().all(refused), || {
        "a message is not refused as unsupported".to_owned()
    })
}

pub(super) fn undeclared_files_are_unsupported(subject: &Subject<'_>) -> Outcome {
    if subject.adapter.info().capabilities.file {
        return Outcome::NotApplicable("the adapter takes files".to_owned());
    }
    let refused = |body: &&'static str| {
        let file = Payload::from_file(Via::File, "file", *body);
        unsupported(&file.decode(subject.decoder()))
    };
    Outcome::require(["", "{}", "<a/>"].iter().all(refused), || {
        "a file is not refused as unsupported".to_owned()
    })
}

pub(super) fn settings_nobody_documents_are_refused_by_name(subject: &Subject<'_>) -> Outcome {
    const UNKNOWN: &str = "pase_url";
    let mut settings = subject.settings.clone();
    if let Some(table) = settings.as_object_mut() {
        table.insert(UNKNOWN.to_owned(), Value::from(7));
    }
    match (subject.entry.build)(&settings) {
        Err(error) if error.kind() == ErrorKind::Config => {
            Outcome::require(error.to_string().contains(UNKNOWN), || {
                "an unknown setting is refused, but not by its name".to_owned()
            })
        }
        Err(_) => Outcome::Failed(vec![
            "an unknown setting is not an error of `Config`".to_owned(),
        ]),
        Ok(_) => Outcome::Failed(vec!["an unknown setting is taken".to_owned()]),
    }
}

fn unsupported<T>(called: &Result<T>) -> bool {
    called
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Unsupported)
}
