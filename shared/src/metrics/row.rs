//! A row of the metrics table: the totals of one day in one lane, and how far each stream shard has been applied.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{
    change::Change,
    sequence::SequenceNumber,
    totals::{Contribution, Totals},
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
    /// The sums.
    pub totals: Totals,
    /// The last record applied, for each shard.
    pub marks: BTreeMap<String, Mark>,
    /// When the newest record that was applied was made.
    pub as_of: Option<DateTime<Utc>>,
}

/// How far a shard has been applied to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The last record.
    pub sequence: SequenceNumber,
    /// When the mark moved.
    pub moved: DateTime<Utc>,
}

impl Row {
    /// The row after the records of `shard` that it does not have yet; `None` if there is nothing to write.
    ///
    /// Records at or below the mark are applied already, in whatever order and company they come again. All `changes`
    /// are of this row's day.
    #[must_use]
    pub fn apply(&self, shard: &str, changes: &[&Change], now: DateTime<Utc>) -> Option<Self> {
        let mark = self.marks.get(shard).map(|mark| &mark.sequence);
        let new: Vec<&Change> = changes
            .iter()
            .copied()
            .filter(|change| mark.is_none_or(|mark| change.sequence > *mark))
            .collect();
        let mut delta = Totals::default();
        for change in &new {
            delta.add(&Contribution::of(&change.user, &change.new));
            if let Some(old) = &change.old {
                delta.subtract(&Contribution::of(&change.user, old));
            }
        }
        // Not the sum but each: records that cancel each other out must not be told apart by a redelivery.
        if new.iter().all(|change| change.is_neutral()) {
            return None;
        }
        let sequence = new.iter().map(|change| &change.sequence).max()?.clone();
        let mut next = self.clone();
        next.version += 1;
        next.totals.merge(&delta);
        next.marks.retain(|_, mark| now - mark.moved < MARK_KEPT);
        next.marks.insert(shard.to_owned(), Mark { sequence, moved: now });
        next.as_of = self.as_of.max(new.iter().map(|change| change.created).max());
        Some(next)
    }
}

/// The key of a row: the partition of its month, and its place there.
#[must_use]
pub fn key(day: NaiveDate, lane: u8) -> (String, String) {
    (format!("MONTH#{}", day.format("%Y-%m")), format!("DAY#{day}#{lane}"))
}
