//! Who comes when, how long they stay, and what their sessions are then.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use shared::{
    id::SessionId,
    sessions::rules::{EndReason, Session, State},
};
use uuid::Builder;

use super::{
    Plan, Sampled,
    days::Day,
    users::{User, exponential},
};

/// Of the client in the browser.
const HEARTBEATS: TimeDelta = TimeDelta::minutes(5);

/// The longest visit, in heartbeats: 12 hours.
const MOST_HEARTBEATS: f64 = 144.0;

/// So much of a day's sessions may be those of users who come for the first time.
const NEWCOMERS: usize = 2;

/// For one session, before it is given up: the day is nearly over, say, and everybody who comes is there already.
const TRIES: usize = 200;

/// The sessions of a year up to now, in the order in which they started.
#[must_use]
pub fn sessions(plan: &Plan) -> Vec<Sampled> {
    let mut chance = Rng::with_seed(plan.sample.seed);
    let users = User::all(plan.sample.users, &mut chance);
    let minutes: Vec<u32> = users.iter().cycle().take(2_000).map(|user| user.minute(&mut chance)).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most 2,000")]
    let passed =
        |minute| minutes.iter().filter(|own| **own < minute).count() as f64 / minutes.len().max(1) as f64;
    let days = Day::all(plan.now, plan.zone, plan.sample.sessions, passed, &mut chance);
    let mut visits = Visits { plan, chance, users: &users, sessions: Vec::new(), last: BTreeMap::new() };
    let mut known = 0;
    for (day, number) in days.iter().zip(0_u64..) {
        let newcomers = users[known..].iter().take_while(|user| user.first_day <= number).count();
        let newcomers = newcomers.min(day.sessions / NEWCOMERS);
        for user in known..known + newcomers {
            for _ in 0..TRIES {
                if visits.visit(user, day) {
                    break;
                }
            }
        }
        known += newcomers;
        visits.returning(known, day, number, day.sessions - newcomers);
    }
    let mut sessions = visits.sessions;
    sessions.sort_by_key(|sampled| (sampled.session.start_time, sampled.session.id));
    sessions
}

/// What has happened so far.
struct Visits<'a> {
    plan: &'a Plan,
    chance: Rng,
    users: &'a [User],
    sessions: Vec<Sampled>,
    /// For each user and device the last session, as its place among all.
    last: BTreeMap<(usize, usize), usize>,
}

impl Visits<'_> {
    /// So many visits of the first `known` users, the more likely by those who come often.
    fn returning(&mut self, known: usize, day: &Day, number: u64, count: usize) {
        let mut sum = 0.0;
        let sums: Vec<f64> = self.users[..known]
            .iter()
            .map(|user| {
                sum += user.weight(number, day.is_weekend());
                sum
            })
            .collect();
        if sum == 0.0 {
            return;
        }
        for _ in 0..count {
            for _ in 0..TRIES {
                let place = self.chance.f64() * sum;
                let user = sums.partition_point(|until| *until <= place).min(known - 1);
                if self.visit(user, day) {
                    break;
                }
            }
        }
    }

    /// A visit, if the time that chance gives is one at which that device of the user is free.
    fn visit(&mut self, place: usize, day: &Day) -> bool {
        let Plan { now, zone, lifetimes, .. } = *self.plan;
        let user = &self.users[place];
        let device = if self.chance.f64() < 0.65 { 0 } else { user.devices.len() - 1 };
        let start = day.at(user.minute(&mut self.chance), zone, &mut self.chance);
        let before = self.last.get(&(place, device)).copied();
        let is_free = before.is_none_or(|before| match self.sessions[before].session.state {
            State::Ended { end_time, .. } => end_time < start,
            _ => self.sessions[before].session.last_active_time + lifetimes.timeout < start,
        });
        if start > now || !is_free {
            return false;
        }
        let id = self.id(start);
        let renewed = before.filter(|before| self.is_remembered(user, *before, start));
        let mut session = Session::start(id, user.devices[device].clone(), &lifetimes.at(start));
        let is_short = renewed.is_none() && self.chance.f64() < user.haste;
        self.stay(user, &mut session, is_short);
        if let Some(before) = renewed {
            let old = &mut self.sessions[before];
            session.renewed_from = Some(old.session.id);
            old.session.state =
                State::Expired { end_time: old.session.last_active_time, renewed_to: session.id };
            old.written = start;
        }
        let written = match session.state {
            State::Ended { end_time, .. } => end_time,
            _ => session.last_active_time,
        };
        self.last.insert((place, device), self.sessions.len());
        self.sessions.push(Sampled { user: user.id.clone(), session, written });
        true
    }

    /// Whether the browser still has the id of its last session, and the service its record, so that this one renews
    /// it. Who stayed long left the page open rather than closed.
    fn is_remembered(&mut self, user: &User, before: usize, start: DateTime<Utc>) -> bool {
        let Sampled { session, written, .. } = &self.sessions[before];
        let stayed = session.last_active_time - session.start_time;
        let part = if stayed < HEARTBEATS { 0.4 } else { 1.0 };
        session.state == State::Active
            && start < self.plan.lifetimes.at(*written).purge_at()
            && self.chance.f64() < user.memory * part
    }

    /// Lets the session last: up to its last heartbeat, and for some a sign of life when the page was left, or an end.
    fn stay(&mut self, user: &User, session: &mut Session, is_short: bool) {
        let (start, now) = (session.start_time, self.plan.now);
        let interval = HEARTBEATS.min(self.plan.lifetimes.timeout / 2);
        let chance = &mut self.chance;
        let leaves_word = chance.f64() < 0.45;
        let late = TimeDelta::milliseconds(chance.i64(20..1_500));
        let mut last = start;
        if !is_short {
            let wanted = (1.0 + exponential(chance) * user.patience).min(MOST_HEARTBEATS);
            let passed = (now - start - late).num_milliseconds() / interval.num_milliseconds();
            #[expect(clippy::cast_possible_truncation, reason = "at most 144")]
            let beats = (wanted as i32).min(i32::try_from(passed).unwrap_or(i32::MAX));
            if beats > 0 {
                last += interval * beats + late;
            }
        }
        // A short visit is one without a heartbeat, and over within a minute mostly.
        let longest = if is_short && chance.f64() < 0.7 { interval / 5 } else { interval };
        let word = last + TimeDelta::milliseconds(chance.i64(0..longest.num_milliseconds().max(1)));
        if leaves_word && (is_short || chance.bool()) && word <= now {
            last = word;
        }
        session.last_active_time = last;
        let end = last + TimeDelta::milliseconds(chance.i64(0..interval.num_milliseconds().max(1)));
        if chance.f64() < user.tidiness && end <= now {
            session.state = State::Ended { end_time: end, reason: Some(EndReason::Logout) };
        }
        session.content_engaged = chance.f64() < user.interest * engaged(last - start);
    }

    /// An id as the service makes them, but for chance's being told where to begin.
    #[expect(clippy::expect_used, reason = "a UUID is one")]
    fn id(&mut self, start: DateTime<Utc>) -> SessionId {
        let mut random = [0; 10];
        self.chance.fill(&mut random);
        let milliseconds = u64::try_from(start.timestamp_millis()).unwrap_or_default();
        let id = Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        id.hyphenated().to_string().parse().expect("a UUID")
    }
}

/// How many engage, by how long they stayed.
fn engaged(stayed: TimeDelta) -> f64 {
    match stayed.num_minutes() {
        ..1 => 0.04,
        1..5 => 0.2,
        5..15 => 0.45,
        15..30 => 0.62,
        _ => 0.78,
    }
}
