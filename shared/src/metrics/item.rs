//! Row ⇄ item: the only place that knows the attributes of the metrics table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{
    DateTime, NaiveDate, Utc,
    serde::{ts_milliseconds, ts_milliseconds_option},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{
    calendar::Range,
    counts::Counts,
    error::MetricsError,
    histogram::Histogram,
    row::{self, Mark, Row},
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

/// A row as it is stored. Times are epoch milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowItem {
    pk: String,
    sk: String,
    version: u64,
    layout: u32,
    zone: String,
    #[serde(flatten)]
    counts: Counts,
    #[serde(default)]
    durations: ByteBuf,
    users: ByteBuf,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    #[serde(default)]
    marks: BTreeMap<String, MarkItem>,
}

#[derive(Serialize, Deserialize)]
struct MarkItem {
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
pub(super) fn encode(day: NaiveDate, lane: u8, row: &Row, zone: Tz) -> Result<Attributes, MetricsError> {
    let (pk, sk) = row::key(day, lane);
    let mark = |(shard, mark): (&String, &Mark)| {
        (shard.clone(), MarkItem { sequence: mark.sequence.as_str().to_owned(), moved: mark.moved })
    };
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
        marks: row.marks.iter().map(mark).collect(),
    };
    serde_dynamo::to_item(item).map_err(|error| MetricsError::Malformed { row: sk, cause: error.to_string() })
}

/// The day and the row that an item holds; one of another layout or zone is refused, naming both.
pub(super) fn decode(item: Attributes, zone: Tz) -> Result<(NaiveDate, Row), MetricsError> {
    // First of all: nothing else of a row of another layout need be as it is here.
    check_made_alike(&item, zone)?;
    let name = text(&item, "sk");
    decode_alike(item).map_err(|cause| MetricsError::Malformed { row: name, cause })
}

fn check_made_alike(item: &Attributes, zone: Tz) -> Result<(), MetricsError> {
    let made_with = (text(item, "layout"), text(item, "zone"));
    if made_with == (LAYOUT.to_string(), zone.name().to_owned()) {
        return Ok(());
    }
    Err(MetricsError::Foreign {
        row: text(item, "sk"),
        found: format!("layout {} in {}", made_with.0, made_with.1),
        expected: format!("layout {LAYOUT} in {}", zone.name()),
    })
}

fn decode_alike(item: Attributes) -> Result<(NaiveDate, Row), String> {
    let item: RowItem = serde_dynamo::from_item(item).map_err(|error| error.to_string())?;
    let day = item.sk.split('#').nth(1).and_then(|day| day.parse().ok()).ok_or("no day in its key")?;
    let totals = Totals {
        counts: item.counts,
        durations: Histogram::from_bytes(&item.durations).map_err(|error| error.to_string())?,
        users: Sketch::from_bytes(&item.users).map_err(|error| error.to_string())?,
    };
    let mut marks = BTreeMap::new();
    for (shard, mark) in item.marks {
        let sequence = SequenceNumber::parse(&mark.sequence).ok_or("a mark is no sequence number")?;
        marks.insert(shard, Mark { sequence, moved: mark.moved });
    }
    Ok((day, Row { version: item.version, totals, marks, as_of: item.as_of }))
}

fn text(item: &Attributes, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Attributes {
        encode(NaiveDate::default(), 0, &Row::default(), Tz::UTC).unwrap()
    }

    #[test]
    fn a_row_without_a_later_count_has_none_of_it() {
        let mut item = row();
        item.remove("renewed").unwrap();
        assert_eq!(decode(item, Tz::UTC).unwrap().1.totals.counts, Counts::default());
    }

    #[test]
    fn a_row_without_a_part_is_malformed() {
        for name in ["sessions", "engaged", "durationMs", "users", "version"] {
            let mut item = row();
            item.remove(name).unwrap();
            let refusal = decode(item, Tz::UTC).unwrap_err().to_string();
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

    /// What DynamoDB counts of a value.
    fn weight(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            // About half a byte for each digit, and one.
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::M(members) => {
                3 + members.iter().map(|(name, value)| 1 + name.len() + weight(value)).sum::<usize>()
            }
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
        assert!((335..350).contains(&of_each), "a partition weighs {of_each} bytes");
        assert!(heaviest(1_150) < MOST && heaviest(1_250) > MOST);
    }
}
