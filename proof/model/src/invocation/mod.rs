//! One invocation: the operations of the service, step by step. Between two steps lies one call of DynamoDB, and before it
//! anything may happen.

mod walk;

use chrono::{DateTime, Utc};
use shared::{
    id::SessionId,
    sessions::{
        changes::Change,
        rules::{ClientInfo, EndReason, Head, Moment, Record, Session, State},
        standing::Standing,
    },
};

use crate::{
    breaks::Break,
    look::{Look, Looked},
    others::{Others, Went},
    table::{Call, Outcome, Write},
    world::{Ask, World},
};

/// A request that a function is working on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Invocation {
    pub(crate) ask: Ask,
    /// The id that was asked about.
    pub(crate) asked: SessionId,
    /// The number of the clock that its host has.
    pub(crate) clock: u8,
    /// Its moment.
    now: DateTime<Utc>,
    /// Where its walk is.
    at: SessionId,
    hops: u8,
    first_and_last: Option<(Link, Link)>,
    /// The id in whose place it tried to start a session, and the session.
    pub(crate) tried: Option<(SessionId, SessionId)>,
    /// The moment of what it starts, if that is another.
    anew: Option<DateTime<Utc>>,
    tries: u8,
    /// Whether it has kept the limit after its start, with a look that was younger than what went wrong before.
    pub(crate) kept: Option<bool>,
    /// Whether it could not move its start's pointer: a call was lost, another has moved it, or it was purged meanwhile.
    pub(crate) has_missed_point: bool,
    step: Step,
}

/// The next call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    Touch,
    Engage,
    Renew,
    /// Only where renewals are not transactions.
    PointToSuccessor,
    StartForUnknown,
    Put,
    End,
    EndAsOfLastActivity,
    /// Moves the start's pointer; then the answer.
    Point(Link, Verdict),
    /// Keeps the limit; then the answer.
    Look(Look, Verdict),
    /// Reads the session that a login with a known key answers.
    Read(SessionId),
    Others(Others),
}

/// A pointer's target, or a head, and until when its record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Link {
    to: SessionId,
    kept_until: DateTime<Utc>,
}

/// What an invocation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The session goes on, perhaps under another id.
    Alive(SessionId),
    /// It was ended, before or by this.
    Ended(SessionId),
    /// There is no such session.
    Unknown,
    /// All is done that was to be done to others.
    Done,
    /// An error: the client may ask again.
    GaveUp,
}

/// What there is around an invocation.
pub(crate) struct Around<'a> {
    pub(crate) world: &'a World,
    /// What its host's clock shows by now.
    pub(crate) clock: DateTime<Utc>,
    /// An id that nothing has.
    pub(crate) fresh: SessionId,
    /// Whether its time is spent.
    pub(crate) is_late: bool,
}

impl Invocation {
    pub(crate) fn begin(ask: Ask, asked: SessionId, clock: u8, around: &Around<'_>) -> Self {
        let step = match ask {
            Ask::Heartbeat => Step::Touch,
            Ask::Engage => Step::Engage,
            Ask::End => Step::End,
            Ask::EndOthers => Step::Others(Others::new(asked, around.world)),
            Ask::LoginOnce => Step::StartForUnknown,
            Ask::Login if around.world.is(Break::LimitBeforeStart) => {
                Step::Look(Look::new(), Verdict::GaveUp)
            }
            Ask::Login => Step::Put,
        };
        let tried = match ask {
            Ask::Login => Some((around.fresh, around.fresh)),
            Ask::LoginOnce => Some((asked, around.fresh)),
            _ => None,
        };
        let (now, at) = (around.clock, asked);
        Self {
            ask,
            asked,
            clock,
            now,
            at,
            hops: 0,
            first_and_last: None,
            tried,
            anew: None,
            tries: 0,
            kept: None,
            has_missed_point: false,
            step,
        }
    }

    /// Its next step, for people.
    pub(crate) fn told(&self) -> String {
        let Self { ask, asked, at, step, now, .. } = self;
        format!("{ask:?} of {asked} as of {now}, at {at}: {step:?}")
    }

    /// Whether it is the other one, at another step.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.ask, one.asked, one.clock, one.now);
        key(self) == key(other)
    }

    /// The sessions that it was to end, if that is all others.
    pub(crate) fn others(&self) -> impl Iterator<Item = SessionId> {
        let others = if let Step::Others(others) = &self.step { Some(others) } else { None };
        others.into_iter().flat_map(Others::others)
    }

    /// The limit is being kept, and what is read of the index from now on will be younger than whatever went wrong.
    pub(crate) fn look(&mut self) -> Option<&mut Look> {
        if let Step::Look(look, _) = &mut self.step { Some(look) } else { None }
    }

    /// The next call.
    pub(crate) fn call(&self, around: &Around<'_>) -> Call {
        let world = around.world;
        let moment = world.moment(self.now);
        let reason = EndReason::Ended;
        match &self.step {
            Step::Touch => Call::change(self.at, Change::Touch(moment)),
            Step::Engage => Call::change(self.at, Change::Engage { engaged: true, moment }),
            Step::End => Call::change(self.at, Change::End { reason, moment }),
            Step::EndAsOfLastActivity => {
                Call::change(self.at, Change::EndAsOfLastActivity { reason, moment })
            }
            Step::Renew => {
                let put = Write::Put(self.own_id(), self.successor(world, Some(self.at)));
                if world.is(Break::RenewInTwoWrites) {
                    return Call::Write(vec![put]);
                }
                Call::Write(vec![self.pointer_to_successor(world), put])
            }
            Step::PointToSuccessor => Call::Write(vec![self.pointer_to_successor(world)]),
            Step::StartForUnknown => {
                let tombstone = Record::tombstone(self.own_id(), &self.start_moment(world));
                let put = Write::Put(self.own_id(), self.successor(world, None));
                if world.is(Break::NoTombstone) {
                    return Call::Write(vec![put]);
                }
                Call::Write(vec![Write::Put(self.at, tombstone), put])
            }
            Step::Put => Call::Write(vec![Write::Put(self.own_id(), self.successor(world, None))]),
            Step::Point(head, _) => {
                let read = self.first_and_last.map_or(self.asked, |(first, _)| first.to);
                let purge_at =
                    if world.is(Break::PointerKeptByItsWrite) { moment.purge_at() } else { head.kept_until };
                Call::change(self.asked, Change::Point { read, head: Head { id: head.to, purge_at } })
            }
            Step::Look(look, _) => look.call(self.start_moment(world)),
            Step::Read(id) => Call::Get(*id),
            Step::Others(others) => others.call(world, self.now),
        }
    }

    /// Goes on to the next call, or to the answer, after what the call came to.
    pub(crate) fn resume(&mut self, outcome: Outcome, around: &Around<'_>) -> Option<Verdict> {
        let world = around.world;
        let (moment, start) = (world.moment(self.now), self.start_moment(world));
        match &mut self.step {
            Step::Touch | Step::Engage => match outcome {
                Outcome::Done => self.arrive(self.written_now(&moment), Verdict::Alive(self.at), world),
                Outcome::Refused(found) => self.refused(found.as_ref(), &moment, around),
                _ => self.give_up(world),
            },
            Step::Renew if world.is(Break::RenewInTwoWrites) => {
                self.step = Step::PointToSuccessor;
                None
            }
            Step::Renew | Step::PointToSuccessor | Step::StartForUnknown => {
                let head = Link { to: self.own_id(), kept_until: self.start_moment(world).purge_at() };
                match outcome {
                    Outcome::Done => self.arrive(head, Verdict::Alive(head.to), world),
                    Outcome::Refused(_) if world.is(Break::AnswerWhatWasTried) => {
                        Some(Verdict::Alive(head.to))
                    }
                    _ => self.look_again(around),
                }
            }
            Step::Put => match outcome {
                Outcome::Done if world.is(Break::LimitBeforeStart) => {
                    self.kept = Some(true);
                    Some(Verdict::Alive(self.own_id()))
                }
                Outcome::Done => self.settle(Verdict::Alive(self.own_id())),
                _ => Some(Verdict::GaveUp),
            },
            Step::End | Step::EndAsOfLastActivity => match outcome {
                Outcome::Done => Some(Verdict::Ended(self.at)),
                Outcome::Refused(found) => self.end_refused(found.as_ref(), &moment, around),
                _ => self.give_up(world),
            },
            // Best effort: the answer is right without it.
            Step::Point(_, then) => {
                let then = *then;
                self.has_missed_point = !matches!(outcome, Outcome::Done);
                self.settle(then)
            }
            Step::Look(look, then) => match look.resume(outcome, &start, around) {
                Looked::On => None,
                Looked::Kept(_) if self.ask == Ask::Login && world.is(Break::LimitBeforeStart) => {
                    self.step = Step::Put;
                    None
                }
                Looked::Kept(is_kept) => {
                    self.kept = is_kept.then_some(look.is_fresh);
                    Some(*then)
                }
            },
            Step::Read(id) => match outcome {
                Outcome::Found(Some(record)) => match record.session().map(|session| session.state) {
                    Some(State::Ended { .. }) => Some(Verdict::Ended(*id)),
                    _ => Some(Verdict::Alive(*id)),
                },
                _ => Some(Verdict::GaveUp),
            },
            Step::Others(others) => match others.resume(outcome, self.now, around) {
                Went::On => None,
                Went::Through => Some(Verdict::Done),
                Went::Wrong => Some(Verdict::GaveUp),
            },
        }
    }

    fn refused(&mut self, found: Option<&Record>, moment: &Moment, around: &Around<'_>) -> Option<Verdict> {
        let gone = |record: &&Record| around.world.is(Break::PurgedIsGone) && record.purge_at < moment.now();
        let found = found.filter(|record| !gone(record));
        let at = self.at;
        let here = |kept_until| Link { to: at, kept_until };
        match Standing::of(found, moment) {
            Standing::Live(_) if self.ask == Ask::Engage => self.look_again(around),
            Standing::Live(purge_at) => self.arrive(here(purge_at), Verdict::Alive(self.at), around.world),
            Standing::Ended { purge_at, .. } => {
                self.arrive(here(purge_at), Verdict::Ended(self.at), around.world)
            }
            Standing::Renewed(pointer) => self.follow(pointer, around),
            Standing::Unknown if self.ask == Ask::Engage => Some(Verdict::Unknown),
            Standing::Unknown => {
                self.anew.get_or_insert(around.clock);
                self.try_to_start(Step::StartForUnknown, around)
            }
            Standing::Expired => self.try_to_start(Step::Renew, around),
        }
    }

    fn end_refused(
        &mut self,
        found: Option<&Record>,
        moment: &Moment,
        around: &Around<'_>,
    ) -> Option<Verdict> {
        match Standing::of(found, moment) {
            Standing::Live(_) | Standing::Expired if self.step == Step::End => {
                self.step = Step::EndAsOfLastActivity;
                None
            }
            Standing::Live(_) | Standing::Expired => self.look_again(around),
            Standing::Unknown => Some(Verdict::Unknown),
            Standing::Ended { .. } => Some(Verdict::Ended(self.at)),
            Standing::Renewed(_) if around.world.is(Break::RenewedIsUnknown) => Some(Verdict::Unknown),
            Standing::Renewed(pointer) => {
                self.step = Step::End;
                self.follow(pointer, around)
            }
        }
    }

    fn try_to_start(&mut self, step: Step, around: &Around<'_>) -> Option<Verdict> {
        match self.tried {
            Some((place, _)) if place == self.at && !around.world.is(Break::NewIdForEachTry) => {}
            _ => self.tried = Some((self.at, around.fresh)),
        }
        self.step = step;
        None
    }

    /// What was to be done was not, or nobody knows.
    fn look_again(&mut self, around: &Around<'_>) -> Option<Verdict> {
        self.tries += 1;
        if self.tries >= around.world.tries || around.is_late {
            return self.give_up(around.world);
        }
        self.step = match self.ask {
            Ask::End => Step::End,
            Ask::Engage => Step::Engage,
            _ => Step::Touch,
        };
        None
    }

    fn own_id(&self) -> SessionId {
        self.tried.map_or(self.asked, |(_, own)| own)
    }

    fn start_moment(&self, world: &World) -> Moment {
        world.moment(self.anew.unwrap_or(self.now))
    }

    fn written_now(&self, moment: &Moment) -> Link {
        Link { to: self.at, kept_until: moment.purge_at() }
    }

    fn pointer_to_successor(&self, world: &World) -> Write {
        let moment = self.start_moment(world);
        Write::Change(self.at, Change::Renew { successor: self.own_id(), moment })
    }

    fn successor(&self, world: &World, renewed_from: Option<SessionId>) -> Record {
        let moment = self.start_moment(world);
        let content_engaged = self.ask == Ask::Engage;
        let session = Session::start(self.own_id(), ClientInfo::default(), &moment);
        Record::of(Session { renewed_from, content_engaged, ..session }, &moment)
    }
}
