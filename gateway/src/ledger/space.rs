//! How full the disk of the ledger is, and what follows from it.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// Room on the disk of the ledger, in bytes, as far as this process may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Used and free together.
    pub total: u64,
    /// Free.
    pub free: u64,
}

/// Shares of the disk, in percent used; 100 is never reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceLimits {
    /// From here on an alarm says that space gets scarce.
    pub warn_percent: u8,
    /// From here on nothing new is taken: what is left is for what is under way.
    pub stop_percent: u8,
}

/// What the room left means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpaceStage {
    /// Enough.
    Enough,
    /// Somebody must make room.
    Scarce,
    /// Nothing new is taken.
    Reserved,
}

/// The newest look at the disk, for everybody.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Ten-thousandths of the disk that are used.
    used: AtomicU32,
    stage: AtomicU8,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self {
            warn_percent: 80,
            stop_percent: 95,
        }
    }
}

impl Room {
    /// Ten-thousandths that are used, rounded up, so that a disk counts as full no later than it is.
    #[must_use]
    pub fn used(&self) -> u32 {
        let used = u128::from(self.total.saturating_sub(self.free)) * 10_000;
        let share = used.div_ceil(u128::from(self.total).max(1));
        u32::try_from(share).unwrap_or(10_000)
    }
}

impl SpaceLimits {
    /// What `room` means.
    #[must_use]
    pub fn stage(&self, room: Room) -> SpaceStage {
        let used = room.used();
        let reached = |percent: u8| percent < 100 && used >= u32::from(percent) * 100;
        if reached(self.stop_percent) {
            SpaceStage::Reserved
        } else if reached(self.warn_percent) {
            SpaceStage::Scarce
        } else {
            SpaceStage::Enough
        }
    }
}

impl SpaceStage {
    /// The word in an alarm.
    pub(super) fn alarm(self) -> Option<&'static str> {
        match self {
            Self::Enough => None,
            Self::Scarce => Some("ledger_space_scarce"),
            Self::Reserved => Some("ledger_space_reserved"),
        }
    }
}

impl Space {
    /// Takes a look in; gives the stage when it is another one than before.
    pub(super) fn seen(&self, room: Room, limits: SpaceLimits) -> Option<SpaceStage> {
        self.used.store(room.used(), Relaxed);
        let stage = limits.stage(room);
        let before = self.stage.swap(stage as u8, Relaxed);
        (before != stage as u8).then_some(stage)
    }

    pub(super) fn is_reserved(&self) -> bool {
        self.stage.load(Relaxed) == SpaceStage::Reserved as u8
    }

    /// Ten-thousandths of the disk that were used at the last look.
    pub(super) fn used(&self) -> u32 {
        self.used.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(free: u64) -> Room {
        Room { total: 1_000, free }
    }

    #[test]
    fn stages_begin_at_their_percent_and_not_before() {
        let limits = SpaceLimits::default();
        for (free, stage) in [
            (1_000, SpaceStage::Enough),
            (201, SpaceStage::Enough),
            (200, SpaceStage::Scarce),
            (51, SpaceStage::Scarce),
            (50, SpaceStage::Reserved),
            (0, SpaceStage::Reserved),
        ] {
            assert_eq!(limits.stage(room(free)), stage, "{free}");
        }
        let never = SpaceLimits {
            warn_percent: 100,
            stop_percent: 100,
        };
        assert_eq!(never.stage(room(0)), SpaceStage::Enough);
        let odd = Room { total: 3, free: 0 };
        assert_eq!(odd.used(), 10_000);
        assert_eq!(Room { total: 0, free: 0 }.used(), 0);
    }

    #[test]
    fn a_stage_is_told_once() {
        let (space, limits) = (Space::default(), SpaceLimits::default());
        assert_eq!(space.seen(room(900), limits), None);
        assert_eq!(space.seen(room(100), limits), Some(SpaceStage::Scarce));
        assert_eq!(space.seen(room(90), limits), None);
        assert_eq!(space.seen(room(10), limits), Some(SpaceStage::Reserved));
        assert!(space.is_reserved());
        assert_eq!(space.seen(room(500), limits), Some(SpaceStage::Enough));
        assert_eq!(space.used(), 5_000);
    }
}
