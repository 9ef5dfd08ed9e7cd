//! Record ⇄ item: the only place that knows the names of attributes, keys and states.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{
    DateTime, Utc,
    serde::{ts_milliseconds_option, ts_seconds},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    id::{SessionId, UserId},
    session::{Body, ClientInfo, Moment, Record, Session, State, day_number},
};

/// An item as DynamoDB has it.
pub(super) type Attributes = HashMap<String, AttributeValue>;

const USER: &str = "USER#";
const SESSION: &str = "SESSION#";

/// The end of the year 9999: a time beyond it has no date in every time zone.
const LAST_TIME: i64 = 253_402_300_799_999;

/// A stored item that is no record of ours; names what is wrong with it, never its content.
#[derive(Debug, Error)]
#[error("an item of the sessions table is malformed: {0}")]
pub struct Malformed(String);

/// The item of the sessions table. Times are epoch milliseconds but for `purgeAt`, which DynamoDB's TTL wants in
/// seconds. With a 255-byte `sub` and a 400-byte user agent an item has under 1,024 bytes, so a write is one unit.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    pk: String,
    sk: String,
    state: StateName,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    start_time: Option<DateTime<Utc>>,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    last_active_time: Option<DateTime<Utc>>,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    end_time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_engaged: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed_from: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed_to: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// The UTC day of `lastActiveTime`, while the state is `active`: the sort key of the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_day: Option<i64>,
    #[serde(with = "ts_seconds")]
    purge_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StateName {
    Active,
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
pub(super) fn partition(user: &UserId) -> AttributeValue {
    AttributeValue::S(format!("{USER}{}", user.as_str()))
}

/// The key of a user's record of an id.
pub(super) fn key(user: &UserId, id: SessionId) -> Attributes {
    let sort = AttributeValue::S(format!("{SESSION}{id}"));
    HashMap::from([("pk".to_owned(), partition(user)), ("sk".to_owned(), sort)])
}

/// Only the key of an item that has more, as an index entry does.
pub(super) fn key_of(mut item: Attributes) -> Attributes {
    item.retain(|name, _| name == "pk" || name == "sk");
    item
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

/// The item of a session that is written whole: one that starts now.
pub(super) fn of_new_session(
    user: &UserId,
    session: &Session,
    moment: &Moment,
) -> Result<Attributes, Malformed> {
    encode(&Item {
        pk: format!("{USER}{}", user.as_str()),
        sk: format!("{SESSION}{}", session.id),
        state: StateName::Active,
        start_time: Some(session.start_time),
        last_active_time: Some(session.last_active_time),
        end_time: None,
        content_engaged: Some(session.content_engaged),
        renewed_from: session.renewed_from,
        renewed_to: None,
        ip_address: session.client.ip_address.clone(),
        user_agent: session.client.user_agent.clone(),
        active_day: Some(day_number(session.last_active_time)),
        purge_at: moment.purge_at(),
    })
}

/// The item of a tombstone: `id` was unknown, and `renewed_to` was started for it.
pub(super) fn of_tombstone(
    user: &UserId,
    id: SessionId,
    renewed_to: SessionId,
    moment: &Moment,
) -> Result<Attributes, Malformed> {
    encode(&Item {
        pk: format!("{USER}{}", user.as_str()),
        sk: format!("{SESSION}{id}"),
        state: StateName::Expired,
        start_time: None,
        last_active_time: None,
        end_time: None,
        content_engaged: None,
        renewed_from: None,
        renewed_to: Some(renewed_to),
        ip_address: None,
        user_agent: None,
        active_day: None,
        purge_at: moment.purge_at(),
    })
}

/// The record that an item of the sessions table holds.
pub(super) fn record(attributes: impl Into<serde_dynamo::Item>) -> Result<Record, Malformed> {
    let item: Item = serde_dynamo::from_item(attributes).map_err(|error| Malformed(error.to_string()))?;
    let purge_at = item.purge_at;
    let mut times = [item.start_time, item.last_active_time, item.end_time].into_iter().flatten();
    if !times.all(|time| (0..=LAST_TIME).contains(&time.timestamp_millis())) {
        return Err(Malformed("a time is not within the years 1970 to 9999".to_owned()));
    }
    let (Some(start_time), Some(last_active_time)) = (item.start_time, item.last_active_time) else {
        let renewed_to = required(item.renewed_to, "renewedTo of a tombstone")?;
        return Ok(Record { body: Body::Tombstone { renewed_to }, purge_at });
    };
    let state = match item.state {
        StateName::Active => State::Active,
        StateName::Ended => State::Ended { end_time: required(item.end_time, "endTime")? },
        StateName::Expired => State::Expired {
            end_time: required(item.end_time, "endTime")?,
            renewed_to: required(item.renewed_to, "renewedTo")?,
        },
    };
    let id = item.sk.strip_prefix(SESSION).and_then(|id| id.parse().ok());
    let session = Session {
        id: required(id, "session id in sk")?,
        start_time,
        last_active_time,
        state,
        content_engaged: item.content_engaged.unwrap_or_default(),
        renewed_from: item.renewed_from,
        client: ClientInfo { ip_address: item.ip_address, user_agent: item.user_agent },
    };
    Ok(Record { body: Body::Session(session), purge_at })
}

/// The user whose item this is.
pub(super) fn user(item: &serde_dynamo::Item) -> Result<UserId, Malformed> {
    let user = match item.get("pk") {
        Some(serde_dynamo::AttributeValue::S(pk)) => pk.strip_prefix(USER).and_then(|sub| sub.parse().ok()),
        _ => None,
    };
    required(user, "user in pk")
}

fn required<T>(value: Option<T>, what: &str) -> Result<T, Malformed> {
    value.ok_or_else(|| Malformed(format!("no {what}")))
}

fn encode(item: &Item) -> Result<Attributes, Malformed> {
    serde_dynamo::to_item(item).map_err(|error| Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::session::Lifetimes;

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
        let item = of_new_session(&user, &session, &moment()).unwrap();
        let expected = Record { body: Body::Session(session), purge_at: moment().purge_at() };
        assert_eq!(record(item).unwrap(), expected);
    }

    #[test]
    fn a_tombstone_survives_the_round_trip() {
        let id = SessionId::new(moment().now());
        let item = of_tombstone(&largest().0, id, id, &moment()).unwrap();
        assert_eq!(item.len(), 5, "keys, state, renewedTo and purgeAt");
        assert_eq!(record(item).unwrap().body, Body::Tombstone { renewed_to: id });
    }

    #[test]
    fn an_item_that_is_no_record_is_refused_by_what_is_wrong_with_it() {
        let (user, session) = largest();
        let mut item = of_new_session(&user, &session, &moment()).unwrap();
        item.insert("state".to_owned(), StateName::Ended.into());
        let refusal = record(item).unwrap_err().to_string();
        assert_eq!(refusal, "an item of the sessions table is malformed: no endTime");
    }

    #[test]
    fn the_largest_item_stays_one_write_unit() {
        let (user, session) = largest();
        let mut item = of_new_session(&user, &session, &moment()).unwrap();
        item.insert("endTime".to_owned(), milliseconds(moment().now()));
        item.insert("renewedTo".to_owned(), AttributeValue::S(session.id.to_string()));
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
