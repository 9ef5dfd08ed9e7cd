//! The model that is explored: clients, hosts, the table, the time, and what can go wrong between them.

use chrono::TimeDelta;
use shared::{
    id::SessionId,
    sessions::{
        changes::Change,
        rules::{ClientInfo, Record, Session},
    },
};
use stateright::{Model, Property};

use crate::{
    history::{History, outlives},
    invocation::{Around, Invocation, Verdict},
    promise::Promise,
    state::{Action, Client, Heard, Loss, State, short},
    table::{Effect, Outcome, Table, Write as Writes},
    world::{Ask, World, id},
};

/// The name of the one property that is checked; a state that breaks it names the promise.
pub(crate) const PROMISES: &str = "every promise is kept";

/// A pointer is refreshed where that keeps it longer by more than this.
const POINTER_REFRESH: TimeDelta = TimeDelta::days(1);

/// The protocol in a world.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) world: World,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let world = &self.world;
        let (mut table, mut history) = (Table::default(), History::default());
        for (number, before) in (1..=world.live).rev().zip(1..) {
            let moment = world.moment(world.time(0) - TimeDelta::seconds(before));
            let session = Session::start(id(number), ClientInfo::default(), &moment);
            table.put(id(number), Record::of(session, &moment));
            history.start(id(number), None);
        }
        for number in 1..=world.renewals {
            let before = i32::from(world.renewals - number);
            let age = (world.lifetimes.timeout + TimeDelta::seconds(1)) * before + TimeDelta::seconds(1);
            let moment = world.moment(world.time(0) - age);
            let (old, own) = (id(number), id(number + 1));
            let session = Session::start(own, ClientInfo::default(), &moment);
            if let Some(record) = table.get(old) {
                let renewed = Change::Renew { successor: own, moment }.apply(record);
                table.put(old, renewed);
            }
            table.put(own, Record::of(Session { renewed_from: Some(old), ..session }, &moment));
            history.start(own, Some(old));
        }
        let client = |(role, number): (&crate::world::Role, u8)| Client {
            role: number,
            requests: role.requests,
            holds: id(role.holds),
            heard: None,
            running: None,
        };
        let clients = world.roles.iter().zip(world.kinds()).map(client).collect();
        vec![State { time: 0, faults: world.faults, table, clients, late: None, history }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.history.broken.is_some() {
            return;
        }
        let world = &self.world;
        for (client, number) in state.clients.iter().zip(0_u8..) {
            if number > 0 && state.clients.get(usize::from(number) - 1) == Some(client) {
                continue;
            }
            let Some(running) = &client.running else {
                self.beginnings(client, number, actions);
                continue;
            };
            actions.push(Action::Call(number));
            if state.faults == 0 {
                continue;
            }
            actions.push(Action::CutOff(number));
            actions.push(Action::Lose(number, Loss::Never));
            if running.call(&self.around(state, running.clock)).is_write() {
                actions.extend([Action::CallAtLast(number), Action::Lose(number, Loss::AtOnce)]);
                if world.late && state.late.is_none() {
                    actions.push(Action::Lose(number, Loss::Later));
                }
            }
        }
        if state.late.is_some() {
            actions.push(Action::Arrive);
        }
        if world.purges {
            let is_due = |record: &Record| record.purge_at < world.time(state.time);
            let due = state.table.entries().iter().filter(|entry| is_due(&entry.record));
            actions.extend(due.map(|entry| Action::Purge(entry.id)));
        }
        let is_idle = state.clients.iter().all(|client| client.running.is_none());
        if usize::from(state.time) + 1 < world.times.len() && (is_idle || world.is_short(state.time)) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin { client, ask, clock } => {
                let around = self.around(&state, clock);
                let client = state.clients.get_mut(usize::from(client))?;
                client.requests -= 1;
                client.running = Some(Invocation::begin(ask, client.holds, clock, &around));
            }
            Action::Call(client) => self.call(&mut state, client, false),
            Action::CallAtLast(client) => {
                state.faults -= 1;
                self.call(&mut state, client, true);
            }
            Action::Lose(client, loss) => self.lose(&mut state, client, loss),
            Action::CutOff(client) => {
                state.faults -= 1;
                let running = state.clients.get_mut(usize::from(client))?.running.take()?;
                self.perform(&mut state, &running);
                Self::is_over(&mut state, &running);
            }
            Action::Arrive => {
                let late = state.late.take()?;
                self.perform(&mut state, &late);
                let is_under_way =
                    |client: &Client| client.running.as_ref().is_some_and(|running| running.is_same(&late));
                if !state.clients.iter().any(is_under_way) {
                    Self::is_over(&mut state, &late);
                }
            }
            Action::Purge(id) => {
                let purged = state.table.get(id)?;
                let is_left = |record: &Record| {
                    record.pointer().is_some_and(|pointer| pointer.to == id)
                        && outlives(record, purged, &self.world)
                };
                if state.table.entries().iter().any(|entry| is_left(&entry.record)) {
                    state.history.breaks(Promise::NoPointerOutlivesItsTarget);
                }
                state.table.purge(id);
                state.history.purge(id);
            }
            Action::Tick => state.time += 1,
        }
        self.look_at(&mut state);
        state.forget();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROMISES, |_, state: &State| state.history.broken.is_none())]
    }
}

impl Protocol {
    /// What happens in a state, for people.
    pub(crate) fn told(&self, state: &State, action: Action) -> String {
        let (Action::Call(number)
        | Action::CallAtLast(number)
        | Action::Lose(number, _)
        | Action::CutOff(number)
        | Action::Begin { client: number, .. }) = action
        else {
            return short(&format!("{action:?}"));
        };
        let client = state.clients.get(usize::from(number));
        let holds = client.map(|client| client.holds);
        let what = match client.and_then(|client| client.running.as_ref()) {
            Some(running) => running.told(),
            None => format!("of {holds:?} at {}", self.world.time(state.time)),
        };
        short(&format!("{action:?} {what}"))
    }

    fn beginnings(&self, client: &Client, number: u8, actions: &mut Vec<Action>) {
        if client.requests == 0 {
            return;
        }
        let asks = self.world.roles.get(usize::from(client.role)).map_or(&[] as &[Ask], |role| role.asks);
        for ask in asks {
            let clocks = (0..).take(self.world.clocks.len());
            actions.extend(clocks.map(|clock| Action::Begin { client: number, ask: *ask, clock }));
        }
    }

    fn around(&self, state: &State, clock: u8) -> Around<'_> {
        let fresh = (1..=u8::MAX).map(id).find(|id| !state.uses(*id)).unwrap_or_else(|| id(0));
        Around { world: &self.world, clock: self.world.clock(state.time, clock), fresh, is_late: false }
    }

    /// Makes the next call of an invocation.
    fn perform(&self, state: &mut State, running: &Invocation) -> Outcome {
        let call = running.call(&self.around(state, running.clock));
        let (outcome, effects) = state.table.answer(&call, self.world.broken);
        for effect in effects {
            state.history.observe(&effect, running, &state.table, &self.world);
            if self.comes_back(&effect, state.time) {
                Self::shake(state);
            }
        }
        outcome
    }

    /// Whether a heartbeat has touched a session that had expired by some clock, so that a start may have left it out: it
    /// was under way when the session expired, or its host's clock is behind.
    fn comes_back(&self, effect: &Effect, time: u8) -> bool {
        let had_expired =
            |session: &Session| !self.world.moments(time).all(|moment| moment.finds_live(session));
        matches!(effect.write, Writes::Change(_, Change::Touch(_)))
            && effect.before.as_ref().and_then(Record::session).is_some_and(had_expired)
    }

    /// More may be live than the limit says, until a start has looked at all that there is by now.
    fn shake(state: &mut State) {
        state.history.is_shaken = true;
        let running = state.clients.iter_mut().filter_map(|client| client.running.as_mut());
        running.filter_map(Invocation::look).for_each(|look| look.is_fresh = false);
    }

    fn call(&self, state: &mut State, client: u8, is_late: bool) {
        self.go_on(state, client, is_late, Self::perform);
    }

    fn lose(&self, state: &mut State, client: u8, loss: Loss) {
        state.faults -= 1;
        self.go_on(state, client, false, |protocol, state, running| {
            match loss {
                Loss::Never => {}
                Loss::AtOnce => drop(protocol.perform(state, running)),
                Loss::Later => state.late = Some(running.clone()),
            }
            Outcome::Fault
        });
    }

    /// A client's invocation goes on by one call, of which it sees what `call` gives back.
    fn go_on(
        &self,
        state: &mut State,
        client: u8,
        is_late: bool,
        call: impl FnOnce(&Self, &mut State, &Invocation) -> Outcome,
    ) {
        let running = state.clients.get(usize::from(client)).and_then(|client| client.running.clone());
        let Some(mut running) = running else { return };
        let around = Around { is_late, ..self.around(state, running.clock) };
        let outcome = call(self, state, &running);
        let verdict = running.resume(outcome, &around);
        if let Some(verdict) = verdict {
            state.history.answered(&running, verdict, &state.table);
            self.tell(state, client, &running, verdict);
            Self::is_over(state, &running);
        } else if let Some(client) = state.clients.get_mut(usize::from(client)) {
            client.running = Some(running);
        }
    }

    /// A client hears the answer.
    fn tell(&self, state: &mut State, number: u8, running: &Invocation, verdict: Verdict) {
        let Some(client) = state.clients.get_mut(usize::from(number)) else { return };
        client.running = None;
        let before = client.heard.filter(|heard| heard.asked == running.asked);
        let answer = match verdict {
            Verdict::Alive(head) | Verdict::Ended(head) => Some(head),
            Verdict::Unknown => None,
            Verdict::Done | Verdict::GaveUp => return,
        };
        let is_wrong = running.ask != Ask::Login
            && before.is_some_and(|heard| {
                answer != Some(heard.head) && self.still_stands(&state.table, heard, state.time)
            });
        if is_wrong {
            state.history.breaks(Promise::RepeatsAgree);
        }
        let Verdict::Alive(head) = verdict else { return };
        if matches!(running.ask, Ask::Heartbeat | Ask::LoginOnce) && !running.has_missed_point {
            client.heard = Some(Heard { asked: running.asked, head, time: state.time });
        }
        let adopts = self.world.roles.get(usize::from(client.role)).is_some_and(|role| role.adopts);
        if adopts {
            client.holds = head;
            client.heard = None;
        }
    }

    /// Whether what a client was told must be so still: the session is live by every clock, and the client asked often
    /// enough that the pointer to it is kept.
    fn still_stands(&self, table: &Table, heard: Heard, time: u8) -> bool {
        let world = &self.world;
        let kept = world.lifetimes.timeout + world.lifetimes.retention - POINTER_REFRESH - world.skew();
        let session = table.active().find(|(entry, _)| entry.id == heard.head);
        session.is_some_and(|(_, session)| world.moments(time).all(|moment| moment.finds_live(session)))
            && world.time(time) - world.time(heard.time) < kept
    }

    /// An invocation is over. One that started a session and did not get to keep the limit leaves that to the next
    /// start.
    fn is_over(state: &mut State, running: &Invocation) {
        if !running.tried.is_some_and(|(_, own)| state.history.is_born(own)) {
            return;
        }
        match running.kept {
            Some(is_fresh) => state.history.is_shaken &= !is_fresh,
            None => Self::shake(state),
        }
    }

    /// What must hold of the state as it is.
    fn look_at(&self, state: &mut State) {
        let world = &self.world;
        state.history.look_at(&state.table, state.time, world);
        let is_starting = |running: &Invocation| {
            running.kept.is_none() && running.tried.is_some_and(|(_, own)| state.history.is_born(own))
        };
        let running = || state.clients.iter().filter_map(|client| client.running.as_ref());
        if !state.history.is_shaken && !running().any(is_starting) {
            let by_all =
                |session: &Session| world.moments(state.time).all(|moment| moment.finds_live(session));
            if state.table.active().filter(|(_, session)| by_all(session)).count() > world.limit {
                state.history.breaks(Promise::TheLimitIsKept);
            }
        }
        if running().next().is_none() && state.history.broken.is_none() && !self.all_are_answered(state) {
            state.history.breaks(Promise::RepeatedHeartbeatsAreAnswered);
        }
    }

    /// Whether a heartbeat on each id that a client has or had is answered, left alone and repeated.
    fn all_are_answered(&self, state: &State) -> bool {
        let mut ids: Vec<SessionId> = state.clients.iter().map(|client| client.holds).collect();
        ids.extend(self.world.roles.iter().map(|role| id(role.holds)));
        ids.sort_unstable();
        ids.dedup();
        let clocks = || (0..).take(self.world.clocks.len());
        ids.into_iter().all(|id| clocks().all(|clock| self.is_answered(state.clone(), id, clock)))
    }

    fn is_answered(&self, mut state: State, asked: SessionId, clock: u8) -> bool {
        let longest = state.history.len() + 2;
        (0..longest).any(|_| {
            let mut running = Invocation::begin(Ask::Heartbeat, asked, clock, &self.around(&state, clock));
            let verdict = loop {
                let around = self.around(&state, clock);
                let outcome = self.perform(&mut state, &running);
                if let Some(verdict) = running.resume(outcome, &around) {
                    break verdict;
                }
            };
            match verdict {
                Verdict::Alive(head) => state.history.is_head(head) && state.history.leads(asked, head),
                Verdict::Ended(head) => state.history.is_head(head),
                Verdict::Unknown | Verdict::Done | Verdict::GaveUp => false,
            }
        })
    }
}
