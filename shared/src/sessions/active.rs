//! Reads of many records: what is stored as active, page by page, and how much was started of late.
//!
//! The index gives the keys and the table the items: engines differ in what they fetch through an index, and both reads
//! are consistent. No read here holds more than a page, however much there is.

use aws_sdk_dynamodb::types::Select;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    error::StoreError,
    item,
    rules::{Body, Moment, Session},
    store::Records,
};
use crate::{
    dynamodb::{Attributes, Fault, get_batch, within},
    id::SessionId,
};

/// The local secondary index of the sessions that are stored as active: `pk` and `activeDay`, keys only. Sparse, so
/// that a list reads neither the ended nor the renewed; and unchanged by a heartbeat, which so pays for one write.
const ACTIVE_INDEX: &str = "active";

/// A host whose clock is ahead by less gives ids that are counted all the same.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// The pages of the index, from the sessions that were active on the day of the cut on.
///
/// Ascending, so that an entry that a heartbeat moves to the next day meanwhile is not missed; it may come twice.
pub(super) struct Pages<'a> {
    records: Records<'a>,
    since: DateTime<Utc>,
    size: Option<i32>,
    next: Next,
}

enum Next {
    First,
    After(Attributes),
    None,
}

impl<'a> Records<'a> {
    /// The ids of all sessions that may be live, in pages of at most `size`, or as large as DynamoDB makes them.
    pub(super) fn active(self, moment: &Moment, size: Option<i32>) -> Pages<'a> {
        Pages { records: self, since: moment.cut(), size, next: Next::First }
    }

    /// What there is of these sessions, of which a batch may have no more than [`crate::dynamodb::BATCH`], in no order.
    pub(super) async fn batch(&self, ids: &[SessionId]) -> Result<Vec<Session>, StoreError> {
        let keys = ids.iter().map(|id| item::key(self.user, *id)).collect();
        let mut sessions = Vec::with_capacity(ids.len());
        for found in get_batch(self.client, self.table, keys, self.deadline).await? {
            if let Body::Session(session) = item::decode(found)?.body {
                sessions.push(session);
            }
        }
        Ok(sessions)
    }

    /// Whether the user started `enough` sessions since `since`, or more.
    ///
    /// Tombstones lie among the sessions, where their ids say, and are not counted. There is one for a start at the
    /// most, so that two pages are enough for who has started fewer. Where there is more, somebody has made up ids, and
    /// is not read on. A page is whole: a thousand items, which is the most of `enough`, are less than DynamoDB's.
    pub(super) async fn has_started(
        &self,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
        enough: i32,
    ) -> Result<bool, StoreError> {
        const PAGES: usize = 2;
        let mut started = 0;
        let mut next = None;
        for _ in 0..PAGES {
            let query = self
                .client
                .query()
                .table_name(self.table)
                .consistent_read(true)
                .select(Select::Count)
                .limit(enough)
                .key_condition_expression(item::BETWEEN)
                .filter_expression(item::IS_SESSION)
                .expression_attribute_values(":user", item::partition(self.user))
                .expression_attribute_values(":first", item::started_at(since))
                .expression_attribute_values(
                    ":last",
                    item::started_at(now + AHEAD + TimeDelta::milliseconds(1)),
                )
                .set_exclusive_start_key(next);
            let page = within(self.deadline, query.send()).await.map_err(Fault::from_sdk)?;
            started += page.count;
            next = page.last_evaluated_key;
            if started >= enough || next.is_none() {
                return Ok(started >= enough);
            }
        }
        Ok(true)
    }
}

impl Pages<'_> {
    /// The ids of the next page, of which there may be none; `None` after the last page.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SessionId>>, StoreError> {
        let start = match std::mem::replace(&mut self.next, Next::None) {
            Next::None => return Ok(None),
            Next::First => None,
            Next::After(key) => Some(key),
        };
        let Records { client, table, user, deadline } = self.records;
        let query = client
            .query()
            .table_name(table)
            .index_name(ACTIVE_INDEX)
            .consistent_read(true)
            .set_limit(self.size)
            .key_condition_expression(item::ACTIVE_SINCE)
            .expression_attribute_values(":user", item::partition(user))
            .expression_attribute_values(":day", item::day(self.since))
            .set_exclusive_start_key(start);
        let page = within(deadline, query.send()).await.map_err(Fault::from_sdk)?;
        if let Some(last) = page.last_evaluated_key {
            self.next = Next::After(last);
        }
        let ids = page.items.unwrap_or_default().iter().map(item::id_of).collect::<Result<_, _>>()?;
        Ok(Some(ids))
    }
}
