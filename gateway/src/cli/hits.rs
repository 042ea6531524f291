//! `turnpike hits`: what you are told as the owner of alert lists.

mod follow;
mod print;

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};
use turnpike_schemas::{
    api::hits::{Compared, HitPage, HitReport, HitReview, WithoutImage},
    hit::{HitId, HitState},
};

use self::print::{standing_words, state_words};
use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{clean, shortened, table, time, trimmed, unbroken},
};

/// Follow and review hits of your alert lists
#[derive(Debug, Subcommand)]
pub(super) enum HitsCommand {
    /// Print each hit as it happens, until you end it
    Follow(follow::Follow),
    /// List your hits, the latest first
    List(List),
    /// Show one hit as you were told of it
    Show(Show),
    /// Say what you found when you looked
    Review(Review),
}

/// Your hits
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Server,
    /// Only those with this finding
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Most hits to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One hit
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    server: Server,
    /// The hit
    hit: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A finding
#[derive(Debug, Args)]
pub(super) struct Review {
    #[command(flatten)]
    server: Server,
    /// The hit
    hit: String,
    /// What you found
    #[arg(value_enum)]
    state: State,
    /// How the plate in the image compares with the one wanted
    #[arg(long, value_enum)]
    image: Look,
    /// How the vehicle compares
    #[arg(long, value_enum)]
    vehicle: Look,
    /// How it was confirmed without its image
    #[arg(long, value_enum)]
    without_image: Option<Otherwise>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Unconfirmed,
    Confirmed,
    WrongPlate,
    WrongJurisdiction,
    Stale,
    Other,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Look {
    /// It is the same
    Matches,
    /// It is not
    Differs,
    /// There is nothing to compare, or it shows too little
    NotVisible,
    /// Nobody looked
    NotLookedAt,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Otherwise {
    /// Somebody saw plate and vehicle on the spot
    SeenInPerson,
    /// The source looked and said so
    ConfirmedBySource,
    /// Whoever issued the plate or wants it looked and said so
    ConfirmedByIssuer,
}

impl From<State> for HitState {
    fn from(state: State) -> Self {
        match state {
            State::Unconfirmed => Self::Unconfirmed,
            State::Confirmed => Self::Confirmed,
            State::WrongPlate => Self::WrongPlate,
            State::WrongJurisdiction => Self::WrongJurisdiction,
            State::Stale => Self::Stale,
            State::Other => Self::Other,
        }
    }
}

impl From<Look> for Compared {
    fn from(look: Look) -> Self {
        match look {
            Look::Matches => Self::Matches,
            Look::Differs => Self::Differs,
            Look::NotVisible => Self::NotVisible,
            Look::NotLookedAt => Self::NotLookedAt,
        }
    }
}

impl From<Otherwise> for WithoutImage {
    fn from(how: Otherwise) -> Self {
        match how {
            Otherwise::SeenInPerson => Self::SeenInPerson,
            Otherwise::ConfirmedBySource => Self::ConfirmedBySource,
            Otherwise::ConfirmedByIssuer => Self::ConfirmedByIssuer,
        }
    }
}

impl HitsCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::Follow(command) => command.run(out).await,
            Self::List(command) => command.run(out).await,
            Self::Show(command) => command.run(out).await,
            Self::Review(command) => command.run(out).await,
        }
    }
}

impl List {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let mut path = format!("/v1/hits?limit={}", self.limit);
        if let Some(state) = self.state {
            path.push_str(&format!("&state={}", HitState::from(state).as_str()));
        }
        let page: HitPage = self.server.get(&path).await?;
        if self.json {
            json(out, &page)?;
            return Ok(Exit::Done);
        }
        if page.hits.is_empty() {
            writeln!(out, "No hits.")?;
            return Ok(Exit::Done);
        }
        let mut hits = table(&[
            "told (UTC)",
            "hit",
            "plate",
            "source",
            "finding",
            "still so",
        ]);
        for hit in &page.hits {
            let plate = hit.notice.as_ref().map(|notice| {
                let plate = &notice.read.observation.plate.plate;
                clean(plate.expose())
            });
            hits.add_row([
                time(hit.told_at),
                shortened(hit.hit.as_str(), 9),
                plate.unwrap_or_else(|| "-".to_owned()),
                shortened(hit.source.as_str(), 16),
                state_words(hit.state).to_owned(),
                standing_words(hit.standing).to_owned(),
            ]);
        }
        unbroken(&mut hits, 3);
        writeln!(out, "{}", trimmed(&hits.to_string()))?;
        writeln!(
            out,
            "\nA hit is a lead: confirm it against the image before acting.\n\
             One of them: turnpike hits show HIT. All of its name: --json."
        )?;
        Ok(Exit::Done)
    }
}

impl Show {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let hit = known(&self.server, &self.hit).await?;
        let hit: HitReport = self.server.get(&format!("/v1/hits/{hit}")).await?;
        if self.json {
            json(out, &hit)?;
        } else {
            print::report(out, &hit)?;
        }
        Ok(Exit::Done)
    }
}

impl Review {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let review = HitReview {
            state: self.state.into(),
            image: self.image.into(),
            vehicle: self.vehicle.into(),
            without_image: self.without_image.map(Into::into),
        };
        review
            .check()
            .map_err(|error| Outcome::new(Exit::Usage, error.to_string()))?;
        let hit = known(&self.server, &self.hit).await?;
        let path = format!("/v1/hits/{hit}/review");
        let hit: HitReport = self.server.post(&path, &review).await?;
        let entry = hit.review.as_ref().map(|review| review.entry);
        let entry = entry.map_or_else(String::new, |entry| {
            format!(" as entry {entry} of the ledger")
        });
        writeln!(
            out,
            "{}: {}; on record{entry}",
            hit.hit,
            state_words(hit.state)
        )?;
        Ok(Exit::Done)
    }
}

/// The hit whose name begins so, as tables show it, if there is one among the latest.
async fn known(server: &Server, name: &str) -> Result<HitId, Outcome> {
    if let Ok(hit) = HitId::try_from(name.to_owned()) {
        return Ok(hit);
    }
    let (head, tail) = name.split_once('\u{2026}').unwrap_or((name, ""));
    let none = || {
        let message = "no hit of your latest 500 has this name; `turnpike hits list --json` shows whole names";
        Outcome::new(Exit::Usage, message)
    };
    if head.len() < 4 {
        return Err(none());
    }
    let page: HitPage = server.get("/v1/hits?limit=500").await?;
    let mut found = page.hits.into_iter().map(|hit| hit.hit);
    let mut found = found
        .by_ref()
        .filter(|hit| hit.as_str().starts_with(head) && hit.as_str().ends_with(tail));
    match (found.next(), found.next()) {
        (Some(hit), None) => Ok(hit),
        _ => Err(none()),
    }
}
