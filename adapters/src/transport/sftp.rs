//! One SFTP session with one server, whose key is pinned.
//!
//! In scope: listing one folder, fetching, renaming, removing and putting back small files. Deliberately absent: trust on first
//! use, host certificates, walking into folders, following links.

use std::{fmt, io, sync::Arc, time::Duration};

use russh::{
    client,
    keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, ssh_key::Fingerprint},
};
use russh_sftp::client::{Config as SftpSettings, SftpSession as Files};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{
    address::AddressRefused,
    dial::{DialError, dial},
    measured::{Left, Measured},
};
use crate::{
    context::Secret,
    error::{Error, ErrorKind, Result},
};

const SFTP: &str = "sftp";

/// Most bytes of the list of a folder, which is held as a whole: about a hundred thousand files.
const LONGEST_LIST: u64 = 16 * 1024 * 1024;

/// Bytes asked for at once.
const CHUNK: usize = 64 * 1024;

/// How a server is reached.
#[derive(Clone)]
pub struct SftpConfig {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Fingerprint of the server's key, as `ssh-keygen -l` prints it. No other key is spoken to.
    pub host_key: HostKey,
    /// Name on the server.
    pub user: String,
    /// What proves it.
    pub proof: Proof,
    /// Whether the server may be at an address that is not public.
    pub allow_private: bool,
    /// Longest time to connect and be let in.
    pub connect_timeout: Duration,
    /// Longest wait for one answer.
    pub request_timeout: Duration,
}

/// The fingerprint of a server's key: `SHA256:` and 43 characters of base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey(Fingerprint);

/// What proves who is calling.
#[derive(Clone)]
pub enum Proof {
    /// A password.
    Password(Secret),
    /// A private key in OpenSSH's or PKCS#8 form, and its passphrase where it has one.
    Key {
        /// The key, PEM.
        key: Secret,
        /// The passphrase.
        passphrase: Option<Secret>,
    },
}

/// A session that stands.
pub struct SftpSession {
    files: Files,
    left: Left,
    // Closes the connection when dropped.
    _connection: client::Handle<Pinned>,
}

/// A plain file on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Name, without any folder.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// Last change, seconds since 1970 by the server's clock; 0 where it does not say.
    pub modified: u32,
}

/// Accepts one key.
struct Pinned {
    host_key: HostKey,
}

/// The server's key is another one.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("the server did not keep to the protocol")]
    Protocol(#[from] russh::Error),
    #[error("the server's key is not the one that is pinned")]
    OtherKey,
}

impl HostKey {
    /// Reads a fingerprint.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fingerprint: Fingerprint = text.trim().parse().ok()?;
        (fingerprint.algorithm() == HashAlg::Sha256).then_some(Self(fingerprint))
    }
}

impl Proof {
    /// Whether a key can be read; a password always can.
    ///
    /// # Errors
    /// `Config` when it cannot. Nothing of the key is in the message.
    pub fn check(&self) -> Result<()> {
        self.key().map(drop)
    }

    fn key(&self) -> Result<Option<PrivateKeyWithHashAlg>> {
        let Self::Key { key, passphrase } = self else {
            return Ok(None);
        };
        let passphrase = passphrase.as_ref().map(Secret::expose);
        // The cause is not kept: it might hold a part of the key.
        let key = russh::keys::decode_secret_key(key.expose(), passphrase).map_err(|_| {
            Error::new(
                ErrorKind::Config,
                SFTP,
                "the key cannot be read; Ed25519 and ECDSA keys in OpenSSH or PKCS#8 form can",
            )
        })?;
        Ok(Some(PrivateKeyWithHashAlg::new(Arc::new(key), None)))
    }
}

impl SftpSession {
    /// Connects, compares the server's key, proves who is calling.
    ///
    /// # Errors
    /// `Config` when the address may not be connected to or the server's key is another one, `Unauthorized` when the server
    /// lets nobody in, `TimedOut` and `Unavailable` when it does not answer.
    pub async fn begin(config: &SftpConfig) -> Result<Self> {
        tokio::time::timeout(config.connect_timeout, Self::connected(config))
            .await
            .unwrap_or_else(|_| {
                let message = "the server did not answer in time";
                Err(Error::new(ErrorKind::TimedOut, SFTP, message))
            })
    }

    async fn connected(config: &SftpConfig) -> Result<Self> {
        let key = config.proof.key()?;
        let stream = dial(
            &config.host,
            config.port,
            config.allow_private,
            config.connect_timeout,
        );
        let stream = stream.await.map_err(unreached)?;
        let settings = Arc::new(client::Config {
            inactivity_timeout: Some(config.request_timeout.saturating_mul(4)),
            ..client::Config::default()
        });
        let pinned = Pinned {
            host_key: config.host_key.clone(),
        };
        let connection = client::connect_stream(settings, stream, pinned).await;
        let mut connection = connection.map_err(unconnected)?;
        let answer = match (key, &config.proof) {
            (Some(key), _) => connection.authenticate_publickey(&config.user, key).await,
            (None, Proof::Password(password)) => {
                connection
                    .authenticate_password(&config.user, password.expose())
                    .await
            }
            (None, Proof::Key { .. }) => return Err(broken("no key")),
        };
        let answer = answer.map_err(|error| broken("the server broke off").caused_by(error))?;
        if !answer.success() {
            let message = "the server refused the credentials";
            return Err(Error::new(ErrorKind::Unauthorized, SFTP, message));
        }
        let channel = connection.channel_open_session().await;
        let channel = channel.map_err(|error| broken("no channel").caused_by(error))?;
        let subsystem = channel.request_subsystem(true, "sftp").await;
        subsystem.map_err(|error| broken("the server has no SFTP").caused_by(error))?;
        let settings = SftpSettings {
            request_timeout_secs: config.request_timeout.as_secs().max(1),
            ..SftpSettings::default()
        };
        let left = Left::default();
        let stream = Measured {
            inner: channel.into_stream(),
            left: left.clone(),
        };
        let files = Files::new_with_config(stream, settings).await;
        Ok(Self {
            left,
            files: files.map_err(|error| broken("the server has no SFTP").caused_by(error))?,
            _connection: connection,
        })
    }

    /// The plain files of a folder, in the order of their names. Links and folders are left out.
    ///
    /// # Errors
    /// `Unavailable` when the folder cannot be read, `Malformed` when its list has no end.
    pub async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>> {
        self.left.allow(LONGEST_LIST);
        let entries = self.files.read_dir(folder).await;
        if self.left.is_used_up() {
            let message = "the list of the folder is too long";
            return Err(Error::new(ErrorKind::Malformed, SFTP, message));
        }
        self.left.allow(u64::MAX);
        let entries =
            entries.map_err(|error| broken("the folder cannot be read").caused_by(error))?;
        let plain = entries.filter(|entry| entry.file_type().is_file());
        let mut files: Vec<RemoteFile> = plain
            .map(|entry| {
                let metadata = entry.metadata();
                RemoteFile {
                    name: entry.file_name(),
                    size: metadata.size.unwrap_or(0),
                    modified: metadata.mtime.unwrap_or(0),
                }
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Writes a file of the server to `into`; returns its length.
    ///
    /// # Errors
    /// `Malformed` when it is longer than `most` bytes, `Unavailable` when the server breaks off or `into` cannot be written.
    pub async fn fetch(
        &self,
        path: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
        most: u64,
    ) -> Result<u64> {
        let file = self.files.open(path).await;
        let mut file =
            file.map_err(|error| broken("the file cannot be opened").caused_by(error))?;
        let (mut buffer, mut length) = (vec![0; CHUNK], 0_u64);
        loop {
            let read = file.read(&mut buffer).await;
            let read = read.map_err(|error| broken("the file cannot be read").caused_by(error))?;
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            length += read as u64;
            if length > most {
                let message = format!("the file is larger than {most} bytes");
                return Err(Error::new(ErrorKind::Malformed, SFTP, message));
            }
            let written = into.write_all(chunk).await;
            written.map_err(|error| broken("the file cannot be written here").caused_by(error))?;
        }
        Ok(length)
    }

    /// Writes a small file to the server under a temporary name, then renames it: readers there see all of it or nothing.
    ///
    /// # Errors
    /// `Unavailable` when the server does not take it.
    pub async fn put(&self, folder: &str, name: &str, body: &[u8]) -> Result<()> {
        let (part, path) = (format!("{folder}/.{name}.part"), format!("{folder}/{name}"));
        let put = async {
            let mut file = self.files.create(&part).await.map_err(io::Error::other)?;
            file.write_all(body).await?;
            file.close().await
        };
        put.await
            .map_err(|error| broken("the server did not take a file").caused_by(error))?;
        if self.rename(&part, &path).await.is_ok() {
            return Ok(());
        }
        // Servers refuse a name that is taken, and the same file may have been put there before.
        self.remove(&path).await?;
        self.rename(&part, &path).await
    }

    /// Gives a file another name. Most servers refuse one that is taken.
    ///
    /// # Errors
    /// `Unavailable` when the server does not.
    pub async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let renamed = self.files.rename(from, to).await;
        renamed.map_err(|error| broken("the server did not rename a file").caused_by(error))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// `Unavailable` when the server does not.
    pub async fn remove(&self, path: &str) -> Result<()> {
        let removed = self.files.remove_file(path).await;
        removed.map_err(|error| broken("the server did not remove a file").caused_by(error))
    }

    /// Makes a folder; one that is there already is left alone.
    pub async fn make_folder(&self, path: &str) {
        if self.files.create_dir(path).await.is_err() {
            tracing::debug!("a folder on the server was not made; it may be there");
        }
    }
}

impl client::Handler for Pinned {
    type Error = ConnectError;

    async fn check_server_key(
        &mut self,
        server_key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = server_key else {
            return Err(ConnectError::OtherKey);
        };
        if key.fingerprint(HashAlg::Sha256) == self.host_key.0 {
            return Ok(true);
        }
        Err(ConnectError::OtherKey)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password",
            Self::Key { .. } => "Key",
        })
    }
}

impl fmt::Debug for SftpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SftpConfig")
            .field("host_key", &self.host_key)
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SftpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SftpSession").finish_non_exhaustive()
    }
}

fn unreached(error: DialError) -> Error {
    match error {
        DialError::Refused(AddressRefused) => {
            Error::new(ErrorKind::Config, SFTP, AddressRefused::MESSAGE)
        }
        DialError::TimedOut => Error::new(ErrorKind::TimedOut, SFTP, error.to_string()),
        DialError::Unreachable(_) => broken("the server cannot be reached").caused_by(error),
    }
}

fn unconnected(error: ConnectError) -> Error {
    match error {
        ConnectError::OtherKey => Error::new(ErrorKind::Config, SFTP, error.to_string()),
        ConnectError::Protocol(_) => broken("the server cannot be spoken to").caused_by(error),
    }
}

fn broken(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, SFTP, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_a_sha256_one() {
        let good = "SHA256:Z4tCjS90cPYdhaeWXSYGxZhtA4pvUxu3U14YXMiVANE";
        assert!(HostKey::parse(good).is_some());
        for bad in [
            "",
            "SHA256:",
            "SHA256:short",
            "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "ssh-ed25519 AAAA",
        ] {
            assert_eq!(HostKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_read_is_said_and_not_shown() {
        let proof = Proof::Key {
            key: Secret::new("-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n"),
            passphrase: None,
        };
        let error = proof.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error} {error:?} {proof:?}").contains("hunter2"));
    }
}
