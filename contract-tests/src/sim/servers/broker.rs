//! Mosquitto, as an operator runs it: on a port, with its sessions on disk.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Process, listening, on_port, program};

/// A running broker. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Process>,
    /// Port and keys of the listener that speaks TLS.
    secure: Option<(u16, TempDir)>,
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

    /// Starts a broker that takes anybody, and over TLS as well, under a certificate of a fresh authority.
    ///
    /// # Errors
    /// Mosquitto or OpenSSL is not installed, or the broker does not start.
    pub fn secure() -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let keys = tempfile::Builder::new().prefix("keys-").tempdir()?;
        certify(keys.path())?;
        let here = keys.path().display();
        let settings = format!(
            "allow_anonymous true\nlistener {port} 127.0.0.1\ncertfile {here}/server.pem\nkeyfile {here}/server.key\n"
        );
        let broker = Self::with(&settings, &[])?;
        Ok(Self {
            secure: Some((port, keys)),
            ..broker
        })
    }

    /// `mqtts://localhost:port`, where it speaks TLS.
    #[must_use]
    pub fn secure_url(&self) -> Option<String> {
        let (port, _) = self.secure.as_ref()?;
        Some(format!("mqtts://localhost:{port}"))
    }

    /// The certificate of the authority behind its own, where it speaks TLS.
    #[must_use]
    pub fn authority(&self) -> Option<PathBuf> {
        let (_, keys) = self.secure.as_ref()?;
        Some(keys.path().join("ca.pem"))
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
            secure: None,
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

/// An authority and a certificate of `localhost`, good for two days.
pub(super) fn certify(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n")?;
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for command in [
        format!("req -x509 {key} -days 2 -subj /CN=invented -keyout ca.key -out ca.pem"),
        format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem".to_owned(),
    ] {
        let done = Command::new(program("openssl")?)
            .args(command.split(' '))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !done.success() {
            return Err(io::Error::other("no certificate could be made"));
        }
    }
    Ok(())
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
