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

/// Every walk ends, and of the sessions that end up at the same head none but that head is active.
fn check_chains(table: &Table) {
    for ((user, id), item) in table {
        let (mut at, mut hops) = (item, 0);
        while let Some(to) = &at.renewed_to {
            at = &table[&(user.clone(), to.clone())];
            hops += 1;
            assert!(hops <= table.len(), "the chain of {id} is a circle");
        }
        // By `renewedFrom` too: what was renewed from an active session would be a second live one.
        if let Some(old) = &item.renewed_from {
            assert_ne!(table[&(user.clone(), old.clone())].state, "active", "two live sessions in one chain");
        }
    }
}
