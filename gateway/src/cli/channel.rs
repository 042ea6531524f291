//! `turnpike channel`: where your systems are told of hits.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;
use turnpike_schemas::api::channels::{
    ChannelDelivery, ChannelList, ChannelMade, DeliveryList, NewChannel, Replayed,
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

/// Look after where your systems are told of hits
#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Make a channel; the secret that signs is shown once
    Add(Add),
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
    /// Where your system is told: a public https address
    url: String,
    /// As JSON
    #[arg(long)]
    json: bool,
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
    writeln!(out, "{}", made.secret)?;
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
        let new = NewChannel { url: self.url };
        let made: ChannelMade = self.server.post("/v1/channels", &new).await?;
        if self.json {
            json(out, &made)?;
            return Ok(Exit::Done);
        }
        secret(&made, out)
    }
}

impl List {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let list: ChannelList = self.server.get("/v1/channels").await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        let mut shown = table(&["channel", "address", "state"]);
        for channel in list.channels {
            let state = match (channel.disabled_at, channel.disabled_why) {
                (Some(_), Some(why)) => why,
                (Some(_), None) => "disabled".to_owned(),
                (None, _) => "told".to_owned(),
            };
            shown.add_row([
                channel.id.to_string(),
                shortened(&clean(&channel.url), WIDE),
                state,
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
