//! What a command works on.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use aws_sdk_dynamodb::Client;
use shared::{clock::Clock, sessions, settings::Environment};

use crate::{
    recount::Recount,
    user::{UserItems, UserSessions},
};

/// A deployment, as far as a command needs to know it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// A client of its DynamoDB, best a [`patient`](crate::patient) one.
    pub client: Client,
    /// Where that is, in words that a person checks before something is erased: `region eu-central-1`.
    pub place: String,
    /// Its settings, by the names that they have as environment variables of its functions:
    /// [`Command::settings`](crate::Command::settings) says which a command needs.
    pub settings: HashMap<String, String>,
    /// What time it is.
    pub clock: Clock,
}

impl Deployment {
    /// Its sessions and its metrics now. One table for both is an error.
    pub fn recount(&self) -> Result<Recount> {
        let recount = self.read(|environment| Recount::new(environment, self.client.clone(), &self.clock))?;
        let tables = ["SESSIONS_TABLE", "METRICS_TABLE"].map(|name| self.settings.get(name));
        ensure!(tables[0] != tables[1], "the sessions and the metrics are in two tables, not in one");
        Ok(recount)
    }

    /// The items of the user with this `sub`.
    pub fn items_of(&self, sub: &str) -> Result<UserItems> {
        let table = self.read(|environment| environment.required("SESSIONS_TABLE"))?;
        UserItems::new(self.client.clone(), table, sub)
    }

    /// The live sessions of the user with this `sub`.
    pub fn sessions_of(&self, sub: &str) -> Result<UserSessions> {
        let settings = self.read(sessions::Settings::read)?;
        UserSessions::new(settings, self.client.clone(), self.clock.clone(), sub)
    }

    fn read<T>(&self, read: impl FnOnce(&Environment<'_>) -> T) -> T {
        let variable = |name: &str| self.settings.get(name).cloned();
        read(&Environment::new(&variable))
    }
}
