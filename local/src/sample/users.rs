//! The users, each with habits: how often they come, when, with what, and how long they stay.

use fastrand::Rng;
use shared::{id::UserId, sessions::rules::ClientInfo};

use super::{days::DAYS, devices};

/// By a minute of the day: when sessions peak.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hours {
    /// Before and after lunch.
    Office,
    Evening,
    Early,
    Any,
}

/// A user.
pub(super) struct User {
    pub(super) id: UserId,
    /// Not seen before this day of the sample.
    pub(super) first_day: u64,
    /// Nor after this one.
    pub(super) last_day: u64,
    /// How often, beside others.
    rate: f64,
    /// The same at the weekend, as a part of that.
    at_weekend: f64,
    hours: Hours,
    pub(super) devices: Vec<ClientInfo>,
    /// The heartbeats of a visit that is more than a short one, on average.
    pub(super) patience: f64,
    /// How many of the visits are short ones.
    pub(super) haste: f64,
    /// How many of the visits are ended by signing out.
    pub(super) tidiness: f64,
    /// How easily the content engages.
    pub(super) interest: f64,
    /// How often a browser that comes back still has its session's id.
    pub(super) memory: f64,
}

impl User {
    /// The users in the order in which they come.
    pub(super) fn all(count: usize, chance: &mut Rng) -> Vec<Self> {
        let mut users: Vec<Self> = (1..=count).map(|number| Self::new(number, chance)).collect();
        users.sort_by_key(|user| user.first_day);
        users
    }

    #[expect(clippy::expect_used, reason = "letters, digits and a dash")]
    fn new(number: usize, chance: &mut Rng) -> Self {
        // Half of them are there already, and are seen within the first weeks; the others come in the course of the
        // year.
        let first_day =
            if chance.bool() { (exponential(chance) * 18.0).min(300.0) } else { chance.f64() * 340.0 };
        // A few come daily, most now and then.
        let (rate, patience) = match chance.f64() {
            ..0.12 => (8.0 + 4.0 * chance.f64(), 6.0),
            ..0.45 => (2.0 + 2.0 * chance.f64(), 4.5),
            _ => (0.3 + 0.7 * chance.f64(), 2.5),
        };
        let hours = match chance.f64() {
            ..0.5 => Hours::Office,
            ..0.75 => Hours::Evening,
            ..0.85 => Hours::Early,
            _ => Hours::Any,
        };
        let mut devices = vec![devices::computer(chance)];
        if chance.f64() < 0.55 {
            devices.push(devices::phone(chance));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a day of the year")]
        let first_day = first_day as u64;
        let stays = chance.f64() < 0.8;
        Self {
            id: format!("user-{number:04}").parse().expect("a usable name"),
            first_day,
            last_day: if stays { DAYS } else { first_day + 20 + chance.u64(0..200) },
            rate,
            at_weekend: if hours == Hours::Office { 0.3 } else { 1.2 },
            hours,
            devices,
            patience: patience * (0.7 + 0.6 * chance.f64()),
            haste: 0.12 + 0.2 * chance.f64(),
            tidiness: 0.6 * chance.f64(),
            interest: 0.75 + 0.4 * chance.f64(),
            memory: 0.2 + 0.6 * chance.f64(),
        }
    }

    /// How likely a session of a day is this user's, beside others.
    pub(super) fn weight(&self, day: u64, is_weekend: bool) -> f64 {
        match day {
            _ if day > self.last_day => 0.0,
            _ if is_weekend => self.rate * self.at_weekend,
            _ => self.rate,
        }
    }

    /// A minute of the day at which this user comes.
    pub(super) fn minute(&self, chance: &mut Rng) -> u32 {
        let (hour, spread) = match self.hours {
            Hours::Office if chance.bool() => (10.0, 4.0),
            Hours::Office => (14.5, 5.0),
            Hours::Evening => (20.0, 5.0),
            Hours::Early => (7.0, 3.0),
            Hours::Any => (13.0, 22.0),
        };
        // About a bell.
        let bell = (chance.f64() + chance.f64() + chance.f64()) / 3.0 - 0.5;
        let minute = ((hour + spread * bell * 2.0) * 60.0).rem_euclid(1_440.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within a day")]
        let minute = minute as u32;
        minute
    }
}

/// A waiting time of one on average.
pub(super) fn exponential(chance: &mut Rng) -> f64 {
    -(1.0 - chance.f64()).ln()
}
