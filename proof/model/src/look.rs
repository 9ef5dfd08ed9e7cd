//! The limit of live sessions, kept after a start: looks at all that may be live, until one finds that nothing moved.

use chrono::{DateTime, Utc};
use shared::{
    id::SessionId,
    sessions::{
        MostRecent,
        changes::Change,
        rules::{Moment, State},
    },
};

use crate::{
    breaks::Break,
    invocation::Around,
    table::{Call, Outcome},
};

/// A look that is under way, and how many there were before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Look {
    stage: Stage,
    made: u8,
    all_stood_still: bool,
    /// An end failed: the others are sent all the same.
    has_failed: bool,
    /// Whether it began after all that went wrong with the limit before.
    pub(crate) is_fresh: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    Query,
    Batch(Vec<SessionId>),
    /// Ends the first of these; then what is to leave the index.
    End(Vec<(DateTime<Utc>, SessionId)>, Vec<SessionId>),
    Unlist(Vec<SessionId>),
}

/// How a look went on.
pub(crate) enum Looked {
    On,
    /// It is over: whether the limit is kept now.
    Kept(bool),
}

impl Look {
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Query, made: 0, all_stood_still: true, has_failed: false, is_fresh: true }
    }

    pub(crate) fn call(&self, moment: Moment) -> Call {
        match &self.stage {
            Stage::Query => Call::Active(moment),
            Stage::Batch(ids) => Call::Batch(ids.clone()),
            Stage::End(surplus, _) => match surplus.first() {
                Some((seen, id)) => Call::change(*id, Change::EndSurplus { seen: *seen, moment }),
                None => Call::Batch(Vec::new()),
            },
            Stage::Unlist(ids) => match ids.first() {
                Some(id) => Call::change(*id, Change::Unlist(moment)),
                None => Call::Batch(Vec::new()),
            },
        }
    }

    pub(crate) fn resume(&mut self, outcome: Outcome, moment: &Moment, around: &Around<'_>) -> Looked {
        let world = around.world;
        match (&mut self.stage, outcome) {
            (Stage::Query, Outcome::Ids(ids)) if ids.len() > world.limit => self.go(Stage::Batch(ids)),
            (Stage::Query, Outcome::Ids(_)) => Looked::Kept(true),
            (Stage::Batch(_), Outcome::Sessions(sessions)) => {
                let mut most_recent = MostRecent::of(world.limit);
                let (mut surplus, mut long_expired) = (Vec::new(), Vec::new());
                for session in &sessions {
                    let by_start = world.is(Break::LimitByStart);
                    let time = if by_start { session.start_time } else { session.last_active_time };
                    if moment.finds_live(session) {
                        let too_many = most_recent.with(time, session.id).map(|(_, id)| id);
                        let seen = sessions.iter().filter(|session| Some(session.id) == too_many);
                        surplus.extend(seen.map(|session| (session.last_active_time, session.id)));
                    } else if moment.finds_long_expired(session) || world.is(Break::UnlistByOneClock) {
                        long_expired.push(session.id);
                    }
                }
                self.end(surplus, long_expired, around)
            }
            (Stage::End(surplus, long_expired), outcome) => {
                match outcome {
                    Outcome::Done => {}
                    Outcome::Refused(found) => {
                        let state = found.and_then(|record| record.session().map(|session| session.state));
                        self.all_stood_still &= state != Some(State::Active);
                    }
                    _ => self.has_failed = true,
                }
                let (surplus, long_expired) = (surplus.split_off(1), std::mem::take(long_expired));
                self.end(surplus, long_expired, around)
            }
            (Stage::Unlist(_), Outcome::Fault) => self.over(around),
            (Stage::Unlist(ids), _) => {
                let rest = ids.split_off(1);
                self.unlist(rest, around)
            }
            _ => Looked::Kept(false),
        }
    }

    fn end(
        &mut self,
        surplus: Vec<(DateTime<Utc>, SessionId)>,
        long_expired: Vec<SessionId>,
        around: &Around<'_>,
    ) -> Looked {
        match (surplus.is_empty(), self.has_failed) {
            (false, _) => self.go(Stage::End(surplus, long_expired)),
            (true, true) => Looked::Kept(false),
            (true, false) => self.unlist(long_expired, around),
        }
    }

    fn unlist(&mut self, ids: Vec<SessionId>, around: &Around<'_>) -> Looked {
        if ids.is_empty() { self.over(around) } else { self.go(Stage::Unlist(ids)) }
    }

    fn over(&mut self, around: &Around<'_>) -> Looked {
        self.made += 1;
        if self.all_stood_still || around.world.is(Break::OneLook) {
            return Looked::Kept(true);
        }
        if self.made >= around.world.looks {
            return Looked::Kept(false);
        }
        *self = Self { made: self.made, ..Self::new() };
        Looked::On
    }

    fn go(&mut self, stage: Stage) -> Looked {
        self.stage = stage;
        Looked::On
    }
}
