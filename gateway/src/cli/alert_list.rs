//! `turnpike alert-list`: plates you are told of when one is read.

mod import;

use std::{collections::BTreeSet, io::Write, path::PathBuf};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_schemas::{
    api::alerts::{
        AlertChanged, AlertEntries, AlertEntry, AlertHistory, AlertList, AlertLists, AlertRenewal,
        AlertSharing, AlertState, LookBack as Back, LookedBack, NewAlertList,
    },
    query::{CaseRef, Offence, OnBehalfOf, Purpose},
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::{json, span},
    table::{clean, shortened, table, time, trimmed, unbroken},
    words::counted,
};

/// Look after alert lists
#[derive(Debug, Subcommand)]
pub(super) enum AlertListCommand {
    /// Make a list for one purpose and one case
    Make(Make),
    /// List your lists, and those shared with you
    List(Shown),
    /// Show the entries of a list
    Show(Show),
    /// Add entries from a CSV file; nothing that is there is overwritten
    Import(import::Import),
    /// Write the entries of a list as a CSV file that `import` takes back
    Export(Export),
    /// Say what was done to an entry
    History(Entry),
    /// Give an entry another end
    Renew(Renew),
    /// Say that an entry still holds, or every entry of a list
    Confirm(Confirm),
    /// Share a list with these people, and nobody else from now on
    Share(Share),
    /// Look for its entries among what was read in the last hours, once; you are told of what matches
    LookBack(LookBack),
    /// Agree to an entry as the second person
    Approve(Entry),
    /// Take an entry off a list; it is erased
    Remove(Entry),
    /// Close a list for good; its entries are erased
    Close(Named),
}

/// A new list
#[derive(Debug, Args)]
pub(super) struct Make {
    #[command(flatten)]
    server: Server,
    /// What you call it
    name: String,
    /// What it is about
    #[arg(long)]
    topic: Option<String>,
    /// Why the plates are looked for
    #[arg(long, value_parser = word::<Purpose>)]
    purpose: Purpose,
    /// Type of offence, where the purpose takes one
    #[arg(long, value_parser = word::<Offence>)]
    offence: Option<Offence>,
    /// For which file
    #[arg(long = "case", value_parser = word::<CaseRef>)]
    case_reference: CaseRef,
    /// `self`, or the organisation it is kept for
    #[arg(long, value_parser = word::<OnBehalfOf>, default_value = "self")]
    on_behalf_of: OnBehalfOf,
    /// The law or order it rests on
    #[arg(long)]
    legal_basis: String,
    /// Plates count as well that cameras confuse with the ones wanted
    #[arg(long)]
    look_alike: bool,
    /// No source may ever be told of its plates
    #[arg(long)]
    confidential: bool,
    /// Who may see it, and agree to entries; may be given more than once
    #[arg(long = "share-with")]
    shared: Vec<String>,
    /// When what it is made from was put together, with a zone
    #[arg(long)]
    as_of: Option<Timestamp>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Shown {
    #[command(flatten)]
    server: Server,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One list
#[derive(Debug, Args)]
pub(super) struct Named {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The entries of a list
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// When each entry asks the sources that can only be asked
    #[arg(long)]
    turns: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A list as a file
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// Where to; standard output when left out
    #[arg(long)]
    output: Option<PathBuf>,
}

/// One entry
#[derive(Debug, Args)]
pub(super) struct Entry {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// Number of the entry
    entry: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Another end
#[derive(Debug, Args)]
pub(super) struct Renew {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// Number of the entry
    entry: u64,
    /// When it ends from now on, with a zone
    #[arg(long)]
    until: Timestamp,
}

/// With whom it is shared
#[derive(Debug, Args)]
pub(super) struct Share {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// Who may see it, and agree to entries; may be given more than once, and nobody when left out
    #[arg(long = "with")]
    shared: Vec<String>,
}

/// How far back
#[derive(Debug, Args)]
pub(super) struct LookBack {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// How far back: `36h`, `7d`; at most 7 days
    #[arg(long, value_parser = span)]
    last: SignedDuration,
}

/// It still holds
#[derive(Debug, Args)]
pub(super) struct Confirm {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// Number of the entry; every entry when left out
    entry: Option<u64>,
}

/// A word of a closed vocabulary, or a text of a form.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

impl AlertListCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::Make(command) => command.run(out).await,
            Self::List(command) => command.run(out).await,
            Self::Show(command) => command.run(out).await,
            Self::Import(command) => command.run(out).await,
            Self::Export(command) => command.run(out).await,
            Self::History(command) => command.history(out).await,
            Self::Renew(command) => command.run(out).await,
            Self::Confirm(command) => command.run(out).await,
            Self::Share(command) => command.run(out).await,
            Self::LookBack(command) => command.run(out).await,
            Self::Approve(command) => command.approve(out).await,
            Self::Remove(command) => command.remove(out).await,
            Self::Close(command) => command.close(out).await,
        }
    }
}

impl Make {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let new = NewAlertList {
            name: self.name,
            topic: self.topic,
            purpose: self.purpose,
            offence: self.offence,
            case_reference: self.case_reference,
            on_behalf_of: self.on_behalf_of,
            legal_basis: self.legal_basis,
            look_alike: self.look_alike,
            confidential: self.confidential,
            shared: BTreeSet::from_iter(self.shared),
            as_of: self.as_of,
        };
        let made: AlertList = self.server.post("/v1/alert-lists", &new).await?;
        if self.json {
            json(out, &made)?;
        } else {
            writeln!(out, "{}", made.id)?;
            writeln!(
                std::io::stderr(),
                "turnpike: made, without entries: turnpike alert-list import {} FILE",
                made.id
            )?;
        }
        Ok(Exit::Done)
    }
}

impl Shown {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let lists: AlertLists = self.server.get("/v1/alert-lists").await?;
        if self.json {
            json(out, &lists)?;
            return Ok(Exit::Done);
        }
        if lists.lists.is_empty() {
            writeln!(out, "No lists.")?;
        }
        for list in &lists.lists {
            one_list(out, list)?;
        }
        Ok(Exit::Done)
    }
}

fn one_list(out: &mut dyn Write, list: &AlertList) -> Result<(), Outcome> {
    let closed = list
        .closed_at
        .map_or_else(String::new, |at| format!("  CLOSED {} UTC", time(at)));
    writeln!(out, "{}{closed}", clean(&list.list.name))?;
    writeln!(out, "    {}", list.id)?;
    writeln!(
        out,
        "    {}, case {}; of {}",
        list.list.purpose,
        list.list.case_reference.as_str(),
        clean(&list.owner)
    )?;
    let of = |state| list.entries.get(&state).copied().unwrap_or(0);
    let mut counts = vec![format!(
        "{} looked for",
        counted(of(AlertState::Active), "entry")
    )];
    for (state, words) in [
        (AlertState::Waiting, "wait for a second person"),
        (
            AlertState::Unconfirmed,
            "NOT looked for until you confirm them",
        ),
        (AlertState::Ended, "ended"),
    ] {
        if of(state) > 0 {
            counts.push(format!("{} {words}", of(state)));
        }
    }
    writeln!(out, "    {}\n", counts.join("; "))?;
    Ok(())
}

impl Show {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/alert-lists/{}", self.list);
        let list: AlertList = self.server.get(&path).await?;
        let entries: AlertEntries = self.server.get(&format!("{path}/entries")).await?;
        if self.json {
            json(out, &entries)?;
            return Ok(Exit::Done);
        }
        one_list(out, &list)?;
        if self.turns {
            return turns(out, &list, &entries.entries);
        }
        let mut rows = table(&["entry", "plate", "issuer", "ends (UTC)", "reason", "state"]);
        for entry in &entries.entries {
            let issuer = entry.jurisdiction.as_ref();
            rows.add_row([
                entry.entry.to_string(),
                clean(&entry.plate),
                issuer.map_or("-", |issuer| issuer.as_str()).to_owned(),
                time(entry.expires_at),
                shortened(entry.reason.as_str(), 16),
                state_words(entry.state).to_owned(),
            ]);
        }
        unbroken(&mut rows, 4);
        writeln!(out, "{}", trimmed(&rows.to_string()))?;
        Ok(Exit::Done)
    }
}

/// When each entry asks, as far as that can be told.
fn turns(out: &mut dyn Write, list: &AlertList, entries: &[AlertEntry]) -> Result<Exit, Outcome> {
    if list.list.confidential {
        writeln!(
            out,
            "The list is confidential: no source is told of its plates."
        )?;
        return Ok(Exit::Done);
    }
    let mut rows = table(&[
        "entry",
        "plate",
        "source",
        "next, about (UTC)",
        "asked until",
    ]);
    let mut any = false;
    for entry in entries {
        for turn in &entry.turns {
            any = true;
            rows.add_row([
                entry.entry.to_string(),
                clean(&entry.plate),
                shortened(turn.source.as_str(), 20),
                time(turn.next_at),
                turn.asked_until.map_or_else(|| "not yet".to_owned(), time),
            ]);
        }
    }
    if any {
        unbroken(&mut rows, 5);
        writeln!(out, "{}", trimmed(&rows.to_string()))?;
    } else {
        writeln!(out, "No source is asked in turn.")?;
    }
    Ok(Exit::Done)
}

impl Named {
    async fn close(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/alert-lists/{}", self.list);
        let closed: AlertChanged = self.server.delete_for(&path).await?;
        if self.json {
            json(out, &closed)?;
        } else {
            let entries = counted(closed.entries, "entry");
            writeln!(out, "closed; {entries} erased; on record")?;
        }
        Ok(Exit::Done)
    }
}

fn state_words(state: AlertState) -> &'static str {
    match state {
        AlertState::Active => "looked for",
        AlertState::Waiting => "to be approved",
        AlertState::Unconfirmed => "NOT confirmed",
        AlertState::Ended => "ended",
        AlertState::Removed => "removed",
    }
}

impl Export {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/alert-lists/{}/entries", self.list);
        let file = self.server.text_as(&path, "text/csv").await?;
        match &self.output {
            Some(path) => std::fs::write(path, file)?,
            None => out.write_all(file.as_bytes())?,
        }
        Ok(Exit::Done)
    }
}

impl Entry {
    fn path(&self) -> String {
        format!("/v1/alert-lists/{}/entries/{}", self.list, self.entry)
    }

    async fn history(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("{}/history", self.path());
        let history: AlertHistory = self.server.get(&path).await?;
        if self.json {
            json(out, &history)?;
            return Ok(Exit::Done);
        }
        let mut rows = table(&["when (UTC)", "what", "by", "ledger"]);
        for done in &history.history {
            let entry = done.ledger.map(|entry| entry.to_string());
            rows.add_row([
                time(done.at),
                done.what.clone(),
                done.by.as_deref().map_or("-".to_owned(), clean),
                entry.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        unbroken(&mut rows, 2);
        writeln!(out, "{}", trimmed(&rows.to_string()))?;
        Ok(Exit::Done)
    }

    async fn approve(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("{}/approve", self.path());
        let entry: AlertEntry = self.server.act(&path).await?;
        changed(out, &entry)
    }

    async fn remove(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        self.server.delete(&self.path()).await?;
        writeln!(out, "entry {} is erased; on record", self.entry)?;
        Ok(Exit::Done)
    }
}

impl Renew {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/alert-lists/{}/entries/{}/renew", self.list, self.entry);
        let renewal = AlertRenewal {
            expires_at: self.until,
        };
        let entry: AlertEntry = self.server.post(&path, &renewal).await?;
        changed(out, &entry)
    }
}

impl Share {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/alert-lists/{}/share", self.list);
        let sharing = AlertSharing {
            shared: BTreeSet::from_iter(self.shared),
        };
        let list: AlertList = self.server.post(&path, &sharing).await?;
        let with: Vec<String> = list.list.shared.iter().map(|one| clean(one)).collect();
        if with.is_empty() {
            writeln!(out, "shared with nobody; on record")?;
        } else {
            writeln!(out, "shared with {}; on record", with.join(", "))?;
        }
        Ok(Exit::Done)
    }
}

impl LookBack {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        look_back(&self.server, self.list, self.last, out).await
    }
}

/// Looks back, and says where.
async fn look_back(
    server: &Server,
    list: Uuid,
    last: SignedDuration,
    out: &mut dyn Write,
) -> Result<Exit, Outcome> {
    let hours = u32::try_from(last.as_hours()).unwrap_or(u32::MAX);
    let path = format!("/v1/alert-lists/{list}/look-back");
    let looked: LookedBack = server.post(&path, &Back { hours }).await?;
    let entries = counted(looked.entries, "entry");
    writeln!(
        out,
        "{entries} looked for since {} UTC; on record",
        time(looked.since)
    )?;
    for at in &looked.sources {
        let how = match &at.why_not {
            Some(why) => format!("NOT: {}", clean(why)),
            None if at.kept_here => "now, among the reads kept here".to_owned(),
            None => "with the next turn of each entry".to_owned(),
        };
        writeln!(out, "  {}: {how}", at.source)?;
    }
    Ok(Exit::Done)
}

impl Confirm {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let list = format!("/v1/alert-lists/{}", self.list);
        let Some(entry) = self.entry else {
            let path = format!("{list}/confirm");
            let confirmed: AlertChanged = self.server.act(&path).await?;
            let entries = counted(confirmed.entries, "entry");
            writeln!(out, "{entries} confirmed; on record")?;
            return Ok(Exit::Done);
        };
        let path = format!("{list}/entries/{entry}/confirm");
        let entry: AlertEntry = self.server.act(&path).await?;
        changed(out, &entry)
    }
}

fn changed(out: &mut dyn Write, entry: &AlertEntry) -> Result<Exit, Outcome> {
    writeln!(
        out,
        "entry {}: {} until {} UTC, to be confirmed until {} UTC; on record",
        entry.entry,
        state_words(entry.state),
        time(entry.expires_at),
        time(entry.confirm_until)
    )?;
    Ok(Exit::Done)
}
