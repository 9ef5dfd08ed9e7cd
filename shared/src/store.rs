//! The sessions table: one method per access pattern, each write with the condition under which it is right.
//!
//! Correctness sits in those conditions. No method reads before it writes: a refused write brings back the record
//! that refused it, and the caller decides by what that says.

mod attempts;
mod fault;
mod item;

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::{
        put_item::PutItemError,
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{
        AttributeValue, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        Update, builders::UpdateBuilder,
    },
};

use chrono::{DateTime, Utc};

use self::{
    attempts::{Attempts, CustomizedUpdate},
    item::{Attributes, StateName, day, milliseconds, seconds},
};
pub use self::{
    fault::{RetryConflicts, StoreError},
    item::Malformed,
};
use crate::{
    id::{SessionId, UserId},
    retry::Retries,
    session::{Body, Moment, Pointer, Record, Session, State},
};

/// The local secondary index of the sessions that are stored as active: `pk` and `activeDay`, keys only. Sparse, so
/// that a list reads neither the ended nor the renewed; and unchanged by a heartbeat, which so pays for one write.
const ACTIVE_INDEX: &str = "active";

/// DynamoDB's limit for one `BatchGetItem`.
const BATCH: usize = 100;

/// The sessions table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
}

/// How a conditional write went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Write {
    /// The condition held: it is written.
    Done,
    /// The condition did not hold, and nothing changed. Holds what is stored, `None` if there is no record.
    Refused(Option<Record>),
}

/// How a transaction went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transaction {
    /// All is written.
    Done,
    /// A condition did not hold, and nothing changed.
    Refused,
}

impl Write {
    /// Takes a refusal for success if the session that refused is what this very write stored before.
    fn or_own(self, is_own: impl Fn(&Session) -> bool) -> Self {
        match &self {
            Self::Refused(Some(Record { body: Body::Session(stored), .. })) if is_own(stored) => Self::Done,
            _ => self,
        }
    }
}

impl Store {
    /// The table named `table`, reached through `client`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Puts a session that starts now, unless its id is taken.
    pub async fn start(
        &self,
        user: &UserId,
        session: &Session,
        moment: &Moment,
    ) -> Result<Write, StoreError> {
        let outcome = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_new_session(user, session, moment)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let write = match outcome {
            Ok(_) => Write::Done,
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => refused(refusal.item())?,
                _ => return Err(StoreError::from_sdk(error)),
            },
        };
        // The id was made for this put, so a session of that id and time is what it wrote before an answer was lost.
        Ok(write.or_own(|stored| stored.start_time == session.start_time))
    }

    /// A heartbeat on a live session: moves `lastActiveTime` to now, never backwards.
    pub async fn touch(&self, user: &UserId, id: SessionId, moment: &Moment) -> Result<Write, StoreError> {
        let update = Change::new(user, id)
            .set("lastActiveTime = :now, purgeAt = :purge, activeDay = :day")
            .only_if("#state = :active AND lastActiveTime >= :cut AND lastActiveTime < :now")
            .value(":now", milliseconds(moment.now()))
            .value(":purge", seconds(moment.purge_at()))
            .value(":day", day(moment.now()))
            .value(":active", StateName::Active)
            .value(":cut", milliseconds(moment.cut()));
        self.update(update).await
    }

    /// A heartbeat on an expired session: in one transaction `old` points to `successor`, which starts. Refused
    /// unless `old` is stored as active and has expired, so that it gets at most one successor.
    pub async fn renew(
        &self,
        user: &UserId,
        old: SessionId,
        successor: &Session,
        moment: &Moment,
    ) -> Result<Transaction, StoreError> {
        let update = Change::new(user, old)
            .set("#state = :expired, endTime = lastActiveTime, renewedTo = :successor, purgeAt = :purge")
            .remove("activeDay")
            .only_if("#state = :active AND lastActiveTime < :cut")
            .value(":expired", StateName::Expired)
            .value(":successor", AttributeValue::S(successor.id.to_string()))
            .value(":purge", seconds(moment.purge_at()))
            .value(":active", StateName::Active)
            .value(":cut", milliseconds(moment.cut()));
        let update = TransactWriteItem::builder().update(update.into_update(&self.table)?).build();
        let put = self.put_new(item::of_new_session(user, successor, moment)?)?;
        self.transact([update, put]).await
    }

    /// A heartbeat on an id without a record: in one transaction a tombstone takes the id and points to `session`,
    /// which starts. Refused if either exists, so that an unknown id starts at most one session.
    pub async fn start_for_unknown(
        &self,
        user: &UserId,
        unknown: SessionId,
        session: &Session,
        moment: &Moment,
    ) -> Result<Transaction, StoreError> {
        let tombstone = self.put_new(item::of_tombstone(user, unknown, session.id, moment)?)?;
        let put = self.put_new(item::of_new_session(user, session, moment)?)?;
        self.transact([tombstone, put]).await
    }

    /// Points an id that was renewed to `head`, unless its pointer has moved since it was read.
    pub async fn point(
        &self,
        user: &UserId,
        id: SessionId,
        read: Pointer,
        moved: Pointer,
    ) -> Result<Write, StoreError> {
        let update = Change::new(user, id)
            .set("renewedTo = :head, purgeAt = :purge")
            .only_if("renewedTo = :read")
            .value(":head", AttributeValue::S(moved.to.to_string()))
            .value(":purge", seconds(moved.purge_at))
            .value(":read", AttributeValue::S(read.to.to_string()));
        self.update(update).await
    }

    /// Ends a live session now.
    pub async fn end(&self, user: &UserId, id: SessionId, moment: &Moment) -> Result<Write, StoreError> {
        let update = Change::new(user, id)
            .set("#state = :ended, endTime = :now, purgeAt = :purge")
            .remove("activeDay")
            .only_if("#state = :active AND lastActiveTime BETWEEN :cut AND :now")
            .value(":ended", StateName::Ended)
            .value(":active", StateName::Active)
            .value(":cut", milliseconds(moment.cut()))
            .value(":now", milliseconds(moment.now()))
            .value(":purge", seconds(moment.purge_at()));
        self.end_once(update, |_, end_time| end_time == moment.now()).await
    }

    /// Ends a session as of its last activity: one that has silently expired, or that is ahead of this host's clock
    /// (ending it now would give it a negative duration).
    pub async fn end_as_of_last_activity(
        &self,
        user: &UserId,
        id: SessionId,
        moment: &Moment,
    ) -> Result<Write, StoreError> {
        let update = Change::new(user, id)
            .set("#state = :ended, endTime = lastActiveTime, purgeAt = :purge")
            .remove("activeDay")
            .only_if("#state = :active AND (lastActiveTime < :cut OR lastActiveTime > :now)")
            .value(":ended", StateName::Ended)
            .value(":active", StateName::Active)
            .value(":cut", milliseconds(moment.cut()))
            .value(":now", milliseconds(moment.now()))
            .value(":purge", seconds(moment.purge_at()));
        self.end_once(update, |session, end_time| end_time == session.last_active_time).await
    }

    /// An end that the SDK had to repeat may be refused by what its first attempt wrote: `is_own` tells it by the end
    /// time. One that was sent once is never taken for our own, so that each end is counted by one caller.
    async fn end_once(
        &self,
        change: Change,
        is_own: impl Fn(&Session, DateTime<Utc>) -> bool,
    ) -> Result<Write, StoreError> {
        let attempts = Attempts::default();
        let write = self.update_counted(change, attempts.clone()).await?;
        if attempts.made() < 2 {
            return Ok(write);
        }
        Ok(write
            .or_own(|stored| matches!(stored.state, State::Ended { end_time } if is_own(stored, end_time))))
    }

    /// Sets whether the user of a live session engaged with the content; leaves its last activity alone.
    pub async fn set_engaged(
        &self,
        user: &UserId,
        id: SessionId,
        engaged: bool,
        moment: &Moment,
    ) -> Result<Write, StoreError> {
        let update = Change::new(user, id)
            .set("contentEngaged = :engaged, purgeAt = :purge")
            .only_if("#state = :active AND lastActiveTime >= :cut")
            .value(":engaged", AttributeValue::Bool(engaged))
            .value(":purge", seconds(moment.purge_at()))
            .value(":active", StateName::Active)
            .value(":cut", milliseconds(moment.cut()));
        self.update(update).await
    }

    /// The record of an id, read consistently.
    pub async fn get(&self, user: &UserId, id: SessionId) -> Result<Option<Record>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::key(user, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(output.item.map(item::record).transpose()?)
    }

    /// The user's live sessions, read consistently, in no order.
    ///
    /// The index gives the keys and the table the items: engines differ in what they fetch through an index.
    pub async fn live(&self, user: &UserId, moment: &Moment) -> Result<Vec<Session>, StoreError> {
        // By id: a heartbeat that moves an entry while the index is read makes it come twice.
        let mut live = HashMap::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(ACTIVE_INDEX)
                .consistent_read(true)
                .key_condition_expression("pk = :user AND activeDay >= :day")
                .expression_attribute_values(":user", item::partition(user))
                .expression_attribute_values(":day", day(moment.cut()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(StoreError::from_sdk)?;
            let keys: Vec<Attributes> =
                page.items.unwrap_or_default().into_iter().map(item::key_of).collect();
            for batch in keys.chunks(BATCH) {
                for found in self.get_batch(batch.to_vec()).await? {
                    if let Body::Session(session) = item::record(found)?.body
                        && session.is_live(moment)
                    {
                        live.insert(session.id, session);
                    }
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(live.into_values().collect());
            }
        }
    }

    async fn get_batch(&self, keys: Vec<Attributes>) -> Result<Vec<Attributes>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut retries = Retries::new();
        let mut left = Some(keys);
        while let Some(keys) = left.take() {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::unbuildable(&error))?;
            let mut output = self
                .client
                .batch_get_item()
                .request_items(&self.table, wanted)
                .send()
                .await
                .map_err(StoreError::from_sdk)?;
            found.extend(
                output.responses.take().and_then(|mut all| all.remove(&self.table)).unwrap_or_default(),
            );
            left = output
                .unprocessed_keys
                .and_then(|mut all| all.remove(&self.table))
                .map(|unprocessed| unprocessed.keys)
                .filter(|keys| !keys.is_empty());
            if left.is_some() {
                retries
                    .pause(StoreError::Unavailable("BatchGetItem left keys unprocessed".to_owned()))
                    .await?;
            }
        }
        Ok(found)
    }

    async fn update(&self, change: Change) -> Result<Write, StoreError> {
        self.send(self.update_item(change).customize()).await
    }

    async fn update_counted(&self, change: Change, attempts: Attempts) -> Result<Write, StoreError> {
        self.send(self.update_item(change).customize().interceptor(attempts)).await
    }

    fn update_item(&self, change: Change) -> UpdateItemFluentBuilder {
        let names = change.names();
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(change.key))
            .update_expression(change.expression)
            .condition_expression(change.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(change.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn send(&self, update: CustomizedUpdate) -> Result<Write, StoreError> {
        match update.send().await {
            Ok(_) => Ok(Write::Done),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => refused(refusal.item()),
                _ => Err(StoreError::from_sdk(error)),
            },
        }
    }

    fn put_new(&self, item: Attributes) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| StoreError::unbuildable(&error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Writes both or neither. The SDK gives every call a token of its own, so none is reused with other content.
    async fn transact(&self, writes: [TransactWriteItem; 2]) -> Result<Transaction, StoreError> {
        let outcome =
            self.client.transact_write_items().set_transact_items(Some(writes.to_vec())).send().await;
        match outcome {
            Ok(_) => Ok(Transaction::Done),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    StoreError::from_cancellation(cancelled).map_or(Ok(Transaction::Refused), Err)
                }
                _ => Err(StoreError::from_sdk(error)),
            },
        }
    }
}

/// The user and the record of an image in the table's stream.
pub fn decode_image(image: serde_dynamo::Item) -> Result<(UserId, Record), Malformed> {
    let user = item::user(&image)?;
    Ok((user, item::record(image)?))
}

fn refused(item: Option<&Attributes>) -> Result<Write, StoreError> {
    Ok(Write::Refused(item.cloned().map(item::record).transpose()?))
}

/// An update of one record and the condition under which it is right.
struct Change {
    key: Attributes,
    expression: String,
    condition: String,
    values: Attributes,
}

impl Change {
    fn new(user: &UserId, id: SessionId) -> Self {
        Self {
            key: item::key(user, id),
            expression: String::new(),
            condition: String::new(),
            values: HashMap::new(),
        }
    }

    fn set(mut self, assignments: &str) -> Self {
        self.expression = format!("SET {assignments}");
        self
    }

    fn remove(mut self, attribute: &str) -> Self {
        self.expression.push_str(" REMOVE ");
        self.expression.push_str(attribute);
        self
    }

    fn only_if(mut self, condition: &str) -> Self {
        condition.clone_into(&mut self.condition);
        self
    }

    fn value(mut self, name: &str, value: impl Into<AttributeValue>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// The names that the expressions use: DynamoDB refuses an unused one, and an empty map.
    fn names(&self) -> Option<HashMap<String, String>> {
        // `state` is a reserved word of DynamoDB.
        let uses_state = self.expression.contains("#state") || self.condition.contains("#state");
        uses_state.then(|| HashMap::from([("#state".to_owned(), "state".to_owned())]))
    }

    fn into_update(self, table: &str) -> Result<Update, StoreError> {
        let names = self.names();
        UpdateBuilder::default()
            .table_name(table)
            .set_key(Some(self.key))
            .update_expression(self.expression)
            .condition_expression(self.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(self.values))
            .build()
            .map_err(|error| StoreError::unbuildable(&error))
    }
}
