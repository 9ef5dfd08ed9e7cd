//! What sessions add up to. All but the users form a group: what was added can be subtracted again.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{
    calendar::day_of,
    histogram::Histogram,
    sketch::{RELATIVE_ERROR, Sketch},
};
use crate::{
    id::UserId,
    session::{Session, State},
};

/// What one session, as one of its images has it, adds to the totals of the day on which it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution<'a> {
    user: &'a UserId,
    engaged: bool,
    renewed: bool,
    duration: TimeDelta,
}

/// The day to which a session belongs, for good: the one on which it started.
#[must_use]
pub fn day_of_session(session: &Session, zone: Tz) -> NaiveDate {
    day_of(session.start_time, zone)
}

impl<'a> Contribution<'a> {
    /// The contribution of a session, as it is in this image.
    #[must_use]
    pub fn of(user: &'a UserId, session: &Session) -> Self {
        let end = match session.state {
            State::Ended { end_time } => end_time,
            State::Active | State::Expired { .. } => session.last_active_time,
        };
        Self {
            user,
            engaged: session.content_engaged,
            renewed: session.renewed_from.is_some(),
            duration: end - session.start_time,
        }
    }
}

/// Sums over sessions. Counts are signed, because a sum may be one of several that are meant only together.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// How many.
    pub sessions: i64,
    /// How many with engagement.
    pub engaged: i64,
    /// How many that were started by a renewal.
    pub renewed: i64,
    /// How long altogether, in milliseconds.
    pub duration_ms: i64,
    /// How long each.
    pub durations: Histogram,
    /// Whose; this only grows.
    pub users: Sketch,
}

impl Totals {
    /// Adds a session.
    pub fn add(&mut self, contribution: &Contribution<'_>) {
        self.count(contribution, 1);
        self.users.add(contribution.user);
    }

    /// Takes a session away again, but for its user.
    pub fn subtract(&mut self, contribution: &Contribution<'_>) {
        self.count(contribution, -1);
    }

    fn count(&mut self, contribution: &Contribution<'_>, by: i64) {
        self.sessions += by;
        self.engaged += by * i64::from(contribution.engaged);
        self.renewed += by * i64::from(contribution.renewed);
        self.duration_ms += by * contribution.duration.num_milliseconds();
        self.durations.add(contribution.duration, by);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.merge_counts(other);
        self.users.merge(&other.users);
    }

    pub(super) fn merge_counts(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.engaged += other.engaged;
        self.renewed += other.renewed;
        self.duration_ms += other.duration_ms;
        self.durations.merge(&other.durations);
    }

    /// Whether the counts are those of some sessions: none is below zero, and no more sessions are engaged or renewed
    /// than there are. A sum over all of its parts is sound, unless the view of it is torn or the rows are damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let within = |count: i64| (0..=self.sessions).contains(&count);
        within(self.engaged) && within(self.renewed) && self.duration_ms >= 0 && !self.durations.is_negative()
    }

    /// The nearest counts that are sound, as they are shown.
    #[must_use]
    pub fn made_sound(&self) -> Self {
        let sessions = self.sessions.max(0);
        Self {
            sessions,
            engaged: self.engaged.clamp(0, sessions),
            renewed: self.renewed.clamp(0, sessions),
            duration_ms: self.duration_ms.max(0),
            durations: self.durations.without_negatives(),
            users: self.users.clone(),
        }
    }

    /// The figures that are shown.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = |count: i64| count.max(0).cast_unsigned();
        let (sessions, engaged) = (count(self.sessions), count(self.engaged));
        let duration = TimeDelta::milliseconds(self.duration_ms);
        Summary {
            sessions,
            engaged,
            renewed: count(self.renewed),
            engagement_rate: ratio(100.0 * float(engaged), float(sessions)),
            total_minutes: minutes(duration),
            average_minutes: ratio(duration.as_seconds_f64() / 60.0, float(sessions)),
            median_minutes: minutes(self.durations.quantile(0.5)),
            p90_minutes: minutes(self.durations.quantile(0.9)),
            users: self.users.count(),
            users_relative_error: if self.users.is_empty() { 0.0 } else { RELATIVE_ERROR },
        }
    }
}

/// The figures of some sessions. Rates are percentages; they and minutes are rounded to 2 decimals. With no sessions
/// all are 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Summary {
    pub sessions: u64,
    pub engaged: u64,
    pub renewed: u64,
    pub engagement_rate: f64,
    pub total_minutes: f64,
    pub average_minutes: f64,
    pub median_minutes: f64,
    pub p90_minutes: f64,
    pub users: u64,
    /// One standard error of `users`; up to some 400 users the count is exact.
    pub users_relative_error: f64,
}

fn minutes(duration: TimeDelta) -> f64 {
    rounded(duration.as_seconds_f64() / 60.0)
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { rounded(part / whole) }
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "far from 2^53 sessions")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::{id::SessionId, session::ClientInfo};

    fn time(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn users() -> Vec<UserId> {
        (0..4).map(|user| format!("user-{user}").parse().unwrap()).collect()
    }

    /// An image: whose session it is, which of theirs, and how it looks.
    fn images() -> impl Strategy<Value = Vec<(usize, usize, Session)>> {
        let image = (0_usize..4, 0_usize..3, any::<bool>(), 0_i64..100_000_000, any::<bool>(), any::<bool>());
        let image = image.prop_map(|(user, number, engaged, lasted, ended, renewed)| {
            let session = Session {
                id: SessionId::new(time(0)),
                start_time: time(1_000),
                last_active_time: time(1_000 + lasted / 2),
                state: if ended { State::Ended { end_time: time(1_000 + lasted) } } else { State::Active },
                content_engaged: engaged,
                renewed_from: renewed.then(|| SessionId::new(time(0))),
                client: ClientInfo::default(),
            };
            (user, number, session)
        });
        proptest::collection::vec(image, 0..60)
    }

    fn counts(totals: &Totals) -> (i64, i64, i64, i64, Histogram) {
        let Totals { sessions, engaged, renewed, duration_ms, durations, .. } = totals;
        (*sessions, *engaged, *renewed, *duration_ms, durations.clone())
    }

    proptest! {
        #[test]
        fn folded_deltas_are_the_sum_over_the_last_images(images in images()) {
            let users = users();
            let mut last = std::collections::BTreeMap::new();
            let (mut folded, mut other_lane) = (Totals::default(), Totals::default());
            for (index, (user, number, image)) in images.iter().enumerate() {
                let lane = if index % 2 == 0 { &mut folded } else { &mut other_lane };
                lane.add(&Contribution::of(&users[*user], image));
                if let Some(old) = last.insert((*user, *number), image) {
                    lane.subtract(&Contribution::of(&users[*user], old));
                }
            }
            let mut sum = Totals::default();
            for ((user, _), image) in &last {
                sum.add(&Contribution::of(&users[*user], image));
            }
            let mut back = other_lane.clone();
            back.merge(&folded);
            folded.merge(&other_lane);
            prop_assert_eq!(counts(&folded), counts(&sum));
            prop_assert_eq!(counts(&folded), counts(&back));
            prop_assert_eq!(folded.summary(), sum.summary());
            prop_assert!(folded.is_sound());
        }
    }

    #[test]
    fn without_sessions_all_figures_are_zero() {
        let zero = Summary {
            sessions: 0,
            engaged: 0,
            renewed: 0,
            engagement_rate: 0.0,
            total_minutes: 0.0,
            average_minutes: 0.0,
            median_minutes: 0.0,
            p90_minutes: 0.0,
            users: 0,
            users_relative_error: 0.0,
        };
        assert_eq!(Totals::default().summary(), zero);
        let negative =
            Totals { sessions: -1, engaged: -1, renewed: -1, duration_ms: -1, ..Totals::default() };
        assert!(!negative.is_sound());
        assert_eq!(negative.made_sound().summary(), zero);
        let unsound = Totals { sessions: 1, engaged: 2, ..Totals::default() };
        assert!(!unsound.is_sound());
        assert_eq!(unsound.made_sound().summary().engaged, 1);
    }
}
