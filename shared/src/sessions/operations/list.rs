//! The list of a user's live sessions, and how many there are.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use chrono::{DateTime, Utc};

use crate::{
    dynamodb::BATCH,
    id::SessionId,
    sessions::{chain, error::SessionError, rules::Session, visit::Visit},
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
pub async fn list(visit: Visit<'_>, current: Option<SessionId>) -> Result<Vec<Listed>, SessionError> {
    let live = newest(visit).await?;
    let current = match current {
        Some(id) => match ids_of(visit, id, &live).await {
            // It cannot be told which it is: none.
            Err(SessionError::ChainTooLong(_)) => Vec::new(),
            ids => ids?,
        },
        None => Vec::new(),
    };
    let listed = live.into_iter().map(|session| Listed {
        expires_at: visit.app.lifetimes().expiry(&session),
        current: current.contains(&session.id),
        session,
    });
    Ok(listed.collect())
}

/// How many of the user's sessions are live, be they more than a list has.
pub async fn count_live(visit: Visit<'_>) -> Result<usize, SessionError> {
    let mut live = HashSet::new();
    let mut pages = visit.records().active(&visit.moment, None);
    while let Some(ids) = pages.next().await? {
        for batch in ids.chunks(BATCH) {
            let sessions = visit.records().batch(batch).await?;
            live.extend(
                sessions.iter().filter(|session| visit.moment.finds_live(session)).map(|live| live.id),
            );
        }
    }
    Ok(live.len())
}

/// The sessions to be listed, in order. However many are live, no more than twice as many are held.
async fn newest(visit: Visit<'_>) -> Result<Vec<Session>, SessionError> {
    // By id: a heartbeat that moves an entry while the index is read makes it come twice.
    let mut live = HashMap::new();
    let mut pages = visit.records().active(&visit.moment, None);
    while let Some(ids) = pages.next().await? {
        for batch in ids.chunks(BATCH) {
            visit.in_time()?;
            for session in visit.records().batch(batch).await? {
                if visit.moment.finds_live(&session) {
                    live.insert(session.id, session);
                }
            }
            if live.len() > 2 * LISTED - BATCH {
                live = sorted(live).into_iter().map(|session| (session.id, session)).collect();
            }
        }
    }
    Ok(sorted(live))
}

fn sorted(live: HashMap<SessionId, Session>) -> Vec<Session> {
    let mut live: Vec<Session> = live.into_values().collect();
    live.sort_unstable_by_key(|session| Reverse((session.last_active_time, session.id)));
    live.truncate(LISTED);
    live
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
