//! `turnpike login`, `turnpike logout`, `turnpike whoami`.

use std::{
    fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration,
};

use clap::Args;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use turnpike_schemas::api::identity::{
    BeginSignIn, CompleteSignIn, Notice, Session, SignIn, SignInBegun, WhoAmI as Caller,
};
use url::Url;

use super::{
    client::Server,
    exit::{Exit, Outcome},
    prompt,
    query::json,
    table::{table, trimmed},
};
use crate::federation::word;

/// As long as the gateway waits for a sign-in at a provider.
const PATIENCE: Duration = Duration::from_secs(600);

/// Longest request of a browser, in bytes.
const MAX_REQUEST: usize = 16 << 10;

/// Sign in with password and one-time code, or at a provider of single sign-on
///
/// Without a terminal, standard input holds the password and then the code, a line each.
#[derive(Debug, Args)]
pub(super) struct Login {
    #[command(flatten)]
    server: Server,
    /// Your account; not needed with --provider
    #[arg(required_unless_present = "provider")]
    subject: Option<String>,
    /// Sign in at this provider: open the address that is shown in a browser on this machine
    #[arg(long, conflicts_with = "subject")]
    provider: Option<String>,
    /// Ask the provider for two factors
    #[arg(long, requires = "provider")]
    step_up: bool,
    /// Say that you have read the system-use notice, where nobody can be asked
    #[arg(long)]
    acknowledge: bool,
}

/// Sign out
#[derive(Debug, Args)]
pub(super) struct Logout {
    #[command(flatten)]
    server: Server,
}

/// Say who the gateway takes you for
#[derive(Debug, Args)]
pub(super) struct WhoAmI {
    #[command(flatten)]
    server: Server,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Login {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let notice: Notice = self.server.get_openly("/v1/notice").await?;
        let acknowledged = self.acknowledged(notice)?;
        let session = match &self.subject {
            Some(subject) => {
                let request = SignIn {
                    subject: subject.clone(),
                    password: prompt::secret("password")?,
                    code: prompt::line("code")?.replace(' ', ""),
                    acknowledged,
                };
                self.server.post_openly("/v1/session", &request).await?
            }
            None => self.at_provider(acknowledged).await?,
        };
        keep(&session, self.server.token_file(), out)?;
        Ok(Exit::Done)
    }

    /// Shows the notice, and gives its digest once somebody says it was read.
    fn acknowledged(&self, notice: Notice) -> Result<Option<String>, Outcome> {
        let (Some(text), Some(sha256)) = (notice.text, notice.sha256) else {
            return Ok(None);
        };
        writeln!(std::io::stderr(), "{text}\n")?;
        let read = self.acknowledge
            || (prompt::is_interactive()
                && prompt::line("type `yes` to go on")?.eq_ignore_ascii_case("yes"));
        if !read {
            let message = "the notice was not acknowledged; without a terminal, say --acknowledge";
            return Err(Outcome::new(Exit::Refused, message));
        }
        Ok(Some(sha256))
    }

    async fn at_provider(&self, acknowledged: Option<String>) -> Result<Session, Outcome> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let request = BeginSignIn {
            provider: self.provider.clone(),
            redirect_uri: format!("http://127.0.0.1:{port}/callback"),
            step_up: self.step_up,
            acknowledged,
        };
        let begun: SignInBegun = self
            .server
            .post_openly("/v1/session/authorizations", &request)
            .await?;
        let address = &begun.authorization_url;
        writeln!(
            std::io::stderr(),
            "open this address in a browser:\n{address}"
        )?;
        let back = tokio::time::timeout(PATIENCE, callback(&listener)).await;
        let (state, code) = back.map_err(|_| {
            Outcome::new(
                Exit::Failed,
                "nobody signed in within ten minutes; begin again",
            )
        })??;
        let request = CompleteSignIn {
            flow: begun.flow,
            state,
            code,
        };
        let path = "/v1/session/authorizations:complete";
        self.server.post_openly(path, &request).await
    }
}

/// Writes the token where it is wanted.
fn keep(session: &Session, file: Option<&Path>, out: &mut dyn Write) -> Result<(), Outcome> {
    let caller = &session.caller;
    match file {
        Some(file) => {
            let beside = file.with_extension("new");
            let mut new = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&beside)?;
            writeln!(new, "{}", session.token)?;
            new.sync_all()?;
            std::fs::rename(&beside, file)?;
        }
        None => writeln!(out, "{}", session.token)?,
    }
    writeln!(
        std::io::stderr(),
        "turnpike: signed in as {} of {}",
        caller.subject,
        caller.organisation.id
    )?;
    Ok(())
}

/// Waits until a browser comes back from the provider; gives `state` and `code`.
async fn callback(listener: &TcpListener) -> Result<(String, String), Outcome> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        let Some(back) = target(&mut connection).await else {
            continue;
        };
        let find = |name| {
            let mut pairs = back.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        if back.path() != "/callback" {
            answer(&mut connection, "404 Not Found", "Nothing here.").await?;
            continue;
        }
        match (find("state"), find("code"), find("error")) {
            (Some(state), Some(code), None) => {
                let page = "Signed in. You can close this window.";
                answer(&mut connection, "200 OK", page).await?;
                return Ok((state, code));
            }
            (_, _, error) => {
                answer(&mut connection, "400 Bad Request", "Not signed in.").await?;
                let error: String = error.unwrap_or_default().chars().take(64).collect();
                let message = format!("the provider did not sign you in: {error}");
                return Err(Outcome::new(Exit::Refused, message));
            }
        }
    }
}

/// Where a browser's request goes.
async fn target(connection: &mut TcpStream) -> Option<Url> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut more = [0; 1_024];
        let read = connection.read(&mut more).await.ok()?;
        request.extend_from_slice(more.get(..read)?);
        if read == 0 || request.len() > MAX_REQUEST {
            return None;
        }
    }
    let request = String::from_utf8(request).ok()?;
    let path = request.strip_prefix("GET ")?.split(' ').next()?;
    Url::parse("http://127.0.0.1").ok()?.join(path).ok()
}

async fn answer(connection: &mut TcpStream, status: &str, text: &str) -> Result<(), Outcome> {
    let length = text.len();
    let response = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
    connection.write_all(response.as_bytes()).await?;
    connection.shutdown().await?;
    Ok(())
}

impl Logout {
    pub(super) async fn run(self) -> Result<Exit, Outcome> {
        self.server.delete("/v1/session").await?;
        if let Some(file) = self.server.token_file() {
            std::fs::remove_file(file)?;
        }
        writeln!(std::io::stderr(), "turnpike: signed out")?;
        Ok(Exit::Done)
    }
}

impl WhoAmI {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let caller: Caller = self.server.get("/v1/session").await?;
        if self.json {
            json(out, &caller)?;
            return Ok(Exit::Done);
        }
        let roles: Vec<_> = caller.roles.iter().map(word).collect();
        let training = caller.attributes.training_until;
        let rows = [
            ("subject", caller.subject),
            ("organisation", caller.organisation.id),
            ("roles", roles.join(", ")),
            ("assurance", word(&caller.attributes.assurance)),
            (
                "training until",
                training.map_or("not known".to_owned(), |date| date.to_string()),
            ),
            ("recognised by", caller.means),
            (
                "until",
                caller
                    .ends_at
                    .map_or("no end".to_owned(), |end| end.to_string()),
            ),
        ];
        let mut shown = table(&["what", "is"]);
        for (name, value) in rows {
            shown.add_row([name.to_owned(), value]);
        }
        writeln!(out, "{}", trimmed(&shown.to_string()))?;
        Ok(Exit::Done)
    }
}
