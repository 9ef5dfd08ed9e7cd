//! Random sequences of operations by two users, with the clock moved and old records purged, against a small model of
//! the rules: answers, lists and stored items agree.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use shared::clock::instant;

use crate::support::{Need, User, World, active, ended, lacks, renewed, unknown_id};

const TIMEOUT: i64 = 3_600_000;
const KEPT_SECONDS: i64 = 3_600 + 90 * 86_400;
const DAY: i64 = 86_400_000;

/// Live sessions that a user may have, and starts within an hour: few, so that sequences come to the limits.
const LIVE: usize = 3;
const STARTS: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    Login,
    /// With a key, which may be an id.
    LoginOnce(usize),
    /// The numbers choose among the ids that the user has seen.
    Heartbeat(usize),
    Engage(usize, bool),
    End(usize),
    Logout(usize),
    EndOthers(Option<usize>),
    List(usize),
    Get(usize),
    /// Milliseconds.
    Wait(i64),
    /// The time to live deletes what is past its time.
    Purge,
}

/// Whose step it is, and what it is.
fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let any_id = 0_usize..64;
    let wait = prop_oneof![
        Just(0),
        Just(1),
        Just(300_000),
        Just(TIMEOUT - 1),
        Just(TIMEOUT),
        Just(TIMEOUT + 1),
        Just(86_400_000),
        Just(89 * 86_400_000),
        Just(91 * 86_400_000),
    ];
    let step = prop_oneof![
        3 => Just(Step::Login),
        3 => any_id.clone().prop_map(Step::LoginOnce),
        8 => any_id.clone().prop_map(Step::Heartbeat),
        3 => (any_id.clone(), any::<bool>()).prop_map(|(id, engaged)| Step::Engage(id, engaged)),
        2 => any_id.clone().prop_map(Step::End),
        1 => any_id.clone().prop_map(Step::Logout),
        1 => proptest::option::of(any_id.clone()).prop_map(Step::EndOthers),
        2 => any_id.clone().prop_map(Step::List),
        2 => any_id.prop_map(Step::Get),
        8 => wait.prop_map(Step::Wait),
        1 => Just(Step::Purge),
    ];
    proptest::collection::vec((0_usize..2, step), 1..60)
}

/// A record, as the rules have it.
#[derive(Clone, Debug, PartialEq)]
enum Record {
    Session { start: i64, last: i64, engaged: bool, from: Option<String>, state: State, purge: i64 },
    Tombstone { to: String, purge: i64 },
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    /// Whether the index has it.
    Active {
        listed: bool,
    },
    Ended {
        at: i64,
        reason: &'static str,
    },
    Renewed(String),
}

/// What is at the end of a walk.
enum Found {
    Nothing,
    Ended,
    Live,
    Expired,
}

#[derive(Default)]
struct Model {
    records: BTreeMap<String, Record>,
}

impl Record {
    fn pointer(&self) -> Option<&String> {
        match self {
            Self::Tombstone { to, .. } | Self::Session { state: State::Renewed(to), .. } => Some(to),
            Self::Session { .. } => None,
        }
    }

    fn purge(&self) -> i64 {
        let (Self::Session { purge, .. } | Self::Tombstone { purge, .. }) = self;
        *purge
    }
}

impl Model {
    fn walk(&self, id: &str, now: i64) -> (String, Found) {
        let mut at = id.to_owned();
        while let Some(to) = self.records.get(&at).and_then(Record::pointer) {
            at.clone_from(to);
        }
        let found = match self.records.get(&at) {
            None | Some(Record::Tombstone { .. }) => Found::Nothing,
            Some(Record::Session { state: State::Ended { .. }, .. }) => Found::Ended,
            Some(Record::Session { last, .. }) if *last >= now - TIMEOUT => Found::Live,
            Some(Record::Session { .. }) => Found::Expired,
        };
        (at, found)
    }

    fn start(&mut self, id: &str, from: Option<&str>, engaged: bool, now: i64) {
        let from = from.map(str::to_owned);
        let state = State::Active { listed: true };
        let session = Record::Session { start: now, last: now, engaged, from, state, purge: purge(now) };
        self.records.insert(id.to_owned(), session);
        self.keep_to_the_limit(now);
    }

    /// Ends the least recently active beyond the limit. What has silently expired for a minute leaves the index, where
    /// that has more entries than may be live.
    fn keep_to_the_limit(&mut self, now: i64) {
        let since = (now - TIMEOUT).div_euclid(DAY);
        let listed = self.records.iter().filter_map(|(id, record)| match record {
            Record::Session { last, state: State::Active { listed: true }, .. }
                if last.div_euclid(DAY) >= since =>
            {
                Some((*last, id.clone()))
            }
            _ => None,
        });
        let mut listed: Vec<(i64, String)> = listed.collect();
        if listed.len() <= LIVE {
            return;
        }
        listed.sort();
        listed.reverse();
        let live = listed.iter().filter(|(last, _)| *last >= now - TIMEOUT);
        for (last, id) in live.skip(LIVE) {
            self.end_at(id, now.max(*last), "limit", now);
        }
        self.unlist(now);
    }

    /// What has silently expired for a minute leaves the index, as far as a list reads that.
    fn unlist(&mut self, now: i64) {
        let since = (now - TIMEOUT).div_euclid(DAY);
        for record in self.records.values_mut() {
            if let Record::Session { last, state: State::Active { listed }, .. } = record
                && *last < now - TIMEOUT - 60_000
                && last.div_euclid(DAY) >= since
            {
                *listed = false;
            }
        }
    }

    /// Whether one more may be started, of what is not a renewal. The time is in the id.
    fn may_start(&self, now: i64) -> bool {
        let started = |id: &String| i64::from_str_radix(&id.replace('-', "")[..12], 16).unwrap();
        let is_of_late = |id: &String| (now - TIMEOUT..=now + 300_000).contains(&started(id));
        let of_late = || self.records.iter().filter(|(id, _)| is_of_late(id));
        let sessions = of_late().filter(|(_, record)| matches!(record, Record::Session { .. }));
        // Twice as many records are not read on.
        sessions.count() < STARTS && of_late().count() < 2 * STARTS
    }

    fn renew(&mut self, old: &str, new: &str, engaged: bool, now: i64) {
        let Some(Record::Session { state, purge: kept, .. }) = self.records.get_mut(old) else {
            panic!("{old} cannot be renewed")
        };
        *state = State::Renewed(new.to_owned());
        *kept = purge(now);
        self.start(new, Some(old), engaged, now);
    }

    /// A heartbeat went from `id` to `head`, whose record is kept until `until`.
    fn point(&mut self, id: &str, head: &str, until: i64) {
        let Some(record) = self.records.get_mut(id) else { return };
        match record {
            Record::Tombstone { to, purge } | Record::Session { state: State::Renewed(to), purge, .. } => {
                if to != head || until - *purge > 86_400 {
                    head.clone_into(to);
                    *purge = until;
                }
            }
            Record::Session { .. } => {}
        }
    }

    fn live(&self, now: i64) -> Vec<(i64, String, bool)> {
        let live = self.records.iter().filter_map(|(id, record)| match record {
            Record::Session { last, engaged, state: State::Active { .. }, .. } if *last >= now - TIMEOUT => {
                Some((*last, id.clone(), *engaged))
            }
            _ => None,
        });
        let mut live: Vec<_> = live.collect();
        live.sort();
        live.reverse();
        live
    }

    /// What ended the session that `id` stands for.
    fn end_reason(&self, id: &str, now: i64) -> &'static str {
        match &self.records[&self.walk(id, now).0] {
            Record::Session { state: State::Ended { reason, .. }, .. } => reason,
            other => panic!("not ended: {other:?}"),
        }
    }

    fn session(&mut self, id: &str) -> (&mut i64, &mut bool, &mut State, &mut i64) {
        match self.records.get_mut(id) {
            Some(Record::Session { last, engaged, state, purge, .. }) => (last, engaged, state, purge),
            _ => panic!("{id} is no session"),
        }
    }

    fn end(&mut self, id: &str, reason: &'static str, now: i64) {
        let last = *self.session(id).0;
        self.end_at(id, if last < now - TIMEOUT { last } else { now }, reason, now);
    }

    fn end_at(&mut self, id: &str, at: i64, reason: &'static str, now: i64) {
        let (_, _, state, kept) = self.session(id);
        *state = State::Ended { at, reason };
        *kept = purge(now);
    }
}

fn purge(now: i64) -> i64 {
    now / 1_000 + KEPT_SECONDS
}

/// One user: the service's side, the model's, and the ids that the user has seen.
struct Player<'a> {
    user: User<'a>,
    model: Model,
    seen: Vec<String>,
}

impl Player<'_> {
    fn id(&self, number: usize) -> String {
        self.seen[number % self.seen.len()].clone()
    }

    fn now(&self) -> i64 {
        self.user.world.clock.now().timestamp_millis()
    }

    fn saw(&mut self, id: &Value) -> String {
        let id = id.as_str().expect("an id").to_owned();
        if !self.seen.contains(&id) {
            self.seen.push(id.clone());
        }
        id
    }

    async fn take(&mut self, step: &Step) {
        let now = self.now();
        match step {
            Step::Login => {
                let answer = self.user.call("POST", "/auth/login").await;
                if !self.model.may_start(now) {
                    answer.error(429, "too_many_sessions");
                    return;
                }
                let body = answer.ok();
                let id = self.saw(&body["body"]["sessionId"]);
                self.model.start(&id, None, false, now);
            }
            Step::LoginOnce(number) => self.login_once(&self.id(*number), now).await,
            Step::Heartbeat(number) => self.heartbeat(&self.id(*number), now).await,
            Step::Engage(number, engaged) => self.engage(&self.id(*number), *engaged, now).await,
            Step::End(number) => {
                let id = self.id(*number);
                let (head, found) = self.model.walk(&id, now);
                let answer = self.user.end(&id).await;
                match found {
                    Found::Nothing => {
                        answer.error(404, "session_not_found");
                    }
                    Found::Ended => assert_eq!(answer.ok()["sessionId"], json!(head)),
                    Found::Live | Found::Expired => {
                        assert_eq!(answer.ok()["sessionId"], json!(head));
                        self.model.end(&head, "ended", now);
                    }
                }
            }
            Step::Logout(number) => {
                let id = self.id(*number);
                let (head, found) = self.model.walk(&id, now);
                self.user.logout(&json!({ "sessionId": id })).await.ok();
                if let Found::Live | Found::Expired = found {
                    self.model.end(&head, "logout", now);
                }
            }
            Step::EndOthers(kept) => {
                let kept = kept.map(|number| self.id(number));
                let head = kept.as_ref().map(|id| self.model.walk(id, now).0);
                let others = self.model.live(now).into_iter().map(|(_, id, _)| id);
                let others: Vec<String> = others.filter(|id| Some(id) != head.as_ref()).collect();
                let body = self.user.end_others(kept.as_deref()).await.ok();
                assert_eq!(body["endedSessions"], others.len());
                for id in &others {
                    self.model.end(id, "ended_others", now);
                }
                self.model.unlist(now);
            }
            Step::List(current) => {
                let current = self.id(*current);
                let head = self.model.walk(&current, now).0;
                let rows = self.user.list(Some(&current)).await;
                let rows: Vec<Value> = rows
                    .iter()
                    .map(|row| json!([row["sessionId"], row["contentEngaged"], row["current"]]))
                    .collect();
                let live = self.model.live(now).into_iter();
                let expected: Vec<Value> =
                    live.map(|(_, id, engaged)| json!([id, engaged, id == head])).collect();
                assert_eq!(rows, expected);
            }
            Step::Get(number) => {
                let id = self.id(*number);
                let (head, found) = self.model.walk(&id, now);
                let answer = self.user.call("GET", &format!("/user-sessions/{id}")).await;
                let state = match found {
                    Found::Nothing => {
                        answer.error(404, "session_not_found");
                        return;
                    }
                    Found::Live => "live",
                    Found::Expired => "expired",
                    Found::Ended => "ended",
                };
                let body = answer.ok();
                let engaged = *self.model.session(&head).1;
                let reason = (state == "ended").then(|| self.model.end_reason(&id, now));
                assert_eq!(
                    json!([
                        body["sessionId"],
                        body["state"],
                        body["contentEngaged"],
                        body["endReason"],
                        body["requestedSessionId"]
                    ]),
                    json!([head, state, engaged, reason, id])
                );
            }
            Step::Wait(_) | Step::Purge => unreachable!("these are nobody's"),
        }
    }

    async fn login_once(&mut self, key: &str, now: i64) {
        let request = self.user.request("POST", "/auth/login").header("idempotency-key", key);
        let answer = self.user.send(request).await;
        if self.is_refused(key, now) {
            answer.error(429, "too_many_sessions");
            return;
        }
        if answer.status == 409 {
            answer.error(409, "session_ended");
            return self.keep_alive(key, None, now);
        }
        let body = answer.ok()["body"].clone();
        let id = self.saw(&body["sessionId"]);
        self.keep_alive(key, Some(&id), now);
        let Record::Session { start, last, .. } = self.model.records[&id] else {
            panic!("{id} is no session")
        };
        let shown = |milliseconds| instant(DateTime::from_timestamp_millis(milliseconds).unwrap());
        assert_eq!(
            (&body["startTime"], &body["expiresAt"]),
            (&json!(shown(start)), &json!(shown(last + TIMEOUT)))
        );
    }

    /// Whether a heartbeat, or a login with that key, would start one session too many.
    fn is_refused(&self, id: &str, now: i64) -> bool {
        matches!(self.model.walk(id, now), (_, Found::Nothing)) && !self.model.may_start(now)
    }

    async fn heartbeat(&mut self, id: &str, now: i64) {
        let answer = self.user.heartbeat(id).await;
        if self.is_refused(id, now) {
            answer.error(429, "too_many_sessions");
            return;
        }
        let body = answer.ok();
        let kept_alive = match body["status"].as_str() {
            Some("active") => Some(id.to_owned()),
            Some("renewed") => Some(self.saw(&body["sessionId"])),
            _ => None,
        };
        let expected = match &kept_alive {
            None => ended(self.model.end_reason(id, now)),
            Some(head) if head == id => active(),
            Some(head) => renewed(head),
        };
        assert_eq!(body, expected);
        self.keep_alive(id, kept_alive.as_deref(), now);
    }

    /// The session that `id` stands for was kept alive, and is `answered`; `None` if it was ended.
    fn keep_alive(&mut self, id: &str, answered: Option<&str>, now: i64) {
        let (head, found) = self.model.walk(id, now);
        match found {
            Found::Ended => {
                assert_eq!(answered, None);
                let until = self.model.records[&head].purge();
                self.model.point(id, &head, until);
            }
            Found::Live => {
                assert_eq!(answered, Some(head.as_str()));
                let (last, _, _, kept) = self.model.session(&head);
                if *last < now {
                    (*last, *kept) = (now, purge(now));
                }
                let until = *kept;
                self.model.point(id, &head, until);
            }
            Found::Nothing | Found::Expired => {
                let new = answered.expect("a session").to_owned();
                assert!(!self.model.records.contains_key(&new), "a new one");
                if let Found::Expired = found {
                    self.model.renew(&head, &new, false, now);
                } else {
                    let tombstone = Record::Tombstone { to: new.clone(), purge: purge(now) };
                    self.model.records.insert(head, tombstone);
                    self.model.start(&new, None, false, now);
                }
                self.model.point(id, &new, purge(now));
            }
        }
    }

    async fn engage(&mut self, id: &str, engaged: bool, now: i64) {
        let (head, found) = self.model.walk(id, now);
        let answer = self.user.engage(id, engaged).await;
        match found {
            Found::Nothing => {
                answer.error(404, "session_not_found");
            }
            Found::Ended => {
                answer.error(409, "session_ended");
            }
            Found::Live => {
                assert_eq!(answer.ok()["sessionId"], json!(head));
                let (_, value, _, kept) = self.model.session(&head);
                (*value, *kept) = (engaged, purge(now));
            }
            Found::Expired => {
                let new = self.saw(&answer.ok()["sessionId"]);
                self.model.renew(&head, &new, engaged, now);
            }
        }
    }

    /// The stored items are the model's records, attribute by attribute.
    async fn compare(&self) {
        let stored = self.user.world.items_of(&self.user.sub).await.into_iter().map(|(id, item)| {
            let record = match (item.start_time, item.last_active_time, item.renewed_to) {
                (Some(start), Some(last), to) => {
                    let reason = item.end_reason.as_deref().map(reason);
                    let state = match (item.state.as_str(), item.end_time, reason, to) {
                        ("active", None, None, None) => State::Active { listed: item.active_day.is_some() },
                        ("ended", Some(at), Some(reason), None) => State::Ended { at, reason },
                        ("expired", Some(end), None, Some(to)) if end == last => State::Renewed(to),
                        other => panic!("{other:?}"),
                    };
                    let engaged = item.content_engaged.expect("contentEngaged");
                    Record::Session {
                        start,
                        last,
                        engaged,
                        from: item.renewed_from,
                        state,
                        purge: item.purge_at,
                    }
                }
                (None, None, Some(to)) => Record::Tombstone { to, purge: item.purge_at },
                other => panic!("{other:?}"),
            };
            (id, record)
        });
        assert_eq!(stored.collect::<BTreeMap<_, _>>(), self.model.records);
    }
}

fn reason(name: &str) -> &'static str {
    let all = ["logout", "ended", "ended_others", "limit", "operator"];
    all.into_iter().find(|own| *own == name).unwrap_or_else(|| panic!("no reason of an end: {name}"))
}

async fn play(world: &World, steps: Vec<(usize, Step)>) {
    let mut players = Vec::new();
    for name in ["alice", "bob"] {
        let user = world.user(name).await;
        players.push(Player { user, model: Model::default(), seen: vec![unknown_id(), unknown_id()] });
    }
    // Each tries the other's ids too: to the model those are unknown, like any other.
    for (whose, step) in steps {
        match step {
            Step::Wait(ms) => world.clock.advance(TimeDelta::milliseconds(ms)),
            Step::Purge => {
                for player in &mut players {
                    let now = player.now() / 1_000;
                    let gone = player.model.records.iter().filter(|(_, record)| record.purge() < now);
                    for id in gone.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
                        world.purge(&player.user.sub, &id).await;
                        player.model.records.remove(&id);
                    }
                }
            }
            step => {
                players[whose].take(&step).await;
                let newest = players[whose].seen.last().cloned();
                let theirs = &mut players[1 - whose].seen;
                if let Some(id) = newest.filter(|id| !theirs.contains(id)) {
                    theirs.push(id);
                }
            }
        }
    }
    for player in &players {
        player.compare().await;
    }
}

#[test]
fn random_operations_agree_with_the_model() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (live, starts) = (LIVE.to_string(), STARTS.to_string());
    let limits = [("MAX_SESSIONS_PER_USER", live.as_str()), ("MAX_STARTS_PER_USER_PER_HOUR", &starts)];
    let world = runtime.block_on(World::with(&limits));
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&steps(), |steps| {
        let _guard = runtime.enter();
        runtime.block_on(play(&world, steps));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
