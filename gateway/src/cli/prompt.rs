//! Questions to whoever sits in front of the command. On a terminal they are asked, and secrets are not shown as they are
//! typed; otherwise one line of standard input answers each.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions};

use super::exit::{Exit, Outcome};

/// Whether somebody can be asked.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// One line.
pub(super) fn line(question: &str) -> Result<String, Outcome> {
    if is_interactive() {
        write!(io::stderr(), "{question}: ")?;
        io::stderr().flush()?;
    }
    let mut text = String::new();
    let read = io::stdin().lock().read_line(&mut text)?;
    if read == 0 {
        let message = format!("standard input ended where the {question} was expected");
        return Err(Outcome::new(Exit::Usage, message));
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// One line that is not shown.
pub(super) fn secret(question: &str) -> Result<String, Outcome> {
    if !is_interactive() {
        return line(question);
    }
    let stdin = io::stdin();
    let before = termios::tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
    let answer = line(question);
    termios::tcsetattr(&stdin, OptionalActions::Flush, &before).map_err(io::Error::from)?;
    writeln!(io::stderr())?;
    answer
}
