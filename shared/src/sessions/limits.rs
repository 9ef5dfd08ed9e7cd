//! How much one user may have: so many live sessions at once, and so many starts within an hour.
//!
//! The first is kept after a start, which has happened whatever this then meets: its answer never depends on it, and the
//! next start goes on. Simpler rules than this one (by id, by the order of the index, without `seen`) end too many where
//! several starts come at once.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;

use super::{
    changes::Change,
    error::{SessionError, StoreError},
    journal::Event,
    rules::{EndReason, State},
    store::Write,
    visit::Visit,
};
use crate::{
    counters::Counter,
    dynamodb::{BATCH, Fault},
    id::SessionId,
};

/// How often it is looked again where a session to be ended was active meanwhile.
const LOOKS: usize = 5;

/// Writes that are sent at once.
pub(super) const AT_ONCE: usize = 16;

/// Index entries of silently expired sessions that one start removes.
const UNLISTED: usize = 25;

/// An error if the user has started as many sessions within an hour as one may. What is started at the same time is not
/// counted yet, so that as many more may start as are under way together.
pub(super) async fn check_starts(visit: Visit<'_>) -> Result<(), SessionError> {
    let limit = visit.app.limits().starts;
    if limit == 0 {
        return Ok(());
    }
    let now = visit.moment.now();
    let started = visit.records().started(now - TimeDelta::hours(1), now, limit).await?;
    if started >= limit { Err(SessionError::TooManyStarts) } else { Ok(()) }
}

/// Ends the user's least recently active live sessions beyond the limit, after a start.
pub(super) async fn keep(visit: Visit<'_>) {
    if let Err(cause) = try_keep(visit).await {
        Counter::LimitNotKept.count();
        tracing::warn!(%cause, user = visit.log_name(), "a user may have more sessions than the limit, until the next start");
    }
}

async fn try_keep(visit: Visit<'_>) -> Result<(), SessionError> {
    let limit = visit.app.limits().live;
    for look in 0..LOOKS {
        visit.in_time()?;
        let ids = listed(visit).await?;
        if ids.len() <= limit {
            return Ok(());
        }
        let Seen { mut live, long_expired } = see(visit, &ids).await?;
        live.sort_unstable_by(|one, other| other.cmp(one));
        let surplus = live.get(limit..).unwrap_or_default();
        let all_stood_still = end(visit, surplus).await?;
        if look == 0 {
            unlist(visit, &long_expired).await?;
        }
        if all_stood_still {
            return Ok(());
        }
    }
    Err(Fault::Conflict("sessions to be ended were active again and again".to_owned()).into())
}

/// All ids in the index that may be live sessions', each once.
async fn listed(visit: Visit<'_>) -> Result<HashSet<SessionId>, StoreError> {
    let mut ids = HashSet::new();
    let mut pages = visit.records().active(&visit.moment, None);
    while let Some(page) = pages.next().await? {
        ids.extend(page);
    }
    Ok(ids)
}

/// What the sessions behind the ids in the index are, as far as it matters.
#[derive(Default)]
struct Seen {
    /// The live ones, by their last activity: of two of the same time the newer id is the more recent.
    live: Vec<(DateTime<Utc>, SessionId)>,
    /// Some of those that silently expired, which so are read at each start.
    long_expired: Vec<SessionId>,
}

async fn see(visit: Visit<'_>, ids: &HashSet<SessionId>) -> Result<Seen, SessionError> {
    let ids: Vec<SessionId> = ids.iter().copied().collect();
    let mut seen = Seen::default();
    for batch in ids.chunks(BATCH) {
        visit.in_time()?;
        for session in visit.records().batch(batch).await? {
            if visit.moment.finds_live(&session) {
                seen.live.push((session.last_active_time, session.id));
            } else if seen.long_expired.len() < UNLISTED && visit.moment.finds_long_expired(&session) {
                seen.long_expired.push(session.id);
            }
        }
    }
    Ok(seen)
}

/// Ends these, unless they were active since they were seen. Whether none was.
async fn end(visit: Visit<'_>, surplus: &[(DateTime<Utc>, SessionId)]) -> Result<bool, SessionError> {
    let mut all_stood_still = true;
    for some in surplus.chunks(AT_ONCE) {
        visit.in_time()?;
        let ends = some.iter().map(|(seen, id)| end_one(visit, *id, *seen));
        all_stood_still &= try_join_all(ends).await?.into_iter().all(|stood_still| stood_still);
    }
    Ok(all_stood_still)
}

async fn end_one(visit: Visit<'_>, id: SessionId, seen: DateTime<Utc>) -> Result<bool, StoreError> {
    let change = Change::EndSurplus { seen, moment: visit.moment };
    match visit.records().end(id, &change).await? {
        Write::Done => {
            visit.note(Event::Ended { id, reason: EndReason::Limit });
            Ok(true)
        }
        // It was ended or renewed meanwhile, or is gone: one less.
        Write::Refused(found) => {
            Ok(found.and_then(|record| record.session().map(|session| session.state)) != Some(State::Active))
        }
    }
}

async fn unlist(visit: Visit<'_>, long_expired: &[SessionId]) -> Result<(), StoreError> {
    let change = Change::Unlist(visit.moment);
    // Refused where the session was renewed or ended meanwhile, which takes it out of the index too.
    try_join_all(long_expired.iter().map(|id| visit.change(*id, &change))).await?;
    Ok(())
}
