//! The sessions table as it is, in this part's own words, and what must hold of it whatever happened.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use super::{
    history::Id,
    round::{Round, TIMEOUT},
};

/// The time that a record is kept beyond the timeout, as the template has it.
const RETENTION: i64 = 90 * 86_400_000;

const DAY: i64 = 86_400_000;

/// Hosts' clocks may differ by this, where an index entry hangs on it.
const CLOCKS_DIFFER: i64 = 60_000;

/// An item; one with another attribute, or without one of those, is no item of the product.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Item {
    pk: String,
    sk: String,
    pub(super) state: String,
    pub(super) start_time: Option<i64>,
    pub(super) last_active_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    pub(super) end_reason: Option<String>,
    pub(super) content_engaged: Option<bool>,
    #[serde(default, deserialize_with = "some_id")]
    pub(super) renewed_from: Option<Id>,
    #[serde(default, deserialize_with = "some_id")]
    pub(super) renewed_to: Option<Id>,
    #[serde(rename = "ipAddress")]
    _ip_address: Option<String>,
    #[serde(rename = "userAgent")]
    _user_agent: Option<String>,
    pub(super) active_day: Option<i64>,
    pub(super) purge_at: i64,
}

impl Item {
    pub(super) fn is_session(&self) -> bool {
        self.start_time.is_some()
    }

    pub(super) fn start(&self) -> i64 {
        self.start_time.unwrap_or_default()
    }

    pub(super) fn last(&self) -> i64 {
        self.last_active_time.unwrap_or_default()
    }

    /// The time of its last write, in whole seconds: it is kept for so long from then on.
    fn written(&self) -> i64 {
        self.purge_at * 1_000 - TIMEOUT - RETENTION
    }

    /// When it was over at the latest, or will be without another heartbeat.
    pub(super) fn over(&self) -> i64 {
        // One that was ended as of its last activity may have been live until it expired.
        let is_ended = |end: &i64| self.state == "ended" && *end > self.last();
        self.end_time.filter(is_ended).unwrap_or(self.last() + TIMEOUT)
    }

    /// Whether it is live at that time.
    pub(super) fn is_live(&self, now: i64) -> bool {
        self.is_session() && self.state == "active" && now - self.last() <= TIMEOUT
    }
}

fn some_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

/// A user's items by id.
pub(super) type Items = BTreeMap<Id, Item>;

/// Reads the whole table: the items of each user.
pub(super) async fn read(round: &Round) -> Result<HashMap<String, Items>> {
    let mut users = HashMap::<String, Items>::new();
    let mut start = Value::Null;
    loop {
        let mut asked = json!({ "TableName": round.sessions_table, "ConsistentRead": true });
        if !start.is_null() {
            asked["ExclusiveStartKey"] = start;
        }
        let mut page = round.engine.ask("DynamoDB_20120810.Scan", &asked).await?;
        for item in page["Items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            let item = decode(&item).with_context(|| format!("no item of the product's: {item}"))?;
            let user = item.pk.strip_prefix("USER#").context("no user")?.to_owned();
            let id = item.sk.strip_prefix("SESSION#").context("no session")?.parse()?;
            users.entry(user).or_default().insert(id, item);
        }
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            return Ok(users);
        }
    }
}

/// An item in DynamoDB's JSON, without its types.
fn decode(item: &Value) -> Result<Item> {
    let mut plain = Map::new();
    for (name, typed) in item.as_object().context("no object")? {
        let (kind, value) = typed.as_object().and_then(|typed| typed.iter().next()).context("no type")?;
        let value = match kind.as_str() {
            "N" => json!(value.as_str().context("no number")?.parse::<i64>()?),
            _ => value.clone(),
        };
        plain.insert(name.clone(), value);
    }
    Ok(serde_json::from_value(Value::Object(plain))?)
}

/// What does not hold of a user's items, where the fastest clock shows `now`. `latest_write` tells what some clock may
/// have shown when a write took effect whose own time is given.
pub(super) fn check(items: &Items, now: i64, latest_write: impl Fn(i64) -> i64) -> Vec<String> {
    let mut found = Vec::new();
    for (id, item) in items {
        let mut claim = |holds: bool, what: &str| {
            if !holds {
                found.push(format!("{what}: {id} {item:?}"));
            }
        };
        let is_active = item.state == "active";
        claim(["active", "ended", "expired"].contains(&item.state.as_str()), "a state that is none");
        claim(item.active_day.is_none() || is_active, "in the index, and over");
        claim(
            item.renewed_to.is_some() == (item.state == "expired"),
            "a pointer and no renewal, or none and one",
        );
        claim(item.written() <= now, "kept too long");
        if !item.is_session() {
            claim(item.state == "expired" && item.last_active_time.is_none(), "a tombstone that is none");
            continue;
        }
        claim(item.content_engaged.is_some() && item.last_active_time.is_some(), "an attribute is missing");
        claim(item.end_time.is_none() == is_active, "an end of what goes on, or none of what does not");
        claim(item.end_reason.is_some() == (item.state == "ended"), "a reason and no end, or none of an end");
        claim(item.last() >= item.start(), "active before its start");
        claim(item.end_time.is_none_or(|end| end >= item.last()), "active after its end");
        claim(item.state != "expired" || item.end_time == item.last_active_time, "expired at another time");
        claim(item.last() <= now && item.end_time.is_none_or(|end| end <= now), "a time that has not come");
        claim(latest_write(item.written()) >= item.last(), "kept too short");
        let is_listed = item.active_day == Some(item.last().div_euclid(DAY));
        let is_long_expired = item.last() < now - TIMEOUT - CLOCKS_DIFFER;
        claim(
            !is_active || is_listed || (item.active_day.is_none() && is_long_expired),
            "active, and not where a list looks for it",
        );
        if let Some(before) = item.renewed_from {
            let before = items.get(&before);
            claim(
                before.is_some_and(|before| before.state == "expired"),
                "it renewed what goes on or is not there",
            );
            let expired = before.is_none_or(|before| item.start() - before.last() > TIMEOUT);
            claim(expired, "it renewed what had not expired");
        }
        if let Some(to) = item.renewed_to {
            let kept_longer = |target: &Item| latest_write(target.written()) >= item.written();
            claim(
                items.get(&to).is_some_and(kept_longer),
                "a pointer that outlives its target, or to nothing",
            );
        }
    }
    found
}
