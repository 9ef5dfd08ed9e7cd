//! Ending all others: what is live is listed, then the caller's chain is read, and then the others are ended.

use chrono::{DateTime, Utc};
use shared::{
    id::SessionId,
    sessions::{
        changes::Change,
        rules::{EndReason, Session},
        standing::Standing,
    },
};

use crate::{
    breaks::Break,
    invocation::Around,
    table::{Call, Outcome},
    world::World,
};

/// An end of the others that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Others {
    caller: SessionId,
    stage: Stage,
    /// The caller's chain, as far as it is read.
    chain: Vec<SessionId>,
    live: Vec<SessionId>,
    tries: u8,
    has_failed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    Query,
    Batch(Vec<SessionId>),
    Unlist(Vec<SessionId>),
    Chain(SessionId),
    End { rest: Vec<SessionId>, now: DateTime<Utc>, is_second: bool },
}

/// How it went on.
pub(crate) enum Went {
    On,
    /// All of it is done.
    Through,
    /// Something failed.
    Wrong,
}

impl Others {
    pub(crate) fn new(caller: SessionId, world: &World) -> Self {
        let stage = if world.is(Break::ChainReadFirst) { Stage::Chain(caller) } else { Stage::Query };
        Self { caller, stage, chain: Vec::new(), live: Vec::new(), tries: 0, has_failed: false }
    }

    pub(crate) fn call(&self, world: &World, now: DateTime<Utc>) -> Call {
        let moment = world.moment(now);
        match &self.stage {
            Stage::Query => Call::Active(moment),
            Stage::Batch(ids) => Call::Batch(ids.clone()),
            Stage::Unlist(ids) => match ids.first() {
                Some(id) => Call::change(*id, Change::Unlist(moment)),
                None => Call::Batch(Vec::new()),
            },
            Stage::Chain(at) => Call::Get(*at),
            Stage::End { rest, now, is_second } => {
                let (moment, reason) = (world.moment(*now), EndReason::EndedOthers);
                let change = if *is_second {
                    Change::EndAsOfLastActivity { reason, moment }
                } else {
                    Change::End { reason, moment }
                };
                rest.first().map_or(Call::Batch(Vec::new()), |id| Call::change(*id, change))
            }
        }
    }

    pub(crate) fn resume(&mut self, outcome: Outcome, now: DateTime<Utc>, around: &Around<'_>) -> Went {
        let moment = around.world.moment(now);
        match (&mut self.stage, outcome) {
            (Stage::Query, Outcome::Ids(ids)) => self.go(Stage::Batch(ids)),
            (Stage::Batch(_), Outcome::Sessions(sessions)) => {
                let ids = |is: &dyn Fn(&Session) -> bool| {
                    sessions.iter().filter(|session| is(session)).map(|session| session.id).collect()
                };
                let long_expired: Vec<SessionId> = ids(&|session| moment.finds_long_expired(session));
                self.live = ids(&|session| moment.finds_live(session));
                self.unlist(long_expired, around)
            }
            (Stage::Unlist(_), Outcome::Fault) => self.unlist(Vec::new(), around),
            (Stage::Unlist(ids), _) => {
                let rest = ids.split_off(1);
                self.unlist(rest, around)
            }
            (Stage::Chain(at), Outcome::Found(found)) => {
                let at = *at;
                let Some(record) = found else { return self.chain_is_read(around) };
                self.chain.push(at);
                match record.pointer() {
                    None => self.chain_is_read(around),
                    Some(_) if self.chain.len() > usize::from(around.world.hops) => Went::Wrong,
                    Some(pointer) => self.go(Stage::Chain(pointer.to)),
                }
            }
            (Stage::End { rest, now, is_second }, outcome) => {
                let moment = around.world.moment(*now);
                match outcome {
                    Outcome::Refused(found) => {
                        let goes_on = matches!(
                            Standing::of(found.as_ref(), &moment),
                            Standing::Live(_) | Standing::Expired
                        );
                        if goes_on && !around.world.is(Break::OthersMayRefuse) {
                            self.tries += u8::from(*is_second);
                            *is_second = !*is_second;
                            if self.tries < around.world.tries {
                                return Went::On;
                            }
                            self.has_failed = true;
                        }
                    }
                    Outcome::Done => {}
                    _ => self.has_failed = true,
                }
                let rest = rest.split_off(1);
                self.end(rest, around)
            }
            _ => Went::Wrong,
        }
    }

    fn unlist(&mut self, ids: Vec<SessionId>, around: &Around<'_>) -> Went {
        if !ids.is_empty() {
            return self.go(Stage::Unlist(ids));
        }
        if self.live.is_empty() {
            return Went::Through;
        }
        if around.world.is(Break::ChainReadFirst) {
            return self.end_others(around);
        }
        if self.live.contains(&self.caller) {
            self.chain = vec![self.caller];
            return self.end_others(around);
        }
        self.go(Stage::Chain(self.caller))
    }

    fn chain_is_read(&mut self, around: &Around<'_>) -> Went {
        if around.world.is(Break::ChainReadFirst) { self.go(Stage::Query) } else { self.end_others(around) }
    }

    fn end_others(&mut self, around: &Around<'_>) -> Went {
        self.end(self.others().collect(), around)
    }

    /// What was live when it looked, and is not of the caller's chain.
    pub(crate) fn others(&self) -> impl Iterator<Item = SessionId> {
        self.live.iter().filter(|id| !self.chain.contains(id)).copied()
    }

    /// Ends these, each at the moment when it comes to that.
    fn end(&mut self, rest: Vec<SessionId>, around: &Around<'_>) -> Went {
        self.tries = 0;
        match (rest.is_empty(), self.has_failed) {
            (false, _) => self.go(Stage::End { rest, now: around.clock, is_second: false }),
            (true, true) => Went::Wrong,
            (true, false) => Went::Through,
        }
    }

    fn go(&mut self, stage: Stage) -> Went {
        self.stage = stage;
        Went::On
    }
}
