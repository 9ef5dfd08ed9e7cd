//! The sessions table: each write with the condition under which it is right, and the reads.
//!
//! Correctness sits in those conditions. No method reads before it writes: a refused write brings back the record
//! that refused it, and the caller decides by what that says.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    client::customize::CustomizableOperation,
    operation::{
        put_item::PutItemError,
        update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::{Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};

use super::{
    changes::Change,
    conditions::Condition,
    error::StoreError,
    item,
    rules::{Body, Moment, Record, Session},
};
use crate::{
    dynamodb::{Attempts, Attributes, ConditionalUpdate, Fault, Transaction, get_all, transact},
    id::{SessionId, UserId},
};

/// The local secondary index of the sessions that are stored as active: `pk` and `activeDay`, keys only. Sparse, so
/// that a list reads neither the ended nor the renewed; and unchanged by a heartbeat, which so pays for one write.
const ACTIVE_INDEX: &str = "active";

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

impl Write {
    /// Takes a refusal for success if the record that refused is what this very write stored before.
    fn or_own(self, is_own: impl Fn(&Record) -> bool) -> Self {
        match &self {
            Self::Refused(Some(stored)) if is_own(stored) => Self::Done,
            _ => self,
        }
    }

    fn refused(item: Option<&Attributes>) -> Result<Self, StoreError> {
        Ok(Self::Refused(item.cloned().map(item::decode).transpose()?))
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
        let record = Record::of(session.clone(), moment);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::encode(user, session.id, &record)?))
            .condition_expression(Condition::Absent.expression().text)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let write = match put.send().await {
            Ok(_) => Write::Done,
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    Write::refused(refusal.item())?
                }
                _ => return Err(Fault::from_sdk(error).into()),
            },
        };
        // The id was made for this put, so a session of that id and time is what it wrote before an answer was lost.
        let is_own = |stored: &Session| stored.start_time == session.start_time;
        Ok(write.or_own(|stored| stored.session().is_some_and(is_own)))
    }

    /// Changes the user's record of `id`, if it meets the change's condition.
    pub async fn change(&self, user: &UserId, id: SessionId, change: &Change) -> Result<Write, StoreError> {
        Ok(send(self.update(user, id, change).customize()).await?.0)
    }

    /// The same for a change that says whether the user engaged, and which value there was before.
    pub async fn engage(
        &self,
        user: &UserId,
        id: SessionId,
        change: &Change,
    ) -> Result<(Write, bool), StoreError> {
        let update = self.update(user, id, change).return_values(ReturnValue::UpdatedOld);
        let (write, before) = send(update.customize()).await?;
        Ok((write, before.is_some_and(|before| item::is_engaged(&before))))
    }

    /// The same for a change that ends a session.
    ///
    /// An end that the SDK had to repeat may be refused by what its first attempt wrote, which the end time tells. One
    /// that was sent once is never taken for our own, so that each end is counted by one caller.
    pub async fn end(&self, user: &UserId, id: SessionId, change: &Change) -> Result<Write, StoreError> {
        let attempts = Attempts::default();
        let update = self.update(user, id, change).customize().interceptor(attempts.clone());
        let (write, _) = send(update).await?;
        Ok(if attempts.made() > 1 { write.or_own(|stored| change.has_ended(stored)) } else { write })
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
        let change = Change::Renew { successor: successor.id, moment: *moment };
        let ConditionalUpdate { update, condition, names, values } =
            change.expression().under(change.condition().expression());
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item::key(user, old)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(Fault::from)?;
        let update = TransactWriteItem::builder().update(update).build();
        let put = self.put_new(user, successor.id, &Record::of(successor.clone(), moment))?;
        Ok(transact(&self.client, vec![update, put]).await?)
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
        let tombstone = self.put_new(user, unknown, &Record::tombstone(session.id, moment))?;
        let put = self.put_new(user, session.id, &Record::of(session.clone(), moment))?;
        Ok(transact(&self.client, vec![tombstone, put]).await?)
    }

    /// The record of an id, read consistently.
    pub async fn get(&self, user: &UserId, id: SessionId) -> Result<Option<Record>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(item::key(user, id)));
        let output = get.consistent_read(true).send().await.map_err(Fault::from_sdk)?;
        Ok(output.item.map(item::decode).transpose()?)
    }

    /// The user's live sessions, read consistently, in no order.
    ///
    /// The index gives the keys and the table the items: engines differ in what they fetch through an index.
    pub async fn live(&self, user: &UserId, moment: &Moment) -> Result<Vec<Session>, StoreError> {
        let is_live = Condition::Live(*moment);
        // By id: a heartbeat that moves an entry while the index is read makes it come twice.
        let mut live = HashMap::new();
        let mut start = None;
        loop {
            let query = self.client.query().table_name(&self.table).index_name(ACTIVE_INDEX);
            let query = query
                .consistent_read(true)
                .key_condition_expression(item::ACTIVE_SINCE)
                .expression_attribute_values(":user", item::partition(user))
                .expression_attribute_values(":day", item::day(moment.cut()))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(Fault::from_sdk)?;
            let keys: Vec<Attributes> =
                page.items.unwrap_or_default().into_iter().map(item::key_of).collect();
            for found in get_all(&self.client, &self.table, &keys).await? {
                let record = item::decode(found)?;
                if is_live.holds(Some(&record))
                    && let Body::Session(session) = record.body
                {
                    live.insert(session.id, session);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(live.into_values().collect());
            }
        }
    }

    fn update(&self, user: &UserId, id: SessionId, change: &Change) -> UpdateItemFluentBuilder {
        let ConditionalUpdate { update, condition, names, values } =
            change.expression().under(change.condition().expression());
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::key(user, id)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn put_new(
        &self,
        user: &UserId,
        id: SessionId,
        record: &Record,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item::encode(user, id, record)?))
            .condition_expression(Condition::Absent.expression().text)
            .build()
            .map_err(Fault::from)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// How it went, and what of the item was asked to come back. One way for all updates: a second one would be 225 KB more
/// of code in a function that has both.
async fn send(
    update: CustomizableOperation<UpdateItemOutput, UpdateItemError, UpdateItemFluentBuilder>,
) -> Result<(Write, Option<Attributes>), StoreError> {
    match update.send().await {
        Ok(output) => Ok((Write::Done, output.attributes)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                Ok((Write::refused(refusal.item())?, None))
            }
            _ => Err(Fault::from_sdk(error).into()),
        },
    }
}
