//! Any attributes as a row of the metrics table: a row, or an error. What rows add up to does not depend on their order or
//! on how often a sketch is taken in, and what is shown of it is a number.

use std::collections::HashMap;

use arbitrary::{Result, Unstructured};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use chrono::NaiveDate;
use chrono_tz::Tz;
use shared::metrics::{
    Rows,
    calendar::Range,
    item,
    row::Row,
    sketch::Sketch,
    totals::{Summary, Totals},
};

use crate::odd;

const NAMES: [&str; 11] = [
    "sk",
    "version",
    "layout",
    "zone",
    "sessions",
    "engaged",
    "renewed",
    "durationMs",
    "durations",
    "users",
    "asOf",
];

/// Sizes of sketches in each of their forms.
const USERS: [u32; 7] = [0, 1, 8, 30, 380, 400, 3_000];

thread_local! {
    static SKETCHES: Vec<Sketch> = USERS.into_iter().map(sketch).collect();
}

fn sketch(users: u32) -> Sketch {
    let mut sketch = Sketch::new();
    for user in 0..users {
        let Ok(user) = format!("user-{user}").parse() else { continue };
        sketch.add(&user);
    }
    sketch
}

pub(crate) fn feed(bytes: &[u8]) {
    // Too few bytes are no input.
    let _ = feed_all(&mut Unstructured::new(bytes));
}

fn feed_all(input: &mut Unstructured<'_>) -> Result<()> {
    let mut rows = Vec::new();
    for _ in 0..3 {
        let item = item_of(input)?;
        if let Ok((day, row)) = item::decode(&item, Tz::UTC) {
            check_written(day, &row);
            rows.push((day, row));
        }
    }
    check_sums(&rows);
    Ok(())
}

fn item_of(input: &mut Unstructured<'_>) -> Result<HashMap<String, AttributeValue>> {
    let base = input.choose_index(USERS.len())?;
    let users = SKETCHES.with(|sketches| sketches[base].clone());
    let row = Row { version: 1, totals: Totals { users, ..Totals::default() }, ..Row::default() };
    let item = item::encode(NaiveDate::default(), 0, &row, Tz::UTC);
    let mut item = item.unwrap_or_else(|cause| panic!("{cause}"));
    for _ in 0..input.int_in_range(0..=6)? {
        let name = *input.choose(&NAMES)?;
        let value = match input.int_in_range(0..=7_u8)? {
            0 => {
                item.remove(name);
                continue;
            }
            1..=3 => AttributeValue::N(odd::number(input)?),
            4 => AttributeValue::S(odd::text(input)?),
            5 => AttributeValue::B(Blob::new(input.arbitrary::<&[u8]>()?)),
            _ => damaged(&item, name, input)?,
        };
        item.insert(name.to_owned(), value);
    }
    if input.ratio(1, 4)? {
        item.insert("marks".to_owned(), AttributeValue::B(Blob::new(input.arbitrary::<&[u8]>()?)));
    }
    if input.ratio(1, 2)? {
        let durations = AttributeValue::B(Blob::new(input.arbitrary::<&[u8]>()?));
        item.insert("durations".to_owned(), durations);
    }
    Ok(item)
}

/// The value that is there, with some of its bytes changed or cut off.
fn damaged(
    item: &HashMap<String, AttributeValue>,
    name: &str,
    input: &mut Unstructured<'_>,
) -> Result<AttributeValue> {
    let Some(AttributeValue::B(bytes)) = item.get(name) else { return Ok(AttributeValue::Null(true)) };
    let mut bytes = bytes.as_ref().to_vec();
    for _ in 0..input.int_in_range(0..=4)? {
        // The first bytes say what the others are.
        let within = if input.arbitrary()? { bytes.len().min(48) } else { bytes.len() };
        if within > 0 {
            bytes[input.choose_index(within)?] = input.arbitrary()?;
        }
    }
    if input.ratio(1, 8)? {
        bytes.truncate(input.choose_index(bytes.len() + 1)?);
    }
    Ok(AttributeValue::B(Blob::new(bytes)))
}

/// What is written of a row is read as that row.
fn check_written(day: NaiveDate, row: &Row) {
    let Ok(written) = item::encode(day, 0, row, Tz::UTC) else {
        // A name that no shard has cannot be packed.
        assert!(row.marks.keys().any(|shard| shard.is_empty() || shard.len() > 255), "{row:?}");
        return;
    };
    let (same_day, read) = item::decode(&written, Tz::UTC).unwrap_or_else(|cause| panic!("{cause}: {row:?}"));
    assert_eq!((same_day, read.version, read.as_of), (day, row.version, row.as_of));
    assert_eq!((&read.marks, &read.totals.durations), (&row.marks, &row.totals.durations));
    assert_eq!(read.totals.counts, row.totals.counts);
    assert_eq!(read.totals.users.count(), row.totals.users.count());
}

fn check_sums(rows: &[(NaiveDate, Row)]) {
    let of = |totals: &Totals| (totals.counts, totals.durations.clone(), totals.users.count());
    let totals: Vec<&Totals> = rows.iter().map(|(_, row)| &row.totals).collect();
    let sum = |order: &mut dyn Iterator<Item = &&Totals>| {
        let mut sum = Totals::default();
        order.for_each(|totals| sum.merge(totals));
        sum
    };
    let (ahead, back) = (sum(&mut totals.iter()), sum(&mut totals.iter().rev()));
    assert_eq!(of(&ahead), of(&back));
    let twice = Sketch::of_all(totals.iter().chain(&totals).map(|totals| &totals.users));
    assert_eq!(twice.count(), ahead.users.count());
    check_figures(&ahead.made_sound().summary());
    check_figures(&ahead.summary());
    let (Some(first), Some(last)) =
        (rows.iter().map(|(day, _)| *day).min(), rows.iter().map(|(day, _)| *day).max())
    else {
        return;
    };
    let all: Rows = rows.iter().cloned().collect();
    let range = Range { first, last };
    let shown = all.sum(range);
    check_figures(&shown.summary());
    assert!(shown.is_sound(), "{shown:?}");
    assert_eq!(shown.users.count(), ahead.users.count());
    assert_eq!(all.as_of(range), rows.iter().filter_map(|(_, row)| row.as_of).max());
}

fn check_figures(summary: &Summary) {
    let figures = [
        summary.engagement_rate,
        summary.total_minutes,
        summary.average_minutes,
        summary.median_minutes,
        summary.p90_minutes,
        summary.bounce_rate,
    ];
    assert!(figures.iter().all(|figure| figure.is_finite() && *figure >= 0.0), "{summary:?}");
    assert!(summary.engagement_rate <= 100.0 && summary.bounce_rate <= 100.0, "{summary:?}");
    assert!(summary.median_minutes <= summary.p90_minutes, "{summary:?}");
    assert!(summary.distribution.iter().all(|count| *count >= 0), "{summary:?}");
}
