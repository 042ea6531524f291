//! Mosquitto, as an operator runs it: on a port, with its sessions on disk.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Process, listening, on_port, program};

/// A running broker. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Process>,
}

impl Broker {
    /// Starts a broker that takes anybody.
    ///
    /// # Errors
    /// Mosquitto is not installed or does not start.
    pub fn start() -> io::Result<Self> {
        Self::with("allow_anonymous true\n", &[])
    }

    /// Starts a broker that takes these names with their passwords only.
    ///
    /// # Errors
    /// Mosquitto is not installed or does not start.
    pub fn guarded(users: &[(&str, &str)]) -> io::Result<Self> {
        Self::with("allow_anonymous false\n", users)
    }

    fn with(settings: &str, users: &[(&str, &str)]) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("broker-").tempdir()?;
        let mut settings = settings.to_owned();
        if !users.is_empty() {
            let path = folder.path().join("passwords");
            let lines = users.iter().map(|(name, word)| format!("{name}:{word}\n"));
            fs::write(&path, lines.collect::<String>())?;
            let mut hash = Command::new(program("mosquitto_passwd")?);
            if !hash.arg("-U").arg(&path).status()?.success() {
                return Err(io::Error::other("the passwords cannot be hashed"));
            }
            settings.push_str(&format!("password_file {}\n", path.display()));
        }
        let data = folder.path().display();
        // Everything a session holds is on disk as soon as it changes.
        settings.push_str(&format!(
            "persistence true\npersistence_location {data}/\nautosave_on_changes true\nautosave_interval 1\nlog_dest none\nuser root\n"
        ));
        let (process, address) = listening(|port| launch(folder.path(), &settings, port))?;
        Ok(Self {
            folder,
            address,
            process: Some(process),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `mqtt://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Stops it as a power cut would.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port and with what it kept.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let port = self.address.port();
        let child = run(self.folder.path())?;
        let (process, _) = on_port(child, port)?;
        self.process = Some(process);
        Ok(())
    }
}

fn launch(folder: &Path, settings: &str, port: u16) -> io::Result<Child> {
    let text = format!("listener {port} 127.0.0.1\n{settings}");
    fs::write(folder.join("mosquitto.conf"), text)?;
    run(folder)
}

fn run(folder: &Path) -> io::Result<Child> {
    Command::new(program("mosquitto")?)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
