//! Live traffic: passages that go on where the history stopped, without teleporting anyone.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::streets::{self, Heading, Site};
use super::{Passage, Town, Vehicle, trips, whole_milliseconds};

/// No vehicle is seen to move faster than this between two sites.
const TOP_SPEED_M_S: f64 = 30.0;
const TRIES: usize = 64;

#[derive(Debug)]
pub(super) struct LiveTrip {
    vehicle: Arc<Vehicle>,
    ahead: VecDeque<Arc<Site>>,
}

impl Town {
    /// A passage that happens at `now`: a vehicle under way reaches its next site, or another one
    /// sets off. It is remembered, so the oracle knows it. `None` when no vehicle of a very small
    /// town can be anywhere new yet without breaking the speed limit.
    pub fn next_live(&mut self, now: Timestamp) -> Option<Passage> {
        let now = whole_milliseconds(now);
        if let Some((vehicle, site)) = self.arrival(now) {
            return Some(self.remember(&vehicle, &site, now));
        }
        for _ in 0..TRIES {
            let vehicle = self.rng.choice(&self.vehicles).map(Arc::clone)?;
            if let Some(passage) = self.set_off(&vehicle, now) {
                return Some(passage);
            }
        }
        None
    }

    /// The same for one given vehicle, for instance the protagonist.
    pub fn next_live_of(&mut self, vehicle: &Arc<Vehicle>, now: Timestamp) -> Option<Passage> {
        let now = whole_milliseconds(now);
        let under_way = self
            .under_way
            .iter()
            .position(|t| t.vehicle.index == vehicle.index);
        match under_way {
            Some(trip) if self.reaches_next(trip, now) => {
                let site = self.advance(trip)?;
                Some(self.remember(vehicle, &site, now))
            }
            Some(_) => None,
            None => (0..TRIES).find_map(|_| self.set_off(vehicle, now)),
        }
    }

    fn arrival(&mut self, now: Timestamp) -> Option<(Arc<Vehicle>, Arc<Site>)> {
        let trip = (0..self.under_way.len()).find(|trip| self.reaches_next(*trip, now))?;
        let vehicle = self.under_way.get(trip).map(|t| Arc::clone(&t.vehicle))?;
        self.advance(trip).map(|site| (vehicle, site))
    }

    fn reaches_next(&self, trip: usize, now: Timestamp) -> bool {
        self.under_way.get(trip).is_some_and(|trip| {
            trip.ahead
                .front()
                .is_some_and(|site| self.can_be_at(&trip.vehicle, site, now))
        })
    }

    fn can_be_at(&self, vehicle: &Vehicle, site: &Site, now: Timestamp) -> bool {
        let Some((last, at)) = self.whereabouts.get(&vehicle.index) else {
            return true;
        };
        let seconds = now.duration_since(*at).as_secs_f64();
        seconds > 1.0 && streets::distance_m(last, site) <= seconds * TOP_SPEED_M_S
    }

    fn advance(&mut self, trip: usize) -> Option<Arc<Site>> {
        let under_way = self.under_way.get_mut(trip)?;
        let site = under_way.ahead.pop_front();
        if under_way.ahead.is_empty() {
            self.under_way.remove(trip);
        }
        site
    }

    fn set_off(&mut self, vehicle: &Arc<Vehicle>, now: Timestamp) -> Option<Passage> {
        if self
            .under_way
            .iter()
            .any(|trip| trip.vehicle.index == vehicle.index)
        {
            return None;
        }
        let heading = self.rng.choice(Heading::ALL)?;
        let mut ahead: VecDeque<_> = trips::stretch(self, heading, false).into();
        let first = ahead.pop_front()?;
        if !self.can_be_at(vehicle, &first, now) {
            return None;
        }
        self.under_way.push(LiveTrip {
            vehicle: Arc::clone(vehicle),
            ahead,
        });
        Some(self.remember(vehicle, &first, now))
    }

    fn remember(&mut self, vehicle: &Arc<Vehicle>, site: &Arc<Site>, now: Timestamp) -> Passage {
        let passage = trips::observe(self, vehicle, site, now);
        self.whereabouts
            .insert(vehicle.index, (Arc::clone(site), passage.at));
        let place = self
            .passages
            .partition_point(|other| other.at <= passage.at);
        self.passages.insert(place, passage.clone());
        passage
    }
}
