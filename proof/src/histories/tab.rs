//! A client: one of several that a user has open at the same time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    history::{Call, Id, Op, Told},
    request::send,
    round::{Round, TIMEOUT},
};

/// What a user's tabs know together.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Ids>);

#[derive(Debug, Default)]
struct Ids {
    /// Ids that answers told, and some that nobody has.
    sessions: Vec<Id>,
    keys: Vec<Id>,
}

pub(super) struct Tab {
    pub(super) round: Arc<Round>,
    pub(super) user: usize,
    /// Of each user.
    pub(super) known: Arc<[Known]>,
    pub(super) random: Rng,
    /// What it gave up, and may try once more.
    given_up: Vec<Call>,
}

impl Known {
    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some id, most often one of the last.
    pub(super) fn some(&self, random: &mut Rng) -> Option<Id> {
        let ids = self.ids();
        let all = ids.sessions.len();
        let reach = if random.u8(..10) < 6 { all.min(4) } else { all };
        (reach > 0).then(|| ids.sessions[all - 1 - random.usize(..reach)])
    }
}

impl Tab {
    pub(super) fn new(round: &Arc<Round>, user: usize, known: &Arc<[Known]>, random: Rng) -> Self {
        Self { round: Arc::clone(round), user, known: Arc::clone(known), random, given_up: Vec::new() }
    }

    /// Makes requests for as long as there are any to be made.
    pub(super) async fn play(mut self, is_over: impl Fn() -> bool) {
        while self.round.take_request() && !is_over() {
            let call = self.next();
            let patience =
                (self.random.u8(..100) < 4).then(|| Duration::from_micros(self.random.u64(..250_000)));
            self.make(call, patience).await;
            self.let_time_pass();
        }
    }

    fn next(&mut self) -> Call {
        if self.random.u8(..3) == 0
            && let Some(call) = self.given_up.pop()
        {
            return call;
        }
        let own = &self.known[self.user];
        let random = &mut self.random;
        let Some(id) = own.some(random) else { return Call::Login };
        match random.u8(..100) {
            0..5 => Call::Login,
            5..10 => {
                let mut ids = own.ids();
                if ids.keys.is_empty() || random.bool() {
                    let key = Uuid::from_u128(random.u128(..));
                    ids.keys.push(key);
                }
                Call::LoginOnce(ids.keys[random.usize(..ids.keys.len())])
            }
            10..12 => self.with_strange_id(),
            12..24 => Call::Engage(id, random.bool()),
            24..28 => Call::End(id),
            28..31 => Call::Logout(id),
            31 => Call::EndOthers(random.bool().then_some(id)),
            32..41 => Call::List(random.bool().then_some(id)),
            41..50 => Call::Get(id),
            _ => Call::Heartbeat(id),
        }
    }

    /// Something with an id that is nobody's, or another user's: to this one they are the same.
    fn with_strange_id(&mut self) -> Call {
        let random = &mut self.random;
        let others = random.bool().then(|| self.known[random.usize(..self.known.len())].some(random));
        let id = others.flatten().unwrap_or_else(|| Uuid::from_u128(random.u128(..)));
        match random.u8(..8) {
            0 => Call::Engage(id, true),
            1 => Call::End(id),
            2 => Call::Get(id),
            3 => Call::Logout(id),
            _ => Call::Heartbeat(id),
        }
    }

    /// Makes one request of any host, and notes what comes of it.
    pub(super) async fn make(&mut self, call: Call, patience: Option<Duration>) {
        let round = Arc::clone(&self.round);
        let host = self.random.usize(..round.hosts.len());
        let (began, from) = (round.history.place(), round.time_at(host));
        let sent = send(&round, host, self.user, call);
        let told = match patience {
            Some(patience) => timeout(patience, sent).await.unwrap_or(Told::Nothing),
            None => sent.await,
        };
        let to = round.time_at(host);
        let (ended, gave_up) = match told {
            Told::Nothing => (u64::MAX, Some(Instant::now())),
            _ => (round.history.place(), None),
        };
        if matches!(told, Told::Nothing | Told::Failed(_)) {
            self.given_up.push(call);
        }
        self.learn(call, &told);
        round.history.note(Op { user: self.user, host, call, told, began, ended, from, to, gave_up });
    }

    fn learn(&mut self, call: Call, told: &Told) {
        let mut ids = self.known[self.user].ids();
        let mut learn = |id: Id| {
            if !ids.sessions.contains(&id) {
                ids.sessions.push(id);
            }
        };
        match told {
            Told::Started(id, _) | Told::Engaged(id) => learn(*id),
            Told::Renewed(id) => {
                learn(*id);
                call.id().map(learn);
            }
            Told::Nothing | Told::Failed(_) if matches!(call, Call::Heartbeat(_)) => {
                call.id().map(learn);
            }
            _ => {}
        }
    }

    /// Minutes, past the timeout by a little or by more, and now and then a day.
    fn let_time_pass(&mut self) {
        let by = match self.random.u32(..20_000) {
            0..90 => self.random.i64(1_000..900_000),
            90..105 => TIMEOUT + self.random.i64(-60_000..60_000),
            105..115 => TIMEOUT + self.random.i64(0..TIMEOUT),
            115..119 => self.random.i64(20 * 3_600_000..26 * 3_600_000),
            _ => return,
        };
        self.round.time.jump(by);
    }
}
