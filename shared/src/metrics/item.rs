//! Row ⇄ item: the only place that knows the attributes of the metrics table.

use std::{collections::BTreeMap, str::FromStr};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{
    DateTime, NaiveDate, Utc,
    serde::{ts_milliseconds, ts_milliseconds_option},
};
use chrono_tz::Tz;
use serde::{
    Deserialize, Serialize,
    de::value::{Error as ValueError, MapDeserializer},
};
use serde_bytes::ByteBuf;

use super::{
    calendar::Range,
    counts::Counts,
    error::MetricsError,
    histogram::Histogram,
    marks::{self, Mark, Marks},
    row::{self, Row},
    sequence::SequenceNumber,
    sketch::Sketch,
    totals::Totals,
};
use crate::dynamodb::{Attributes, Expression};

/// The layout of a row: its attributes, the histogram's bounds, the sketch's size and hash, the number of lanes.
const LAYOUT: u32 = 2;

/// What a reader needs of a row beside the counts. Nobody reads the marks but who writes them.
const READ: [&str; 8] = ["pk", "sk", "version", "layout", "zone", "durations", "users", "asOf"];

/// The projection of what a reader needs. Each name by way of a placeholder: some are reserved words.
pub(super) fn projection() -> String {
    let counts = Counts::names();
    let names = READ.iter().copied().chain(counts.iter().map(String::as_str));
    names.map(|name| format!("#{name}")).collect::<Vec<_>>().join(", ")
}

/// A row as it is written. Times are epoch milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RowItem {
    pk: String,
    sk: String,
    version: u64,
    layout: u32,
    zone: String,
    #[serde(flatten)]
    counts: Counts,
    durations: ByteBuf,
    users: ByteBuf,
    #[serde(with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<ByteBuf>,
}

/// A mark as rows of before have it, in a map by the names of their shards.
#[derive(Deserialize)]
struct NamedMark {
    sequence: String,
    #[serde(with = "ts_milliseconds")]
    moved: DateTime<Utc>,
}

/// The key of a row.
pub(super) fn key(day: NaiveDate, lane: u8) -> Attributes {
    let (pk, sk) = row::key(day, lane);
    [("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into()
}

/// The key condition of all rows of the days of `part`, which are of one month.
pub(super) fn days(part: Range) -> Expression {
    let (month, _) = row::key(part.first, 0);
    // Before and after all lanes.
    let (first, last) = (format!("DAY#{}#", part.first), format!("DAY#{}#~", part.last));
    Expression::new("pk = :month AND sk BETWEEN :first AND :last")
        .value(":month", AttributeValue::S(month))
        .value(":first", AttributeValue::S(first))
        .value(":last", AttributeValue::S(last))
}

/// The condition that a row has this version still; version 0 is no row.
pub(super) fn unchanged_since(version: u64) -> Expression {
    if version == 0 {
        return Expression::new("attribute_not_exists(pk)");
    }
    Expression::new("version = :before").value(":before", AttributeValue::N(version.to_string()))
}

/// The item of a row of `day`.
pub fn encode(day: NaiveDate, lane: u8, row: &Row, zone: Tz) -> Result<Attributes, MetricsError> {
    let (pk, sk) = row::key(day, lane);
    let malformed = |cause: String| MetricsError::Malformed { row: sk.clone(), cause };
    let marks = marks::to_bytes(&row.marks).ok_or_else(|| malformed("a mark of no shard".to_owned()))?;
    let item = RowItem {
        pk,
        sk: sk.clone(),
        version: row.version,
        layout: LAYOUT,
        zone: zone.name().to_owned(),
        counts: row.totals.counts,
        durations: ByteBuf::from(row.totals.durations.to_bytes()),
        users: ByteBuf::from(row.totals.users.to_bytes()),
        as_of: row.as_of,
        marks: (!marks.is_empty()).then(|| ByteBuf::from(marks)),
    };
    serde_dynamo::to_item(item).map_err(|error| malformed(error.to_string()))
}

/// The day and the row that an item holds; one of another layout or zone is refused, naming both.
pub fn decode(item: &Attributes, zone: Tz) -> Result<(NaiveDate, Row), MetricsError> {
    // First of all: nothing else of a row of another layout need be as it is here.
    check_made_alike(item, zone)?;
    decode_alike(item).map_err(|cause| MetricsError::Malformed { row: text(item, "sk").to_owned(), cause })
}

fn check_made_alike(item: &Attributes, zone: Tz) -> Result<(), MetricsError> {
    let (layout, zone_name) = (text(item, "layout"), text(item, "zone"));
    if layout.parse() == Ok(LAYOUT) && zone_name == zone.name() {
        return Ok(());
    }
    Err(MetricsError::Foreign {
        row: text(item, "sk").to_owned(),
        found: format!("layout {layout} in {zone_name}"),
        expected: format!("layout {LAYOUT} in {}", zone.name()),
    })
}

/// By hand, since a year has 1,460 rows.
fn decode_alike(item: &Attributes) -> Result<(NaiveDate, Row), String> {
    let missing = |name: &str| format!("there is no {name}");
    let day = text(item, "sk").split('#').nth(1).and_then(|day| day.parse().ok());
    let users = bytes(item, "users")?.ok_or_else(|| missing("users"))?;
    let totals = Totals {
        counts: counts(item).map_err(as_text)?,
        durations: Histogram::from_bytes(bytes(item, "durations")?.unwrap_or_default()).map_err(as_text)?,
        users: Sketch::from_bytes(users).map_err(as_text)?,
    };
    let as_of = match number(item, "asOf")? {
        Some(time) => Some(DateTime::from_timestamp_millis(time).ok_or("asOf is no time")?),
        None => None,
    };
    let version = number(item, "version")?.ok_or_else(|| missing("version"))?;
    Ok((day.ok_or("no day in its key")?, Row { version, totals, marks: marks_of(item)?, as_of }))
}

/// A count is told by its type alone, so that a new one needs no line here.
fn counts(item: &Attributes) -> Result<Counts, ValueError> {
    let numbers = item
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_n().ok()?.parse::<i64>().ok()?)));
    Counts::deserialize(MapDeserializer::new(numbers))
}

fn marks_of(item: &Attributes) -> Result<Marks, String> {
    match item.get("marks") {
        None => Ok(Marks::new()),
        Some(AttributeValue::B(bytes)) => {
            marks::from_bytes(bytes.as_ref()).ok_or_else(|| "not marks".to_owned())
        }
        Some(named) => {
            let named: BTreeMap<String, NamedMark> =
                serde_dynamo::from_attribute_value(named.clone()).map_err(as_text)?;
            let mark = |(shard, NamedMark { sequence, moved })| {
                let sequence = SequenceNumber::parse(&sequence).ok_or("a mark is no sequence number")?;
                Ok((shard, Mark { sequence, moved }))
            };
            named.into_iter().map(mark).collect()
        }
    }
}

fn text<'a>(item: &'a Attributes, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
        _ => "none",
    }
}

fn bytes<'a>(item: &'a Attributes, name: &str) -> Result<Option<&'a [u8]>, String> {
    let bytes = item.get(name).map(|value| value.as_b().map(AsRef::as_ref));
    bytes.transpose().map_err(|_| format!("{name} is of another type"))
}

fn number<T: FromStr>(item: &Attributes, name: &str) -> Result<Option<T>, String> {
    let number =
        item.get(name).map(|value| value.as_n().ok().and_then(|digits| digits.parse().ok()).ok_or(()));
    number.transpose().map_err(|()| format!("{name} is no number"))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn as_text(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    fn row() -> Attributes {
        encode(NaiveDate::default(), 0, &Row::default(), Tz::UTC).unwrap()
    }

    #[test]
    fn a_row_without_a_later_count_has_none_of_it() {
        let mut item = row();
        item.remove("renewed").unwrap();
        assert_eq!(decode(&item, Tz::UTC).unwrap().1.totals.counts, Counts::default());
    }

    #[test]
    fn a_row_without_a_part_is_malformed() {
        for name in ["sessions", "engaged", "durationMs", "users", "version"] {
            let mut item = row();
            item.remove(name).unwrap();
            let refusal = decode(&item, Tz::UTC).unwrap_err().to_string();
            assert!(refusal.contains("is malformed: ") && refusal.contains(name), "{refusal}");
        }
    }

    #[test]
    fn a_reader_asks_for_every_count() {
        let projection = projection();
        for name in ["#sessions", "#engaged", "#renewed", "#durationMs", "#durations", "#zone"] {
            assert!(projection.split(", ").any(|part| part == name), "{projection}");
        }
    }

    #[test]
    fn marks_of_a_row_of_before_are_read() {
        let marks = Marks::from([("shardId-1", "123"), ("shardId-2", "0")].map(|(shard, digits)| {
            let moved = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
            (shard.to_owned(), Mark { sequence: SequenceNumber::parse(digits).unwrap(), moved })
        }));
        let mut item =
            encode(NaiveDate::default(), 0, &Row { marks: marks.clone(), ..Row::default() }, Tz::UTC)
                .unwrap();
        assert_eq!(decode(&item, Tz::UTC).unwrap().1.marks, marks);
        let named = |mark: &Mark| {
            let sequence = AttributeValue::S(mark.sequence.as_str().to_owned());
            let moved = AttributeValue::N(mark.moved.timestamp_millis().to_string());
            AttributeValue::M([("sequence".to_owned(), sequence), ("moved".to_owned(), moved)].into())
        };
        let named = marks.iter().map(|(shard, mark)| (shard.clone(), named(mark))).collect();
        item.insert("marks".to_owned(), AttributeValue::M(named));
        assert_eq!(decode(&item, Tz::UTC).unwrap().1.marks, marks);
        let (day, row) = decode(&item, Tz::UTC).unwrap();
        assert!(encode(day, 0, &row, Tz::UTC).unwrap()["marks"].is_b(), "its next write packs them");
        for odd in [AttributeValue::B(Blob::new([1])), AttributeValue::Bool(true)] {
            item.insert("marks".to_owned(), odd);
            decode(&item, Tz::UTC).unwrap_err();
        }
    }

    /// What DynamoDB counts of a value.
    fn weight(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            // About half a byte for each digit, and one.
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            other => panic!("no row has {other:?}"),
        }
    }

    /// A shard lives for four hours, a mark for 48 after it last moved: thirteen generations of shards leave their marks.
    /// This is the figure in ARCHITECTURE.md: with a change of either, mend both.
    #[test]
    fn a_row_has_room_for_the_marks_of_a_thousand_partitions() {
        const MOST: usize = 400 * 1_024;
        let heaviest = |partitions: usize| {
            let mut lanes = vec![Row::default(); usize::from(row::LANES)];
            for shard in 0..partitions * 13 {
                let shard = format!("shardId-{:020}-{shard:08x}", 1_700_000_000_000_usize + shard);
                let sequence = SequenceNumber::parse(&"9".repeat(40)).unwrap();
                let lane = usize::from(row::lane_of(&shard));
                lanes[lane].marks.insert(
                    shard,
                    Mark { sequence, moved: DateTime::from_timestamp_millis(1_700_000_000_000).unwrap() },
                );
            }
            let item = |row: &Row| encode(NaiveDate::default(), 0, row, Tz::UTC).unwrap();
            let weights = lanes
                .iter()
                .map(|row| item(row).iter().map(|(name, value)| name.len() + weight(value)).sum::<usize>());
            weights.max().unwrap()
        };
        let of_each = (heaviest(1_000) - heaviest(0)) / 1_000;
        assert!((125..140).contains(&of_each), "a partition weighs {of_each} bytes");
        assert!(heaviest(2_950) < MOST && heaviest(3_150) > MOST);
    }
}
