//! What a stream record changes of the metrics.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, de::Error};
use serde_dynamo::Item;
use thiserror::Error;

use super::{
    contribution::{Contribution, day_of_session},
    sequence::SequenceNumber,
    sketch::HashedUser,
};
use crate::sessions::{Malformed, image::Image, item, rules::Session};

/// What a write of a session changes of the totals of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The place of its record in the shard.
    pub sequence: SequenceNumber,
    /// When the stream noted it.
    pub created: DateTime<Utc>,
    /// The day on which the session started.
    pub day: NaiveDate,
    /// The session's user.
    pub user: HashedUser,
    /// What the session contributed before, unless this write started it.
    pub before: Option<Contribution>,
    /// What it contributes now.
    pub after: Contribution,
}

/// A record that cannot be decoded; names what is wrong with it, never its content.
#[derive(Debug, Error)]
pub enum Undecodable {
    /// It is no record in JSON. What kind of fault that is and where, but no value of it.
    #[error("{:?} at column {}", .0.classify(), .0.column())]
    Json(serde_json::Error),
    /// The record's frame.
    #[error("the stream record has no usable {0}")]
    Record(&'static str),
    /// One of its images.
    #[error(transparent)]
    Image(#[from] Malformed),
}

/// A record of the table's stream as Lambda delivers it, as far as it is needed here.
#[derive(Deserialize)]
struct StreamRecord<'a, I> {
    #[serde(rename = "eventName", borrow)]
    event_name: Cow<'a, str>,
    #[serde(rename = "dynamodb", borrow)]
    change: Change<'a, I>,
}

/// What it tells of the item, whose images are read as `I`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a, I> {
    #[serde(default, deserialize_with = "seconds")]
    approximate_creation_date_time: DateTime<Utc>,
    new_image: Option<I>,
    old_image: Option<I>,
    #[serde(default, borrow)]
    sequence_number: Cow<'a, str>,
}

/// What an image tells: whose session it is, and that session, unless it is a tombstone.
type Told = (HashedUser, Option<Session>);

impl Delta {
    /// Whether it changes nothing that is counted.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.before == Some(self.after)
    }

    /// The delta that a record tells of, which is given as its JSON; `None` for one that does not count: a deletion, or a
    /// tombstone. Days are those of `zone`.
    pub fn read(record: &str, zone: Tz) -> Result<Option<Self>, Undecodable> {
        // Nearly all are as usual. The few others are read once more, by what has the last word.
        let usual = serde_json::from_str::<StreamRecord<'_, Image<'_>>>(record).map_err(Undecodable::Json);
        usual
            .and_then(|record| Self::of(record, zone, told_as_usual))
            .or_else(|_| Self::read_unusual(record, zone))
    }

    fn read_unusual(record: &str, zone: Tz) -> Result<Option<Self>, Undecodable> {
        let mut record: StreamRecord<'_, Item> = serde_json::from_str(record).map_err(Undecodable::Json)?;
        let images = [&mut record.change.new_image, &mut record.change.old_image];
        for image in images {
            image.take_if(|image| image.is_empty());
        }
        Self::of(record, zone, |image| {
            let (user, record) = item::decode_image(image)?;
            Ok((HashedUser::from(&user), record.session().cloned()))
        })
    }

    fn of<I>(
        StreamRecord { event_name, change }: StreamRecord<'_, I>,
        zone: Tz,
        told: impl Fn(I) -> Result<Told, Undecodable>,
    ) -> Result<Option<Self>, Undecodable> {
        if !matches!(&*event_name, "INSERT" | "MODIFY") {
            return Ok(None);
        }
        let (user, new) = told(change.new_image.ok_or(Undecodable::Record("new image"))?)?;
        let Some(session) = new else { return Ok(None) };
        let before = match (&*event_name, change.old_image) {
            ("INSERT", None) => None,
            // Or a change would be counted as one more session.
            (_, None) => return Err(Undecodable::Record("old image")),
            (_, Some(image)) => told(image)?.1.as_ref().map(Contribution::of),
        };
        let sequence = SequenceNumber::parse(&change.sequence_number);
        Ok(Some(Self {
            sequence: sequence.ok_or(Undecodable::Record("sequence number"))?,
            created: change.approximate_creation_date_time,
            day: day_of_session(&session, zone),
            user,
            before,
            after: Contribution::of(&session),
        }))
    }
}

fn told_as_usual(image: Image<'_>) -> Result<Told, Undecodable> {
    let user = image.sub().map(HashedUser::of).ok_or(Undecodable::Record("user"))?;
    Ok((user, image.session()?))
}

/// A time as the stream has it: seconds, with or without a fraction.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let milliseconds = (f64::deserialize(deserializer)? * 1_000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "a float saturates, and is no time then")]
    DateTime::from_timestamp_millis(milliseconds as i64).ok_or_else(|| Error::custom("no time"))
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_json::{Value, json};

    use super::*;

    fn session(state: &str, last: i64) -> Value {
        json!({
            "pk": { "S": "USER#alice" },
            "sk": { "S": "SESSION#0198c0de-0000-7000-8000-000000000001" },
            "state": { "S": state },
            "startTime": { "N": "1767225600000" },
            "lastActiveTime": { "N": (1_767_225_600_000_i64 + last).to_string() },
            "endTime": { "N": "1767225700000" },
            "contentEngaged": { "BOOL": last > 5 },
            "purgeAt": { "N": "9999999999" },
        })
    }

    fn images() -> impl Strategy<Value = Option<Value>> {
        let tombstone = json!({
            "pk": { "S": "USER#alice" },
            "sk": { "S": "SESSION#0198c0de-0000-7000-8000-000000000001" },
            "state": { "S": "expired" },
            "renewedTo": { "S": "0198c0de-0000-7000-8000-000000000002" },
            "purgeAt": { "N": "9999999999" },
        });
        let with = |name: &str, value: Value| {
            let mut image = session("active", 7);
            image[name] = value;
            image
        };
        select(vec![
            Some(session("active", 3)),
            Some(session("active", 7)),
            Some(session("ended", 7)),
            Some(session("expired", 7)),
            Some(tombstone),
            Some(with("unheardOf", json!({ "L": [{ "N": "1" }] }))),
            Some(with("userAgent", json!({ "S": "\"\\\u{e9}" }))),
            Some(with("userAgent", json!({ "N": "1" }))),
            Some(with("endTime", json!({ "NULL": true }))),
            Some(with("pk", json!({ "S": "USER#" }))),
            Some(with("pk", json!({ "S": "USER#a\"b" }))),
            Some(json!({})),
            Some(json!(null)),
            Some(json!([])),
            None,
        ])
    }

    fn records() -> impl Strategy<Value = Value> {
        let sequence = select(vec![json!("0123"), json!("x"), json!("9".repeat(41)), json!(5), json!(null)]);
        let created = select(vec![
            json!(1_767_225_600),
            json!(1_767_225_600.123),
            json!(-1.5),
            json!(1e300),
            json!("x"),
        ]);
        let name = select(vec!["INSERT", "MODIFY", "REMOVE", "ELSE"]);
        (name, images(), images(), sequence, created, 0_u8..40).prop_map(
            |(name, new, old, sequence, created, missing)| {
                let mut change =
                    json!({ "SequenceNumber": sequence, "ApproximateCreationDateTime": created, "Keys": {} });
                for (name, image) in [("NewImage", new), ("OldImage", old)] {
                    if let Some(image) = image {
                        change[name] = image;
                    }
                }
                let mut record = json!({ "eventID": "1", "eventName": name, "dynamodb": change });
                let part = match missing {
                    0 => record.as_object_mut().unwrap().remove("eventName"),
                    1 => record.as_object_mut().unwrap().remove("dynamodb"),
                    2 => record["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber"),
                    3 => record["dynamodb"].as_object_mut().unwrap().remove("ApproximateCreationDateTime"),
                    _ => None,
                };
                drop(part);
                record
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_record_is_read_in_one_pass_as_it_is_in_full(record in records(), escaped: bool) {
            let text = record.to_string();
            let text = if escaped { text.replace('e', "\\u0065") } else { text };
            let (read, in_full) = (Delta::read(&text, Tz::UTC), Delta::read_unusual(&text, Tz::UTC));
            prop_assert_eq!(read.map_err(|cause| cause.to_string()), in_full.map_err(|cause| cause.to_string()));
        }
    }

    #[test]
    fn a_time_of_the_stream_is_read_to_the_millisecond() {
        let mut record = json!({
            "eventName": "INSERT",
            "dynamodb": { "SequenceNumber": "1", "NewImage": session("active", 3) },
        });
        for (created, expected) in [
            (json!(1_767_225_600), "2026-01-01T00:00:00Z"),
            (json!(1_767_225_600.5), "2026-01-01T00:00:00.500Z"),
        ] {
            record["dynamodb"]["ApproximateCreationDateTime"] = created;
            let delta = Delta::read(&record.to_string(), Tz::UTC).unwrap().unwrap();
            assert_eq!(delta.created, expected.parse::<DateTime<Utc>>().unwrap());
        }
    }
}
