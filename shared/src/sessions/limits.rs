//! How much one user may have: so many live sessions at once, and so many starts within an hour.
//!
//! The first is kept after a start, which has happened whatever this then meets: its answer never depends on it, and the
//! next start goes on. Simpler rules than this one (by id, by the order of the index, without `seen`) end too many where
//! several starts come at once.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

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

/// Of an index with more entries than this, what is expired beyond them goes at once. No user has so many by starting
/// them under the limits; one who had them before would have them read by each start, and there is no end to that at 25.
const MANY: usize = 2_000;

/// Somebody waits for the start's answer, and what is done is done: the next start goes on.
const LONGEST: Duration = Duration::from_secs(5);

/// An error if the user has started as many sessions within an hour as one may. What is started at the same time is not
/// counted yet, so that as many more may start as are under way together.
pub(super) async fn check_starts(visit: Visit<'_>) -> Result<(), SessionError> {
    let limit = visit.app.limits().starts;
    if limit == 0 {
        return Ok(());
    }
    let now = visit.moment.now();
    let has_started = visit.records().has_started(now - TimeDelta::hours(1), now, limit).await?;
    if has_started { Err(SessionError::TooManyStarts) } else { Ok(()) }
}

/// Ends the user's least recently active live sessions beyond the limit, after a start.
pub(super) async fn keep(visit: Visit<'_>) {
    if let Err(cause) = try_keep(visit.within(LONGEST)).await {
        Counter::LimitNotKept.count();
        let user = visit.log_name();
        tracing::warn!(%cause, user, "a user may have more sessions than the limit, until the next start");
    }
}

async fn try_keep(visit: Visit<'_>) -> Result<(), SessionError> {
    let mut unlisted = 0;
    for _ in 0..LOOKS {
        if Look::new(visit, &mut unlisted).take().await? {
            return Ok(());
        }
    }
    Err(Fault::Conflict("sessions to be ended were active again and again".to_owned()).into())
}

/// One look at all that may be live. It ends what is beyond the limit as it comes to it, so that a look that is cut off
/// has done something, however much there is.
struct Look<'a> {
    visit: Visit<'a>,
    most_recent: MostRecent,
    /// In this look and those before it.
    unlisted: &'a mut usize,
    read: usize,
    /// Whether nothing that was to be ended had been active since it was seen.
    all_stood_still: bool,
}

impl<'a> Look<'a> {
    fn new(visit: Visit<'a>, unlisted: &'a mut usize) -> Self {
        let most_recent = MostRecent::of(visit.app.limits().live);
        Self { visit, most_recent, unlisted, read: 0, all_stood_still: true }
    }

    /// Whether the limit is kept.
    async fn take(mut self) -> Result<bool, SessionError> {
        let mut pages = self.visit.records().active(&self.visit.moment, None);
        // By id: an entry that a heartbeat moves to the next day meanwhile comes twice.
        let mut ids = HashSet::new();
        let mut are_too_many = false;
        while let Some(page) = pages.next().await? {
            ids.extend(page);
            are_too_many |= ids.len() > self.most_recent.limit;
            // As long as there may be few enough, none of them is read.
            if are_too_many {
                self.go_through(ids.drain().collect()).await?;
            }
        }
        Ok(self.all_stood_still)
    }

    async fn go_through(&mut self, ids: Vec<SessionId>) -> Result<(), SessionError> {
        for batch in ids.chunks(BATCH) {
            self.visit.in_time()?;
            let (mut surplus, mut long_expired) = (Vec::new(), Vec::new());
            for session in self.visit.records().batch(batch).await? {
                if self.visit.moment.finds_live(&session) {
                    surplus.extend(self.most_recent.with(session.last_active_time, session.id));
                } else if self.visit.moment.finds_long_expired(&session) {
                    long_expired.push(session.id);
                }
            }
            self.end(&surplus).await?;
            self.read += batch.len();
            if self.read <= MANY {
                long_expired.truncate(UNLISTED - *self.unlisted);
                *self.unlisted += long_expired.len();
            }
            unlist(self.visit, &long_expired).await;
        }
        Ok(())
    }

    /// Ends these, unless they were active since they were seen.
    async fn end(&mut self, surplus: &[(DateTime<Utc>, SessionId)]) -> Result<(), SessionError> {
        for some in surplus.chunks(AT_ONCE) {
            self.visit.in_time()?;
            let ends = some.iter().map(|(seen, id)| end_one(self.visit, *id, *seen));
            // All of them, before the first fault counts: what is ended is written down.
            for stood_still in join_all(ends).await {
                self.all_stood_still &= stood_still?;
            }
        }
        Ok(())
    }
}

/// The most recently active of the live sessions that were seen so far: as many as may be live.
#[derive(Debug)]
pub struct MostRecent {
    limit: usize,
    keys: BTreeSet<(DateTime<Utc>, SessionId)>,
    by_id: HashMap<SessionId, DateTime<Utc>>,
}

impl MostRecent {
    /// None seen yet, where as many as `limit` may be live.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        Self { limit, keys: BTreeSet::new(), by_id: HashMap::new() }
    }

    /// With one more. Gives back the one that is too many then, if there is one: as many as may be live are more recent,
    /// where of two of the same time it is the one with the greater id.
    pub fn with(&mut self, last_active: DateTime<Utc>, id: SessionId) -> Option<(DateTime<Utc>, SessionId)> {
        if let Some(before) = self.by_id.insert(id, last_active) {
            self.keys.remove(&(before, id));
        }
        self.keys.insert((last_active, id));
        if self.keys.len() <= self.limit {
            return None;
        }
        let least = self.keys.pop_first()?;
        self.by_id.remove(&least.1);
        Some(least)
    }
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

/// Takes silently expired sessions out of the index, where each look would read them. Best effort: nothing depends on it.
pub(super) async fn unlist(visit: Visit<'_>, long_expired: &[SessionId]) {
    let change = Change::Unlist(visit.moment);
    for some in long_expired.chunks(AT_ONCE) {
        for outcome in join_all(some.iter().map(|id| visit.change(*id, &change))).await {
            // Refused where the session was renewed or ended meanwhile, which takes it out of the index too.
            if let Err(cause) = outcome {
                tracing::warn!(%cause, "an index entry of an expired session stays");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However they come, and though one comes twice, later.
        #[test]
        fn what_is_too_many_is_less_recent_than_as_many_as_may_be_live(
            times in proptest::collection::vec((0_i64..50, 0_usize..30), 1..80),
            limit in 1_usize..10,
        ) {
            let ids: Vec<SessionId> = (0..30).map(|_| SessionId::new(DateTime::UNIX_EPOCH)).collect();
            let mut most_recent = MostRecent::of(limit);
            let mut latest = HashMap::new();
            for (seconds, id) in times {
                let id = ids[id];
                let time = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
                let time = latest.get(&id).copied().unwrap_or(time).max(time);
                latest.insert(id, time);
                if let Some(surplus) = most_recent.with(time, id) {
                    prop_assert!(most_recent.keys.iter().all(|kept| *kept > surplus));
                    prop_assert_eq!(most_recent.keys.len(), limit);
                    let distinct: HashSet<SessionId> = most_recent.keys.iter().map(|(_, id)| *id).collect();
                    prop_assert_eq!(distinct.len(), limit);
                }
            }
        }
    }
}
