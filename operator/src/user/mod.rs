//! What is stored of one user, to be written out or erased, and their live sessions, to be ended.

mod erase;
mod export;
mod sessions;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::{
    Client,
    operation::query::{QueryOutput, builders::QueryFluentBuilder},
    types::Select,
};
use shared::{id::UserId, sessions::item};

use crate::fault;

pub(crate) use self::erase::BATCH;
pub use self::{
    erase::Erased,
    sessions::{Ended, UserSessions},
};

/// The items of one user in the sessions table.
pub struct UserItems {
    client: Client,
    table: String,
    user: UserId,
}

impl UserItems {
    /// Those of the user whose tokens have this `sub`, in the table named `table`. What cannot be a `sub` is an error.
    pub fn new(client: Client, table: String, sub: &str) -> Result<Self> {
        Ok(Self { client, table, user: user(sub)? })
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many there are. Reads them all, at a read unit for every 4 KB.
    pub async fn count(&self) -> Result<u64> {
        let mut pages = self.query().select(Select::Count).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault::of_call(error, &self.table));
            count += u64::try_from(page.context("counting the user's items")?.count)?;
        }
        Ok(count)
    }

    async fn page(&self, query: QueryFluentBuilder) -> Result<QueryOutput> {
        let page = query.send().await.map_err(|error| fault::of_call(error, &self.table));
        page.context("reading the user's items")
    }

    fn query(&self) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        query
            .key_condition_expression(item::OF_USER)
            .expression_attribute_values(":user", item::partition(&self.user))
    }
}

/// The user whose tokens have this `sub`.
fn user(sub: &str) -> Result<UserId> {
    sub.parse().map_err(|_| anyhow!("{sub:?} is no user: a sub has 1 to 255 visible ASCII characters"))
}
