//! The list of a user's live sessions.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use crate::{
    id::{SessionId, UserId},
    sessions::{app::App, chain, error::SessionError, rules::Session, visit::Visit},
};

/// A list has at most this many sessions, the most recently active ones.
const LISTED: usize = 1_000;

/// A session as the caller is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The session as it is stored.
    pub session: Session,
    /// When it expires without another heartbeat, or would have.
    pub expires_at: DateTime<Utc>,
    /// Whether the caller's own id stands for it.
    pub current: bool,
}

/// The caller's live sessions, most recently active first; `current` is the id that the caller has stored.
pub async fn list(app: &App, user: &UserId, current: Option<SessionId>) -> Result<Vec<Listed>, SessionError> {
    let visit = Visit::new(app, user);
    let mut live = app.store.live(user, &visit.moment).await?;
    let current = match current {
        Some(id) => match ids_of(visit, id, &live).await {
            // It cannot be told which it is: none.
            Err(SessionError::ChainTooLong(_)) => Vec::new(),
            ids => ids?,
        },
        None => Vec::new(),
    };
    live.sort_unstable_by_key(|session| Reverse((session.last_active_time, session.id)));
    live.truncate(LISTED);
    let listed = live.into_iter().map(|session| Listed {
        expires_at: app.lifetimes().expiry(&session),
        current: current.contains(&session.id),
        session,
    });
    Ok(listed.collect())
}

/// The ids of the chain of the caller's id. One that is live is its own head; else the records tell, and not a live
/// session's `renewedFrom`: that is history, and the id may stand for another session since its record was purged.
pub(super) async fn ids_of(
    visit: Visit<'_>,
    id: SessionId,
    live: &[Session],
) -> Result<Vec<SessionId>, SessionError> {
    if live.iter().any(|session| session.id == id) {
        return Ok(vec![id]);
    }
    Ok(chain::read(visit, id).await?.ids)
}
