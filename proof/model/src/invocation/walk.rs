//! The way along a chain of renewals, and what is left to do at its end: the start's pointer is moved, and the limit kept.

use shared::sessions::rules::{Head, Pointer};

use super::{Around, Invocation, Link, Step, Verdict};
use crate::{
    breaks::Break,
    look::Look,
    world::{Ask, World},
};

impl Invocation {
    pub(super) fn follow(&mut self, pointer: Pointer, around: &Around<'_>) -> Option<Verdict> {
        if self.hops == around.world.hops || around.is_late {
            let is_under_way = self.first_and_last.is_some() && !around.world.is(Break::PositionNotSaved);
            return if is_under_way {
                let here = Link { to: self.at, kept_until: pointer.kept_until };
                self.step = Step::Point(here, Verdict::GaveUp);
                None
            } else {
                Some(Verdict::GaveUp)
            };
        }
        let last = Link { to: pointer.to, kept_until: pointer.kept_until };
        let first = self.first_and_last.map_or(last, |(first, _)| first);
        self.first_and_last = Some((first, last));
        self.at = pointer.to;
        self.hops += 1;
        None
    }

    pub(super) fn arrive(&mut self, head: Link, then: Verdict, world: &World) -> Option<Verdict> {
        // Engagement leaves pointers to the next heartbeat, unless something goes wrong.
        let moves = self.ask != Ask::Engage || then == Verdict::GaveUp;
        let worth = |(first, _): (Link, Link)| {
            Pointer { to: first.to, kept_until: first.kept_until }
                .is_worth_moving(&Head { id: head.to, purge_at: head.kept_until })
        };
        if moves && self.first_and_last.is_some_and(worth) && !world.is(Break::NoArrival) {
            self.step = Step::Point(head, then);
            return None;
        }
        self.settle(then)
    }

    /// Ends with an error, and saves how far the walk came.
    pub(super) fn give_up(&mut self, world: &World) -> Option<Verdict> {
        match self.first_and_last {
            Some((_, last)) => {
                self.arrive(Link { to: self.at, kept_until: last.kept_until }, Verdict::GaveUp, world)
            }
            None => Some(Verdict::GaveUp),
        }
    }

    pub(super) fn settle(&mut self, then: Verdict) -> Option<Verdict> {
        let own = |head| self.tried.is_some_and(|(_, own)| own == head);
        match then {
            Verdict::Alive(head) | Verdict::Ended(head) if own(head) => {
                self.step = Step::Look(Look::new(), then);
                None
            }
            Verdict::Alive(head) if self.ask == Ask::LoginOnce => {
                self.step = Step::Read(head);
                None
            }
            _ => Some(then),
        }
    }
}
