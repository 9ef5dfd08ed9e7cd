//! Login: a session for a user who has a token already.

use crate::{
    id::{SessionId, UserId},
    sessions::{
        app::App,
        error::SessionError,
        rules::{ClientInfo, Session},
        store::Write,
        visit::Visit,
    },
};

/// Attempts at an id that nothing else has.
const NEW_IDS: usize = 3;

/// Opens a session.
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
