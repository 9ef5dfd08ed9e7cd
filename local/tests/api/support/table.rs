//! A look at the whole sessions table behind a server's back, and what must hold of it whatever happened.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use shared::{id::SessionId, sessions::rules::day_number};

use super::{TIMEOUT, World, is_deployed};

/// An item, in the test's own words: the store's code is what is tested.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    pub pk: String,
    pub sk: String,
    pub state: String,
    pub start_time: Option<i64>,
    pub last_active_time: Option<i64>,
    pub end_time: Option<i64>,
    pub end_reason: Option<String>,
    pub content_engaged: Option<bool>,
    pub renewed_from: Option<String>,
    pub renewed_to: Option<String>,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub active_day: Option<i64>,
    pub purge_at: i64,
}

impl Item {
    pub fn id(&self) -> &str {
        self.sk.strip_prefix("SESSION#").unwrap()
    }

    pub fn is_session(&self) -> bool {
        self.start_time.is_some()
    }
}

/// All items by user and id.
pub type Table = BTreeMap<(String, String), Item>;

impl World {
    /// The whole table; a deployed one, into which other tests write meanwhile, as far as it is this test's users'.
    pub async fn table(&self) -> Table {
        if is_deployed() {
            let mut table = Table::new();
            for user in self.users() {
                let items = self.items_of(&user).await.into_iter();
                table.extend(items.map(|(id, item)| ((user.clone(), id), item)));
            }
            return table;
        }
        let mut table = Table::new();
        let mut start = None;
        loop {
            let scan = self.client.scan().table_name(&self.table).consistent_read(true);
            let page = scan.set_exclusive_start_key(start).send().await.unwrap();
            for item in page.items.unwrap_or_default() {
                let item: Item = serde_dynamo::from_item(item).unwrap();
                table.insert((item.pk["USER#".len()..].to_owned(), item.id().to_owned()), item);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return table;
            }
        }
    }

    /// The user's items by id.
    pub async fn items_of(&self, sub: &str) -> BTreeMap<String, Item> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let pages = query
            .key_condition_expression("pk = :user")
            .expression_attribute_values(":user", AttributeValue::S(format!("USER#{sub}")))
            .into_paginator()
            .items()
            .send();
        let items = pages.collect::<Result<Vec<_>, _>>().await.unwrap().into_iter();
        items
            .map(|item| serde_dynamo::from_item(item).unwrap())
            .map(|item: Item| (item.id().to_owned(), item))
            .collect()
    }

    /// Deletes an item, as the time to live does.
    pub async fn purge(&self, sub: &str, id: &str) {
        let delete = self.client.delete_item().table_name(&self.table);
        delete.set_key(Some(key(sub, id))).send().await.unwrap();
    }

    /// Makes an active session one that was started and last active at `time`.
    pub async fn age(&self, sub: &str, id: &str, time: DateTime<Utc>) {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(sub, id)));
        update
            .update_expression("SET startTime = :time, lastActiveTime = :time, activeDay = :day")
            .expression_attribute_values(":time", number(time.timestamp_millis()))
            .expression_attribute_values(":day", number(day_number(time)))
            .send()
            .await
            .unwrap();
    }

    /// Puts a session of `sub` that is stored as active, by when it started and when it was last active. Its id.
    pub async fn put_session(&self, sub: &str, start: DateTime<Utc>, last: DateTime<Utc>) -> String {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let id = SessionId::new(start).to_string();
        let mut item = key(sub, &id);
        let attributes = [
            ("state", AttributeValue::S("active".to_owned())),
            ("startTime", number(start.timestamp_millis())),
            ("lastActiveTime", number(last.timestamp_millis())),
            ("contentEngaged", AttributeValue::Bool(false)),
            ("activeDay", number(day_number(last))),
            ("purgeAt", number(last.timestamp() + 91 * 86_400)),
        ];
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        self.put(item).await;
        id
    }

    /// Has an ended session's record tell another reason, or none.
    pub async fn set_end_reason(&self, sub: &str, id: &str, reason: Option<&str>) {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(sub, id)));
        let update = match reason {
            None => update.update_expression("REMOVE endReason"),
            Some(reason) => update
                .update_expression("SET endReason = :reason")
                .expression_attribute_values(":reason", AttributeValue::S(reason.to_owned())),
        };
        update.send().await.unwrap();
    }

    /// Puts an item as it is.
    pub async fn put(&self, item: HashMap<String, AttributeValue>) {
        self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await.unwrap();
    }

    /// Checks what must hold of every table in which nothing was purged.
    pub async fn check_table(&self) -> Table {
        let table = self.table().await;
        check(&table, self.clock.now());
        table
    }
}

/// The key of a user's item.
pub fn key(sub: &str, id: &str) -> HashMap<String, AttributeValue> {
    let key = [("pk", format!("USER#{sub}")), ("sk", format!("SESSION#{id}"))];
    key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into()
}

/// At most one successor per session, no index entry of what is over, one open end per chain, pointers that lead
/// somewhere and do not outlive it, no negative duration.
pub fn check(table: &Table, now: DateTime<Utc>) {
    let mut successors = HashMap::<(&str, &str), &str>::new();
    for ((user, id), item) in table {
        if let Some(old) = &item.renewed_from {
            let other = successors.insert((user, old), id);
            assert!(other.is_none(), "{old} was renewed by {id} and by {}", other.unwrap_or_default());
            let old = &table[&(user.clone(), old.clone())];
            assert_eq!(old.state, "expired", "{id} renewed a session that goes on: {old:?}");
        }
        let is_active = item.state == "active";
        assert!(is_active || item.active_day.is_none(), "{item:?}");
        if is_active && item.active_day.is_none() {
            let last = DateTime::from_timestamp_millis(item.last_active_time.unwrap()).unwrap();
            assert!(
                last < now - TIMEOUT - TimeDelta::minutes(1),
                "not in the index, but it may be live: {item:?}"
            );
        }
        if let (Some(day), Some(last)) = (item.active_day, item.last_active_time) {
            assert_eq!(day, day_number(DateTime::from_timestamp_millis(last).unwrap()), "{item:?}");
        }
        assert_eq!(item.renewed_to.is_some(), item.state == "expired", "{item:?}");
        if item.is_session() {
            assert_eq!(item.end_time.is_some(), !is_active, "{item:?}");
            assert_eq!(item.end_reason.is_some(), item.state == "ended", "{item:?}");
            assert!(item.last_active_time >= item.start_time, "{item:?}");
            assert!(item.end_time.is_none() || item.end_time >= item.start_time, "{item:?}");
        }
        if let Some(to) = &item.renewed_to {
            let target = table.get(&(user.clone(), to.clone()));
            let target = target.unwrap_or_else(|| panic!("a pointer to nothing: {item:?}"));
            assert!(target.purge_at >= item.purge_at, "a pointer outlives its target: {item:?}, {target:?}");
        }
    }
    check_chains(table);
}

/// Every walk ends. Records that point to each other, or were renewed from each other, are one chain: it has one head, to
/// which all of its ids lead, and none but that head may be active.
fn check_chains(table: &Table) {
    for (user, id) in table.keys() {
        let head = head_of(table, user, id);
        let links = neighbours(table, user, id);
        for other in &links {
            assert_eq!(
                head_of(table, user, other),
                head,
                "{id} and {other} are of one chain and have two heads"
            );
        }
        let item = &table[&(user.clone(), id.clone())];
        assert!(
            item.state != "active" || *id == head,
            "{id} is active and not the head of its chain: {item:?}"
        );
    }
}

/// The record at which a walk from an id ends.
fn head_of(table: &Table, user: &str, id: &str) -> String {
    let (mut at, mut hops) = (id.to_owned(), 0);
    while let Some(to) = &table[&(user.to_owned(), at.clone())].renewed_to {
        at.clone_from(to);
        hops += 1;
        assert!(hops <= table.len(), "the chain of {id} is a circle");
    }
    at
}

/// The ids that a record has beside its own.
fn neighbours(table: &Table, user: &str, id: &str) -> Vec<String> {
    let item = &table[&(user.to_owned(), id.to_owned())];
    [&item.renewed_from, &item.renewed_to].into_iter().flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three renewals, the oldest of which points straight to the head.
    fn chain() -> Table {
        let ids = ["a", "b", "c", "d"];
        let item = |place: usize| {
            let is_head = place == 3;
            let to = if place == 0 { ids.get(3) } else { ids.get(place + 1) };
            Item {
                pk: "USER#alice".to_owned(),
                sk: format!("SESSION#{}", ids[place]),
                state: if is_head { "active" } else { "expired" }.to_owned(),
                start_time: Some(0),
                last_active_time: Some(0),
                end_time: (!is_head).then_some(0),
                end_reason: None,
                content_engaged: Some(false),
                renewed_from: place.checked_sub(1).map(|before| ids[before].to_owned()),
                renewed_to: to.filter(|_| !is_head).map(|id| (*id).to_owned()),
                ip_address: None,
                user_agent: None,
                active_day: is_head.then_some(0),
                purge_at: 1,
            }
        };
        (0..4).map(|place| (("alice".to_owned(), ids[place].to_owned()), item(place))).collect()
    }

    fn is_whole(change: impl Fn(&mut Item, &mut Item)) -> bool {
        let mut table = chain();
        let keys = ["b", "d"].map(|id| ("alice".to_owned(), id.to_owned()));
        let (mut second, mut last) = (table[&keys[0]].clone(), table[&keys[1]].clone());
        change(&mut second, &mut last);
        table.extend(keys.into_iter().zip([second, last]));
        std::panic::catch_unwind(|| check(&table, DateTime::UNIX_EPOCH)).is_ok()
    }

    /// Or the tests that look at the table are green for nothing.
    #[test]
    fn a_chain_that_is_not_whole_is_found() {
        assert!(is_whole(|_, _| {}));
        let changes: [fn(&mut Item, &mut Item); 7] = [
            |_, last| {
                (last.state, last.renewed_to) = ("expired".to_owned(), Some("b".to_owned()));
                (last.end_time, last.active_day) = (Some(0), None);
            },
            |second, _| second.renewed_to = Some("b".to_owned()),
            |second, _| second.renewed_to = Some("nothing".to_owned()),
            // It came to life again, beside its own successors.
            |second, _| {
                (second.state, second.renewed_to) = ("active".to_owned(), None);
                (second.end_time, second.active_day) = (None, Some(0));
            },
            // Its successor was forgotten.
            |second, _| {
                (second.state, second.renewed_to) = ("ended".to_owned(), None);
                second.end_reason = Some("ended".to_owned());
            },
            |_, last| last.renewed_from = Some("b".to_owned()),
            |_, last| last.purge_at = 0,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(!is_whole(change), "change {number}");
        }
    }
}
