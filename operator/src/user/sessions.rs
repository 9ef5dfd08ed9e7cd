//! Ends a user's live sessions.

use anyhow::{Context, Error, Result};
use aws_sdk_dynamodb::Client;
use shared::{
    clock::{Clock, Deadline},
    id::UserId,
    sessions::{App, SessionError, Settings, operations},
};

use super::user;
use crate::fault;

/// The live sessions of one user.
pub struct UserSessions {
    app: App,
    user: UserId,
    table: String,
}

/// How the end of all sessions went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Sessions that were ended.
    pub ended: u64,
    /// Sessions that are live all the same: the user was active meanwhile.
    pub left: u64,
}

impl UserSessions {
    /// Those of the user whose tokens have this `sub`, in the deployment with these settings. What cannot be a `sub` is an
    /// error.
    pub fn new(settings: Settings, client: Client, clock: Clock, sub: &str) -> Result<Self> {
        let table = settings.sessions_table.clone();
        Ok(Self { user: user(sub)?, app: App::new(settings, client, clock), table })
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many there are. Reads them all, at a read unit each.
    pub async fn count(&self) -> Result<u64> {
        let live = operations::count_live(self.app.visit(&self.user, Deadline::NONE)).await;
        let live = live.map_err(|error| self.fault(error)).context("counting the user's live sessions")?;
        Ok(u64::try_from(live)?)
    }

    /// Ends each, and then looks how many are live. `progress` is told of each that was ended: what it has heard of is
    /// ended, whatever happens next, and another run goes on with the rest.
    pub async fn end(&self, progress: impl Fn()) -> Result<Ended> {
        let mut ended = 0;
        let visit = self.app.visit(&self.user, Deadline::NONE);
        let outcome = operations::end_all(visit, || {
            ended += 1;
            progress();
        });
        outcome.await.map_err(|error| self.fault(error)).context("ending the user's sessions")?;
        Ok(Ended { ended, left: self.count().await? })
    }

    fn fault(&self, error: SessionError) -> Error {
        fault::of_sessions(error, &self.table)
    }
}
