//! The session that an operation starts in the place of another: of an expired one, or for an id that nobody knows.

use super::{
    error::{SessionError, StoreError},
    limits,
    rules::{ClientInfo, Head, Session},
    visit::Visit,
};
use crate::{
    dynamodb::{Fault, Retries, Transaction},
    id::SessionId,
};

/// How a try to start a session went.
#[must_use]
pub(super) enum Start {
    /// It started, and is the head of the chain now.
    Done(Head),
    /// It did not, or nobody knows: the record has the answer, and whoever got there first has left it there.
    LookAgain,
}

/// Tries to start a session in the place of another. Its id stays the same from try to try, so that one whose answer
/// was lost is recognised as our own.
pub(super) struct Successor<'a> {
    visit: Visit<'a>,
    client: &'a ClientInfo,
    tried: Option<(SessionId, Session)>,
    /// The user may start one more, as far as that was asked.
    may_start: bool,
}

impl<'a> Successor<'a> {
    /// Nothing is tried yet. What starts has the device `client`.
    pub(super) fn new(visit: Visit<'a>, client: &'a ClientInfo) -> Self {
        Self { visit, client, tried: None, may_start: false }
    }

    /// Renews the expired session `old`.
    pub(super) async fn renew(
        &mut self,
        old: SessionId,
        engaged: bool,
        retries: &mut Retries,
    ) -> Result<Start, SessionError> {
        let session = Session { renewed_from: Some(old), content_engaged: engaged, ..self.session_for(old) };
        let outcome = self.visit.records().renew(old, &session, &self.visit.moment).await;
        self.started(old, session, outcome, retries).await
    }

    /// Starts a session for the id `unknown`, if the user may start one.
    pub(super) async fn start_for_unknown(
        &mut self,
        unknown: SessionId,
        retries: &mut Retries,
    ) -> Result<Start, SessionError> {
        if !self.may_start {
            limits::check_starts(self.visit).await?;
            self.may_start = true;
            // What was active while that was asked is no more recent than what starts now.
            self.visit = self.visit.anew();
        }
        let session = self.session_for(unknown);
        let outcome = self.visit.records().start_for_unknown(unknown, &session, &self.visit.moment).await;
        self.started(unknown, session, outcome, retries).await
    }

    /// What follows a start, if `head` is the session that was tried, however that became known.
    pub(super) async fn settle(&self, head: SessionId) {
        if let Some(session) = self.own(head) {
            self.visit.note_start(session);
            limits::keep(self.visit).await;
        }
    }

    /// The session that was tried, if `head` is that.
    pub(super) fn own(&self, head: SessionId) -> Option<&Session> {
        let (_, session) = self.tried.as_ref()?;
        (session.id == head).then_some(session)
    }

    fn session_for(&self, place: SessionId) -> Session {
        match &self.tried {
            Some((tried_for, session)) if *tried_for == place => session.clone(),
            _ => self.visit.new_session(self.client),
        }
    }

    async fn started(
        &mut self,
        place: SessionId,
        session: Session,
        outcome: Result<Transaction, StoreError>,
        retries: &mut Retries,
    ) -> Result<Start, SessionError> {
        let head = self.visit.head_written_now(session.id);
        self.tried = Some((place, session));
        match outcome {
            Ok(Transaction::Done) => return Ok(Start::Done(head)),
            // No wait: the record has changed already.
            Ok(Transaction::Refused) => {
                retries.spend(Fault::Conflict("a transaction was refused".to_owned()))?;
            }
            Err(StoreError::Fault(fault)) => retries.pause(fault).await?,
            Err(malformed) => return Err(malformed.into()),
        }
        Ok(Start::LookAgain)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{clock::Deadline, sessions::app::tests::app};

    /// Of two tries the second finds what the first wrote late.
    #[test]
    fn each_try_for_the_same_place_is_of_the_same_session() {
        let (app, user, client) = (app(), "alice".parse().unwrap(), ClientInfo::default());
        let mut successor = Successor::new(app.visit(&user, Deadline::NONE), &client);
        let [place, other] = [(); 2].map(|()| SessionId::new(DateTime::UNIX_EPOCH));
        let session = successor.session_for(place);
        assert_eq!(successor.own(session.id), None, "it was not tried yet");
        successor.tried = Some((place, session.clone()));
        assert_eq!(successor.session_for(place), session);
        assert_ne!(successor.session_for(other).id, session.id);
        assert_eq!(successor.own(session.id), Some(&session));
        assert_eq!(successor.own(place), None);
    }
}
