//! Record ⇄ item: the only place that knows the names of attributes, keys and states, and so longer than most. (`image.rs`
//! reads the same item in a stream's JSON.)

use std::{borrow::Cow, collections::HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{
    DateTime, Utc,
    serde::{ts_milliseconds_option, ts_seconds},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    error::Malformed,
    rules::{Body, ClientInfo, EndReason, Record, Session, State, day_number},
};
use crate::{
    clock::instant,
    dynamodb::Attributes,
    id::{SessionId, UserId},
};

/// The attributes as expressions name them. `state` is a reserved word of DynamoDB.
pub(super) const PARTITION_KEY: &str = "pk";
pub(super) const STATE: &str = "#state";
pub(super) const LAST_ACTIVE_TIME: &str = "lastActiveTime";
pub(super) const END_TIME: &str = "endTime";
pub(super) const END_REASON: &str = "endReason";
pub(super) const CONTENT_ENGAGED: &str = "contentEngaged";
pub(super) const RENEWED_TO: &str = "renewedTo";
pub(super) const ACTIVE_DAY: &str = "activeDay";
pub(super) const PURGE_AT: &str = "purgeAt";

/// A projection to an item's key alone.
pub const KEY: &str = "pk, sk";

/// The key condition of all of a user's items, where `:user` is their [`partition`].
pub const OF_USER: &str = "pk = :user";

/// The key condition, in the index, of a user's sessions that were active on the UTC day `:day` or later.
pub(super) const ACTIVE_SINCE: &str = "pk = :user AND activeDay >= :day";

/// The key condition of a user's items whose ids are from `:first` to `:last`, each made by [`started_at`].
pub(super) const BETWEEN: &str = "pk = :user AND sk BETWEEN :first AND :last";

/// The filter of those that are sessions: a tombstone has not started.
pub(super) const IS_SESSION: &str = "attribute_exists(startTime)";

const SORT_KEY: &str = "sk";
const USER: &str = "USER#";
const SESSION: &str = "SESSION#";

/// The end of the year 9999: a time beyond it has no date in every time zone.
const LAST_TIME: i64 = 253_402_300_799_999;

/// The item of the sessions table. Times are epoch milliseconds but for `purgeAt`, which DynamoDB's TTL wants in
/// seconds. With a 255-byte `sub` and a 400-byte user agent an item has under 1,024 bytes, so a write is one unit.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionItem<'a> {
    pub(super) pk: Cow<'a, str>,
    pub(super) sk: Cow<'a, str>,
    pub(super) state: StateName,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<DateTime<Utc>>,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    pub(super) last_active_time: Option<DateTime<Utc>>,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    pub(super) end_time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_engaged: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renewed_from: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renewed_to: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    /// The UTC day of `lastActiveTime`, while the state is `active`: the sort key of the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_day: Option<i64>,
    #[serde(with = "ts_seconds")]
    pub(super) purge_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StateName {
    Active,
    /// Also a tombstone's.
    #[default]
    Expired,
    Ended,
}

impl From<StateName> for AttributeValue {
    fn from(state: StateName) -> Self {
        let name = match state {
            StateName::Active => "active",
            StateName::Expired => "expired",
            StateName::Ended => "ended",
        };
        Self::S(name.to_owned())
    }
}

/// The partition that holds all of a user's records.
#[must_use]
pub fn partition(user: &UserId) -> AttributeValue {
    AttributeValue::S([USER, user.as_str()].concat())
}

/// The key of a user's record of an id.
#[must_use]
pub fn key(user: &UserId, id: SessionId) -> Attributes {
    let sort = AttributeValue::S([SESSION, &id.to_string()].concat());
    HashMap::from([(PARTITION_KEY.to_owned(), partition(user)), (SORT_KEY.to_owned(), sort)])
}

/// What sorts before the keys of all that starts at `time` or later, and after all that started before: the leading
/// bits of an id are the time.
pub(super) fn started_at(time: DateTime<Utc>) -> AttributeValue {
    AttributeValue::S(format!("{SESSION}{}", SessionId::prefix(time)))
}

/// The id in the key of an item, which an index entry has too.
pub(super) fn id_of(item: &Attributes) -> Result<SessionId, Malformed> {
    let sort = item.get(SORT_KEY).and_then(|key| key.as_s().ok());
    required(sort.and_then(|key| id_in(key)), "session id in sk")
}

fn id_in(sort_key: &str) -> Option<SessionId> {
    sort_key.strip_prefix(SESSION).and_then(|id| id.parse().ok())
}

/// A session's id as another item points to it.
pub(super) fn id(id: SessionId) -> AttributeValue {
    AttributeValue::S(id.to_string())
}

/// A time as it is stored: epoch milliseconds.
pub(super) fn milliseconds(time: DateTime<Utc>) -> AttributeValue {
    AttributeValue::N(time.timestamp_millis().to_string())
}

/// A TTL as DynamoDB wants it: epoch seconds.
pub(super) fn seconds(time: DateTime<Utc>) -> AttributeValue {
    AttributeValue::N(time.timestamp().to_string())
}

/// The UTC day number of `time`.
pub(super) fn day(time: DateTime<Utc>) -> AttributeValue {
    AttributeValue::N(day_number(time).to_string())
}

/// The item of a user's record of an id.
pub fn encode(user: &UserId, id: SessionId, record: &Record) -> Result<Attributes, Malformed> {
    let mut item = SessionItem {
        pk: format!("{USER}{}", user.as_str()).into(),
        sk: format!("{SESSION}{id}").into(),
        purge_at: record.purge_at,
        ..SessionItem::default()
    };
    match &record.body {
        Body::Tombstone { renewed_to } => item.renewed_to = Some(*renewed_to),
        Body::Session(session) => {
            item.start_time = Some(session.start_time);
            item.last_active_time = Some(session.last_active_time);
            item.content_engaged = Some(session.content_engaged);
            item.renewed_from = session.renewed_from;
            item.ip_address = session.client.ip_address.as_deref().map(Cow::Borrowed);
            item.user_agent = session.client.user_agent.as_deref().map(Cow::Borrowed);
            match session.state {
                State::Active => item.state = StateName::Active,
                State::Ended { end_time, reason } => {
                    item.state = StateName::Ended;
                    item.end_time = Some(end_time);
                    item.end_reason = reason.map(|reason| reason.name().into());
                }
                State::Expired { end_time, renewed_to } => {
                    item.end_time = Some(end_time);
                    item.renewed_to = Some(renewed_to);
                }
            }
            item.active_day = (session.state == State::Active).then(|| day_number(session.last_active_time));
        }
    }
    serde_dynamo::to_item(item).map_err(|cause| Malformed::in_serde(&cause))
}

/// The record that an item of the sessions table holds.
pub fn decode(attributes: impl Into<serde_dynamo::Item>) -> Result<Record, Malformed> {
    let item: SessionItem<'_> =
        serde_dynamo::from_item(attributes).map_err(|cause| Malformed::in_serde(&cause))?;
    item.into_record()
}

impl SessionItem<'_> {
    /// The record that these attributes make, if they are those of one.
    pub(super) fn into_record(self) -> Result<Record, Malformed> {
        let purge_at = self.purge_at;
        let mut times = [self.start_time, self.last_active_time, self.end_time].into_iter().flatten();
        if !times.all(|time| (0..=LAST_TIME).contains(&time.timestamp_millis())) {
            return Err(Malformed::because("a time is not within the years 1970 to 9999"));
        }
        let (Some(start_time), Some(last_active_time)) = (self.start_time, self.last_active_time) else {
            let renewed_to = required(self.renewed_to, "renewedTo of a tombstone")?;
            return Ok(Record { body: Body::Tombstone { renewed_to }, purge_at });
        };
        let state = match self.state {
            StateName::Active => State::Active,
            StateName::Ended => State::Ended {
                end_time: required(self.end_time, "endTime")?,
                reason: self.end_reason.as_deref().and_then(EndReason::of),
            },
            StateName::Expired => State::Expired {
                end_time: required(self.end_time, "endTime")?,
                renewed_to: required(self.renewed_to, "renewedTo")?,
            },
        };
        let session = Session {
            id: required(id_in(&self.sk), "session id in sk")?,
            start_time,
            last_active_time,
            state,
            content_engaged: self.content_engaged.unwrap_or_default(),
            renewed_from: self.renewed_from,
            client: ClientInfo {
                ip_address: self.ip_address.map(Cow::into_owned),
                user_agent: self.user_agent.map(Cow::into_owned),
            },
        };
        Ok(Record { body: Body::Session(session), purge_at })
    }
}

/// Whether the user of a session engaged, of an item or that part of it.
pub(super) fn is_engaged(item: &Attributes) -> bool {
    item.get(CONTENT_ENGAGED).is_some_and(|value| value == &AttributeValue::Bool(true))
}

/// The user and the record of an image in the table's stream.
pub fn decode_image(image: serde_dynamo::Item) -> Result<(UserId, Record), Malformed> {
    let user = match image.get(PARTITION_KEY) {
        Some(serde_dynamo::AttributeValue::S(pk)) => sub_in(pk).and_then(|sub| sub.parse().ok()),
        _ => None,
    };
    Ok((required(user, "user in pk")?, decode(image)?))
}

/// The user, as the partition key of an item names them.
pub(super) fn sub_in(partition_key: &str) -> Option<&str> {
    partition_key.strip_prefix(USER).filter(|sub| UserId::is_usable(sub))
}

/// An item for people and other programs, whatever else it has: the key as `user` and `sessionId`, and times as the
/// API shows them.
pub fn readable(item: Attributes) -> Result<Value, Malformed> {
    let item = serde_dynamo::from_item(item).map_err(|cause| Malformed::in_serde(&cause));
    let mut item: Map<String, Value> = item?;
    for (own, shown, prefix) in [(PARTITION_KEY, "user", USER), (SORT_KEY, "sessionId", SESSION)] {
        if let Some(Value::String(key)) = item.remove(own) {
            item.insert(shown.to_owned(), json!(key.strip_prefix(prefix).unwrap_or(&key)));
        }
    }
    for (name, milliseconds) in [("startTime", 1), (LAST_ACTIVE_TIME, 1), (END_TIME, 1), (PURGE_AT, 1_000)] {
        let number =
            item.get(name).and_then(Value::as_i64).and_then(|number| number.checked_mul(milliseconds));
        if let Some(time) = number.and_then(DateTime::from_timestamp_millis) {
            item.insert(name.to_owned(), json!(instant(time)));
        }
    }
    Ok(Value::Object(item))
}

fn required<T>(value: Option<T>, what: &str) -> Result<T, Malformed> {
    value.ok_or_else(|| Malformed::because(format_args!("no {what}")))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::sessions::rules::{Lifetimes, Moment};

    fn moment() -> Moment {
        let lifetimes = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) };
        lifetimes.at(DateTime::from_timestamp_millis(1_767_225_600_123).unwrap())
    }

    fn largest() -> (UserId, Session) {
        let client = ClientInfo {
            ip_address: Some("0000:0000:0000:0000:0000:ffff:192.168.100.228".to_owned()),
            user_agent: Some("x".repeat(400)),
        };
        let mut session = Session::start(SessionId::new(moment().now()), client, &moment());
        session.renewed_from = Some(SessionId::new(moment().now()));
        ("x".repeat(255).parse().unwrap(), session)
    }

    #[test]
    fn a_session_survives_the_round_trip() {
        let (user, session) = largest();
        let over = [
            State::Active,
            State::Ended { end_time: moment().now(), reason: None },
            State::Ended { end_time: moment().now(), reason: Some(EndReason::EndedOthers) },
            State::Expired { end_time: moment().now(), renewed_to: session.id },
        ];
        for state in over {
            let record = Record::of(Session { state, ..session.clone() }, &moment());
            assert_eq!(decode(encode(&user, session.id, &record).unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn a_tombstone_survives_the_round_trip() {
        let id = SessionId::new(moment().now());
        let item = encode(&largest().0, id, &Record::tombstone(id, &moment())).unwrap();
        assert_eq!(item.len(), 5, "keys, state, renewedTo and purgeAt");
        assert_eq!(decode(item).unwrap().body, Body::Tombstone { renewed_to: id });
    }

    #[test]
    fn people_read_names_and_times_and_whatever_else_there_is() {
        let (user, session) = largest();
        let id = session.id;
        let mut item = encode(&user, id, &Record::of(session, &moment())).unwrap();
        item.insert("note".to_owned(), AttributeValue::S("of another".to_owned()));
        let shown = readable(item).unwrap();
        assert_eq!(shown["user"], user.as_str());
        assert_eq!(shown["sessionId"], id.to_string());
        assert_eq!(shown["startTime"], "2026-01-01T00:00:00.123Z");
        assert_eq!(shown["purgeAt"], "2026-04-01T01:00:00.000Z");
        assert_eq!(shown["note"], "of another");
        assert!(shown.get("pk").is_none() && shown.get("sk").is_none(), "{shown}");
    }

    #[test]
    fn an_item_that_is_no_record_is_refused_by_what_is_wrong_with_it() {
        let (user, session) = largest();
        let mut item = encode(&user, session.id, &Record::of(session, &moment())).unwrap();
        item.insert("state".to_owned(), StateName::Ended.into());
        let refusal = decode(item).unwrap_err().to_string();
        assert_eq!(refusal, "an item of the sessions table is malformed: no endTime");
    }

    #[test]
    fn what_is_wrong_with_an_item_is_told_without_a_value_of_it() {
        let (user, session) = largest();
        let good = encode(&user, session.id, &Record::of(session, &moment())).unwrap();
        let odd = || {
            [
                AttributeValue::S("203.0.113.7".to_owned()),
                AttributeValue::N("203.0113".to_owned()),
                AttributeValue::N("2030113000000000000".to_owned()),
                AttributeValue::Bool(true),
                AttributeValue::L(vec![AttributeValue::S("203.0.113.7".to_owned())]),
                AttributeValue::M([("203".to_owned(), AttributeValue::Null(true))].into()),
                AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new("203.0.113.7")),
            ]
        };
        let mut causes = std::collections::BTreeSet::new();
        for name in good.keys() {
            for value in odd() {
                let mut item = good.clone();
                item.insert(name.clone(), value);
                causes.extend(decode_image(item.into()).err().map(|cause| cause.to_string()));
            }
            let mut item = good.clone();
            item.remove(name);
            causes.extend(decode_image(item.into()).err().map(|cause| cause.to_string()));
        }
        let of_a_value = ["203", "0113", "true", "Null"];
        for cause in &causes {
            assert!(!of_a_value.iter().any(|part| cause.contains(part)), "{cause}");
        }
        assert!(causes.iter().any(|cause| cause.ends_with("missing field `state`")), "{causes:#?}");
        assert!(causes.iter().any(|cause| cause.ends_with("not a hyphenated UUID")), "{causes:#?}");
    }

    #[test]
    fn the_largest_item_stays_one_write_unit() {
        let (user, session) = largest();
        let id = session.id;
        let mut item = encode(&user, id, &Record::of(session, &moment())).unwrap();
        item.insert("endTime".to_owned(), milliseconds(moment().now()));
        item.insert("renewedTo".to_owned(), AttributeValue::S(id.to_string()));
        item.insert("endReason".to_owned(), AttributeValue::S(EndReason::EndedOthers.name().to_owned()));
        let size: usize = item
            .iter()
            .map(|(name, value)| {
                name.len()
                    + match value {
                        AttributeValue::S(text) => text.len(),
                        // DynamoDB: about (significant digits / 2) + 1; 21 is the most a number can take.
                        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
                        _ => 1,
                    }
            })
            .sum();
        assert!(size <= 1_024, "{size} bytes");
    }
}
