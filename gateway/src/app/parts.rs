//! Parts of a gateway that are opened and put together on their own.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use turnpike_adapters::context::Clock;
use turnpike_matcher::Matcher;
use turnpike_schemas::{
    agreement::Agreement,
    ledger::Admin,
    read::SourceId,
    review::unused::{Account, Governed},
};

use super::{CONTROL_FILE, StartError, unusable};
use crate::{
    accounts::Accounts,
    alerts,
    config::{AlertLimits, Config},
    control::Control,
    federation::Source,
    identity::{Directory, oidc::Provider},
    ledger::{Ledger, LedgerError, Unavailable},
    review::{Desk, Secrecy, Setting},
    watch,
};

pub(super) fn agreements_of(sources: &[Arc<Source>]) -> HashMap<SourceId, Arc<Agreement>> {
    let agreements = sources.iter();
    agreements
        .map(|source| (source.id.clone(), Arc::clone(&source.agreement)))
        .collect()
}

/// What is looked for, and what was found.
pub(super) fn watching(
    data_dir: &Path,
    limits: AlertLimits,
    now: Timestamp,
) -> Result<(alerts::Book, watch::Book), StartError> {
    let (file, matcher) = (data_dir.join("alerts.sqlite"), Arc::new(Matcher::new()));
    let lists = alerts::Book::open(&file, matcher, limits.entries, now)?;
    Ok((lists, watch::Book::open(&data_dir.join("hits.sqlite"))?))
}

/// Everyone who can be known, and what signs them in.
pub(super) fn identity(
    config: &Config,
    ledger: &Arc<Ledger>,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Directory>, Accounts), StartError> {
    let control = Control::open(&config.data_dir.join(CONTROL_FILE))?;
    let rules = config.identity.clone();
    let providers = config.providers.iter().cloned().map(|settings| {
        let provider = settings.id.clone();
        let built = Provider::new(settings).map(Arc::new);
        built.map_err(|error| StartError::Provider { provider, error })
    });
    let directory = Directory::new(&config.users, config.organisations.clone())
        .with_control(control.clone(), rules.sessions)
        .with_providers(providers.collect::<Result<_, _>>()?);
    let directory = Arc::new(directory);
    let accounts = Accounts::new(
        control,
        Arc::clone(ledger),
        Arc::clone(&directory),
        Arc::clone(clock),
        rules,
    );
    Ok((directory, accounts))
}

/// The review of the ledger: whom and what it is about.
pub(super) fn desk(config: &Config, ledger: &Ledger) -> Result<Desk, StartError> {
    let data_dir = &config.data_dir;
    let accounts = config.users.iter().map(|user| Account {
        subject: user.subject.clone(),
        organisation: user.organisation.id.clone(),
        roles: user.roles.clone(),
    });
    let governed = config.sources.iter().map(|source| Governed {
        source: source.id.to_string(),
        agreement: source.agreement.reference().to_string(),
    });
    Ok(Desk::new(Setting {
        ledger: ledger
            .published()
            .map(|published| published.dir().to_owned()),
        keys: Arc::clone(ledger.keys()),
        review: config.review.clone(),
        accounts: accounts.collect(),
        governed: governed.collect(),
        secrecy: Secrecy::open(data_dir).map_err(|error| unusable(data_dir, error))?,
    }))
}

/// How often a start waits for the ledger before it gives up.
const WAITS: u32 = 40;

/// Puts something on record while nobody waits for an answer yet: a disk that is slow for a moment is no reason not to start. What was
/// late may be on record twice.
pub(super) async fn on_record(ledger: &Ledger, entry: Admin) -> Result<(), LedgerError> {
    for _ in 0..WAITS {
        match ledger.admin(entry.clone()).await {
            Err(LedgerError::Deadline | LedgerError::Unavailable(Unavailable::Hung)) => {
                tracing::warn!("the ledger is slow; the start waits for it");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            done => return done.map(|_| ()),
        }
    }
    ledger.admin(entry).await.map(|_| ())
}
