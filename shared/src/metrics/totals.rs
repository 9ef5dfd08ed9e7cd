//! What sessions add up to. All but the users form a group: what was added can be subtracted again.

use chrono::TimeDelta;

use super::{
    contribution::Contribution,
    counts::Counts,
    histogram::{EDGES, Histogram},
    sketch::{HashedUser, RELATIVE_ERROR, Sketch},
};
use crate::id::UserId;

/// Sums over sessions. A sum may be one of several that are meant only together.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// The counts.
    pub counts: Counts,
    /// How many sessions lasted how long.
    pub durations: Histogram,
    /// The users; these only grow.
    pub users: Sketch,
}

impl Totals {
    /// Adds a session of that user.
    pub fn add(&mut self, user: &UserId, contribution: &Contribution) {
        self.add_hashed(user.into(), contribution);
    }

    pub(super) fn add_hashed(&mut self, user: HashedUser, contribution: &Contribution) {
        self.counts += contribution.counts;
        self.durations.add(contribution.duration, 1);
        self.users.add_hashed(user);
    }

    /// Takes a session away again, but for its user.
    pub fn subtract(&mut self, contribution: &Contribution) {
        self.counts -= contribution.counts;
        self.durations.add(contribution.duration, -1);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.merge_all_but_users(other);
        self.users.merge(&other.users);
    }

    pub(super) fn merge_all_but_users(&mut self, other: &Self) {
        self.counts += other.counts;
        self.durations.merge(&other.durations);
    }

    /// Whether these are the totals of some sessions: nothing is below zero, and no more sessions are engaged or
    /// renewed than there are. A sum over all of its parts is sound, unless the view of it is torn or the rows are
    /// damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.counts.made_sound() == self.counts && !self.durations.is_negative()
    }

    /// The nearest totals that are sound, as they are shown.
    #[must_use]
    pub fn made_sound(&self) -> Self {
        Self {
            counts: self.counts.made_sound(),
            durations: self.durations.without_negatives(),
            users: self.users.clone(),
        }
    }

    /// The figures that are shown.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let counts = self.counts.made_sound();
        let duration = TimeDelta::milliseconds(counts.duration_ms);
        let distribution = self.durations.distribution();
        Summary {
            counts,
            engagement_rate: ratio(100.0 * float(counts.engaged), float(counts.sessions)),
            total_minutes: minutes(duration),
            average_minutes: ratio(duration.as_seconds_f64() / 60.0, float(counts.sessions)),
            median_minutes: minutes(self.durations.quantile(0.5)),
            p90_minutes: minutes(self.durations.quantile(0.9)),
            bounce_rate: ratio(
                100.0 * float(distribution[0]),
                distribution.iter().map(|count| float(*count)).sum(),
            ),
            distribution,
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
    /// None is below zero.
    pub counts: Counts,
    pub engagement_rate: f64,
    pub total_minutes: f64,
    pub average_minutes: f64,
    pub median_minutes: f64,
    pub p90_minutes: f64,
    /// Of sessions under a minute.
    pub bounce_rate: f64,
    /// The numbers of sessions between the edges of the histogram.
    pub distribution: [i64; EDGES.len() + 1],
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
fn float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::SessionId,
        sessions::rules::{ClientInfo, Session, State},
    };

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
                state: if ended {
                    State::Ended { end_time: time(1_000 + lasted), reason: None }
                } else {
                    State::Active
                },
                content_engaged: engaged,
                renewed_from: renewed.then(|| SessionId::new(time(0))),
                client: ClientInfo::default(),
            };
            (user, number, session)
        });
        proptest::collection::vec(image, 0..60)
    }

    fn counts(totals: &Totals) -> (Counts, Histogram) {
        (totals.counts, totals.durations.clone())
    }

    proptest! {
        #[test]
        fn folded_deltas_are_the_sum_over_the_last_images(images in images()) {
            let users = users();
            let mut last = std::collections::BTreeMap::new();
            let (mut folded, mut other_lane) = (Totals::default(), Totals::default());
            for (index, (user, number, image)) in images.iter().enumerate() {
                let lane = if index % 2 == 0 { &mut folded } else { &mut other_lane };
                lane.add(&users[*user], &Contribution::of(image));
                if let Some(old) = last.insert((*user, *number), image) {
                    lane.subtract(&Contribution::of(old));
                }
            }
            let mut sum = Totals::default();
            for ((user, _), image) in &last {
                sum.add(&users[*user], &Contribution::of(image));
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

    /// What no service has written is in a damaged row alone, and yet it must not stop those who read it.
    #[test]
    fn totals_of_any_numbers_add_up_and_are_shown() {
        let mut most = Totals {
            counts: Counts {
                sessions: i64::MAX,
                engaged: i64::MAX,
                renewed: i64::MAX,
                duration_ms: i64::MAX,
            },
            ..Totals::default()
        };
        for minutes in [0, 1, 6, 7, 8, 2_000] {
            most.durations.add(TimeDelta::minutes(minutes), i64::MAX);
        }
        let summary = most.summary();
        assert_eq!((summary.engagement_rate, summary.distribution[6]), (100.0, i64::MAX));
        assert!(summary.bounce_rate > 0.0 && summary.bounce_rate < 100.0);
        assert!(summary.median_minutes > 5.0 && summary.median_minutes < 10.0 && summary.p90_minutes > 60.0);
        let (mut sum, one) = (most.clone(), most.clone());
        sum.merge(&one);
        assert!(!sum.is_sound());
        sum.counts -= one.counts;
        assert_eq!(sum.counts, most.counts);
    }

    #[test]
    fn without_sessions_all_figures_are_zero() {
        let zero = Summary {
            counts: Counts::default(),
            engagement_rate: 0.0,
            total_minutes: 0.0,
            average_minutes: 0.0,
            median_minutes: 0.0,
            p90_minutes: 0.0,
            bounce_rate: 0.0,
            distribution: [0; EDGES.len() + 1],
            users: 0,
            users_relative_error: 0.0,
        };
        assert_eq!(Totals::default().summary(), zero);
        let of = |counts| Totals { counts, ..Totals::default() };
        let negative = of(Counts::default() - Counts { sessions: 1, engaged: 1, renewed: 1, duration_ms: 1 });
        assert!(!negative.is_sound());
        assert_eq!(negative.made_sound().summary(), zero);
        let unsound = of(Counts { sessions: 1, engaged: 2, ..Counts::default() });
        assert!(!unsound.is_sound());
        assert_eq!(unsound.made_sound().summary().counts.engaged, 1);
    }
}
