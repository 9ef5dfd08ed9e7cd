//! Days, weeks and months of the reporting time zone. Half of this file are its tests, of days without a midnight and
//! the like.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use thiserror::Error;

/// The most days that a range may have.
const MOST_DAYS: i64 = 1_100;

/// The day on which `time` falls.
#[must_use]
pub fn day_of(time: DateTime<Utc>, zone: Tz) -> NaiveDate {
    time.with_timezone(&zone).date_naive()
}

/// The first instant of a day: midnight, or what comes after it where the clocks are put forward at midnight.
#[must_use]
pub fn first_instant(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let at = |later: TimeDelta| zone.from_local_datetime(&(midnight + later)).earliest();
    // No zone has ever left out more than a day.
    let Some(minute) = (0..=24 * 60).map(TimeDelta::minutes).find(|later| at(*later).is_some()) else {
        return midnight.and_utc();
    };
    // In Liberia clocks were put forward by 44 minutes and a half.
    let seconds = (0..60).map(|seconds| minute - TimeDelta::seconds(seconds));
    let first = seconds.take_while(|later| *later >= TimeDelta::zero()).map_while(at).last();
    first.map_or_else(|| midnight.and_utc(), |time| time.to_utc())
}

/// The last instant of a day, in whole milliseconds. Where the clocks are put back over midnight the end of the day comes
/// twice, and this is the second.
#[must_use]
pub fn last_instant(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let next = day + Days::new(1);
    let end = next.and_time(NaiveTime::MIN) - TimeDelta::milliseconds(1);
    let last = zone.from_local_datetime(&end).latest().map(|time| time.to_utc());
    last.unwrap_or_else(|| first_instant(next, zone) - TimeDelta::milliseconds(1))
}

/// A range of days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first day.
    pub first: NaiveDate,
    /// The last day, which is not before the first.
    pub last: NaiveDate,
}

/// A range that cannot be used; names the parameter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RangeError {
    /// Missing, or no date.
    #[error("{0} must be a date like 2026-01-31")]
    NotADate(&'static str),
    /// The wrong way round.
    #[error("startDate must not be after endDate")]
    Backwards,
    /// More days than a request may ask for.
    #[error("endDate must be less than {MOST_DAYS} days after startDate")]
    TooLong,
    /// Not a comparison.
    #[error("compare must be previous")]
    NotAComparison,
    /// No range of that length before.
    #[error("startDate must be later, for a range as long before it")]
    NothingBefore,
    /// Not a span.
    #[error("span must be daily, weekly or monthly")]
    NotASpan,
}

impl Range {
    /// The range of one day.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self { first: day, last: day }
    }

    /// The range from `startDate` to `endDate`: dates, or RFC 3339 instants that stand for the day on which they fall.
    pub fn parse(start: Option<&str>, end: Option<&str>, zone: Tz) -> Result<Self, RangeError> {
        let day = |name, text: Option<&str>| {
            text.and_then(|text| parse_day(text, zone)).ok_or(RangeError::NotADate(name))
        };
        let range = Self { first: day("startDate", start)?, last: day("endDate", end)? };
        match (range.last - range.first).num_days() {
            ..0 => Err(RangeError::Backwards),
            MOST_DAYS.. => Err(RangeError::TooLong),
            _ => Ok(range),
        }
    }

    /// The range of as many days that ends just before it.
    pub fn previous(self) -> Result<Self, RangeError> {
        let days = (self.last - self.first).num_days() + 1;
        let first = self.first - TimeDelta::days(days);
        // As for a range that is asked for: a day before any of its days exists too, in every zone.
        if first.year() < 1 {
            Err(RangeError::NothingBefore)
        } else {
            Ok(Self { first, last: self.first - Days::new(1) })
        }
    }

    /// Its days, in order.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.first.iter_days().take_while(move |day| *day <= self.last)
    }

    /// The part of it in each period that it touches, in order.
    #[must_use]
    pub fn by_period(self, span: Span) -> Vec<Self> {
        let mut parts = Vec::<Self>::new();
        for day in self.days() {
            match parts.last_mut() {
                Some(part) if span.period_of(part.first) == span.period_of(day) => part.last = day,
                _ => parts.push(Self::of(day)),
            }
        }
        parts
    }
}

fn parse_day(text: &str, zone: Tz) -> Option<NaiveDate> {
    let date = match parse_instant(text) {
        Some(time) => day_of(time.to_utc(), zone),
        // To the letter: chrono would also read 2026-1-1.
        None => text.parse::<NaiveDate>().ok().filter(|date| date.to_string() == text)?,
    };
    // Years of four digits: a day before and after any of them exists too.
    (1..=9_998).contains(&date.year()).then_some(date)
}

/// An instant. Where a caller wrote `+01:00` into a query as it is, a space has come in the place of the plus.
fn parse_instant(text: &str) -> Option<DateTime<FixedOffset>> {
    let with_plus = || text.rsplit_once(' ').map(|(time, offset)| format!("{time}+{offset}"));
    DateTime::parse_from_rfc3339(text)
        .or_else(|cause| with_plus().map_or(Err(cause), |text| DateTime::parse_from_rfc3339(&text)))
        .ok()
}

/// How a range is cut into periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// By day.
    #[default]
    Daily,
    /// By week; a week starts on Monday.
    Weekly,
    /// By calendar month.
    Monthly,
}

impl Span {
    /// The span of that name; daily without one.
    pub fn parse(name: Option<&str>) -> Result<Self, RangeError> {
        match name {
            None | Some("daily") => Ok(Self::Daily),
            Some("weekly") => Ok(Self::Weekly),
            Some("monthly") => Ok(Self::Monthly),
            Some(_) => Err(RangeError::NotASpan),
        }
    }

    /// The period in which a day falls: the day itself, the Monday of its week, the first of its month.
    #[must_use]
    pub fn period_of(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Daily => day,
            Self::Weekly => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Monthly => day - Days::new(u64::from(day.day0())),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Africa, America, Asia, Europe};
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_to_the_millisecond() {
        let zone = Asia::Kolkata;
        assert_eq!(first_instant(date("2026-01-31"), zone), time("2026-01-30T18:30:00Z"));
        assert_eq!(last_instant(date("2026-01-31"), zone), time("2026-01-31T18:29:59.999Z"));
        assert_eq!(day_of(time("2026-01-30T18:29:59.999Z"), zone), date("2026-01-30"));
        assert_eq!(day_of(time("2026-01-30T18:30:00Z"), zone), date("2026-01-31"));
    }

    #[test]
    fn days_of_23_and_25_hours() {
        let hours = |day: &str, zone| {
            let day = date(day);
            (last_instant(day, zone) - first_instant(day, zone) + TimeDelta::milliseconds(1)).num_hours()
        };
        assert_eq!(hours("2026-03-29", Europe::Berlin), 23);
        assert_eq!(hours("2026-10-25", Europe::Berlin), 25);
        assert_eq!(hours("2026-03-08", America::New_York), 23);
        assert_eq!(hours("2026-11-01", America::New_York), 25);
        assert_eq!(hours("2026-06-15", America::New_York), 24);
    }

    #[test]
    fn a_day_without_midnight_begins_after_the_gap() {
        // In Chile clocks go forward at midnight.
        let day = date("2026-09-06");
        assert_eq!(first_instant(day, America::Santiago), time("2026-09-06T04:00:00Z"));
        assert_eq!(day_of(time("2026-09-06T03:59:59.999Z"), America::Santiago), date("2026-09-05"));
        assert_eq!(day_of(time("2026-09-06T04:00:00Z"), America::Santiago), day);
    }

    #[test]
    fn a_day_begins_to_the_second_after_a_gap_of_seconds() {
        let (day, zone) = (date("1972-01-07"), Africa::Monrovia);
        assert_eq!(first_instant(day, zone), time("1972-01-07T00:44:30Z"));
        assert_eq!(last_instant(date("1972-01-06"), zone), time("1972-01-07T00:44:29.999Z"));
    }

    #[test]
    fn a_day_whose_end_comes_twice_ends_the_second_time() {
        // In Newfoundland clocks went back by an hour at a minute past midnight.
        let (day, zone) = (date("2010-11-06"), America::St_Johns);
        assert_eq!(day_of(time("2010-11-07T03:29:59.999Z"), zone), day);
        assert_eq!(last_instant(day, zone), time("2010-11-07T03:29:59.999Z"));
        assert_eq!(first_instant(date("2010-11-07"), zone), time("2010-11-07T02:30:00Z"));
    }

    #[test]
    fn dates_and_instants_make_a_range() {
        let zone = Europe::Berlin;
        let range = Range::parse(Some("2026-01-31T23:30:00Z"), Some("2026-02-28"), zone).unwrap();
        assert_eq!(range, Range { first: date("2026-02-01"), last: date("2026-02-28") });
        assert_eq!(range.days().count(), 28);
        let one = Range::parse(Some("2026-01-31"), Some("2026-01-31"), zone).unwrap();
        assert_eq!(one.days().collect::<Vec<_>>(), [date("2026-01-31")]);
    }

    #[test]
    fn an_offset_whose_plus_came_as_a_space_is_read() {
        let range =
            |text| Range::parse(Some(text), Some("2026-02-02"), Europe::Berlin).map(|range| range.first);
        for text in
            ["2026-02-01T00:00:00+01:00", "2026-02-01T00:00:00 01:00", "2026-01-31T23:00:00.000 00:00"]
        {
            assert_eq!(range(text), Ok(date("2026-02-01")), "{text}");
        }
        assert_eq!(range("2026-01-31T23:59:59 01:00"), Ok(date("2026-01-31")));
        for text in [
            "2026-02-01T00:00:00 ",
            "2026-02-01T00:00:00 Z",
            "2026-02-01T00:00:00 -01:00",
            "2026-02-01 01:00",
        ] {
            assert_eq!(range(text), Err(RangeError::NotADate("startDate")), "{text}");
        }
    }

    #[test]
    fn a_range_that_cannot_be_used_is_refused_by_its_parameter() {
        let refusal = |start, end| Range::parse(start, end, Tz::UTC).unwrap_err().to_string();
        for bad in [
            None,
            Some(""),
            Some("yesterday"),
            Some("2026-1-1"),
            Some("2026-02-30"),
            Some("+2026-01-01"),
            Some("20260101"),
            Some("2026-01-01T00:00:00"),
            Some(" 2026-01-01"),
            Some("0000-01-01"),
            Some("9999-12-31"),
        ] {
            assert_eq!(
                refusal(bad, Some("2026-01-01")),
                "startDate must be a date like 2026-01-31",
                "{bad:?}"
            );
            assert_eq!(refusal(Some("2026-01-01"), bad), "endDate must be a date like 2026-01-31", "{bad:?}");
        }
        assert_eq!(refusal(Some("2026-01-02"), Some("2026-01-01")), "startDate must not be after endDate");
        assert!(Range::parse(Some("2023-01-01"), Some("2026-01-04"), Tz::UTC).is_ok(), "1,100 days");
        assert_eq!(
            refusal(Some("2023-01-01"), Some("2026-01-05")),
            "endDate must be less than 1100 days after startDate"
        );
    }

    #[test]
    fn periods_are_named_by_their_first_day() {
        assert_eq!(Span::Weekly.period_of(date("2026-01-01")), date("2025-12-29"));
        assert_eq!(Span::Weekly.period_of(date("2026-01-04")), date("2025-12-29"));
        assert_eq!(Span::Weekly.period_of(date("2026-01-05")), date("2026-01-05"));
        assert_eq!(Span::Monthly.period_of(date("2024-02-29")), date("2024-02-01"));
        assert_eq!(Span::parse(Some("Weekly")), Err(RangeError::NotASpan));
        assert_eq!(Span::parse(None), Ok(Span::Daily));
    }

    #[test]
    fn a_range_falls_apart_by_month() {
        let range = Range { first: date("2025-12-30"), last: date("2026-02-01") };
        let months: Vec<_> = range
            .by_period(Span::Monthly)
            .iter()
            .map(|part| (part.first.to_string(), part.last.to_string()))
            .collect();
        let expected =
            [("2025-12-30", "2025-12-31"), ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-01")];
        assert_eq!(months, expected.map(|(first, last)| (first.to_owned(), last.to_owned())));
    }

    proptest! {
        #[test]
        fn every_instant_is_within_its_day(ms in 0_i64..4_102_444_800_000, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
            let (time, zone) = (DateTime::from_timestamp_millis(ms).unwrap(), chrono_tz::TZ_VARIANTS[zone]);
            let day = day_of(time, zone);
            prop_assert!(first_instant(day, zone) <= time, "{} {} {}", time, zone, day);
            prop_assert!(time <= last_instant(day, zone), "{} {} {}", time, zone, day);
        }
    }
}
