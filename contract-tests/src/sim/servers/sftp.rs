//! OpenSSH's server, as a file drop of a vendor: one user, one key, its own host key, nothing but SFTP.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Process, listening, program};

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct SftpServer {
    folder: TempDir,
    address: SocketAddr,
    _process: Process,
}

impl SftpServer {
    /// Starts a server that lets the user of this process in with a fresh key.
    ///
    /// # Errors
    /// OpenSSH is not installed or does not start.
    pub fn start() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sftp-").tempdir()?;
        let home = folder.path();
        for name in ["host_key", "client_key"] {
            key(&home.join(name))?;
        }
        fs::copy(home.join("client_key.pub"), home.join("authorized_keys"))?;
        fs::create_dir(home.join("outgoing"))?;
        // Where privileges are separated; some systems make it at boot only.
        if user()? == "root" {
            fs::create_dir_all("/run/sshd")?;
        }
        let sshd = program("sshd")?;
        let (process, address) = listening(|port| {
            fs::write(home.join("sshd_config"), settings(home, port))?;
            Command::new(&sshd)
                .arg("-D")
                .arg("-f")
                .arg(home.join("sshd_config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        })?;
        Ok(Self {
            folder,
            address,
            _process: process,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder files are put into for others to fetch.
    #[must_use]
    pub fn outgoing(&self) -> PathBuf {
        self.folder.path().join("outgoing")
    }

    /// The private key that is let in.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.folder.path().join("client_key")
    }

    /// The fingerprint of its key.
    ///
    /// # Errors
    /// It cannot be printed.
    pub fn host_key(&self) -> io::Result<String> {
        fingerprint(&self.folder.path().join("host_key.pub"))
    }

    /// The fingerprint of a key that is not its own.
    ///
    /// # Errors
    /// It cannot be printed.
    pub fn other_key(&self) -> io::Result<String> {
        fingerprint(&self.folder.path().join("client_key.pub"))
    }
}

/// Who this process is, which is who may come in.
///
/// # Errors
/// The system does not say.
pub fn user() -> io::Result<String> {
    let output = Command::new(program("id")?).arg("-un").output()?;
    let name = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    Ok(name.trim().to_owned())
}

fn key(path: &Path) -> io::Result<()> {
    let made = Command::new(program("ssh-keygen")?)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "invented", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status()?;
    if !made.success() {
        return Err(io::Error::other("no key could be made"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

fn fingerprint(path: &Path) -> io::Result<String> {
    let output = Command::new(program("ssh-keygen")?)
        .args(["-l", "-E", "sha256", "-f"])
        .arg(path)
        .output()?;
    let line = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    let print = line.split_whitespace().nth(1).map(ToOwned::to_owned);
    print.ok_or_else(|| io::Error::other("no fingerprint"))
}

fn settings(home: &Path, port: u16) -> String {
    let home = home.display();
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {home}/host_key\nPidFile none\nAuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp -d {home}\nForceCommand internal-sftp -d {home}\n"
    )
}
