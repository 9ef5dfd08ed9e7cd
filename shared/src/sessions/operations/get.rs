//! One session, live or over.

use chrono::{DateTime, Utc};

use crate::{
    id::SessionId,
    sessions::{
        chain::{self, Chain},
        error::SessionError,
        operations::list::Listed,
        rules::{EndReason, State},
        standing::Standing,
        visit::Visit,
    },
};

/// A session as a look at it finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the list would show of it, were it live.
    pub shown: Listed,
    /// Whether it is over, and how.
    pub phase: Phase,
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It does.
    Live,
    /// It has expired, and a heartbeat would renew it.
    Expired {
        /// Its last activity.
        end_time: DateTime<Utc>,
    },
    /// It was ended, for good.
    Ended {
        /// When that was; never before its last activity.
        end_time: DateTime<Utc>,
        /// By what, if that was written down.
        reason: Option<EndReason>,
    },
}

/// The session that `id` stands for; `current` is the id that the caller has stored. Reads only: it neither renews nor
/// keeps alive.
pub async fn get(visit: Visit<'_>, id: SessionId, current: Option<SessionId>) -> Result<Found, SessionError> {
    let Chain { ids, head } = chain::read(visit, id).await?;
    let record = head.ok_or(SessionError::Unknown)?;
    let standing = Standing::of(Some(&record), &visit.moment);
    let session = record.session().cloned().ok_or(SessionError::Unknown)?;
    let phase = match (standing, session.state) {
        (Standing::Live(_), _) => Phase::Live,
        (_, State::Ended { end_time, reason }) => Phase::Ended { end_time, reason },
        _ => Phase::Expired { end_time: session.last_active_time },
    };
    let current = match current {
        None => false,
        Some(own) => ids.contains(&own) || leads_to(visit, own, session.id).await?,
    };
    let expires_at = visit.app.lifetimes().expiry(&session);
    Ok(Found { shown: Listed { session, expires_at, current }, phase })
}

/// Whether `start` stands for the session `head`; a chain that is too long to tell does not.
async fn leads_to(visit: Visit<'_>, start: SessionId, head: SessionId) -> Result<bool, SessionError> {
    match chain::read(visit, start).await {
        Ok(chain) => Ok(chain.ids.last() == Some(&head)),
        Err(SessionError::ChainTooLong(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}
