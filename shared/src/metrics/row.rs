//! A row of the metrics table: the totals of one day in one lane, and how far each stream shard has been applied.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{
    delta::Delta,
    marks::{Mark, Marks},
    totals::Totals,
};

/// Rows of a day. A shard writes to one of them, so that writers seldom meet, and a reader reads them all.
pub const LANES: u8 = 4;

/// A mark is dropped when it has not moved for this long: the stream keeps records for 24 hours.
const MARK_KEPT: TimeDelta = TimeDelta::hours(48);

/// Which row of a day a shard writes to.
#[must_use]
pub fn lane_of(shard: &str) -> u8 {
    Sha256::digest(shard)[0] % LANES
}

/// A row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Counts the writes of the row; 0 before the first.
    pub version: u64,
    /// What the sessions whose records were applied add up to.
    pub totals: Totals,
    /// The last record applied, for each shard.
    pub marks: Marks,
    /// When the newest record that was applied was made.
    pub as_of: Option<DateTime<Utc>>,
}

impl Row {
    /// The row after the records of `shard` that it does not have yet; `None` if there is nothing to write.
    ///
    /// Records at or below the mark are applied already, in whatever order and company they come again. All `deltas`
    /// are of this row's day.
    #[must_use]
    pub fn apply(&self, shard: &str, deltas: &[&Delta], now: DateTime<Utc>) -> Option<Self> {
        let mark = self.marks.get(shard).map(|mark| &mark.sequence);
        let mut new: Vec<&Delta> =
            deltas.iter().copied().filter(|delta| mark.is_none_or(|mark| delta.sequence > *mark)).collect();
        // A batch may hold a record twice.
        new.sort_unstable_by_key(|delta| delta.sequence);
        new.dedup_by(|one, other| one.sequence == other.sequence);
        // Not the sum but each: records that cancel each other out must not be told apart by a redelivery.
        if new.iter().all(|delta| delta.is_neutral()) {
            return None;
        }
        let sequence = new.last()?.sequence;
        let mut next = self.clone();
        next.version += 1;
        for delta in &new {
            next.totals.add_hashed(delta.user, &delta.after);
            if let Some(before) = &delta.before {
                next.totals.subtract(before);
            }
        }
        next.marks.retain(|_, mark| now - mark.moved < MARK_KEPT);
        next.marks.insert(shard.to_owned(), Mark { sequence, moved: now });
        next.as_of = self.as_of.max(new.iter().map(|delta| delta.created).max());
        Some(next)
    }
}

/// The key of a row: the partition of its month, and its place there.
#[must_use]
pub fn key(day: NaiveDate, lane: u8) -> (String, String) {
    (format!("MONTH#{}", day.format("%Y-%m")), format!("DAY#{day}#{lane}"))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::metrics::{
        contribution::Contribution, counts::Counts, sequence::SequenceNumber, sketch::HashedUser,
    };

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn contribution(engaged: bool) -> Contribution {
        let duration = TimeDelta::minutes(1);
        let counts =
            Counts { sessions: 1, engaged: i64::from(engaged), duration_ms: 60_000, ..Counts::default() };
        Contribution { counts, duration }
    }

    fn change(sequence: u32, old: Option<bool>, new: bool) -> Delta {
        Delta {
            sequence: SequenceNumber::parse(&sequence.to_string()).unwrap(),
            created: time(i64::from(sequence)),
            day: NaiveDate::default(),
            user: HashedUser::of("alice"),
            before: old.map(contribution),
            after: contribution(new),
        }
    }

    #[test]
    fn records_that_cancel_each_other_out_still_move_the_mark() {
        let (on, off) = (change(1, Some(false), true), change(2, Some(true), false));
        let row = Row::default().apply("shard", &[&on, &off], time(0)).unwrap();
        assert_eq!((row.version, row.totals.counts.engaged), (1, 0));
        // Or a redelivery in another company would count one of them alone.
        for again in [vec![&off], vec![&on], vec![&off, &on]] {
            assert!(row.apply("shard", &again, time(0)).is_none());
        }
    }

    #[test]
    fn a_record_that_comes_twice_in_a_batch_or_later_counts_once() {
        let (one, two) = (change(1, None, true), change(2, None, false));
        for batch in [vec![&one, &one, &two], vec![&two, &one, &two, &one]] {
            let row = Row::default().apply("shard", &batch, time(0)).unwrap();
            assert_eq!((row.totals.counts.sessions, row.totals.counts.engaged), (2, 1));
            let mark = &row.marks["shard"].sequence;
            assert_eq!(mark.as_str(), "2", "the newest, wherever in the batch it is");
            assert!(row.apply("shard", &batch, time(0)).is_none());
        }
    }

    #[test]
    fn the_newest_record_tells_how_fresh_a_row_is() {
        let row = Row::default().apply("one", &[&change(9, None, false)], time(0)).unwrap();
        let row = row.apply("two", &[&change(3, None, false)], time(0)).unwrap();
        assert_eq!(row.as_of, Some(time(9)), "an older one of another shard moves it not back");
    }

    #[test]
    fn what_changes_no_count_needs_no_write() {
        let neutral = change(1, Some(true), true);
        assert!(Row::default().apply("shard", &[&neutral], time(0)).is_none());
        assert!(Row::default().apply("shard", &[], time(0)).is_none());
    }

    #[test]
    fn a_mark_is_dropped_two_days_after_it_last_moved() {
        let mut row = Row::default().apply("one", &[&change(1, None, false)], time(0)).unwrap();
        row = row.apply("two", &[&change(1, None, false)], time(2 * 86_400 - 1)).unwrap();
        assert_eq!(row.marks.keys().collect::<Vec<_>>(), ["one", "two"]);
        row = row.apply("two", &[&change(2, None, false)], time(2 * 86_400)).unwrap();
        assert_eq!(row.marks.keys().collect::<Vec<_>>(), ["two"]);
        assert_eq!((row.version, row.totals.counts.sessions, row.as_of), (3, 3, Some(time(2))));
    }

    #[test]
    fn shards_are_spread_over_the_lanes() {
        let lanes: std::collections::BTreeSet<u8> =
            (0..64).map(|shard| lane_of(&format!("shardId-{shard}"))).collect();
        assert_eq!(lanes.into_iter().collect::<Vec<_>>(), (0..LANES).collect::<Vec<_>>());
    }
}
