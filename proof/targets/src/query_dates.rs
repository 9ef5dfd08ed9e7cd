//! What a reader of metrics asks for, in every time zone: days that are refused, or a range whose days are in order and
//! whose instants are those of its days.

use arbitrary::{Result, Unstructured};
use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use chrono_tz::{TZ_VARIANTS, Tz};
use shared::metrics::calendar::{Range, Span, day_of, first_instant, last_instant};

use crate::odd;

/// The most days that a range has.
const MOST_DAYS: usize = 1_100;

/// Days whose borders are looked at for each input.
const DAYS_AT_ONCE: usize = 16;

pub(crate) fn feed(bytes: &[u8]) {
    // Too few bytes are no input.
    let _ = feed_all(&mut Unstructured::new(bytes));
}

fn feed_all(input: &mut Unstructured<'_>) -> Result<()> {
    let zone = TZ_VARIANTS[input.int_in_range(0..=TZ_VARIANTS.len() - 1)?];
    // Of late, where clocks are put forward and back.
    check_instant(input.int_in_range(0..=4_102_444_799_999)?, zone);
    let day = NaiveDate::default() + Days::new(input.int_in_range(0..=47_000)?);
    day.iter_days().take(DAYS_AT_ONCE).for_each(|day| check_borders(day, zone));
    let (start, end) = (text(input)?, text(input)?);
    let span = input.choose(&["daily", "weekly", "monthly", "Weekly", ""])?;
    let given = |text: &str, is_given: bool| is_given.then(|| text.to_owned());
    let (start, end) = (given(&start, !input.ratio(1, 16)?), given(&end, !input.ratio(1, 16)?));
    let Ok(range) = Range::parse(start.as_deref(), end.as_deref(), zone) else { return Ok(()) };
    let told = format!("{start:?} to {end:?} in {zone}: {range:?}");
    check_range(range, zone, &told);
    if let Ok(span) = Span::parse(Some(span)) {
        let parts = range.by_period(span);
        assert_eq!(parts.first().map(|part| part.first), Some(range.first), "{told}");
        assert_eq!(parts.last().map(|part| part.last), Some(range.last), "{told}");
        for pair in parts.windows(2) {
            assert_eq!(pair[0].last.succ_opt(), Some(pair[1].first), "{told}");
            assert!(span.period_of(pair[0].first) < span.period_of(pair[1].first), "{told}");
        }
        assert!(parts.iter().all(|part| span.period_of(part.first) == span.period_of(part.last)), "{told}");
    }
    if let Ok(previous) = range.previous() {
        assert_eq!(previous.last.succ_opt(), Some(range.first), "{told}");
        assert_eq!(previous.days().count(), range.days().count(), "{told}");
        check_range(previous, zone, &told);
    }
    Ok(())
}

fn check_range(range: Range, zone: Tz, told: &str) {
    assert!(range.first <= range.last, "{told}");
    let (mut count, mut after) = (0, range.first);
    for day in range.days() {
        assert_eq!(day, after, "{told}");
        count += 1;
        after = day + Days::new(1);
    }
    assert!((1..=MOST_DAYS).contains(&count), "{told}");
    let (first, last) = (first_instant(range.first, zone), last_instant(range.last, zone));
    assert!(first <= last + TimeDelta::milliseconds(1), "{told}");
    // No session started before.
    if range.first >= NaiveDate::default() {
        check_borders(range.first, zone);
        check_borders(range.last, zone);
    }
}

/// Just before a day's first instant it is another day, and just after its last.
fn check_borders(day: NaiveDate, zone: Tz) {
    let (first, last) = (first_instant(day, zone), last_instant(day, zone));
    // Clocks may be put back over midnight.
    for minutes in [31, 62, 121] {
        check_instant(last.timestamp_millis() + minutes * 60_000, zone);
    }
    if day_of(first, zone) == day {
        let (before, after) = (first - TimeDelta::milliseconds(1), last + TimeDelta::milliseconds(1));
        assert_eq!(day_of(last, zone), day, "{day} in {zone} ends {last}");
        assert!(
            day_of(before, zone) < day && day < day_of(after, zone),
            "{day} in {zone}: {first} to {last}"
        );
    } else {
        // The zone left it out.
        assert_eq!(first, last + TimeDelta::milliseconds(1), "{day} in {zone}");
    }
}

/// An instant is within the day on which it falls.
fn check_instant(milliseconds: i64, zone: Tz) {
    let Some(time) = DateTime::from_timestamp_millis(milliseconds) else { return };
    let day = day_of(time, zone);
    let (first, last) = (first_instant(day, zone), last_instant(day, zone));
    assert!(first <= time && time <= last, "{time} in {zone} is on {day}, from {first} to {last}");
}

/// A date, an instant, or neither.
fn text(input: &mut Unstructured<'_>) -> Result<String> {
    if input.ratio(1, 4)? {
        return odd::text(input);
    }
    let days = if input.arbitrary()? { 19_000..=21_000 } else { -719_200..=2_932_900 };
    let day = NaiveDate::default() + TimeDelta::days(input.int_in_range(days)?);
    if input.arbitrary()? {
        return Ok(day.to_string());
    }
    let (hour, minute, second) =
        (input.int_in_range(0..=24_u8)?, input.int_in_range(0..=60_u8)?, input.int_in_range(0..=60_u8)?);
    let sign = *input.choose(&['+', '-', ' ', 'Z'])?;
    let offset = if sign == 'Z' {
        String::from("Z")
    } else {
        format!("{sign}{:02}:{:02}", input.int_in_range(0..=24_u8)?, input.int_in_range(0..=60_u8)?)
    };
    Ok(format!("{day}T{hour:02}:{minute:02}:{second:02}{offset}"))
}
