//! One request of one user, at one moment.

use std::time::Duration;

use super::{
    app::App,
    changes::Change,
    error::{SessionError, StoreError},
    rules::{ClientInfo, Head, Moment, Session},
    store::{Records, Write},
};
use crate::{
    clock::Deadline,
    dynamodb::Retries,
    id::{SessionId, UserId},
};

/// What is kept of the time for a visit, so that a walk can save how far it came.
const TO_SAVE: Duration = Duration::from_secs(1);

/// What an operation knows throughout. It has one moment, so that a repeat of a write within it changes nothing more.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    pub(super) app: &'a App,
    pub(super) user: &'a UserId,
    pub(super) moment: Moment,
    deadline: Deadline,
}

impl App {
    /// A request of `user` that begins now and is to be answered before `deadline`.
    #[must_use]
    pub fn visit<'a>(&'a self, user: &'a UserId, deadline: Deadline) -> Visit<'a> {
        Visit { app: self, user, moment: self.moment(), deadline }
    }
}

impl<'a> Visit<'a> {
    /// The same visit at a later moment.
    pub(super) fn anew(self) -> Self {
        self.app.visit(self.user, self.deadline)
    }

    /// The same visit with no more than `time` from now on, and none of it kept to save anything.
    pub(super) fn within(self, time: Duration) -> Self {
        let deadline = self.deadline.or_before(Deadline::after(time + TO_SAVE));
        Self { deadline, ..self }
    }

    /// The user's records.
    pub(super) fn records(&self) -> Records<'a> {
        self.app.store.of(self.user, self.time_to_work())
    }

    /// The same for what is to be saved before the visit ends.
    pub(super) fn records_at_last(&self) -> Records<'a> {
        self.app.store.of(self.user, self.deadline)
    }

    /// The tries that it has.
    pub(super) fn retries(&self) -> Retries {
        Retries::new(self.time_to_work())
    }

    /// An error once the time for the visit is spent.
    pub(super) fn in_time(&self) -> Result<(), SessionError> {
        if self.time_to_work().is_over() { Err(SessionError::OutOfTime) } else { Ok(()) }
    }

    fn time_to_work(&self) -> Deadline {
        self.deadline.earlier(TO_SAVE)
    }

    /// Changes the user's record of `id`, if it is such that this is right.
    pub(super) async fn change(&self, id: SessionId, change: &Change) -> Result<Write, StoreError> {
        self.records().change(id, change).await
    }

    /// A session that starts now, on the device `client`: the only place where one begins, so what is not to be kept of a
    /// device never gets further.
    pub(super) fn new_session(&self, client: &ClientInfo) -> Session {
        Session::start(SessionId::new(self.moment.now()), self.app.kept(client), &self.moment)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{logging::UserNames, sessions::app::tests::app};

    #[test]
    fn a_part_of_a_visit_has_its_own_time_and_no_more_than_the_visit() {
        const MINUTE: Duration = Duration::from_mins(1);
        let (app, user) = (app(), "alice".parse().unwrap());
        let is_in_time = |deadline, time| app.visit(&user, deadline).within(time).in_time().is_ok();
        assert!(is_in_time(Deadline::NONE, MINUTE));
        assert!(is_in_time(Deadline::after(2 * MINUTE), MINUTE));
        assert!(!is_in_time(Deadline::NONE, Duration::ZERO));
        assert!(!is_in_time(Deadline::after(TO_SAVE), MINUTE));
    }

    #[test]
    fn logs_name_a_user_as_the_settings_say() {
        let (app, user) = (app(), "alice".parse().unwrap());
        assert_eq!(app.visit(&user, Deadline::NONE).log_name(), UserNames::Hash.name(&user));
    }
}
