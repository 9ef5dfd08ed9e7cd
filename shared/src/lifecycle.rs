//! The operations on sessions: what to write, what a refused write says, and the log line of each event.
//!
//! Each is a loop around one conditional write. The record that refused it decides what comes next, and after any
//! failure the loop looks again, so that tabs, retries, lost responses and crashes all end in the same place.

use crate::{
    app::App,
    chain::{self, Walk},
    counters::Event,
    error::ApiError,
    id::{SessionId, UserId},
    session::{ClientInfo, Pointer, Session, Standing},
    store::Write,
};

/// A list has at most this many sessions, the most recently active ones.
const LISTED: usize = 1_000;

/// How many sessions `end-others` ends at a time.
const ENDED_AT_ONCE: usize = 16;

/// Attempts at an id that nothing else has.
const NEW_IDS: usize = 3;

/// What a heartbeat found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// The session goes on.
    Active,
    /// The session goes on under another id.
    Renewed(SessionId),
    /// The session is over.
    Expired,
}

/// Opens a session.
pub async fn login(app: &App, user: &UserId, client: ClientInfo) -> Result<Session, ApiError> {
    let moment = app.moment();
    for _ in 0..NEW_IDS {
        let session = Session::start(SessionId::new(moment.now()), client.clone(), &moment);
        if app.store.start(user, &session, &moment).await? == Write::Done {
            log_start(app, user, &session);
            return Ok(session);
        }
    }
    Err(ApiError::Unavailable("every new session id was taken".to_owned()))
}

/// Keeps the session alive that `id` stands for; renews an expired one, and starts one for an unknown id.
pub async fn heartbeat(
    app: &App,
    user: &UserId,
    id: SessionId,
    client: &ClientInfo,
) -> Result<Heartbeat, ApiError> {
    let mut walk = Walk::new(app, user, id);
    let kept_until = loop {
        let found = match app.store.touch(user, walk.at, &walk.moment).await? {
            Write::Done => break walk.moment.purge_at(),
            Write::Refused(found) => found,
        };
        let Some(record) = found else {
            if walk.start_for_unknown(client).await? {
                break walk.moment.purge_at();
            }
            continue;
        };
        match record.standing(&walk.moment) {
            Standing::Live => break record.purge_at,
            Standing::Renewed(pointer) => walk.follow(pointer).await?,
            Standing::Expired => {
                if walk.renew(client, false).await? {
                    break walk.moment.purge_at();
                }
            }
            Standing::Ended => {
                walk.arrive(Pointer { to: walk.at, purge_at: record.purge_at }).await;
                return Ok(Heartbeat::Expired);
            }
        }
    };
    walk.arrive(Pointer { to: walk.at, purge_at: kept_until }).await;
    log_own_start(app, user, &walk);
    Event::Heartbeat.count();
    tracing::debug!(session_id = %walk.at, user = app.log_name(user), "heartbeat");
    Ok(if walk.at == id { Heartbeat::Active } else { Heartbeat::Renewed(walk.at) })
}

/// Sets whether the user engaged with the content of the session that `id` stands for, and returns that session's
/// id. One that silently expired is renewed: the user is plainly back.
pub async fn set_engaged(
    app: &App,
    user: &UserId,
    id: SessionId,
    engaged: bool,
    client: &ClientInfo,
) -> Result<SessionId, ApiError> {
    let mut walk = Walk::new(app, user, id);
    loop {
        let found = match app.store.set_engaged(user, walk.at, engaged, &walk.moment).await? {
            Write::Done => break,
            Write::Refused(found) => found,
        };
        let Some(record) = found else { return Err(ApiError::SessionNotFound) };
        match record.standing(&walk.moment) {
            Standing::Live => walk.look_again("a live session refused the engagement")?,
            Standing::Renewed(pointer) => walk.follow(pointer).await?,
            Standing::Ended => return Err(ApiError::SessionEnded),
            Standing::Expired => {
                if walk.renew(client, engaged).await? {
                    break;
                }
            }
        }
    }
    log_own_start(app, user, &walk);
    if engaged {
        Event::SessionEngaged.count();
    }
    tracing::info!(session_id = %walk.at, user = app.log_name(user), engaged, "session engaged");
    Ok(walk.at)
}

/// Ends the session that `id` stands for, unless that is done, and returns that session's id.
pub async fn end(app: &App, user: &UserId, id: SessionId) -> Result<SessionId, ApiError> {
    let mut walk = Walk::new(app, user, id);
    loop {
        match end_one(app, user, &mut walk).await? {
            Ending::Unknown => return Err(ApiError::SessionNotFound),
            Ending::Ended | Ending::EndedBefore => return Ok(walk.at),
            Ending::Renewed(pointer) => walk.follow(pointer).await?,
        }
    }
}

/// Ends the caller's live sessions but the one that `kept` stands for, and returns how many.
pub async fn end_others(app: &App, user: &UserId, kept: Option<SessionId>) -> Result<usize, ApiError> {
    // The order matters: a session that renews the kept one from here on is not in the list.
    let live = app.store.live(user, &app.moment()).await?;
    let kept = match kept {
        // Never end what might be the kept session: a heartbeat shortens the chain, then this works.
        Some(id) => current_ids(app, user, id, &live)
            .await?
            .ok_or_else(|| ApiError::Unavailable("the chain of the kept session is too long".to_owned()))?,
        None => Vec::new(),
    };
    let others: Vec<SessionId> =
        live.iter().map(|session| session.id).filter(|id| !kept.contains(id)).collect();
    let mut ended = 0;
    for batch in others.chunks(ENDED_AT_ONCE) {
        let endings = batch.iter().map(|id| async move {
            // No step along the chain: what renewed the session since it was listed may be the kept one.
            end_one(app, user, &mut Walk::new(app, user, *id)).await
        });
        for ending in futures_util::future::join_all(endings).await {
            ended += usize::from(matches!(ending?, Ending::Ended));
        }
    }
    Ok(ended)
}

/// A live session in the caller's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The session.
    pub session: Session,
    /// When it expires without another heartbeat.
    pub expires_at: chrono::DateTime<chrono::Utc>,
    /// Whether the caller's own id stands for it.
    pub current: bool,
}

/// The caller's live sessions, most recently active first; `current` is the id that the caller has stored.
pub async fn list(app: &App, user: &UserId, current: Option<SessionId>) -> Result<Vec<Listed>, ApiError> {
    let moment = app.moment();
    let mut live = app.store.live(user, &moment).await?;
    let current = match current {
        Some(id) => current_ids(app, user, id, &live).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    live.sort_unstable_by_key(|session| std::cmp::Reverse((session.last_active_time, session.id)));
    live.truncate(LISTED);
    let listed = live.into_iter().map(|session| Listed {
        expires_at: app.lifetimes().expiry(session.last_active_time),
        current: current.contains(&session.id),
        session,
    });
    Ok(listed.collect())
}

/// The ids of the chain of the caller's id. One that is live is its own head; else the records tell, and not a live
/// session's `renewedFrom`: that is history, and the id may stand for another session since its record was purged.
async fn current_ids(
    app: &App,
    user: &UserId,
    id: SessionId,
    live: &[Session],
) -> Result<Option<Vec<SessionId>>, ApiError> {
    if live.iter().any(|session| session.id == id) {
        return Ok(Some(vec![id]));
    }
    chain::ids(app, user, id).await
}

enum Ending {
    Ended,
    EndedBefore,
    Unknown,
    Renewed(Pointer),
}

/// Ends the session at the walk's position, without a step along its chain.
async fn end_one(app: &App, user: &UserId, walk: &mut Walk<'_>) -> Result<Ending, ApiError> {
    let id = walk.at;
    loop {
        let mut outcome = app.store.end(user, id, &walk.moment).await?;
        let mut expired = false;
        if let Write::Refused(Some(record)) = &outcome
            && let standing @ (Standing::Live | Standing::Expired) = record.standing(&walk.moment)
        {
            expired = standing == Standing::Expired;
            outcome = app.store.end_as_of_last_activity(user, id, &walk.moment).await?;
        }
        let record = match outcome {
            Write::Done => {
                if expired {
                    log_expiry(app, user, id);
                }
                return Ok(ended(app, user, id));
            }
            Write::Refused(None) => return Ok(Ending::Unknown),
            Write::Refused(Some(record)) => record,
        };
        match record.standing(&walk.moment) {
            Standing::Ended => return Ok(Ending::EndedBefore),
            Standing::Renewed(pointer) => return Ok(Ending::Renewed(pointer)),
            // It moved between the two writes.
            Standing::Live | Standing::Expired => walk.look_again("the session moved while it was ended")?,
        }
    }
}

fn ended(app: &App, user: &UserId, id: SessionId) -> Ending {
    Event::SessionEnded.count();
    tracing::info!(session_id = %id, user = app.log_name(user), "session ended");
    Ending::Ended
}

fn log_own_start(app: &App, user: &UserId, walk: &Walk<'_>) {
    if let Some(session) = walk.own_start() {
        log_start(app, user, session);
    }
}

fn log_expiry(app: &App, user: &UserId, id: SessionId) {
    Event::SessionExpired.count();
    tracing::info!(session_id = %id, user = app.log_name(user), "session expired");
}

fn log_start(app: &App, user: &UserId, session: &Session) {
    if let Some(old) = session.renewed_from {
        log_expiry(app, user, old);
        Event::SessionRenewed.count();
        tracing::info!(session_id = %session.id, renewed_from = %old, user = app.log_name(user), "session renewed");
    } else {
        Event::SessionStarted.count();
        tracing::info!(session_id = %session.id, user = app.log_name(user), "session started");
    }
}
