//! A histogram of durations with fixed bounds, so that histograms add and subtract exactly.

use chrono::TimeDelta;
use thiserror::Error;

/// The durations in minutes at which answers tell how many sessions were shorter, and how many not. Exactly: they are
/// bounds.
pub const EDGES: [i64; 6] = [1, 5, 15, 30, 60, 120];

/// Bounds are whole milliseconds, each at most a tenth above the one before: a duration is at most 4.8 % from what
/// stands for its bucket. Integers, so that every machine has the same ones.
const FIRST: i64 = 1_000;
const LAST: i64 = 24 * 60 * 60 * 1_000;

/// Below a second, between two bounds each, and a day or longer.
const BUCKETS: usize = bounds() + 1;

const fn bounds() -> usize {
    let (mut count, mut bound) = (1, FIRST);
    while bound < LAST {
        bound = next(bound);
        count += 1;
    }
    count
}

/// The bound after `bound`: no edge is passed over, and the last is a day.
const fn next(bound: i64) -> i64 {
    let mut next = bound + bound / 10;
    let mut index = EDGES.len();
    while index > 0 {
        index -= 1;
        let edge = EDGES[index] * 60 * 1_000;
        if bound < edge && edge < next {
            next = edge;
        }
    }
    if next < LAST { next } else { LAST }
}

const BOUNDS: [i64; BUCKETS - 1] = {
    let mut all = [FIRST; BUCKETS - 1];
    let mut index = 1;
    while index < all.len() {
        all[index] = next(all[index - 1]);
        index += 1;
    }
    all
};

/// How many sessions lasted how long. Counts are signed: a histogram may be a part of a sum, or a difference. What is too
/// large goes round, as in [`Counts`](super::counts::Counts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram([i64; BUCKETS]);

/// Bytes that are no histogram.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a histogram")]
pub struct NotAHistogram;

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Histogram {
    /// Counts `count` (which may be negative) durations.
    pub fn add(&mut self, duration: TimeDelta, count: i64) {
        let own = &mut self.0[bucket(duration)];
        *own = own.wrapping_add(count);
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.wrapping_add(other);
        }
    }

    /// Whether a count is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.iter().any(|count| *count < 0)
    }

    /// The same with zero in the place of what is below it.
    #[must_use]
    pub fn without_negatives(&self) -> Self {
        Self(self.0.map(|count| count.max(0)))
    }

    /// The duration that the fraction `part` of all does not exceed, within 5 % from a second to a day; zero if there
    /// are none. Below a second it is zero, and from a day on a day.
    #[must_use]
    pub fn quantile(&self, part: f64) -> TimeDelta {
        let counts = self.0.map(|count| i128::from(count.max(0)));
        let total: i128 = counts.iter().sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "far from 2^53 sessions"
        )]
        let rank = ((total as f64 * part).ceil() as i128).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in counts.into_iter().enumerate() {
            seen += count;
            if seen >= rank {
                return representative(bucket);
            }
        }
        TimeDelta::zero()
    }

    /// How many durations are below the first of [`EDGES`], from each of them up to the next, and from the last on. None
    /// is below zero.
    #[must_use]
    pub fn distribution(&self) -> [i64; EDGES.len() + 1] {
        let mut counts = [0_i64; EDGES.len() + 1];
        for (bucket, count) in self.0.iter().enumerate() {
            let low = if bucket == 0 { 0 } else { BOUNDS[bucket - 1] };
            let own = &mut counts[EDGES.partition_point(|edge| edge * 60 * 1_000 <= low)];
            *own = own.saturating_add((*count).max(0));
        }
        counts
    }

    /// The counts that are not zero: for each the buckets skipped before it, and the count, as LEB128 numbers.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut after = 0;
        for (bucket, count) in self.0.iter().enumerate().filter(|(_, count)| **count != 0) {
            write_number(&mut bytes, (bucket - after) as u64);
            // Zigzag: small negative numbers are short too.
            write_number(&mut bytes, ((count << 1) ^ (count >> 63)).cast_unsigned());
            after = bucket + 1;
        }
        bytes
    }

    /// The histogram that [`Histogram::to_bytes`] wrote.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, NotAHistogram> {
        let mut histogram = Self::default();
        let mut after = 0_usize;
        while !bytes.is_empty() {
            let skipped = usize::try_from(read_number(&mut bytes)?).map_err(|_| NotAHistogram)?;
            let bucket = after.checked_add(skipped).ok_or(NotAHistogram)?;
            let number = read_number(&mut bytes)?;
            let count = (number >> 1).cast_signed() ^ -((number & 1).cast_signed());
            *histogram.0.get_mut(bucket).ok_or(NotAHistogram)? = count;
            after = bucket + 1;
        }
        Ok(histogram)
    }
}

fn bucket(duration: TimeDelta) -> usize {
    BOUNDS.partition_point(|bound| *bound <= duration.num_milliseconds())
}

/// The duration that is, as a fraction, equally far from both bounds.
fn representative(bucket: usize) -> TimeDelta {
    let milliseconds = match bucket {
        0 => 0,
        last if last == BUCKETS - 1 => LAST,
        _ => {
            let (low, high) = (BOUNDS[bucket - 1], BOUNDS[bucket]);
            2 * low * high / (low + high)
        }
    };
    TimeDelta::milliseconds(milliseconds)
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn read_number(bytes: &mut &[u8]) -> Result<u64, NotAHistogram> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(NotAHistogram)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(NotAHistogram)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn durations() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((0_i64..200_000_000, -1_000_i64..1_000_000), 0..50)
    }

    fn histogram(of: &[(i64, i64)]) -> Histogram {
        let mut histogram = Histogram::default();
        for (ms, count) in of {
            histogram.add(TimeDelta::milliseconds(*ms), *count);
        }
        histogram
    }

    #[test]
    fn the_bounds_are_fixed() {
        // A stored row rests on them: other bounds are another layout.
        assert_eq!((BUCKETS, BOUNDS[1], BOUNDS[60], BOUNDS[BOUNDS.len() - 1]), (125, 1_100, 300_000, LAST));
        for edge in EDGES {
            assert!(BOUNDS.contains(&(edge * 60_000)), "{edge}");
        }
    }

    #[test]
    fn a_duration_is_on_its_side_of_each_edge() {
        for (index, edge) in EDGES.into_iter().enumerate() {
            let mut expected = [0; EDGES.len() + 1];
            (expected[index], expected[index + 1]) = (2, 3);
            let edge = edge * 60_000;
            assert_eq!(histogram(&[(edge - 1, 2), (edge, 3)]).distribution(), expected, "{edge}");
        }
        assert_eq!(histogram(&[(0, 1), (LAST, 1), (60_000, -1)]).distribution(), [1, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn few_durations_have_the_nearest_ranks() {
        let minutes = |of: &[i64], part| {
            let mut histogram = Histogram::default();
            for minutes in of {
                histogram.add(TimeDelta::minutes(*minutes), 1);
            }
            histogram.quantile(part).as_seconds_f64() / 60.0
        };
        assert!((minutes(&[10, 20, 30], 0.5) / 20.0 - 1.0).abs() < 0.05);
        assert!((minutes(&[10, 20, 30], 0.9) / 30.0 - 1.0).abs() < 0.05);
        assert!((minutes(&[10, 20], 0.5) / 10.0 - 1.0).abs() < 0.05);
        assert_eq!(Histogram::default().quantile(0.5), TimeDelta::zero());
        assert_eq!(histogram(&[(999, 5)]).quantile(0.9), TimeDelta::zero());
        assert_eq!(histogram(&[(LAST, 5)]).quantile(0.5), TimeDelta::days(1));
    }

    proptest! {
        #[test]
        fn a_duration_is_within_five_percent(ms in FIRST..LAST) {
            let found = histogram(&[(ms, 1)]).quantile(0.5).num_milliseconds();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let error = (found - ms).abs() as f64 / ms as f64;
            prop_assert!(error <= 0.05, "{} for {}", found, ms);
        }

        #[test]
        fn bytes_survive_the_round_trip(of in durations()) {
            let histogram = histogram(&of);
            prop_assert_eq!(Histogram::from_bytes(&histogram.to_bytes()), Ok(histogram));
        }

        #[test]
        fn adding_and_subtracting_is_exact(one in durations(), other in durations()) {
            let mut sum = histogram(&one);
            sum.merge(&histogram(&other));
            prop_assert_eq!(&sum, &histogram(&[one.clone(), other.clone()].concat()));
            let negated: Vec<_> = other.iter().map(|(ms, count)| (*ms, -count)).collect();
            sum.merge(&histogram(&negated));
            prop_assert_eq!(sum, histogram(&one));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Histogram::from_bytes(&bytes);
        }
    }
}
