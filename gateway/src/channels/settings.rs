//! When a channel is told, and how much at once.

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use turnpike_schemas::api::channels::{ChannelSettings, DIGEST_EVERY_S, Quiet};

use crate::notify::quiet::QuietHours;

/// When a channel is told, and how much at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// As they were asked for.
    written: ChannelSettings,
    quiet: Option<QuietHours>,
}

/// What cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No time.
    #[error("`quiet.from` and `quiet.to` are times as in `22:00`, and differ")]
    Time,
    /// No zone.
    #[error("`quiet.zone` is no time zone: one is written as in `America/New_York`")]
    Zone,
    /// No span.
    #[error("`digest_every_s` is 60 to 86400")]
    Digest,
}

impl SettingsError {
    /// The field that is meant.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Time => "settings.quiet.from",
            Self::Zone => "settings.quiet.zone",
            Self::Digest => "settings.digest_every_s",
        }
    }
}

impl Settings {
    /// What is meant by `written`.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn of(written: &ChannelSettings) -> Result<Self, SettingsError> {
        let in_range = |every: u32| DIGEST_EVERY_S.contains(&every);
        if !written.digest_every_s.is_none_or(in_range) {
            return Err(SettingsError::Digest);
        }
        Ok(Self {
            quiet: written.quiet.as_ref().map(hours).transpose()?,
            written: written.clone(),
        })
    }

    /// As they were asked for.
    #[must_use]
    pub fn written(&self) -> &ChannelSettings {
        &self.written
    }

    /// When the quiet hours that `now` lies in are over; nothing outside them.
    #[must_use]
    pub fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.quiet.as_ref()?.over(now)
    }

    pub(super) fn quiet(&self) -> Option<&QuietHours> {
        self.quiet.as_ref()
    }

    /// The span between two digests, where everything is told together.
    pub(super) fn digest_every(&self) -> Option<SignedDuration> {
        let every = self.written.digest_every_s?;
        Some(SignedDuration::from_secs(every.into()))
    }
}

fn hours(quiet: &Quiet) -> Result<QuietHours, SettingsError> {
    let (from, to) = (time(&quiet.from)?, time(&quiet.to)?);
    if from == to {
        return Err(SettingsError::Time);
    }
    // A zone of the file system could be named by a path.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    let zone = &quiet.zone;
    if zone.is_empty() || zone.len() > 64 || zone.starts_with('/') || !zone.bytes().all(is_name) {
        return Err(SettingsError::Zone);
    }
    let zone = TimeZone::get(zone).map_err(|_| SettingsError::Zone)?;
    Ok(QuietHours { from, to, zone })
}

fn time(text: &str) -> Result<Time, SettingsError> {
    let time = Time::strptime("%H:%M", text).map_err(|_| SettingsError::Time)?;
    if text.len() == 5 {
        Ok(time)
    } else {
        Err(SettingsError::Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str, zone: &str) -> ChannelSettings {
        ChannelSettings {
            quiet: Some(Quiet {
                from: from.to_owned(),
                to: to.to_owned(),
                zone: zone.to_owned(),
            }),
            digest_every_s: None,
        }
    }

    #[test]
    fn hours_that_mean_nothing_are_refused() {
        use SettingsError::{Digest, Time, Zone};
        let error = |written: &ChannelSettings| Settings::of(written).map(drop);
        assert_eq!(error(&quiet("22:00", "06:00", "America/New_York")), Ok(()));
        for (from, to, zone, expected) in [
            ("22:00", "22:00", "UTC", Time),
            ("24:00", "06:00", "UTC", Time),
            ("9:00", "17:00", "UTC", Time),
            ("22", "06:00", "UTC", Time),
            ("22:00", "06:00", "", Zone),
            ("22:00", "06:00", "Brookdale/Nowhere", Zone),
            ("22:00", "06:00", "/etc/localtime", Zone),
            ("22:00", "06:00", "../UTC", Zone),
        ] {
            assert_eq!(
                error(&quiet(from, to, zone)),
                Err(expected),
                "{from} {to} {zone}"
            );
        }
        for (every, expected) in [
            (59, Err(Digest)),
            (60, Ok(())),
            (86_400, Ok(())),
            (86_401, Err(Digest)),
        ] {
            let written = ChannelSettings {
                quiet: None,
                digest_every_s: Some(every),
            };
            assert_eq!(error(&written), expected, "{every}");
        }
    }
}
