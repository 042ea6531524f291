//! Mail: what is written in it, and how it is handed to the operator's server.
//!
//! Deliberately absent: plates, places, names of lists and cases, unless the operator says that mail is safe to carry them.

use std::{error::Error as _, fmt, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use turnpike_adapters::context::Secret;
use turnpike_schemas::{api::hits::HitNotice, hit::CONFIRM};
use url::Url;

use super::{Delivery, Seen, What, words};
use crate::notify::schedule::Answer;

/// Longest time for one command of a server.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest line of a paragraph, in characters.
const WIDTH: usize = 76;

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// The server's name, which its certificate has to be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub tls: MailTls,
    /// Certificates that are trusted beside the system's, PEM.
    pub ca: Option<Vec<u8>>,
    /// Who signs in there, and with what.
    pub credentials: Option<(String, Secret)>,
    /// Who sends.
    pub from: Address,
    /// Domains whose addresses may be told; no others.
    pub domains: Vec<String>,
    /// Whether plate, place and time of a read, and the name of the list, are written in it.
    pub show_reads: bool,
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// `STARTTLS`, and nothing where the server does not offer it.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: a server on the same machine.
    None,
}

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    domains: Vec<String>,
    show_reads: bool,
    /// What an event's name is followed by in the identity of its mail.
    host: String,
}

/// What mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
}

/// What came of handing mail over.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) answer: Answer,
    /// Whether the server refused this mail rather than any.
    pub(super) is_refused: bool,
    pub(super) says: String,
}

impl Mailer {
    /// A mailer to the server of `config`, which is not contacted yet.
    ///
    /// # Errors
    /// Certificates that are none, in words.
    pub fn new(config: &MailConfig) -> Result<Self, String> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host);
        let tls = match config.tls {
            MailTls::None => Tls::None,
            MailTls::Starttls => Tls::Required(parameters(config)?),
            MailTls::Tls => Tls::Wrapper(parameters(config)?),
        };
        let mut builder = builder.port(config.port).timeout(Some(PATIENCE)).tls(tls);
        if let Some((user, password)) = &config.credentials {
            let password = password.expose().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            host: config.from.domain().to_owned(),
            from: Mailbox::new(Some("turnpike".to_owned()), config.from.clone()),
            domains: config.domains.clone(),
            show_reads: config.show_reads,
        })
    }

    /// The address of a `mailto:`, if it is of a domain that may be told. One address and nothing else: no headers, no copies.
    pub(super) fn address(&self, url: &Url) -> Option<Address> {
        let is_plain = url.query().is_none() && url.fragment().is_none();
        let text = Some(url.path()).filter(|text| is_plain && !text.contains('%'))?;
        let address: Address = text.parse().ok()?;
        let domain = address.domain();
        let is_told = |told: &String| told.eq_ignore_ascii_case(domain);
        self.domains.iter().any(is_told).then_some(address)
    }

    /// Domains whose addresses may be told.
    pub(super) fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Whether reads may be shown in mail.
    pub(super) fn shows_reads(&self) -> bool {
        self.show_reads
    }

    /// Hands mail over. The identity of the mail is the event's, at every attempt.
    pub(super) async fn send(&self, to: Address, event: &str, letter: Letter) -> Posted {
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{}>", event.replace(':', "."), self.host)))
            .header(header::ContentType::TEXT_PLAIN)
            .raw_header(header::HeaderValue::new(
                header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .body(letter.text);
        let message = match message {
            Ok(message) => message,
            Err(error) => return Posted::not(error.to_string(), true),
        };
        match self.transport.send(message).await {
            Ok(_) => Posted {
                answer: Answer::Taken,
                is_refused: false,
                says: "the mail server has it".to_owned(),
            },
            Err(error) => {
                let status = error.status();
                let says = match status {
                    Some(code) => format!("the mail server refused it with {code}"),
                    None if error.is_timeout() => {
                        "the mail server did not answer in 15 s".to_owned()
                    }
                    None if is_untrusted(&error) => {
                        "the mail server has no certificate that is trusted".to_owned()
                    }
                    None => "the mail server cannot be reached, or broke off".to_owned(),
                };
                Posted::not(says, error.is_permanent())
            }
        }
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer")
            .field("domains", &self.domains)
            .finish_non_exhaustive()
    }
}

impl Posted {
    fn not(says: String, is_refused: bool) -> Self {
        Self {
            answer: Answer::Later { after: None },
            is_refused,
            says,
        }
    }
}

/// Whether a handshake failed over a certificate: the library says so in words alone.
fn is_untrusted(error: &lettre::transport::smtp::Error) -> bool {
    let mut cause = error.source();
    while let Some(one) = cause {
        if one.to_string().contains("certificate") {
            return true;
        }
        cause = one.source();
    }
    error.is_tls()
}

fn parameters(config: &MailConfig) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.ca {
        let root = Certificate::from_pem(pem).map_err(|error| error.to_string())?;
        builder = builder.add_root_certificate(root);
    }
    builder.build().map_err(|error| error.to_string())
}

/// What is written of a delivery. `notice` is what its owner is shown, where mail may show it. `link` leads to the hit.
pub(super) fn letter(
    delivery: &Delivery,
    code: &Secret,
    notice: Option<&HitNotice>,
    link: Option<&str>,
) -> Letter {
    let (subject, sentence) = words::short(&delivery.what);
    let mut page = Page::default();
    match &delivery.what {
        What::One(seen) => one(&mut page, seen, &sentence, notice),
        What::Digest { first, last, count } => {
            page.say(&sentence);
            page.gap();
            page.line("Events", &count.to_string());
            page.line("First", &words::time(first.at));
            page.line("Last", &words::time(last.at));
            page.gap();
            page.line("List them", "turnpike hits list");
        }
        What::Test { at } => {
            page.say(&sentence);
            page.gap();
            page.line("Asked for", &words::time(*at));
        }
        What::Confirm { .. } => {
            page.say(
                "Somebody with an account at turnpike wants to be told of possible matches here.",
            );
            page.say("If it was you, give this code back within a day:");
            page.gap();
            let given = format!(
                "turnpike channel confirm {} {}",
                delivery.channel,
                code.expose()
            );
            page.say(&format!("  {given}"));
            page.gap();
            page.say("If it was not, do nothing: nothing else is sent here.");
        }
    }
    if let Some(link) = link.filter(|_| !matches!(delivery.what, What::Confirm { .. })) {
        page.line("On screen", link);
    }
    page.gap();
    page.line("Event", &delivery.event);
    page.line("Channel", &delivery.channel.to_string());
    Letter {
        subject,
        text: page.text,
    }
}

fn one(page: &mut Page, seen: &Seen, sentence: &str, notice: Option<&HitNotice>) {
    page.say(sentence);
    page.gap();
    page.line("Hit", &seen.hit.to_string());
    page.line("At", &words::time(seen.at));
    if let Some(notice) = notice {
        let observed = &notice.read.observation;
        page.line("Wanted", &notice.wanted);
        page.line("Read", observed.plate.plate.expose());
        page.line("Taken", &words::time(observed.captured_at));
        page.line("Source", notice.read.source.as_str());
        for (label, named) in [
            ("Site", &observed.place.site),
            ("Camera", &observed.place.camera),
        ] {
            if let Some(named) = named {
                page.line(label, named);
            }
        }
        page.line("List", &notice.list_name);
        page.line("Case", notice.case_reference.as_str());
        for caution in &notice.cautions {
            page.line("Caution", &caution.says);
        }
        page.gap();
        page.say(CONFIRM);
        page.gap();
    }
    let see = format!("turnpike hits show {}", seen.hit);
    page.line("See it", &see);
}

/// Lines of plain text. What comes from elsewhere cannot begin another line.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    /// A paragraph. What begins with a space is a line as it is.
    fn say(&mut self, text: &str) {
        if text.starts_with(' ') {
            return self.put(text);
        }
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.put(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.put(&line);
    }

    fn put(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push_str("\r\n");
    }

    fn gap(&mut self) {
        if !self.text.ends_with("\r\n\r\n") {
            self.text.push_str("\r\n");
        }
    }

    fn line(&mut self, label: &str, text: &str) {
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let text: String = text.chars().map(plain).collect();
        self.put(&format!("{label:<10} {text}"));
    }
}
