//! The `turnpike` command: one file per subcommand.
//!
//! Data goes to standard output, everything else to standard error. Errors say what to do next.

mod adapters;
mod agreement;
mod alert_list;
mod audit;
mod channel;
mod client;
mod config_check;
mod decode;
mod entries;
mod events;
mod exit;
mod hits;
mod key;
mod ledger;
mod login;
mod owner;
mod policy;
mod progress;
mod prompt;
mod query;
mod report;
mod seal;
mod serve;
mod source;
mod sources;
mod table;
mod token;
mod urgent;
mod user;
mod watch;
mod witness;
mod words;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

pub use exit::{EXIT_CODES, Exit, Outcome};

/// A federated gateway for licence-plate reads.
#[derive(Debug, Parser)]
#[command(name = "turnpike", version, about, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Serve),
    /// Ask every permitted source about a plate
    Query(query::Query),
    /// Say who would be asked and who would refuse, without contacting anyone
    Explain(query::Explain),
    /// Justify a question you declared urgent
    Justify(urgent::Justify),
    /// List urgent questions and what is owed for them
    Urgent(urgent::Urgent),
    /// Look after alert lists: plates you are told of when one is read
    #[command(subcommand)]
    AlertList(alert_list::AlertListCommand),
    /// Follow and review hits of your alert lists
    #[command(subcommand)]
    Hits(hits::HitsCommand),
    /// Try alert lists out
    #[command(subcommand)]
    Watch(watch::WatchCommand),
    /// Say which source needs somebody and why, and list all of them
    Sources(sources::Sources),
    /// Bring a source in, check it, see when its payloads change
    #[command(subcommand)]
    Source(source::SourceCommand),
    /// Show what a payload would become: reads and rejections as JSON lines, no server needed
    Decode(decode::Decode),
    /// Begin, check, sign and compare agreements
    #[command(subcommand)]
    Agreement(agreement::AgreementCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at the ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    Witness(witness::Witness),
    /// Sign in; the token of the session goes to --token-file, or to standard output
    Login(login::Login),
    /// Sign out
    Logout(login::Logout),
    /// Say who the gateway takes you for
    Whoami(login::WhoAmI),
    /// Look after accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Look after keys of systems
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Look after where you and your systems are told of hits, and when
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Review what was asked: search, samples, findings, flags, weeks
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Reports for source owners, the public, and whoever keeps accounts in order
    #[command(subcommand)]
    Report(report::ReportCommand),
    /// Make recorded decisions again, and look at what decides
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Make a token for a user or a pushing source, and the hash that goes into the configuration
    Token(token::Token),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print the effective values and where each came from
    Check(config_check::Check),
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    List(entries::List),
    Events(events::Events),
    Owner(owner::Owner),
    Seal(seal::Seal),
    Verify(ledger::Verify),
    Prove(ledger::Prove),
    Export(ledger::Export),
    Mirror(ledger::Mirror),
    Vkey(ledger::Vkey),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Make recorded decisions again from the ledger alone, and say which come out otherwise
    Replay(policy::Again),
    /// Print what the second engine decides by: schema, policies and their digest
    Show(policy::Show),
}

/// The configuration file.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(long, env = "TURNPIKE_CONFIG", default_value = "turnpike.toml")]
    config: PathBuf,
}

/// Runs one command.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; both go where clap sends them.
            let printed = error.print();
            let code = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return if printed.is_ok() {
                code.into()
            } else {
                Exit::Failed.into()
            };
        }
    };
    let mut out = io::stdout().lock();
    let outcome = run(cli.command, &mut out).and_then(|exit| match out.flush() {
        Ok(()) => Ok(exit),
        Err(error) => Err(error.into()),
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(outcome) if outcome.exit == Exit::Done => Exit::Done.into(),
        Err(outcome) => {
            let told = writeln!(io::stderr(), "turnpike: {outcome}");
            if told.is_ok() {
                outcome.exit.into()
            } else {
                Exit::Failed.into()
            }
        }
    }
}

fn run(command: Command, out: &mut dyn Write) -> Result<Exit, Outcome> {
    match command {
        Command::Serve(command) => command.run(),
        Command::Query(command) => runtime()?.block_on(command.run(out)),
        Command::Explain(command) => runtime()?.block_on(command.run(out)),
        Command::Justify(command) => runtime()?.block_on(command.run(out)),
        Command::Urgent(command) => runtime()?.block_on(command.run(out)),
        Command::AlertList(command) => runtime()?.block_on(command.run(out)),
        Command::Hits(command) => runtime()?.block_on(command.run(out)),
        Command::Watch(command) => runtime()?.block_on(command.run(out)),
        Command::Sources(command) => runtime()?.block_on(command.run(out)),
        Command::Source(command) => runtime()?.block_on(command.run(out)),
        Command::Decode(command) => command.run(out),
        Command::Agreement(command) => command.run(out),
        Command::Config(ConfigCommand::Check(command)) => command.run(out),
        Command::Ledger(LedgerCommand::List(command)) => runtime()?.block_on(command.run(out)),
        Command::Ledger(LedgerCommand::Events(command)) => runtime()?.block_on(command.run(out)),
        Command::Ledger(LedgerCommand::Owner(command)) => runtime()?.block_on(command.run(out)),
        Command::Ledger(LedgerCommand::Seal(command)) => runtime()?.block_on(command.run(out)),
        Command::Ledger(LedgerCommand::Verify(command)) => command.run(out),
        Command::Ledger(LedgerCommand::Prove(command)) => command.run(out),
        Command::Ledger(LedgerCommand::Export(command)) => command.run(out),
        Command::Ledger(LedgerCommand::Mirror(command)) => command.run(out),
        Command::Ledger(LedgerCommand::Vkey(command)) => command.run(out),
        Command::Witness(command) => runtime()?.block_on(command.run(out)),
        Command::Login(command) => runtime()?.block_on(command.run(out)),
        Command::Logout(command) => runtime()?.block_on(command.run()),
        Command::Whoami(command) => runtime()?.block_on(command.run(out)),
        Command::User(command) => runtime()?.block_on(command.run(out)),
        Command::Key(command) => runtime()?.block_on(command.run(out)),
        Command::Channel(command) => runtime()?.block_on(command.run(out)),
        Command::Audit(command) => runtime()?.block_on(command.run(out)),
        Command::Report(command) => runtime()?.block_on(command.run(out)),
        Command::Policy(PolicyCommand::Replay(command)) => command.run(out),
        Command::Policy(PolicyCommand::Show(command)) => command.run(out),
        Command::Token(command) => command.run(out),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Outcome> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
