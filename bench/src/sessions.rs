//! The sessions of one user, written and looked at behind the functions' back.

use std::collections::HashSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{AttributeValue, Put, PutRequest, TransactWriteItem, WriteRequest};
use local::Storage;
use shared::{
    clock::Clock,
    dynamodb::Attributes,
    id::{SessionId, UserId},
    sessions::{
        Settings,
        item::{encode, partition},
        rules::{ClientInfo, Record, Session, State},
    },
};

/// The most that a `BatchWriteItem` takes.
const BATCH: usize = 25;

/// A user's sessions in the table.
pub(crate) struct Sessions<'a> {
    pub(crate) user: UserId,
    pub(crate) clock: Clock,
    storage: &'a Storage,
    settings: Settings,
}

impl<'a> Sessions<'a> {
    /// Those of a user of whom nothing is stored yet.
    pub(crate) fn of(user: UserId, storage: &'a Storage, settings: Settings) -> Self {
        Self { user, clock: Clock::system(), storage, settings }
    }

    /// Writes so many live sessions, the largest that there can be, last active in the last half of the timeout. Returns
    /// them, the oldest first.
    pub(crate) async fn fill(&self, count: u32) -> Result<Vec<Session>> {
        let now = self.clock.now();
        let step = self.settings.lifetimes.timeout / 2 / i32::try_from(count.max(1))?;
        let sessions: Vec<Session> = (1..=count)
            .rev()
            .map(|place| {
                let moment =
                    self.settings.lifetimes.at(now - step * i32::try_from(place).unwrap_or(i32::MAX));
                let client = ClientInfo {
                    ip_address: Some("2001:0db8:85a3:0000:0000:8a2e:0370:7334".to_owned()),
                    user_agent: Some("x".repeat(400)),
                };
                Session::start(SessionId::new(moment.now()), client, &moment)
            })
            .collect();
        for batch in sessions.chunks(BATCH) {
            self.write(batch).await?;
        }
        Ok(sessions)
    }

    /// What a heartbeat would do on the session if it had expired: it becomes another one, which is returned; `None`
    /// if it is no longer active.
    pub(crate) async fn renew(&self, old: &Session) -> Result<Option<Session>> {
        let moment = self.settings.lifetimes.at(self.clock.now());
        let mut new = Session::start(SessionId::new(moment.now()), old.client.clone(), &moment);
        new.renewed_from = Some(old.id);
        let state = State::Expired { end_time: old.last_active_time, renewed_to: new.id };
        let old = Put::builder()
            .table_name(&self.settings.sessions_table)
            .set_item(Some(self.item(&Session { state, ..old.clone() })?))
            .condition_expression("#state = :active")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":active", AttributeValue::S("active".to_owned()))
            .build()?;
        let put = Put::builder().table_name(&self.settings.sessions_table);
        let put = put.set_item(Some(self.item(&new)?)).build()?;
        let items = [old, put].map(|put| TransactWriteItem::builder().put(put).build());
        let renewal = self.storage.client.transact_write_items().set_transact_items(Some(items.into()));
        match renewal.send().await {
            Ok(_) => Ok(Some(new)),
            Err(error) => match error.as_service_error() {
                Some(cause) if cause.is_transaction_canceled_exception() => Ok(None),
                _ => Err(error).context("renewing a session"),
            },
        }
    }

    /// The ids of those that are stored as active; none of them has had the time to expire.
    pub(crate) async fn live(&self) -> Result<HashSet<SessionId>> {
        let mut live = HashSet::new();
        let mut start = None;
        loop {
            let query = self.storage.client.query().table_name(&self.settings.sessions_table);
            let query = query
                .index_name("active")
                .consistent_read(true)
                .key_condition_expression("pk = :user")
                .expression_attribute_values(":user", partition(&self.user))
                .set_exclusive_start_key(start);
            let page = query.send().await.context("looking for live sessions")?;
            for entry in page.items.unwrap_or_default() {
                let sk = entry.get("sk").and_then(|sk| sk.as_s().ok()).context("an entry without sk")?;
                live.insert(sk.trim_start_matches("SESSION#").parse()?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(live);
            }
        }
    }

    async fn write(&self, sessions: &[Session]) -> Result<()> {
        let put = |session| {
            let put = PutRequest::builder().set_item(Some(self.item(session)?)).build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        let table = &self.settings.sessions_table;
        let mut left: Vec<WriteRequest> = sessions.iter().map(put).collect::<Result<_>>()?;
        while !left.is_empty() {
            let output = self.storage.client.batch_write_item().request_items(table, left).send().await;
            let unprocessed = output.context("BatchWriteItem")?.unprocessed_items;
            left = unprocessed.and_then(|mut all| all.remove(table)).unwrap_or_default();
        }
        Ok(())
    }

    fn item(&self, session: &Session) -> Result<Attributes> {
        let moment = self.settings.lifetimes.at(session.last_active_time);
        Ok(encode(&self.user, session.id, &Record::of(session.clone(), &moment))?)
    }
}
