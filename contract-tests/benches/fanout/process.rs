//! This program again, as a process that plays one part and says where it listens.

use std::{fs, io, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Ticks of the system's processor accounting in a second.
const TICKS: f64 = 100.0;

/// One part. Dropping it kills it.
pub(super) struct Part {
    child: Child,
    /// What it listens on, as `host:port`.
    pub(super) addresses: Vec<String>,
}

impl Part {
    /// Starts this program with `arguments`.
    pub(super) async fn start(arguments: &[&str], log: &Path) -> io::Result<Self> {
        Self::start_of(&std::env::current_exe()?, arguments, log).await
    }

    /// Starts `program` and reads the addresses from its first line.
    pub(super) async fn start_of(
        program: &Path,
        arguments: &[&str],
        log: &Path,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(log)?)
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take();
        let stdout = stdout.ok_or_else(|| io::Error::other("no standard output"))?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line = line.ok_or_else(|| {
            let said = fs::read_to_string(log).unwrap_or_default();
            io::Error::other(format!("{arguments:?} did not start: {said}"))
        })?;
        let words = line.split(' ');
        let addresses = words.filter_map(|word| word.strip_prefix("http://"));
        Ok(Self {
            child,
            addresses: addresses.map(str::to_owned).collect(),
        })
    }

    /// The first address.
    pub(super) fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    /// Processor time used so far.
    pub(super) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // The name, in parentheses, can hold blanks; user and system time are fields 14 and 15.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(Duration::from_secs_f64(ticks / TICKS))
    }

    /// A figure of its memory, in MiB: `VmRSS` now, `VmHWM` at most so far.
    pub(super) fn memory(&self, name: &str) -> io::Result<f64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().find_map(|word| word.parse().ok()));
        kib.map(|kib: f64| kib / 1024.0)
            .ok_or_else(|| io::Error::other("the system does not tell the memory of a process"))
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id().unwrap_or_default())
    }
}
