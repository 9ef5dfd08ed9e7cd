//! Login: a session for a user who has a token already.

use crate::{
    dynamodb::{Fault, Retries},
    id::{SessionId, UserId},
    sessions::{
        app::App,
        error::SessionError,
        operations::keep_alive::keep_alive,
        rules::{ClientInfo, Session, State},
        store::Write,
        successor::{Start, Successor},
        visit::Visit,
    },
};

/// Attempts at an id that nothing else has.
const NEW_IDS: usize = 3;

/// Opens a session, without a key: a repeat opens another.
pub async fn login(app: &App, user: &UserId, client: ClientInfo) -> Result<Session, SessionError> {
    let visit = Visit::new(app, user);
    let moment = &visit.moment;
    for _ in 0..NEW_IDS {
        let session = Session::start(SessionId::new(moment.now()), client.clone(), moment);
        if app.store.start(user, &session, moment).await? == Write::Done {
            visit.note_start(&session);
            return Ok(session);
        }
    }
    Err(SessionError::NoFreeId)
}

/// Opens the session that `key` stands for, once: a repeat is a heartbeat on the key, which so needs no other rules than
/// an id that nobody knows.
pub async fn login_once(
    app: &App,
    user: &UserId,
    key: SessionId,
    client: &ClientInfo,
) -> Result<Session, SessionError> {
    let visit = Visit::new(app, user);
    let mut successor = Successor::new(visit, client);
    let mut retries = Retries::new();
    // The key of a first try is new, so that its start needs no look at it.
    let head = match successor.start_for_unknown(key, &mut retries).await? {
        Start::Done(head) => {
            successor.note_if_own(head.id);
            Some(head)
        }
        Start::LookAgain => keep_alive(visit, key, &mut successor, &mut retries).await?,
    };
    let head = head.ok_or(SessionError::Ended)?;
    if let Some(session) = successor.own(head.id) {
        return Ok(session.clone());
    }
    // Since this very request touched it, the session may have been ended, or all of the user's been erased.
    let record = app.store.get(user, head.id).await?;
    match record.as_ref().and_then(|record| record.session()) {
        None => Err(Fault::Unavailable("a session is gone that was live a moment ago".to_owned()).into()),
        Some(Session { state: State::Ended { .. }, .. }) => Err(SessionError::Ended),
        Some(session) => Ok(session.clone()),
    }
}
