//! The state of the review, and the reading of entries it is made from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use turnpike_schemas::{
    ledger::{Admin, AdminAction, Entry, Header},
    review::{
        misuse::{Flag, Misuse, RULES, RuleId, Watching},
        unused::{self, Account, Governed, Use, is_dormant},
        weeks::{Reviews, Standing, Week, WeekLine, fact},
    },
};

use super::Secrecy;
use crate::{
    config::Review,
    ledger::{self, Damage, Entries, Keyring, Ledger, LedgerError},
};

/// Flags that are held: the newest.
const MAX_FLAGS: usize = 10_000;

/// Longest wait of a question for the first reading of the ledger.
const PATIENCE: Duration = Duration::from_secs(5);

/// Readings of the whole ledger at once: further ones wait, and then are turned away.
const SCANS: usize = 2;

/// Longest reading of the whole ledger.
const LONGEST: Duration = Duration::from_secs(120);

/// How many entries are read between two looks at the clock.
const STRIDE: u64 = 4_096;

/// Subjects that one entry names.
const NAMES: usize = 500;

/// What a desk is given.
#[derive(Debug)]
pub struct Setting {
    /// Folder of the ledger; `None` where it is not in files.
    pub ledger: Option<PathBuf>,
    /// Keys that open its personal fields.
    pub keys: Arc<Keyring>,
    /// Thresholds, hours, delays.
    pub review: Review,
    /// Who may sign in.
    pub accounts: Vec<Account>,
    /// Sources and their agreements.
    pub governed: Vec<Governed>,
    /// Declared vehicles.
    pub secrecy: Secrecy,
}

/// The review of a ledger.
#[derive(Debug)]
pub struct Desk {
    setting: Setting,
    state: Arc<Mutex<State>>,
    known: watch::Sender<Option<Arc<Known>>>,
    scans: Arc<Semaphore>,
}

/// What was found in the entries read so far.
#[derive(Debug)]
pub struct Counted {
    /// Use of accounts, roles, agreements and sources.
    pub usage: Use,
    /// Weeks and findings.
    pub reviews: Reviews,
    /// Flags, oldest first, at most the newest 10,000.
    pub flags: Vec<Flag>,
    /// How many flags each rule has raised.
    pub raised: BTreeMap<RuleId, u64>,
    /// Entries read.
    pub entries: u64,
    /// Overdue weeks an alarm was recorded for.
    alarmed: BTreeSet<Week>,
}

#[derive(Debug)]
struct State {
    entries: Option<Entries>,
    misuse: Misuse,
    counted: Counted,
}

/// What questions and metrics need, as of the last reading.
#[derive(Debug, Default)]
struct Known {
    idle_since: BTreeMap<String, Timestamp>,
    summary: Summary,
}

/// How the review stands, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Weeks whose review is late.
    pub overdue: u64,
    /// Flags by rule.
    pub flags: BTreeMap<RuleId, u64>,
    /// Accounts that may ask and were idle too long.
    pub dormant: u64,
}

/// Why the review cannot say anything.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It was altered.
    #[error("the ledger is damaged: {0}")]
    Damaged(Damage),
    /// The first reading is still under way.
    #[error("the ledger is still being read")]
    Reading,
    /// The ledger is not in files.
    #[error("this ledger is not in files")]
    NoFiles,
    /// The reading ended without a result.
    #[error("the reading of the ledger was broken off")]
    Broken,
    /// Others read all of the ledger already.
    #[error("too many read the whole ledger at once")]
    Busy,
    /// It takes longer than it may.
    #[error("the reading of the whole ledger takes too long")]
    TooLong,
}

impl Desk {
    /// A desk that has read nothing yet.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        let secrecy = setting.secrecy.clone();
        let watching = Watching {
            thresholds: setting.review.thresholds.clone(),
            rosters: setting.review.rosters.clone(),
            declared: Some(Box::new(move |plate| secrecy.is_declared(plate))),
        };
        let state = State {
            entries: None,
            misuse: Misuse::new(watching),
            counted: Counted {
                usage: Use::default(),
                reviews: Reviews::default(),
                flags: Vec::new(),
                raised: RULES.iter().map(|rule| (rule.id, 0)).collect(),
                entries: 0,
                alarmed: BTreeSet::new(),
            },
        };
        Self {
            setting,
            state: Arc::new(Mutex::new(state)),
            known: watch::Sender::new(None),
            scans: Arc::new(Semaphore::new(SCANS)),
        }
    }

    /// What it was given.
    #[must_use]
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Reads what is new and hands over what was found in everything so far.
    ///
    /// # Errors
    /// [`DeskError`]; the ledger cannot be read.
    pub async fn look<T: Send + 'static>(
        &self,
        now: Timestamp,
        at: impl FnOnce(&Counted) -> T + Send + 'static,
    ) -> Result<T, DeskError> {
        let dir = self.setting.ledger.clone().ok_or(DeskError::NoFiles)?;
        let (state, grace) = (Arc::clone(&self.state), self.grace());
        let keys = Arc::clone(&self.setting.keys);
        let reading = tokio::task::spawn_blocking(move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.read_on(&dir, &keys, now)?;
            let counted = &state.counted;
            let weeks = counted.reviews.weeks(now, grace).into_iter();
            let late = weeks.filter(|line| line.standing == Standing::Overdue);
            let summary = Summary {
                overdue: late.count() as u64,
                flags: counted.raised.clone(),
                dormant: 0,
            };
            Ok::<_, DeskError>((counted.usage.idle(), summary, at(counted)))
        });
        let (idle_since, summary, found) = reading.await.map_err(|_| DeskError::Broken)??;
        let known = self.known(idle_since, summary, now);
        self.known.send_replace(Some(Arc::new(known)));
        Ok(found)
    }

    /// Reads the ledger from its first entry to the last that is there, or to `size` entries, with personal fields open.
    ///
    /// # Errors
    /// [`DeskError`]; the ledger cannot be read.
    pub async fn scan<T: Send + 'static>(
        &self,
        size: Option<u64>,
        mut found: T,
        mut each: impl FnMut(&mut T, &Entry) + Send + 'static,
    ) -> Result<T, DeskError> {
        let dir = self.setting.ledger.clone().ok_or(DeskError::NoFiles)?;
        let keys = Arc::clone(&self.setting.keys);
        let turn = self.turn().await?;
        let scanning = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let started = Instant::now();
            for entry in ledger::read_open(&dir, &keys)? {
                let entry = entry.map_err(DeskError::Damaged)?;
                in_time(started, entry.index)?;
                if size.is_some_and(|size| entry.index >= size) {
                    break;
                }
                each(&mut found, &entry);
            }
            Ok(found)
        });
        scanning.await.map_err(|_| DeskError::Broken)?
    }

    /// Reads only the entries that `wants` wants by their headers; the others are not taken apart. Personal fields stay
    /// sealed. Gives how many entries there are.
    ///
    /// # Errors
    /// [`DeskError`]; the ledger cannot be read.
    pub async fn pick<T: Send + 'static>(
        &self,
        mut found: T,
        mut wants: impl FnMut(&T, &Header) -> bool + Send + 'static,
        mut each: impl FnMut(&mut T, &Entry) + Send + 'static,
    ) -> Result<(T, u64), DeskError> {
        let dir = self.setting.ledger.clone().ok_or(DeskError::NoFiles)?;
        let turn = self.turn().await?;
        let picking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let started = Instant::now();
            let (mut entries, mut count) = (ledger::read(&dir)?, 0);
            loop {
                in_time(started, 0)?;
                let mut counted = |header: &Header| {
                    count += 1;
                    wants(&found, header)
                };
                let Some(entry) = entries.next_wanted(&mut counted) else {
                    return Ok((found, count));
                };
                each(&mut found, &entry.map_err(DeskError::Damaged)?);
            }
        });
        picking.await.map_err(|_| DeskError::Broken)?
    }

    /// Whether an account has been idle for so long that it may not ask: since when, if so.
    ///
    /// # Errors
    /// [`DeskError::Reading`] when the first reading takes too long; then nobody may ask.
    pub async fn dormant_since(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, DeskError> {
        let days = self.setting.review.dormant_days;
        if days.is_none() || self.setting.ledger.is_none() {
            return Ok(None);
        }
        let known = self.wait().await?;
        let cached = known.idle_since.get(subject).copied();
        if cached.is_some() && !is_dormant(cached, now, days) {
            return Ok(None);
        }
        // What is known may have changed since: somebody asked, or said that the account is needed.
        let whose = subject.to_owned();
        let since = self
            .look(now, move |counted| counted.usage.idle_since(&whose))
            .await?;
        Ok(since.filter(|since| is_dormant(Some(*since), now, days)))
    }

    /// How the review stands, as of the last reading; `None` before the first.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let known = self.known.borrow();
        known.as_ref().map(|known| known.summary.clone())
    }

    /// Every week and how its review stands.
    ///
    /// # Errors
    /// As [`Desk::look`].
    pub async fn weeks(&self, now: Timestamp) -> Result<Vec<WeekLine>, DeskError> {
        let grace = self.grace();
        self.look(now, move |counted| counted.reviews.weeks(now, grace))
            .await
    }

    /// Reads what is new, and records what somebody should know: new accounts, and reviews that have become overdue.
    ///
    /// # Errors
    /// [`DeskError`]; the ledger cannot be read or written.
    pub async fn keep_up(&self, ledger: &Ledger, now: Timestamp) -> Result<(), DeskError> {
        if self.setting.ledger.is_none() {
            return Ok(());
        }
        let grace = self.grace();
        let asking = self.setting.accounts.iter();
        let asking = asking.filter(|account| account.roles.iter().any(|role| role.may_ask()));
        let asking: Vec<String> = asking.map(|account| account.subject.clone()).collect();
        let (new, late) = self
            .look(now, move |counted| {
                let known = |subject: &String| counted.usage.idle_since(subject).is_some();
                let new: Vec<String> = asking.into_iter().filter(|one| !known(one)).collect();
                let weeks = counted.reviews.weeks(now, grace).into_iter();
                let late = weeks.filter(|line| {
                    line.standing == Standing::Overdue && !counted.alarmed.contains(&line.week)
                });
                (new, late.map(|line| line.week).collect::<Vec<_>>())
            })
            .await?;
        for names in new.chunks(NAMES) {
            let facts = BTreeMap::from([
                (unused::CHANGE.to_owned(), unused::CONFIGURED.into()),
                (unused::ACCOUNTS.to_owned(), names.into()),
            ]);
            ledger
                .admin(entry(AdminAction::AccountChange, facts))
                .await?;
        }
        for week in late {
            tracing::warn!(%week, "the review of a week is overdue");
            let facts = BTreeMap::from([
                ("alarm".to_owned(), "review_overdue".into()),
                (fact::WEEK.to_owned(), week.to_string().into()),
            ]);
            ledger.admin(entry(AdminAction::Alarm, facts)).await?;
        }
        Ok(())
    }

    /// One of the few places for readings of the whole ledger. Kept by the reading itself, whether or not its caller waits.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, DeskError> {
        let turn = Arc::clone(&self.scans).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn).await;
        turn.map_err(|_| DeskError::Busy)?
            .map_err(|_| DeskError::Broken)
    }

    async fn wait(&self) -> Result<Arc<Known>, DeskError> {
        let mut known = self.known.subscribe();
        let there = known.wait_for(Option::is_some);
        let there = tokio::time::timeout(PATIENCE, there).await;
        let there = there.map_err(|_| DeskError::Reading)?;
        let there = there.map_err(|_| DeskError::Broken)?;
        there.clone().ok_or(DeskError::Reading)
    }

    fn grace(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.setting.review.grace_days))
    }

    fn known(
        &self,
        idle_since: BTreeMap<String, Timestamp>,
        summary: Summary,
        now: Timestamp,
    ) -> Known {
        let days = self.setting.review.dormant_days;
        let accounts = self.setting.accounts.iter();
        let dormant = accounts.filter(|account| {
            account.roles.iter().any(|role| role.may_ask())
                && is_dormant(idle_since.get(&account.subject).copied(), now, days)
        });
        let dormant = dormant.count() as u64;
        Known {
            summary: Summary { dormant, ..summary },
            idle_since,
        }
    }
}

impl State {
    fn read_on(
        &mut self,
        dir: &std::path::Path,
        keys: &Keyring,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let entries = match &mut self.entries {
            Some(entries) => {
                entries.resume()?;
                entries
            }
            none => none.insert(ledger::read(dir)?),
        };
        let counted = &mut self.counted;
        let mut flags = Vec::new();
        for entry in entries {
            let entry = entry.map_err(DeskError::Damaged)?.opened(keys);
            self.misuse.follow(&entry, &mut flags);
            counted.follow(&entry);
        }
        self.misuse.tick(now, &mut flags);
        counted.raise(flags);
        Ok(())
    }
}

impl Counted {
    fn follow(&mut self, entry: &Entry) {
        self.entries += 1;
        self.usage.follow(entry);
        self.reviews.follow(entry);
        if let turnpike_schemas::ledger::Body::Admin(admin) = &entry.body {
            self.administer(admin);
        }
    }

    fn administer(&mut self, admin: &Admin) {
        let week = admin.facts.get(fact::WEEK).and_then(|week| week.as_str());
        if admin.action == AdminAction::Alarm
            && let Some(week) = week.and_then(|week| week.parse().ok())
        {
            self.alarmed.insert(week);
        }
    }

    fn raise(&mut self, flags: Vec<Flag>) {
        for flag in &flags {
            *self.raised.entry(flag.rule).or_default() += 1;
        }
        self.flags.extend(flags);
        let over = self.flags.len().saturating_sub(MAX_FLAGS);
        self.flags.drain(..over);
    }
}

/// Ends a reading that takes too long; the clock is looked at once in a while.
pub(super) fn in_time(started: Instant, index: u64) -> Result<(), DeskError> {
    let is_over = index.is_multiple_of(STRIDE) && started.elapsed() > LONGEST;
    if is_over {
        Err(DeskError::TooLong)
    } else {
        Ok(())
    }
}

fn entry(action: AdminAction, facts: BTreeMap<String, serde_json::Value>) -> Admin {
    Admin {
        action,
        by: None,
        facts,
    }
}
