//! How much one user asks a day, compared with that user's own days before.

use std::collections::VecDeque;

use super::{Raised, Thresholds};

/// Days a median needs.
const LEAST_DAYS: usize = 3;

/// Questions a day of one user, oldest day first.
#[derive(Debug, Default)]
pub(super) struct Volume {
    days: VecDeque<(i64, u32)>,
    raised: (i64, Raised),
}

impl Volume {
    /// Counts a question on `day`; gives the count of the day when that is a reason to speak.
    pub(super) fn add(&mut self, day: i64, at: &Thresholds) -> Option<u32> {
        let count = match self.days.iter_mut().rev().find(|(held, _)| *held == day) {
            Some((_, count)) => {
                *count = count.saturating_add(1);
                *count
            }
            None => {
                self.days.push_back((day, 1));
                1
            }
        };
        if self.raised.0 != day {
            self.raised = (day, Raised::default());
        }
        let usual = self.median(day).unwrap_or(at.volume_floor);
        let limit = usual.saturating_mul(at.volume_factor).max(at.volume_floor);
        let spoken = &mut self.raised.1;
        spoken.by(count, limit.saturating_add(1)).then_some(count)
    }

    /// Forgets a question of `day`; true when nothing is left.
    pub(super) fn remove(&mut self, day: i64) -> bool {
        for (held, count) in &mut self.days {
            if *held == day {
                *count = count.saturating_sub(1);
            }
        }
        self.days.retain(|(_, count)| *count > 0);
        self.days.is_empty()
    }

    /// The median of the days before on which the user asked at all.
    fn median(&self, day: i64) -> Option<u32> {
        let before = self.days.iter().filter(|(held, _)| *held != day);
        let mut counts: Vec<u32> = before.map(|(_, count)| *count).collect();
        if counts.len() < LEAST_DAYS {
            return None;
        }
        counts.sort_unstable();
        counts.get(counts.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_far_above_the_own_median_is_told_once_and_again_when_doubled() {
        let at = Thresholds::default();
        let mut volume = Volume::default();
        for day in 0..10 {
            for _ in 0..6 {
                assert_eq!(volume.add(day, &at), None);
            }
        }
        let told: Vec<u32> = (0..70).filter_map(|_| volume.add(10, &at)).collect();
        assert_eq!(told, [31, 62]);
        let told: Vec<u32> = (0..31).filter_map(|_| volume.add(11, &at)).collect();
        assert_eq!(told, [31], "a new day");
    }

    #[test]
    fn few_questions_say_nothing_and_a_new_user_is_measured_by_the_floor() {
        let at = Thresholds::default();
        let mut seldom = Volume::default();
        for day in 0..10 {
            assert_eq!(seldom.add(day, &at), None);
        }
        let told: Vec<u32> = (0..30).filter_map(|_| seldom.add(10, &at)).collect();
        assert_eq!(told, [21]);
        let mut new = Volume::default();
        let told: Vec<u32> = (0..120).filter_map(|_| new.add(0, &at)).collect();
        assert_eq!(told, [101]);
        assert!((0..119).all(|_| !new.remove(0)) && new.remove(0));
    }
}
