//! How people are told of hits besides by webhook: the `[mail]` and `[web_push]` tables, and where a hit is seen.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use turnpike_adapters::context::Secret;
use url::Url;

use super::{load::beside, report::Report};
use crate::channels::{MailConfig, MailTls, Mailer};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawMail {
    server: String,
    tls: MailTls,
    ca_file: PathBuf,
    user: String,
    password_file: PathBuf,
    from: String,
    domains: Vec<String>,
    show_reads: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawWebPush {
    contact: String,
}

impl Default for RawMail {
    fn default() -> Self {
        Self {
            server: String::new(),
            tls: MailTls::Starttls,
            ca_file: PathBuf::new(),
            user: String::new(),
            password_file: PathBuf::new(),
            from: String::new(),
            domains: Vec::new(),
            show_reads: false,
        }
    }
}

/// What sends mail; nothing without a server.
pub(super) fn mailer(raw: &RawMail, path: &Path, report: &mut Report) -> Option<Mailer> {
    if raw.server.is_empty() {
        return None;
    }
    let server = raw.server.rsplit_once(':');
    let server = server.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let server = server.filter(|(host, port)| !host.is_empty() && *port != 0);
    if server.is_none() {
        report.add(
            "mail.server",
            "must be a host and a port, as in `mail.brookdale.invalid:587`",
        );
    }
    let from = raw.from.parse();
    if from.is_err() {
        report.add(
            "mail.from",
            "must be an address of mail, for it is who sends",
        );
    }
    let domains: Vec<String> = raw
        .domains
        .iter()
        .map(|one| one.to_ascii_lowercase())
        .collect();
    let is_domain = |one: &String| format!("a@{one}").parse::<lettre::Address>().is_ok();
    if domains.is_empty() || !domains.iter().all(is_domain) {
        let message = "must be the domains whose addresses may be told, as in `brookdale.invalid`";
        report.add("mail.domains", message);
    }
    let ca = (!raw.ca_file.as_os_str().is_empty()).then(|| {
        let file = beside(path, &raw.ca_file);
        let read = std::fs::read(&file);
        let read = read.map_err(|error| format!("{} cannot be read: {error}", file.display()));
        report.check("mail.ca_file", read)
    });
    let credentials = credentials(raw, path, report);
    let (host, port) = server?;
    if raw.tls == MailTls::None && !is_here(host) {
        let message = "may be `none` only where `mail.server` is this machine: mail says whose alert list found something";
        report.add("mail.tls", message);
        return None;
    }
    if raw.tls == MailTls::None && credentials.is_some() {
        report.add("mail.user", "signs in nowhere without `mail.tls`");
        return None;
    }
    let config = MailConfig {
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port,
        tls: raw.tls,
        ca: ca.flatten(),
        credentials,
        from: from.ok()?,
        domains,
        show_reads: raw.show_reads,
    };
    report.check("mail.ca_file", Mailer::new(&config))
}

fn credentials(raw: &RawMail, path: &Path, report: &mut Report) -> Option<(String, Secret)> {
    let has_file = !raw.password_file.as_os_str().is_empty();
    match (raw.user.is_empty(), has_file) {
        (true, false) => return None,
        (true, true) => {
            report.add("mail.user", "is required with `mail.password_file`");
            return None;
        }
        (false, false) => {
            report.add("mail.password_file", "is required with `mail.user`");
            return None;
        }
        (false, true) => {}
    }
    let file = beside(path, &raw.password_file);
    let read = std::fs::read_to_string(&file);
    let read = read.map_err(|error| format!("{} cannot be read: {error}", file.display()));
    let text = report.check("mail.password_file", read)?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        report.add("mail.password_file", "is empty");
        return None;
    }
    Some((raw.user.clone(), Secret::new(password)))
}

fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whom push services write to; nothing where web push is not set up.
pub(super) fn push_contact(raw: &RawWebPush, report: &mut Report) -> Option<String> {
    if raw.contact.is_empty() {
        return None;
    }
    let url = Url::parse(&raw.contact).ok();
    if url.is_none_or(|url| !matches!(url.scheme(), "mailto" | "https")) {
        let message = "must be a `mailto:` or `https:` address: push services write there when something is wrong";
        report.add("web_push.contact", message);
        return None;
    }
    Some(raw.contact.clone())
}

/// Where a person sees a hit.
pub(super) fn link(raw: &str, report: &mut Report) -> Option<String> {
    if raw.is_empty() {
        return None;
    }
    let is_link = Url::parse(raw).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    if !is_link || raw.matches("{hit}").count() != 1 {
        let message = "must be an address with `{hit}` where the name of the hit goes";
        report.add("alerts.link", message);
        return None;
    }
    Some(raw.to_owned())
}
