//! A mail server: aiosmtpd, as Debian packages it. It speaks SMTP as everybody does and shares nothing with the gateway.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::{Process, broker::certify, program};

/// Who may sign in, where that is asked for.
pub const USER: &str = "turnpike";

/// With what.
pub const PASSWORD: &str = "invented-password";

/// A message as it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Letter {
    /// Who sends, as the envelope says.
    pub from: String,
    /// Whom it is for, as the envelope says.
    pub to: Vec<String>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is written.
    pub text: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// Whether somebody had signed in.
    pub signed_in: bool,
}

/// The server.
#[derive(Debug)]
pub struct MailServer {
    _process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

impl MailServer {
    /// One that takes everything.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(folder: &Path) -> io::Result<Self> {
        Self::run(folder, &[])
    }

    /// One that takes nothing without TLS and a sign-in as [`USER`]. Its certificate is for `localhost`, in `ca.pem` of the folder.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn strict(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        certify(folder)?;
        let files = ["server.pem", "server.key"].map(|name| folder.join(name));
        let paths = files.map(|path| path.display().to_string());
        let [certificate, key] = &paths;
        Self::run(folder, &[certificate, key, USER, PASSWORD])
    }

    fn run(folder: &Path, more: &[&str]) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sim/servers/mail.py");
        // The system's own, which the package is for.
        let mut child = Command::new(program("python3")?)
            .arg(script)
            .arg(folder)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let process = Process(child);
        let mut line = String::new();
        let stdout = stdout.ok_or_else(|| io::Error::other("no output"))?;
        BufReader::new(stdout).read_line(&mut line)?;
        let port: u16 = line.trim().parse().map_err(|_| {
            io::Error::other("the mail server did not start; ./test.sh installs `python3-aiosmtpd`")
        })?;
        Ok(Self {
            _process: process,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            folder: folder.to_owned(),
        })
    }

    /// Its port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What the next messages are answered with, one line each.
    ///
    /// # Errors
    /// What the disk says.
    pub fn plan(&self, answers: &[&str]) -> io::Result<()> {
        fs::write(self.folder.join("plan"), answers.join("\n"))
    }

    /// How many of the plan's answers are left.
    ///
    /// # Errors
    /// What the disk says.
    pub fn left(&self) -> io::Result<usize> {
        Ok(fs::read_to_string(self.folder.join("plan"))?
            .lines()
            .count())
    }

    /// Every message so far, in the order in which they were taken.
    ///
    /// # Errors
    /// What the disk says.
    pub fn letters(&self) -> io::Result<Vec<Letter>> {
        let entries = fs::read_dir(&self.folder)?;
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|is| is == "json"));
        paths.sort();
        let letters = paths.into_iter().map(|path| {
            let text = fs::read(&path)?;
            serde_json::from_slice(&text).map_err(io::Error::other)
        });
        letters.collect()
    }
}

impl Letter {
    /// A header of it, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}
