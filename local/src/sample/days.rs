//! The days of the year, and how many sessions start on each.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use fastrand::Rng;
use shared::metrics::calendar::{day_of, first_instant};

/// The reporting days of a sample, the last of them not over yet.
pub(crate) const DAYS: u64 = 365;

/// So much more happens at the end of the year than at its beginning.
const GROWTH: f64 = 1.4;

const MINUTES: u32 = 24 * 60;

/// A day of the sample.
pub(super) struct Day {
    pub(super) date: NaiveDate,
    /// How many sessions start on it.
    pub(super) sessions: usize,
}

impl Day {
    /// The days up to now, with `total` sessions together. `passed` is the part of a day's sessions that start by a
    /// minute of it.
    pub(super) fn all(
        now: DateTime<Utc>,
        zone: Tz,
        total: usize,
        passed: impl Fn(u32) -> f64,
        chance: &mut Rng,
    ) -> Vec<Self> {
        let today = day_of(now, zone);
        let dates: Vec<NaiveDate> = (0..DAYS).rev().map(|before| today - Days::new(before)).collect();
        let mut weights: Vec<f64> = dates
            .iter()
            .zip(0_u16..)
            .map(|(date, number)| {
                let growth = 1.0 + GROWTH * f64::from(number) / 365.0;
                growth * of_weekday(date.weekday()) * (0.94 + 0.12 * chance.f64())
            })
            .collect();
        let time = now.with_timezone(&zone).time();
        if let Some(last) = weights.last_mut() {
            *last *= passed(chrono::Timelike::num_seconds_from_midnight(&time) / 60);
        }
        let counts = shares(total, &weights);
        dates.into_iter().zip(counts).map(|(date, sessions)| Self { date, sessions }).collect()
    }

    pub(super) fn is_weekend(&self) -> bool {
        matches!(self.date.weekday(), Weekday::Sat | Weekday::Sun)
    }

    /// The instant at which clocks show that time of the day: one of two where they are put back, an hour later where
    /// they are put forward over it.
    pub(super) fn at(&self, minute: u32, zone: Tz, chance: &mut Rng) -> DateTime<Utc> {
        let shown = TimeDelta::minutes(i64::from(minute.min(MINUTES - 1)))
            + TimeDelta::milliseconds(chance.i64(0..60_000));
        let local = self.date.and_time(chrono::NaiveTime::MIN) + shown;
        let shown = zone.from_local_datetime(&local);
        let instant = if chance.bool() { shown.earliest() } else { shown.latest() };
        instant
            .map_or_else(|| first_instant(self.date, zone) + (local - self.midnight()), |time| time.to_utc())
    }

    fn midnight(&self) -> chrono::NaiveDateTime {
        self.date.and_time(chrono::NaiveTime::MIN)
    }
}

fn of_weekday(day: Weekday) -> f64 {
    match day {
        Weekday::Mon | Weekday::Thu => 1.0,
        Weekday::Tue | Weekday::Wed => 1.06,
        Weekday::Fri => 0.88,
        Weekday::Sat => 0.46,
        Weekday::Sun => 0.54,
    }
}

/// `total` in whole parts that are to each other as the weights are: what rounding leaves of one part the next gets.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers, none below zero"
)]
fn shares(total: usize, weights: &[f64]) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    let (mut seen, mut given) = (0.0, 0);
    let share = |weight: &f64| {
        seen += weight;
        let by_now = (total as f64 * seen / sum).round() as usize;
        let share = by_now - given;
        given = by_now;
        share
    };
    weights.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_as_their_weights() {
        assert_eq!(shares(10, &[1.0, 2.0, 2.0]), [2, 4, 4]);
        let shares = shares(1_000, &[0.3; 7]);
        assert_eq!(shares.iter().sum::<usize>(), 1_000);
        assert!(shares.iter().all(|share| (142..=143).contains(share)), "{shares:?}");
    }

    #[test]
    fn every_minute_that_clocks_show_is_on_its_day() {
        let mut chance = Rng::with_seed(1);
        for (zone, date) in [
            (chrono_tz::Europe::Berlin, "2026-03-29"),
            (chrono_tz::Europe::Berlin, "2026-10-25"),
            (chrono_tz::America::Santiago, "2026-09-06"),
        ] {
            let day = Day { date: date.parse().unwrap(), sessions: 0 };
            for minute in 0..MINUTES {
                let time = day.at(minute, zone, &mut chance);
                assert_eq!(day_of(time, zone), day.date, "{minute} of {date}: {time}");
            }
        }
    }
}
