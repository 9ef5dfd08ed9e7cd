//! What happens to some sessions, as records of the stream, some of them odd. They are delivered in batches, in order; then
//! batches come again, cut elsewhere. The totals are those of the sessions as they are in the end, each counted once.

use std::{collections::BTreeMap, fmt::Write as _};

use arbitrary::{Result, Unstructured};
use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde_json::{Value, json};
use shared::metrics::{
    counts::Counts,
    delta::Delta,
    histogram::Histogram,
    row::{Row, lane_of},
};

use crate::{
    odd,
    service::{self, Service},
};

const MOST_RECORDS: usize = 12;
const DAY: i64 = 86_400_000;
const SHARDS: [&str; 2] = ["shardId-00000001767225600000-0a1b2c3d", "shardId-00000001767225600000-1a1b2c3e"];
/// Inputs whose length this divides go through the function and the table too, which takes its time.
const THROUGH_THE_TABLE: usize = 32;
/// Days of one input's sessions. The next one has others, as long as the tables are the same.
const DAYS: u32 = 2;
/// In 2052: before the days of one input nothing odd has its own.
const FIRST: u64 = 30_000;

/// A session, as its last image has it.
#[derive(Clone, Copy)]
struct Seen {
    start: i64,
    last: i64,
    end: Option<i64>,
    renewed: bool,
    engaged: bool,
    state: &'static str,
}

/// A record of one of the shards.
struct Record {
    shard: usize,
    text: String,
    /// Whether it is of none of the sessions.
    is_odd: bool,
}

/// Rows by day and lane.
type Table = BTreeMap<(NaiveDate, u8), Row>;

pub(crate) fn feed(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    service::with(|service| {
        let first = NaiveDate::default() + Days::new(FIRST + u64::from(service.inputs() * DAYS));
        let mut sessions: Vec<Seen> = Vec::new();
        let mut records = Vec::new();
        while records.len() < MOST_RECORDS && !input.is_empty() {
            // Too few bytes are fewer records.
            if record(&mut records, &mut sessions, first, &mut input).is_err() {
                break;
            }
        }
        let Ok(cut) = input.int_in_range(1..=MOST_RECORDS) else { return };
        let Ok(again) = input.int_in_range(1..=MOST_RECORDS) else { return };
        let table = check(&records, &sessions, cut, again);
        let own = first..first + Days::new(u64::from(DAYS));
        if bytes.len().is_multiple_of(THROUGH_THE_TABLE) && table.keys().all(|(day, _)| own.contains(day)) {
            check_table(service, &records, [MOST_RECORDS, cut.max(MOST_RECORDS / 2)], &table);
        }
    });
}

/// One more thing that happens.
fn record(
    records: &mut Vec<Record>,
    sessions: &mut Vec<Seen>,
    first: NaiveDate,
    input: &mut Unstructured<'_>,
) -> Result<()> {
    let number = records.len();
    let what = input.int_in_range(0..=9_u8)?;
    let which = if sessions.is_empty() { 0 } else { input.choose_index(sessions.len())? };
    let frame = |kind: &str, old: Option<String>, new: Option<String>| {
        let mut text = format!(
            r#"{{"eventID":"{number}","eventName":"{kind}","dynamodb":{{"SequenceNumber":"{:021}","ApproximateCreationDateTime":1767225600"#,
            number + 1
        );
        for (name, image) in [("OldImage", old), ("NewImage", new)] {
            // A text takes all.
            let _ = image.map(|image| write!(text, r#","{name}":{image}"#));
        }
        text + "}}"
    };
    if sessions.is_empty() || what < 2 {
        let start = first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
        let start = start + input.int_in_range(0..=2 * DAY - 1)?;
        let seen = Seen {
            start,
            last: start,
            end: None,
            renewed: input.arbitrary()?,
            engaged: false,
            state: "active",
        };
        sessions.push(seen);
        let which = sessions.len() - 1;
        let text = frame("INSERT", None, Some(image(which, &seen)));
        records.push(Record { shard: which % SHARDS.len(), text, is_odd: false });
        return Ok(());
    }
    let before = sessions[which];
    let mut after = before;
    match what {
        2 | 3 => after.last += input.int_in_range(0..=DAY)?,
        4 => after.engaged = input.arbitrary()?,
        5 => (after.state, after.end) = ("ended", Some(after.last + input.int_in_range(0..=3_600_000)?)),
        6 => (after.state, after.end) = ("expired", Some(after.last)),
        // It is purged, which counts nothing.
        7 => {
            let text = frame("REMOVE", Some(image(which, &before)), None);
            records.push(Record { shard: which % SHARDS.len(), text, is_odd: false });
            return Ok(());
        }
        _ => {
            let (old, new) = (odd_image(first, input)?, odd_image(first, input)?);
            let kind = *input.choose(&["INSERT", "MODIFY", "REMOVE", "x"])?;
            let shard = input.choose_index(SHARDS.len())?;
            let old = input.arbitrary::<bool>()?.then_some(old);
            let text = frame(kind, old, Some(new));
            let text = if input.ratio(1, 4)? { text.replace('k', "\\u006b") } else { text };
            records.push(Record { shard, text, is_odd: true });
            return Ok(());
        }
    }
    sessions[which] = after;
    let text = frame("MODIFY", Some(image(which, &before)), Some(image(which, &after)));
    records.push(Record { shard: which % SHARDS.len(), text, is_odd: false });
    Ok(())
}

/// As this service writes it.
fn image(number: usize, seen: &Seen) -> String {
    let Seen { start, last, end, renewed, engaged, state } = *seen;
    let mut image = json!({
        "pk": { "S": format!("USER#user-{}", number % 3) },
        "sk": { "S": format!("SESSION#0198c0de-0000-7000-8000-0000000000{number:02x}") },
        "state": { "S": state },
        "startTime": { "N": start.to_string() },
        "lastActiveTime": { "N": last.to_string() },
        "contentEngaged": { "BOOL": engaged },
        "purgeAt": { "N": (last / 1_000 + 7_779_600).to_string() },
        "userAgent": { "S": "curl/8.5" },
    });
    if let Some(end) = end {
        image["endTime"] = json!({ "N": end.to_string() });
    }
    if renewed {
        image["renewedFrom"] = json!({ "S": "0198c0de-0000-7000-8000-0000000000ff" });
    }
    if state == "expired" {
        image["renewedTo"] = json!({ "S": "0198c0de-0000-7000-8000-0000000000fe" });
    }
    image.to_string()
}

/// The like with attributes that are odd, missing, or twice there.
fn odd_image(first: NaiveDate, input: &mut Unstructured<'_>) -> Result<String> {
    let start = first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    let state = *input.choose(&["active", "ended", "expired"])?;
    let seen = Seen {
        start,
        last: start + 7,
        end: Some(start + 9),
        renewed: input.arbitrary()?,
        engaged: true,
        state,
    };
    let Ok(Value::Object(mut attributes)) = serde_json::from_str(&image(255, &seen)) else {
        return Ok(String::new());
    };
    let mut twice = String::new();
    for _ in 0..input.int_in_range(0..=2)? {
        let names: Vec<String> = attributes.keys().cloned().collect();
        if names.is_empty() {
            break;
        }
        let name = input.choose(&names)?.clone();
        match input.int_in_range(0..=6_u8)? {
            0 => drop(attributes.remove(&name)),
            1 => twice = format!("{}:{},", json!(name), odd::attribute(input, 2)?),
            2 => drop(attributes.insert(odd::text(input)?, odd::attribute(input, 2)?)),
            _ => drop(attributes.insert(name, odd::attribute(input, 2)?)),
        }
    }
    Ok(Value::Object(attributes).to_string().replacen('{', &format!("{{{twice}"), 1))
}

/// Reads, folds and compares; the rows that come of it.
fn check(records: &[Record], sessions: &[Seen], cut: usize, again: usize) -> Table {
    let deltas: Vec<Option<Delta>> = records.iter().map(|record| read(&record.text)).collect();
    let mut table = Table::new();
    deliver(&mut table, records, &deltas, cut);
    check_counts(&table, records, &deltas, sessions);
    let before = shown(&table);
    deliver(&mut table, records, &deltas, again);
    for record in (0..records.len()).rev() {
        apply(&mut table, SHARDS[records[record].shard], &deltas[record..=record]);
    }
    assert_eq!(shown(&table), before, "what came again was counted again: {:?}", texts(records));
    table
}

/// The delta of a record. The reading in one pass says the same as the one in full, which an unknown attribute brings about.
fn read(text: &str) -> Option<Delta> {
    let delta = Delta::read(text, Tz::UTC);
    let unknown = r#"Image":{"zz":{"NULL":true},"#;
    let in_full = Delta::read(
        &text.replace(r#"Image":{"#, unknown).replace(r#""NULL":true},}"#, r#""NULL":true}}"#),
        Tz::UTC,
    );
    match (delta, in_full) {
        (Ok(delta), Ok(in_full)) => {
            assert_eq!(delta, in_full, "{text}");
            delta
        }
        (Err(_), Err(_)) => None,
        (delta, in_full) => panic!("{delta:?} in one pass, {in_full:?} in full: {text}"),
    }
}

/// Each shard's records in order, in batches of at most `size`.
fn deliver(table: &mut Table, records: &[Record], deltas: &[Option<Delta>], size: usize) {
    for (shard, name) in SHARDS.iter().enumerate() {
        let own = records.iter().zip(deltas).filter(|(record, _)| record.shard == shard);
        let own: Vec<Option<Delta>> = own.map(|(_, delta)| *delta).collect();
        own.chunks(size).for_each(|batch| apply(table, name, batch));
    }
}

/// As the rollup does it.
fn apply(table: &mut Table, shard: &str, batch: &[Option<Delta>]) {
    let mut by_day = BTreeMap::<NaiveDate, Vec<&Delta>>::new();
    for delta in batch.iter().flatten() {
        by_day.entry(delta.day).or_default().push(delta);
    }
    for (day, deltas) in by_day {
        let row = table.entry((day, lane_of(shard))).or_default();
        if let Some(next) = row.apply(shard, &deltas, DateTime::UNIX_EPOCH) {
            *row = next;
        }
    }
}

fn shown(table: &Table) -> Vec<(NaiveDate, Counts, Histogram, u64)> {
    let rows = table.iter().filter(|(_, row)| row.version > 0);
    rows.map(|((day, _), Row { totals, .. })| {
        (*day, totals.counts, totals.durations.clone(), totals.users.count())
    })
    .collect()
}

/// The sum of all rows is that over the sessions as they are in the end, and over what odd records that can be read say.
fn check_counts(table: &Table, records: &[Record], deltas: &[Option<Delta>], sessions: &[Seen]) {
    let (mut counts, mut durations) = (Counts::default(), Histogram::default());
    for seen in sessions {
        let end = if seen.state == "ended" { seen.end.unwrap_or(seen.last) } else { seen.last };
        counts += Counts {
            sessions: 1,
            engaged: i64::from(seen.engaged),
            renewed: i64::from(seen.renewed),
            duration_ms: end - seen.start,
        };
        durations.add(TimeDelta::milliseconds(end - seen.start), 1);
    }
    let odd = records.iter().zip(deltas).filter(|(record, _)| record.is_odd);
    for delta in odd.filter_map(|(_, delta)| delta.as_ref()) {
        counts += delta.after.counts;
        durations.add(delta.after.duration, 1);
        if let Some(before) = &delta.before {
            counts -= before.counts;
            durations.add(before.duration, -1);
        }
    }
    let mut sum = (Counts::default(), Histogram::default());
    for row in table.values() {
        sum.0 += row.totals.counts;
        sum.1.merge(&row.totals.durations);
    }
    assert_eq!(sum, (counts, durations), "{:?}", texts(records));
}

/// The function makes the same of it in the table, also when all comes again in other batches.
fn check_table(service: &Service, records: &[Record], sizes: [usize; 2], table: &Table) {
    for size in sizes {
        for (shard, name) in SHARDS.iter().enumerate() {
            let own = records.iter().filter(|record| record.shard == shard);
            let own: Vec<&str> = own.map(|record| record.text.as_str()).collect();
            for batch in own.chunks(size) {
                let event = format!(r#"{{"Records":[{}],"shardId":"{name}"}}"#, batch.join(","));
                assert_eq!(service.deliver(event.as_bytes()), Some(Ok(())), "{event}");
            }
        }
    }
    let store = service.metrics();
    // Of a change that changes no count the user is counted with what else is in its batch: the day's row is not read for
    // it alone. Where it is a session's, its start has counted the user already; what is odd has none.
    let is_odd = records.iter().any(|record| record.is_odd);
    let users = |row: &Row| if is_odd { 0 } else { row.totals.users.count() };
    for ((day, lane), row) in table {
        let stored = service.wait(store.get(*day, *lane)).unwrap_or_else(|cause| panic!("{cause}"));
        let figures = |row: &Row| (row.totals.counts, row.totals.durations.clone(), users(row));
        assert_eq!(figures(&stored), figures(row), "{:?}", texts(records));
    }
}

fn texts(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.text.as_str()).collect()
}
