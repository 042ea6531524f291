//! The breaker's state machine: pure but for its lock and the jitter of its cool-downs; the caller brings the time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::breaker::{BreakerSettings, BreakerState};

/// The window is counted in this many slices; the oldest is forgotten as a whole.
const SLICES: u32 = 10;

/// Longest cool-down there can be, so that adding it to an instant is safe.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The state of one source's breaker.
#[derive(Debug)]
pub(super) struct Circuit {
    settings: BreakerSettings,
    state: Mutex<State>,
}

/// What one call says about the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works.
    Good,
    /// It does not.
    Bad,
    /// Nothing.
    Neither,
}

/// Leave for one call. Dropping it unsettled is a call that says nothing.
#[must_use]
#[derive(Debug)]
pub(super) struct Pass {
    circuit: Arc<Circuit>,
    generation: u64,
}

#[derive(Debug)]
struct State {
    /// Counts phases and probes, so that a verdict on an earlier one is recognised.
    generation: u64,
    phase: Phase,
    cooldowns: ExponentialBackoff,
}

#[derive(Debug)]
enum Phase {
    Closed(Record),
    Open { until: Instant },
    HalfOpen { probing: bool },
}

/// What calls said since the breaker closed.
#[derive(Debug, Default)]
struct Record {
    bad_in_a_row: u32,
    slices: VecDeque<Slice>,
}

#[derive(Debug)]
struct Slice {
    began: Instant,
    good: u64,
    bad: u64,
}

impl Circuit {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let settings = BreakerSettings {
            open_max: settings.open_max.min(LONGEST),
            ..settings
        };
        Self {
            settings,
            state: Mutex::new(State {
                generation: 0,
                phase: Phase::Closed(Record::default()),
                cooldowns: cooldowns(&settings),
            }),
        }
    }

    pub(super) fn settings(&self) -> &BreakerSettings {
        &self.settings
    }

    /// Leave to call the source, or how long to wait before asking again.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Result<Pass, Duration> {
        let mut state = self.lock();
        match state.phase {
            Phase::Closed(_) => {}
            Phase::Open { until } if now < until => return Err(until - now),
            Phase::HalfOpen { probing: true } => return Err(self.settings.open),
            Phase::Open { .. } | Phase::HalfOpen { probing: false } => {
                state.enter(Phase::HalfOpen { probing: true });
            }
        }
        Ok(Pass {
            circuit: Arc::clone(self),
            generation: state.generation,
        })
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.lock().phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open { until },
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn settle(&self, generation: u64, verdict: Verdict, now: Instant) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        match (&mut state.phase, verdict) {
            (Phase::Closed(record), Verdict::Good | Verdict::Bad) => {
                if record.trips(verdict, now, &self.settings) {
                    state.open(now);
                }
            }
            (Phase::HalfOpen { .. }, Verdict::Good) => {
                state.cooldowns = cooldowns(&self.settings);
                state.enter(Phase::Closed(Record::default()));
            }
            (Phase::HalfOpen { .. }, Verdict::Bad) => state.open(now),
            (_, Verdict::Neither) | (Phase::Open { .. }, _) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    pub(super) fn settle(self, verdict: Verdict, now: Instant) {
        // The drop that follows frees the probe's place if the verdict has not ended the phase.
        self.circuit.settle(self.generation, verdict, now);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.circuit.lock();
        if state.generation == self.generation
            && let Phase::HalfOpen { probing } = &mut state.phase
        {
            *probing = false;
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.generation += 1;
        self.phase = phase;
    }

    fn open(&mut self, now: Instant) {
        let base = self.cooldowns.next().unwrap_or_default();
        let cooldown = base.mul_f64(1.0 + fastrand::f64() / 2.0);
        self.enter(Phase::Open {
            until: now + cooldown,
        });
    }
}

impl Record {
    /// Takes one verdict in; whether the breaker is to open.
    fn trips(&mut self, verdict: Verdict, now: Instant, settings: &BreakerSettings) -> bool {
        let slice = self.slice(now, settings.window);
        if verdict == Verdict::Good {
            slice.good += 1;
            self.bad_in_a_row = 0;
            return false;
        }
        slice.bad += 1;
        self.bad_in_a_row += 1;
        self.bad_in_a_row >= settings.consecutive.get() || self.is_mostly_bad(settings)
    }

    fn slice(&mut self, now: Instant, window: Duration) -> &mut Slice {
        let over = |slice: &Slice, span| now.saturating_duration_since(slice.began) >= span;
        while self.slices.front().is_some_and(|slice| over(slice, window)) {
            self.slices.pop_front();
        }
        let current = self
            .slices
            .pop_back_if(|slice| !over(slice, window / SLICES));
        let current = current.unwrap_or(Slice {
            began: now,
            good: 0,
            bad: 0,
        });
        self.slices.push_back_mut(current)
    }

    fn is_mostly_bad(&self, settings: &BreakerSettings) -> bool {
        let good: u64 = self.slices.iter().map(|slice| slice.good).sum();
        let bad: u64 = self.slices.iter().map(|slice| slice.bad).sum();
        good + bad >= u64::from(settings.min_calls.get()) && good < bad
    }
}

fn cooldowns(settings: &BreakerSettings) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(settings.open.min(settings.open_max))
        .with_max_delay(settings.open_max)
        .without_max_times()
        .build()
}
