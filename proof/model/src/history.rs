//! What has happened, as far as the promises need it, and the promise that was broken first.

use shared::{
    id::SessionId,
    sessions::{
        changes::Change,
        rules::{EndReason, Record, Session, State},
    },
};

use crate::{
    invocation::{Invocation, Verdict},
    promise::Promise,
    table::{Effect, Table, Write},
    world::{Ask, LONGEST_INVOCATION, World},
};

/// What has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    born: Vec<SessionId>,
    follows: Vec<Follows>,
    ended: Vec<SessionId>,
    /// More may be live than the limit says, until the next start: the work of one for the limit was not done, or a session
    /// came back that had expired by another clock.
    pub(crate) is_shaken: bool,
    pub(crate) broken: Option<Promise>,
}

/// One session has followed another, or was started for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Follows {
    place: SessionId,
    session: SessionId,
    /// The record of the place was not purged since.
    is_kept: bool,
}

impl History {
    pub(crate) fn is_born(&self, id: SessionId) -> bool {
        self.born.contains(&id)
    }

    pub(crate) fn knows(&self, id: SessionId) -> bool {
        self.is_born(id) || self.follows.iter().any(|one| one.place == id)
    }

    pub(crate) fn len(&self) -> usize {
        self.follows.len()
    }

    /// A session has started, in the place of another.
    pub(crate) fn start(&mut self, id: SessionId, place: Option<SessionId>) {
        self.born.push(id);
        if let Some(place) = place {
            self.follow(place, id);
        }
    }

    /// Whether nothing has followed it.
    pub(crate) fn is_head(&self, id: SessionId) -> bool {
        !self.follows.iter().any(|one| one.is_kept && one.place == id)
    }

    /// Whether the one is the other, or leads there.
    pub(crate) fn leads(&self, from: SessionId, to: SessionId) -> bool {
        self.back(to, false).any(|id| id == from)
    }

    pub(crate) fn breaks(&mut self, promise: Promise) {
        self.broken = self.broken.or(Some(promise));
    }

    /// A record was purged: what it said of its id is forgotten.
    pub(crate) fn purge(&mut self, id: SessionId) {
        self.follows.iter_mut().filter(|one| one.place == id).for_each(|one| one.is_kept = false);
        self.ended.retain(|ended| *ended != id);
    }

    /// A call has changed a record, for this invocation; the table is as it is afterwards.
    pub(crate) fn observe(&mut self, effect: &Effect, by: &Invocation, table: &Table, world: &World) {
        let Effect { write, before, after } = effect;
        let id = write.id();
        if self.ended.contains(&id) && !is_ended(after) {
            self.breaks(Promise::EndedStaysEnded);
        }
        if before.is_some() && matches!(write, Write::Put(..)) {
            self.breaks(Promise::NothingIsOverwritten);
        }
        if let Some(session) = after.session() {
            self.observe_session(id, before.as_ref().and_then(Record::session), session, write, world);
        }
        if let Write::Change(_, change) = write {
            self.observe_change(id, change, before.as_ref(), by, table, world);
        }
        if let (None, Some(pointer)) = (before.as_ref().and_then(Record::pointer), after.pointer()) {
            self.follow(id, pointer.to);
        }
    }

    /// An invocation answers.
    pub(crate) fn answered(&mut self, by: &Invocation, verdict: Verdict, table: &Table) {
        let is_wrong = match verdict {
            Verdict::Alive(head) => {
                !self.is_born(head) || (by.ask != Ask::Login && !self.leads(by.asked, head))
            }
            Verdict::Ended(head) => !self.ended.contains(&head) && table.get(head).is_some(),
            Verdict::Unknown => table.get(by.asked).is_some(),
            Verdict::Done | Verdict::GaveUp => false,
        };
        if is_wrong {
            self.breaks(Promise::AnswersNameWhatExists);
        }
        let goes_on = |id| table.active().any(|(entry, _)| entry.id == id);
        if verdict == Verdict::Done && by.others().any(goes_on) {
            self.breaks(Promise::EndOthersEndsTheOthers);
        }
    }

    /// What must hold of the records as they are, at the time of that number.
    pub(crate) fn look_at(&mut self, table: &Table, time: u8, world: &World) {
        for entry in table.entries() {
            if let Some(pointer) = entry.record.pointer()
                && table.get(pointer.to).is_some_and(|target| outlives(&entry.record, target, world))
            {
                self.breaks(Promise::NoPointerOutlivesItsTarget);
            }
        }
        for (entry, session) in table.active() {
            let root = |id| self.back(id, true).last();
            let is_twin = |other: SessionId| other != entry.id && root(other) == root(entry.id);
            if table.active().any(|(other, _)| is_twin(other.id)) {
                self.breaks(Promise::OneLiveInAChain);
            }
            if !entry.listed && world.moments(time).any(|moment| moment.finds_live(session)) {
                self.breaks(Promise::WhatIsLiveIsListed);
            }
        }
    }

    /// The session and those before it, back to where its chain began.
    fn back(&self, from: SessionId, only_kept: bool) -> impl Iterator<Item = SessionId> {
        let before = move |id: &SessionId| {
            let is_link = |one: &&Follows| one.session == *id && (one.is_kept || !only_kept);
            self.follows.iter().find(is_link).map(|one| one.place)
        };
        std::iter::successors(Some(from), before).take(self.follows.len() + 1)
    }

    fn follow(&mut self, place: SessionId, session: SessionId) {
        if self.ended.contains(&place) {
            self.breaks(Promise::EndedStaysEnded);
        }
        match self.follows.iter().find(|one| one.is_kept && one.place == place) {
            Some(one) if one.session != session => self.breaks(Promise::OneSuccessor),
            Some(_) => {}
            None => self.follows.push(Follows { place, session, is_kept: true }),
        }
    }

    fn observe_session(
        &mut self,
        id: SessionId,
        before: Option<&Session>,
        after: &Session,
        write: &Write,
        world: &World,
    ) {
        let last = after.last_active_time;
        match before {
            None => {
                self.start(id, after.renewed_from);
            }
            Some(before) if before.last_active_time != last => {
                if last < before.last_active_time {
                    self.breaks(Promise::ActivityMovesForward);
                }
                if last - before.last_active_time > world.lifetimes.timeout {
                    self.breaks(Promise::SilenceEndsASession);
                }
                if !matches!(write, Write::Change(_, Change::Touch(_))) {
                    self.breaks(Promise::OnlyHeartbeatsMoveActivity);
                }
            }
            Some(_) => {}
        }
        let end = match after.state {
            State::Active => last,
            State::Ended { end_time, .. } | State::Expired { end_time, .. } => end_time,
        };
        if end < last || last < after.start_time {
            self.breaks(Promise::DurationIsNotNegative);
        }
        if matches!(after.state, State::Ended { .. }) && !self.ended.contains(&id) {
            self.ended.push(id);
        }
    }

    fn observe_change(
        &mut self,
        id: SessionId,
        change: &Change,
        before: Option<&Record>,
        by: &Invocation,
        table: &Table,
        world: &World,
    ) {
        match change {
            Change::EndSurplus { moment, .. } => {
                let Some(ended) = before.and_then(Record::session) else { return };
                // What its user ended since it was seen was one of as many: that could not be foreseen.
                let counts = |session: &&Session| match session.state {
                    State::Ended { end_time, reason } => {
                        end_time >= moment.now() - LONGEST_INVOCATION && reason != Some(EndReason::Limit)
                    }
                    _ => moment.finds_live(session),
                };
                let key = (ended.last_active_time, id);
                let is_more_recent = |session: &&Session| (session.last_active_time, session.id) > key;
                let sessions = table.entries().iter().filter_map(|entry| entry.record.session());
                if sessions.filter(counts).filter(is_more_recent).count() < world.limit {
                    self.breaks(Promise::TheLimitSparesTheRecent);
                }
            }
            Change::End { reason: EndReason::EndedOthers, .. }
            | Change::EndAsOfLastActivity { reason: EndReason::EndedOthers, .. }
                if self.back(id, true).any(|id| id == by.asked) =>
            {
                self.breaks(Promise::EndOthersSparesTheCaller);
            }
            Change::Point { head, .. } => {
                let pointer = before.and_then(Record::pointer);
                if pointer.is_some_and(|pointer| !self.leads(pointer.to, head.id)) {
                    self.breaks(Promise::PointersMoveForward);
                }
            }
            _ => {}
        }
    }
}

/// Whether the record is kept longer than its target, by more than clocks differ and an invocation takes: what is written
/// by a host whose clock is behind, or by a slow one, is kept as its own clock says, though that is a little less long than
/// before. (Engagement and ends of a session whose last activity is ahead do so. Purging is late by more than that.)
pub(crate) fn outlives(record: &Record, target: &Record, world: &World) -> bool {
    record.purge_at - target.purge_at > world.skew() + LONGEST_INVOCATION
}

fn is_ended(record: &Record) -> bool {
    record.session().is_some_and(|session| matches!(session.state, State::Ended { .. }))
}
