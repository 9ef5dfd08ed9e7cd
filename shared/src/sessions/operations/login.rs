//! Login: a session for a user who has a token already.

use crate::{
    dynamodb::Fault,
    id::SessionId,
    sessions::{
        error::SessionError,
        limits,
        operations::keep_alive::{Kept, keep_alive},
        rules::{ClientInfo, Session, State},
        store::Write,
        successor::{Start, Successor},
        visit::Visit,
    },
};

/// Attempts at an id that nothing else has.
const NEW_IDS: usize = 3;

/// Opens a session, without a key: a repeat opens another.
pub async fn login(visit: Visit<'_>, client: &ClientInfo) -> Result<Session, SessionError> {
    limits::check_starts(visit).await?;
    // What was active while that was asked is no more recent than what starts now.
    let visit = visit.anew();
    let moment = &visit.moment;
    for _ in 0..NEW_IDS {
        let session = visit.new_session(client);
        if visit.records().start(&session, moment).await? == Write::Done {
            visit.note_start(&session);
            limits::keep(visit).await;
            return Ok(session);
        }
    }
    Err(SessionError::NoFreeId)
}

/// Opens the session that `key` stands for, once: a repeat is a heartbeat on the key, which so needs no other rules than
/// an id that nobody knows.
pub async fn login_once(
    visit: Visit<'_>,
    key: SessionId,
    client: &ClientInfo,
) -> Result<Session, SessionError> {
    let mut successor = Successor::new(visit, client);
    let mut retries = visit.retries();
    // The key of a first try is new, so that its start needs no look at it.
    let start = match successor.start_for_unknown(key, &mut retries).await {
        // One that is known starts nothing.
        Err(SessionError::TooManyStarts) if visit.records().get(key).await?.is_some() => Start::LookAgain,
        start => start?,
    };
    let head = match start {
        Start::Done(head) => {
            successor.settle(head.id).await;
            head
        }
        Start::LookAgain => match keep_alive(visit, key, &mut successor, &mut retries).await? {
            Kept::Alive(head) => head,
            Kept::Ended(_) => return Err(SessionError::Ended),
        },
    };
    if let Some(session) = successor.own(head.id) {
        return Ok(session.clone());
    }
    // Since this very request touched it, the session may have been ended, or all of the user's been erased.
    let record = visit.records().get(head.id).await?;
    match record.as_ref().and_then(|record| record.session()) {
        None => Err(Fault::Unavailable("a session is gone that was live a moment ago".to_owned()).into()),
        Some(Session { state: State::Ended { .. }, .. }) => Err(SessionError::Ended),
        Some(session) => Ok(session.clone()),
    }
}
