//! One request of one user, at one moment.

use super::{
    app::App,
    changes::Change,
    error::StoreError,
    rules::{Head, Moment},
    store::Write,
};
use crate::id::{SessionId, UserId};

/// What an operation knows throughout. It has one moment, so that a repeat of a write within it changes nothing more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit<'a> {
    pub(super) app: &'a App,
    pub(super) user: &'a UserId,
    pub(super) moment: Moment,
}

impl<'a> Visit<'a> {
    /// A visit that begins now.
    pub(super) fn new(app: &'a App, user: &'a UserId) -> Self {
        Self { app, user, moment: app.moment() }
    }

    /// Changes the user's record of `id`, if it is such that this is right.
    pub(super) async fn change(&self, id: SessionId, change: &Change) -> Result<Write, StoreError> {
        self.app.store.change(self.user, id, change).await
    }

    /// A session as the end of a chain, whose record was written in this visit.
    pub(super) fn head_written_now(&self, id: SessionId) -> Head {
        Head { id, purge_at: self.moment.purge_at() }
    }

    /// The user as logs name it.
    pub(super) fn log_name(&self) -> String {
        self.app.log_name(self.user)
    }
}
