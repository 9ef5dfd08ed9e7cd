//! The sessions table: each write with the condition under which it is right, and the reads of single records. Those of
//! many are in [`super::active`].
//!
//! Correctness sits in those conditions. No method reads before it writes: a refused write brings back the record
//! that refused it, and the caller decides by what that says.

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
    rules::{Moment, Record, Session},
};
use crate::{
    clock::Deadline,
    dynamodb::{Attempts, Attributes, ConditionalUpdate, Fault, Transaction, transact, within},
    id::{SessionId, UserId},
};

/// The sessions table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
}

/// The records of one user, for a request that has a deadline.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) user: &'a UserId,
    pub(super) deadline: Deadline,
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

    /// The records of `user`. What is asked of them fails once the deadline has passed.
    #[must_use]
    pub fn of<'a>(&'a self, user: &'a UserId, deadline: Deadline) -> Records<'a> {
        Records { client: &self.client, table: &self.table, user, deadline }
    }
}

impl Records<'_> {
    /// Puts a session that starts now, unless its id is taken.
    pub async fn start(&self, session: &Session, moment: &Moment) -> Result<Write, StoreError> {
        let record = Record::of(session.clone(), moment);
        let put = self
            .client
            .put_item()
            .table_name(self.table)
            .set_item(Some(item::encode(self.user, session.id, &record)?))
            .condition_expression(Condition::Absent.expression().text)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let write = match within(self.deadline, put.send()).await {
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
    pub async fn change(&self, id: SessionId, change: &Change) -> Result<Write, StoreError> {
        Ok(self.send(self.update(id, change).customize()).await?.0)
    }

    /// The same for a change that says whether the user engaged, and which value there was before.
    pub async fn engage(&self, id: SessionId, change: &Change) -> Result<(Write, bool), StoreError> {
        let update = self.update(id, change).return_values(ReturnValue::UpdatedOld);
        let (write, before) = self.send(update.customize()).await?;
        Ok((write, before.is_some_and(|before| item::is_engaged(&before))))
    }

    /// The same for a change that ends a session.
    ///
    /// An end that the SDK had to repeat may be refused by what its first attempt wrote, which the end time tells. One
    /// that was sent once is never taken for our own, so that each end is counted by one caller.
    pub async fn end(&self, id: SessionId, change: &Change) -> Result<Write, StoreError> {
        let attempts = Attempts::default();
        let update = self.update(id, change).customize().interceptor(attempts.clone());
        let (write, _) = self.send(update).await?;
        Ok(if attempts.made() > 1 { write.or_own(|stored| change.has_ended(stored)) } else { write })
    }

    /// A heartbeat on an expired session: in one transaction `old` points to `successor`, which starts. Refused
    /// unless `old` is stored as active and has expired, so that it gets at most one successor.
    pub async fn renew(
        &self,
        old: SessionId,
        successor: &Session,
        moment: &Moment,
    ) -> Result<Transaction, StoreError> {
        let change = Change::Renew { successor: successor.id, moment: *moment };
        let ConditionalUpdate { update, condition, names, values } =
            change.expression().under(change.condition().expression());
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(item::key(self.user, old)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(Fault::from)?;
        let update = TransactWriteItem::builder().update(update).build();
        let put = self.put_new(successor.id, &Record::of(successor.clone(), moment))?;
        Ok(transact(self.client, vec![update, put], self.deadline).await?)
    }

    /// A heartbeat on an id without a record: in one transaction a tombstone takes the id and points to `session`,
    /// which starts. Refused if either exists, so that an unknown id starts at most one session.
    pub async fn start_for_unknown(
        &self,
        unknown: SessionId,
        session: &Session,
        moment: &Moment,
    ) -> Result<Transaction, StoreError> {
        let tombstone = self.put_new(unknown, &Record::tombstone(session.id, moment))?;
        let put = self.put_new(session.id, &Record::of(session.clone(), moment))?;
        Ok(transact(self.client, vec![tombstone, put], self.deadline).await?)
    }

    /// The record of an id, read consistently.
    pub async fn get(&self, id: SessionId) -> Result<Option<Record>, StoreError> {
        let get = self.client.get_item().table_name(self.table).set_key(Some(item::key(self.user, id)));
        let get = get.consistent_read(true).send();
        let output = within(self.deadline, get).await.map_err(Fault::from_sdk)?;
        Ok(output.item.map(item::decode).transpose()?)
    }

    fn update(&self, id: SessionId, change: &Change) -> UpdateItemFluentBuilder {
        let ConditionalUpdate { update, condition, names, values } =
            change.expression().under(change.condition().expression());
        self.client
            .update_item()
            .table_name(self.table)
            .set_key(Some(item::key(self.user, id)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn put_new(&self, id: SessionId, record: &Record) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(self.table)
            .set_item(Some(item::encode(self.user, id, record)?))
            .condition_expression(Condition::Absent.expression().text)
            .build()
            .map_err(Fault::from)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// How it went, and what of the item was asked to come back. One way for all updates: a second one would be 225 KB
    /// more of code in a function that has both.
    async fn send(
        &self,
        update: CustomizableOperation<UpdateItemOutput, UpdateItemError, UpdateItemFluentBuilder>,
    ) -> Result<(Write, Option<Attributes>), StoreError> {
        match within(self.deadline, update.send()).await {
            Ok(output) => Ok((Write::Done, output.attributes)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    Ok((Write::refused(refusal.item())?, None))
                }
                _ => Err(Fault::from_sdk(error).into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::sessions::rules::Lifetimes;

    #[test]
    fn a_refusal_is_a_success_only_by_what_this_write_has_stored() {
        let lifetimes = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) };
        let moment = lifetimes.at(DateTime::UNIX_EPOCH);
        let refused = Write::Refused(Some(Record::tombstone(SessionId::new(moment.now()), &moment)));
        assert_eq!(refused.clone().or_own(|_| true), Write::Done);
        assert_eq!(refused.clone().or_own(|_| false), refused);
        assert_eq!(Write::Refused(None).or_own(|_| true), Write::Refused(None));
    }
}
