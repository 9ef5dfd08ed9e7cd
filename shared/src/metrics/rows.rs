//! The rows of a range, and what they add up to.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{calendar::Range, row::Row, sketch::Sketch, totals::Totals};

/// The rows of a range, by day.
#[derive(Debug, Default)]
pub struct Rows {
    by_day: BTreeMap<NaiveDate, Vec<Totals>>,
    as_of: BTreeMap<NaiveDate, DateTime<Utc>>,
}

impl FromIterator<(NaiveDate, Row)> for Rows {
    fn from_iter<I: IntoIterator<Item = (NaiveDate, Row)>>(rows: I) -> Self {
        let mut all = Self::default();
        for (day, row) in rows {
            if let Some(as_of) = row.as_of {
                let newest = all.as_of.entry(day).or_insert(as_of);
                *newest = as_of.max(*newest);
            }
            all.by_day.entry(day).or_default().push(row.totals);
        }
        all
    }
}

impl Rows {
    /// The days whose sum makes no sense.
    pub(super) fn unsound(&self) -> Vec<NaiveDate> {
        let unsound = self.by_day.iter().filter(|(_, lanes)| !sum_without_users(lanes).is_sound());
        unsound.map(|(day, _)| *day).collect()
    }

    /// Puts the days of `newer` in the place of their own.
    pub(super) fn replace(&mut self, newer: Self) {
        self.by_day.extend(newer.by_day);
        self.as_of.extend(newer.as_of);
    }

    /// The sum over the days of `range` as it is shown: day by day made sound, so that a range is what its days add up
    /// to.
    #[must_use]
    pub fn sum(&self, range: Range) -> Totals {
        let days = self.by_day.range(range.first..=range.last);
        let users = Sketch::of_all(days.clone().flat_map(|(_, lanes)| lanes).map(|lane| &lane.users));
        let mut sum = Totals { users, ..Totals::default() };
        for (day, lanes) in days {
            let of_day = sum_without_users(lanes);
            if of_day.is_sound() {
                sum.merge_all_but_users(&of_day);
            } else {
                tracing::error!(%day, "the sum over the day's rows makes no sense: the metrics need a recount");
                sum.merge_all_but_users(&of_day.made_sound());
            }
        }
        sum
    }

    /// When the newest record was made that was applied to any row of `range`; `None` if there is none.
    #[must_use]
    pub fn as_of(&self, range: Range) -> Option<DateTime<Utc>> {
        self.as_of.range(range.first..=range.last).map(|(_, as_of)| *as_of).max()
    }

    /// The sum over a day's rows as they are.
    #[must_use]
    pub fn day(&self, day: NaiveDate) -> Totals {
        let lanes = self.by_day.get(&day).map(Vec::as_slice).unwrap_or_default();
        Totals { users: Sketch::of_all(lanes.iter().map(|lane| &lane.users)), ..sum_without_users(lanes) }
    }
}

fn sum_without_users(lanes: &[Totals]) -> Totals {
    let mut sum = Totals::default();
    for lane in lanes {
        sum.merge_all_but_users(lane);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counts::Counts;

    /// A view of the rows that is torn, or a table that began in the middle of a day's sessions.
    #[test]
    fn a_range_is_what_its_days_add_up_to_even_where_one_makes_no_sense() {
        let day = |day: u32| NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
        let totals = |sessions: i64, engaged: i64| Totals {
            counts: Counts { sessions, engaged, ..Counts::default() },
            ..Totals::default()
        };
        let by_day = BTreeMap::from([
            (day(1), vec![totals(1, 0), totals(-2, -1)]),
            (day(2), vec![totals(3, 1), totals(-1, 0)]),
            (day(3), vec![totals(1, 2)]),
        ]);
        let rows = Rows { by_day, ..Rows::default() };
        let shown = |range: Range| {
            let sum = rows.sum(range).summary().counts;
            (sum.sessions, sum.engaged)
        };
        let days: Vec<_> = (1..=4).map(|number| shown(Range::of(day(number)))).collect();
        assert_eq!(days, [(0, 0), (2, 1), (1, 1), (0, 0)]);
        assert_eq!(shown(Range { first: day(1), last: day(4) }), (3, 2));
        let as_they_are = rows.day(day(1)).counts;
        assert_eq!((as_they_are.sessions, as_they_are.engaged), (-1, -1));
    }
}
