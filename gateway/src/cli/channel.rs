//! `turnpike channel`: where you and your systems are told of hits, and when.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use turnpike_schemas::api::channels::{
    Channel, ChannelCode, ChannelDelivery, ChannelKind, ChannelList, ChannelMade, ChannelSettings,
    DeliveryList, Escalating, Escalation, NewChannel, PushKey, PushKeys, Quiet, Replayed,
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{clean, shortened, table, time, trimmed, unbroken},
    words::counted,
};

/// Widest address and name of an event in a table.
const WIDE: usize = 36;

/// Look after where you and your systems are told of hits, and when
#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Make a channel: a webhook, an address of mail, or a browser
    Add(Add),
    /// Show that an address of mail is yours, with the code that was sent there
    Confirm(Confirm),
    /// Say when a channel is told: quiet hours, and digests
    Set(Set),
    /// Say who is told of hits that you have not seen
    Escalate(Escalate),
    /// Show the key that browsers subscribe with
    PushKey(Here),
    /// List your channels
    List(List),
    /// Remove a channel and what waits for it
    Remove(Name),
    /// Make another secret; for 24 hours the one before it signs as well
    Rotate(Name),
    /// List what a channel was told, and what became of it
    Deliveries(Deliveries),
    /// Send the dead letters of a channel again, and let a disabled channel be told again
    Replay(Name),
    /// Send an event that tells of nothing
    Test(Name),
}

/// A new channel
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    server: Server,
    /// Where you are told: a public https address for a webhook, or your address of mail
    #[arg(
        required_unless_present = "subscription",
        conflicts_with = "subscription"
    )]
    address: Option<String>,
    /// A browser's push subscription, as it says of itself in JSON
    #[arg(long, value_name = "FILE")]
    subscription: Option<PathBuf>,
    #[command(flatten)]
    when: When,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// When a channel is told
#[derive(Debug, Args)]
struct When {
    /// Hours in which nothing is sent, as in 22:00-06:00; what happens then is told together when they are over
    #[arg(long, value_name = "FROM-TO", requires = "zone")]
    quiet: Option<String>,
    /// The time zone of the quiet hours, as in America/New_York
    #[arg(long, requires = "quiet")]
    zone: Option<String>,
    /// Tell everything together, at most once in so many minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=1_440))]
    digest: Option<u32>,
}

/// The code of the mail
#[derive(Debug, Args)]
pub(super) struct Confirm {
    #[command(flatten)]
    server: Server,
    /// The channel, as the mail names it
    id: Uuid,
    /// The code
    code: String,
}

/// When a channel is told; what is not given ends
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    server: Server,
    /// The channel, as `turnpike channel list` names it
    id: Uuid,
    #[command(flatten)]
    when: When,
}

/// Who is told of hits that you have not seen; shows who, when nothing is given
#[derive(Debug, Args)]
pub(super) struct Escalate {
    #[command(flatten)]
    server: Server,
    /// A person of your organisation, with whom the lists are shared that they are told of
    #[arg(long, requires = "after", conflicts_with = "none")]
    to: Option<String>,
    /// After so many minutes
    #[arg(long, value_name = "MINUTES", requires = "to", value_parser = clap::value_parser!(u32).range(1..=1_440))]
    after: Option<u32>,
    /// Nobody any more
    #[arg(long)]
    none: bool,
}

/// Where to ask
#[derive(Debug, Args)]
pub(super) struct Here {
    #[command(flatten)]
    server: Server,
}

/// What a browser says of its subscription: `JSON.stringify(subscription)`.
#[derive(Deserialize)]
struct Subscription {
    endpoint: String,
    keys: PushKeys,
}

/// Your channels
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Server,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One channel
#[derive(Debug, Args)]
pub(super) struct Name {
    #[command(flatten)]
    server: Server,
    /// The channel, as `turnpike channel list` names it
    id: Uuid,
}

/// What a channel was told
#[derive(Debug, Args)]
pub(super) struct Deliveries {
    #[command(flatten)]
    server: Server,
    /// The channel, as `turnpike channel list` names it
    id: Uuid,
    /// Only those that are in this state
    #[arg(long, value_parser = ["waiting", "delivered", "dead"])]
    state: Option<String>,
    /// Only those before this place: the last of the page before
    #[arg(long)]
    before: Option<u64>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl ChannelCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::Add(command) => command.run(out).await,
            Self::Confirm(Confirm { server, id, code }) => {
                let path = format!("/v1/channels/{id}/confirm");
                let _: Channel = server.post(&path, &ChannelCode { code }).await?;
                writeln!(out, "you are told of your hits there from now on")?;
                Ok(Exit::Done)
            }
            Self::Set(command) => command.run(out).await,
            Self::Escalate(command) => command.run(out).await,
            Self::PushKey(Here { server }) => {
                let key: PushKey = server.get("/v1/push-key").await?;
                writeln!(out, "{}", key.key)?;
                Ok(Exit::Done)
            }
            Self::List(command) => command.run(out).await,
            Self::Remove(Name { server, id }) => {
                server.delete(&format!("/v1/channels/{id}")).await?;
                writeln!(std::io::stderr(), "turnpike: the channel is told nothing")?;
                Ok(Exit::Done)
            }
            Self::Rotate(Name { server, id }) => {
                let path = format!("/v1/channels/{id}/rotate");
                let made: ChannelMade = server.post(&path, &json!({})).await?;
                secret(&made, out)
            }
            Self::Deliveries(command) => command.run(out).await,
            Self::Replay(Name { server, id }) => {
                let path = format!("/v1/channels/{id}/replay");
                let replayed: Replayed = server.post(&path, &json!({})).await?;
                let letters = counted(replayed.replayed, "dead letter");
                writeln!(out, "{letters} will be sent again")?;
                Ok(Exit::Done)
            }
            Self::Test(Name { server, id }) => {
                let path = format!("/v1/channels/{id}/test");
                let sent: ChannelDelivery = server.post(&path, &json!({})).await?;
                writeln!(out, "{}", sent.event)?;
                let note = "turnpike: what becomes of it is in `turnpike channel deliveries`";
                writeln!(std::io::stderr(), "{note}")?;
                Ok(Exit::Done)
            }
        }
    }
}

/// The secret alone goes to standard output: it is for the receiver.
fn secret(made: &ChannelMade, out: &mut dyn Write) -> Result<Exit, Outcome> {
    let Some(secret) = &made.secret else {
        let id = made.channel.id;
        let note = match made.channel.unconfirmed {
            true => {
                format!("channel {id}: a code was sent there; `turnpike channel confirm` takes it")
            }
            false => format!("channel {id}: told from now on"),
        };
        writeln!(std::io::stderr(), "turnpike: {note}")?;
        return Ok(Exit::Done);
    };
    writeln!(out, "{secret}")?;
    let (id, until) = (made.channel.id, made.channel.old_secret_until);
    let note = match until {
        Some(until) => format!("the secret before it signs as well until {}", time(until)),
        None => "this is its secret".to_owned(),
    };
    writeln!(
        std::io::stderr(),
        "turnpike: channel {id}: {note}; not shown again"
    )?;
    Ok(Exit::Done)
}

impl Add {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let new = self.asked()?;
        let made: ChannelMade = self.server.post("/v1/channels", &new).await?;
        if self.json {
            json(out, &made)?;
            return Ok(Exit::Done);
        }
        secret(&made, out)
    }
}

impl Add {
    fn asked(&self) -> Result<NewChannel, Outcome> {
        let settings = self.when.settings()?;
        if let Some(file) = &self.subscription {
            let unreadable =
                |error: String| Outcome::new(Exit::Usage, format!("{}: {error}", file.display()));
            let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
            let no = |_| {
                unreadable("this is no push subscription: it has `endpoint` and `keys`".to_owned())
            };
            let Subscription { endpoint, keys } = serde_json::from_slice(&text).map_err(no)?;
            return Ok(NewChannel {
                url: endpoint,
                keys: Some(keys),
                settings,
            });
        }
        let address = self.address.clone().unwrap_or_default();
        let is_mail = address.contains('@') && !address.contains(':');
        let url = match is_mail {
            true => format!("mailto:{address}"),
            false => address,
        };
        Ok(NewChannel {
            url,
            keys: None,
            settings,
        })
    }
}

impl When {
    fn settings(&self) -> Result<ChannelSettings, Outcome> {
        let quiet = match (&self.quiet, &self.zone) {
            (Some(hours), Some(zone)) => {
                let Some((from, to)) = hours.split_once('-') else {
                    let message = "quiet hours are written as in 22:00-06:00";
                    return Err(Outcome::new(Exit::Usage, message));
                };
                Some(Quiet {
                    from: from.to_owned(),
                    to: to.to_owned(),
                    zone: zone.clone(),
                })
            }
            _ => None,
        };
        Ok(ChannelSettings {
            quiet,
            digest_every_s: self.digest.map(|minutes| minutes * 60),
        })
    }
}

impl Set {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/channels/{}/settings", self.id);
        let set: Channel = self.server.put(&path, &self.when.settings()?).await?;
        writeln!(out, "{}", when(&set.settings))?;
        Ok(Exit::Done)
    }
}

/// When a channel is told, in words.
fn when(settings: &ChannelSettings) -> String {
    let often = settings.digest_every_s.map(|every| {
        format!(
            "together, once in {}",
            counted(u64::from(every / 60), "minute")
        )
    });
    let often = often.unwrap_or_else(|| "at once".to_owned());
    match &settings.quiet {
        Some(Quiet { from, to, zone }) => {
            format!("{often}; not from {from} to {to} ({})", clean(zone))
        }
        None => often,
    }
}

impl Escalate {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = "/v1/escalation";
        let escalation = self
            .to
            .clone()
            .zip(self.after)
            .map(|(to, after)| Escalation {
                to,
                after_s: after * 60,
            });
        let now: Escalating = match escalation.is_some() || self.none {
            true => self.server.put(path, &Escalating { escalation }).await?,
            false => self.server.get(path).await?,
        };
        match now.escalation {
            Some(Escalation { to, after_s }) => {
                let after = counted(u64::from(after_s / 60), "minute");
                writeln!(
                    out,
                    "{} is told of hits that you have not seen after {after}",
                    clean(&to)
                )?;
                let note = "turnpike: only of lists that are shared with them, and as far as agreements allow";
                writeln!(std::io::stderr(), "{note}")?;
            }
            None => writeln!(out, "nobody is told of hits that you have not seen")?,
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let list: ChannelList = self.server.get("/v1/channels").await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        let mut shown = table(&["channel", "address", "state", "told"]);
        for channel in list.channels {
            let state = match (channel.disabled_at, channel.disabled_why) {
                _ if channel.unconfirmed => "to confirm".to_owned(),
                (Some(_), Some(why)) => why,
                (Some(_), None) => "disabled".to_owned(),
                (None, _) => channel.kind.as_str().to_owned(),
            };
            let address = match channel.kind {
                ChannelKind::Email => channel.url.trim_start_matches("mailto:").to_owned(),
                _ => channel.url,
            };
            shown.add_row([
                channel.id.to_string(),
                shortened(&clean(&address), WIDE),
                state,
                when(&channel.settings),
            ]);
        }
        unbroken(&mut shown, 1);
        writeln!(out, "{}", trimmed(&shown.to_string()))?;
        Ok(Exit::Done)
    }
}

impl Deliveries {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let mut path = format!("/v1/channels/{}/deliveries?limit={}", self.id, self.limit);
        if let Some(state) = &self.state {
            path.push_str(&format!("&state={state}"));
        }
        if let Some(before) = self.before {
            path.push_str(&format!("&before={before}"));
        }
        let list: DeliveryList = self.server.get(&path).await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        let mut shown = table(&[
            "place",
            "tells",
            "state",
            "tries",
            "settled or next",
            "answer",
        ]);
        for one in list.deliveries {
            let when = one.settled_at.or(one.next_at).map(time);
            shown.add_row([
                one.place.to_string(),
                tells(&one.kind, one.events),
                one.state.as_str().to_owned(),
                one.attempts.to_string(),
                when.unwrap_or_default(),
                clean(&one.answer.unwrap_or_default()),
            ]);
        }
        unbroken(&mut shown, 5);
        writeln!(out, "{}", trimmed(&shown.to_string()))?;
        Ok(Exit::Done)
    }
}

fn tells(kind: &str, events: u64) -> String {
    if kind == "digest" {
        return counted(events, "event");
    }
    clean(kind)
}
