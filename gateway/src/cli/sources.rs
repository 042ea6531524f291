//! `turnpike sources`.

use std::io::{self, Write};

use clap::Args;
use turnpike_schemas::api::{Delivery, DriftCount, Need, SourceHealth, SourceInfo, SourceList};

use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{table, time, trimmed, unbroken, wrapped},
};

/// Say which source needs somebody and why, and list all of them
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// List the adapters there are instead: no gateway is needed
    #[arg(long)]
    adapters: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Sources {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        if self.adapters {
            return super::adapters::print(out, self.json);
        }
        let list: SourceList = self.server.get("/v1/sources").await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        needs(out, &list.sources)?;
        let mut sources = table(&["source", "how", "last seen (utc)", "held", "lag"]);
        for source in &list.sources {
            let how: Vec<&str> = source
                .delivery
                .iter()
                .map(|delivery| word(*delivery))
                .collect();
            sources.add_row([
                source.source.to_string(),
                how.join(", "),
                source.last_seen_at.map_or_else(|| "never".to_owned(), time),
                source
                    .reads_held
                    .map_or_else(|| "-".to_owned(), |held| held.to_string()),
                source.health.lag_ms.map_or_else(|| "-".to_owned(), span),
            ]);
        }
        unbroken(&mut sources, 5);
        writeln!(out, "{}", trimmed(&sources.to_string()))?;
        refusals(out, &list.sources)?;
        drifted(out, &list.sources)?;
        Ok(Exit::Done)
    }
}

/// What was refused as a whole, which nobody may have seen: what came later may be understood again.
fn refusals(out: &mut dyn Write, sources: &[SourceInfo]) -> io::Result<()> {
    let refused = sources.iter().filter(|source| source.health.refused > 0);
    for (index, source) in refused.enumerate() {
        if index == 0 {
            writeln!(
                out,
                "\nRefused as a whole since the start (see quarantine and ledger):"
            )?;
        }
        writeln!(out, "    {}: {}", source.source, source.health.refused)?;
    }
    Ok(())
}

/// What comes in another shape than was recorded, which may be understood all the same.
fn drifted(out: &mut dyn Write, sources: &[SourceInfo]) -> io::Result<()> {
    let mut is_first = true;
    for source in sources {
        let drift = source.health.drift.unwrap_or_default();
        if drift == DriftCount::default() {
            continue;
        }
        if std::mem::take(&mut is_first) {
            writeln!(
                out,
                "\nOther fields than recorded (see `turnpike source drift ID --live`):"
            )?;
        }
        let DriftCount {
            new,
            missing,
            retyped,
        } = drift;
        writeln!(
            out,
            "    {}: {new} new, {missing} missing, {retyped} retyped",
            source.source
        )?;
    }
    Ok(())
}

/// Which source needs somebody, and why.
fn needs(out: &mut dyn Write, sources: &[SourceInfo]) -> io::Result<()> {
    let needy: Vec<_> = sources
        .iter()
        .filter(|source| !source.health.needs.is_empty())
        .collect();
    if needy.is_empty() {
        return writeln!(out, "No source needs you.\n");
    }
    let verb = if needy.len() == 1 { "needs" } else { "need" };
    writeln!(
        out,
        "{} of {} sources {verb} you:\n",
        needy.len(),
        sources.len()
    )?;
    for source in needy {
        writeln!(out, "{}", source.source)?;
        for need in &source.health.needs {
            for line in wrapped(&why(*need, source), 74).lines() {
                writeln!(out, "    {line}")?;
            }
        }
    }
    writeln!(out)
}

/// What is wrong and what to do.
fn why(need: Need, source: &SourceInfo) -> String {
    let health = &source.health;
    match need {
        Need::Policy => format!(
            "the two engines that must both permit did not come to one answer, {} times so far: see the alarms in the ledger, and `turnpike policy replay`",
            health.policy_alarms
        ),
        Need::Agreement => format!(
            "its agreement {} is not in force: nothing is asked or taken in",
            source.agreement
        ),
        Need::AgreementEnds => format!(
            "its agreement {} ends within two weeks: renew it",
            source.agreement
        ),
        Need::Configuration => {
            format!(
                "it refuses what it is asked as wrong: check its settings{}",
                failures(health)
            )
        }
        Need::Credentials => {
            format!(
                "it refuses our credentials: renew its secrets{}",
                failures(health)
            )
        }
        Need::Unreachable => {
            let left_alone = match source.breaker.as_deref() {
                Some("open") => ", and is left alone for now",
                _ => "",
            };
            format!("it cannot be reached{left_alone}{}", failures(health))
        }
        Need::Garbled => {
            "what it sent last is not understood: see its quarantine, and `turnpike decode`"
                .to_owned()
        }
        Need::Proof => format!(
            "messages in its name are refused, {} so far: their token, secret or signature is missing or wrong",
            health.unproven
        ),
        Need::NeverSeen => "nothing has ever come from it: is it set up to send?".to_owned(),
        Need::Silent => format!(
            "nothing has come from it since {} UTC",
            source
                .last_seen_at
                .map_or_else(|| "the start".to_owned(), time)
        ),
        Need::Limited => format!(
            "a limit is reached: {} requests were not sent for want of quota{}",
            health.throttled,
            failures(health)
        ),
        Need::Rejects => format!(
            "{:.0} % of its latest records are rejected: see its quarantine",
            health.rejected_share.unwrap_or_default() * 100.0
        ),
        Need::Clock => {
            let skew = health.clock_skew_ms.unwrap_or_default();
            let way = if skew < 0 { "behind" } else { "ahead of" };
            format!("its clock is {} {way} ours", span(skew.unsigned_abs()))
        }
    }
}

fn failures(health: &SourceHealth) -> String {
    if health.errors.is_empty() {
        return String::new();
    }
    let failed: u64 = health.errors.values().sum();
    let kinds = health.errors.iter();
    let kinds = kinds.map(|(kind, count)| format!("{} {count}", kind.replace('_', " ")));
    let kinds: Vec<String> = kinds.collect();
    format!(
        " ({failed} of {} calls failed: {})",
        health.calls,
        kinds.join(", ")
    )
}

/// In the unit a person thinks in.
fn span(millis: u64) -> String {
    match millis / 1_000 {
        0 => format!("{millis} ms"),
        seconds @ 1..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Pull => "asked live",
        Delivery::Poll => "polled",
        Delivery::Push => "pushes",
        Delivery::File => "drops files",
        Delivery::Subscribe => "listened to",
    }
}
