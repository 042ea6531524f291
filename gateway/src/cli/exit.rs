//! Exit codes, as documented in `--help` and `docs/cli.md`.

use std::{fmt, process::ExitCode};

use crate::config::Problem;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// It failed; the message says how.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The configuration is wrong.
    Config,
    /// The gateway refused: no valid token, or the roles do not allow it.
    Refused,
    /// A limit is reached.
    RateLimited,
    /// The gateway cannot be reached, or cannot record or store.
    Unavailable,
    /// The answer is not complete and `--require-complete` was given.
    Incomplete,
    /// Some records were rejected.
    Rejected,
    /// The ledger is damaged.
    Damaged,
    /// A source does not pass its checks, or its payloads have drifted.
    CheckFailed,
    /// What is on record comes out otherwise.
    Differs,
    /// Nothing is wrong, and nothing is proven either.
    Unproven,
}

/// Every exit code and its meaning.
pub const EXIT_CODES: [(Exit, u8, &str); 13] = [
    (Exit::Done, 0, "done"),
    (Exit::Failed, 1, "failed; the message says how"),
    (Exit::Usage, 2, "the command line is wrong"),
    (
        Exit::Config,
        3,
        "the configuration is wrong; every problem is listed",
    ),
    (
        Exit::Refused,
        4,
        "refused: no valid token, roles, or not a question",
    ),
    (
        Exit::RateLimited,
        5,
        "a limit is reached; the message says when to try again",
    ),
    (
        Exit::Unavailable,
        6,
        "the gateway cannot be reached, or cannot record",
    ),
    (
        Exit::Incomplete,
        7,
        "the answer is not complete (with --require-complete)",
    ),
    (
        Exit::Rejected,
        8,
        "some records of the payload were rejected",
    ),
    (Exit::Damaged, 9, "the ledger is damaged"),
    (
        Exit::CheckFailed,
        10,
        "a check of a source failed, or its payloads have drifted",
    ),
    (Exit::Differs, 11, "what is on record comes out otherwise"),
    (
        Exit::Unproven,
        12,
        "nothing is wrong, and nothing is proven; the message says what is missing",
    ),
];

/// For `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  failed; the message says how
  2  the command line is wrong
  3  the configuration is wrong; every problem is listed
  4  refused: no valid token, roles, or not a question
  5  a limit is reached; the message says when to try again
  6  the gateway cannot be reached, or cannot record
  7  the answer is not complete (with --require-complete)
  8  some records of the payload were rejected
  9  the ledger is damaged
  10  a check of a source failed, or its payloads have drifted
  11  what is on record comes out otherwise
  12  nothing is wrong, and nothing is proven; the message says what is missing

Environment: TURNPIKE_SERVER, TURNPIKE_TOKEN, TURNPIKE_TOKEN_FILE, TURNPIKE_CONFIG; TURNPIKE__SECTION__KEY sets a configuration value.";

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub exit: Exit,
    message: String,
}

impl Outcome {
    /// An outcome with a message that says what to do next.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// All problems of a configuration, one a line.
    #[must_use]
    pub fn config(problems: &[Problem]) -> Self {
        let mut message = match problems.len() {
            1 => "the configuration has a problem:".to_owned(),
            many => format!("the configuration has {many} problems:"),
        };
        for problem in problems {
            message.push_str("\n  ");
            message.push_str(&problem.to_string().replace('\n', "\n    "));
        }
        Self::new(Exit::Config, message)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<std::io::Error> for Outcome {
    fn from(error: std::io::Error) -> Self {
        // Whoever read the output has seen enough.
        let exit = match error.kind() {
            std::io::ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        let code = EXIT_CODES
            .iter()
            .find(|(known, _, _)| *known == exit)
            .map_or(1, |(_, code, _)| *code);
        Self::from(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_exit_code() {
        for (_, code, meaning) in EXIT_CODES {
            let documented = include_str!("../../../docs/cli.md");
            assert!(
                documented.contains(&format!("| {code} | {meaning} |\n")),
                "{code}"
            );
            assert!(HELP.contains(&format!("  {code}  {meaning}\n")), "{code}");
        }
    }
}
