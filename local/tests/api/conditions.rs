//! The rules on what a write demands and does have two readings, and both are the same: what a condition says of a
//! record and what a change makes of it is what the engine does, with every kind of record at every border.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use shared::{
    clock::Deadline,
    dynamodb::Transaction,
    id::{SessionId, UserId},
    sessions::{
        Records, Store, Write,
        changes::Change,
        conditions::Condition,
        item,
        rules::{Body, ClientInfo, EndReason, Head, Lifetimes, Moment, Record, Session, State},
    },
};

use crate::support::{Need, World, lacks};

const MS: TimeDelta = TimeDelta::milliseconds(1);

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

fn any_moment() -> impl Strategy<Value = Moment> {
    let now = 1_700_000_000_000_i64..4_103_697_600_000;
    (now, 2_i64..100_000, 1_i64..400).prop_map(|(now, timeout, retention)| {
        let (timeout, retention) = (TimeDelta::seconds(timeout), TimeDelta::days(retention));
        Lifetimes { timeout, retention }.at(at(now))
    })
}

/// Two ids that records point to.
fn targets() -> [SessionId; 2] {
    ["0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"]
        .map(|id| id.parse().unwrap())
}

fn ended(end_time: DateTime<Utc>) -> State {
    State::Ended { end_time, reason: Some(EndReason::EndedOthers) }
}

/// A session in every state, last active at, just before and just after each border; a tombstone; nothing.
fn records(id: SessionId, moment: &Moment) -> Vec<Option<Record>> {
    let purge_at = at((moment.now().timestamp() - 5) * 1_000);
    let [to, _] = targets();
    let mut records = vec![None, Some(Record { body: Body::Tombstone { renewed_to: to }, purge_at })];
    for border in [moment.cut() - TimeDelta::minutes(1), moment.cut(), moment.now()] {
        for last_active_time in [border - MS, border, border + MS] {
            let end_time = last_active_time;
            for state in [State::Active, ended(end_time), State::Expired { end_time, renewed_to: to }] {
                let session = Session {
                    id,
                    start_time: last_active_time - TimeDelta::hours(2),
                    last_active_time,
                    state,
                    content_engaged: state != State::Active,
                    renewed_from: (state == State::Active).then_some(to),
                    client: ClientInfo { ip_address: None, user_agent: Some("agent".to_owned()) },
                };
                records.push(Some(Record { body: Body::Session(session), purge_at }));
            }
        }
    }
    records
}

fn changes(moment: Moment) -> Vec<Change> {
    let [one, other] = targets();
    let head = Head { id: other, purge_at: at(moment.now().timestamp() * 1_000) };
    vec![
        Change::Touch(moment),
        Change::Renew { successor: other, moment },
        Change::Point { read: one, head },
        Change::Point { read: other, head },
        Change::End { reason: EndReason::Logout, moment },
        Change::EndAsOfLastActivity { reason: EndReason::Ended, moment },
        Change::EndSurplus { seen: moment.now() + MS, moment },
        Change::EndSurplus { seen: moment.cut(), moment },
        Change::Unlist(moment),
        Change::Engage { engaged: true, moment },
        Change::Engage { engaged: false, moment },
    ]
}

/// Which kind of change it is. A new kind does not compile here: it belongs into the list above, too.
fn kind(change: &Change) -> usize {
    match change {
        Change::Touch(_) => 0,
        Change::Renew { .. } => 1,
        Change::Point { .. } => 2,
        Change::End { .. } => 3,
        Change::EndAsOfLastActivity { .. } => 4,
        Change::Engage { .. } => 5,
        Change::EndSurplus { .. } => 6,
        Change::Unlist(_) => 7,
    }
}

#[test]
fn every_kind_of_change_is_tried() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let lifetimes = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) };
    let kinds: BTreeSet<usize> = changes(lifetimes.at(at(0))).iter().map(kind).collect();
    assert_eq!(kinds, (0..8).collect());
}

/// A table, and a user who is nobody else's.
struct Table<'a> {
    world: &'a World,
    store: Store,
    user: UserId,
}

impl Table<'_> {
    fn records(&self) -> Records<'_> {
        self.store.of(&self.user, Deadline::NONE)
    }

    /// An id under which the table has `record`.
    async fn with(&self, id: SessionId, record: Option<&Record>) {
        if let Some(record) = record {
            self.world.put(item::encode(&self.user, id, record).unwrap()).await;
        }
    }

    async fn stored(
        &self,
        id: SessionId,
    ) -> Option<HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let get = self.world.client.get_item().table_name(&self.world.table).consistent_read(true);
        get.set_key(Some(item::key(&self.user, id))).send().await.unwrap().item
    }

    /// The engine does what the change says, and where its condition does not hold, nothing.
    async fn check_change(&self, id: SessionId, record: Option<Record>, change: Change) {
        self.with(id, record.as_ref()).await;
        let outcome = self.records().change(id, &change).await.unwrap();
        let holds = change.condition().holds(record.as_ref());
        let expected = if holds { Write::Done } else { Write::Refused(record.clone()) };
        assert_eq!(outcome, expected, "{change:?} of {record:?}");
        let after = if holds { record.as_ref().map(|record| change.apply(record)) } else { record.clone() };
        let mut after = after.map(|after| item::encode(&self.user, id, &after).unwrap());
        if let (Change::Unlist(_), true, Some(item)) = (change, holds, &mut after) {
            assert!(item.remove("activeDay").is_some(), "all that is changed");
        }
        assert_eq!(self.stored(id).await, after, "{change:?} of {record:?}");
    }

    /// So does a transaction that renews, and that puts its session where there is none.
    async fn check_start(&self, id: SessionId, record: Option<Record>, moment: &Moment) {
        self.with(id, record.as_ref()).await;
        let session = |at: Moment| Session::start(SessionId::new(at.now()), ClientInfo::default(), &at);
        let (successor, other) = (session(*moment), session(*moment));
        // A login's put, under the very id.
        if record.is_some() {
            let put = Session { id, ..session(*moment) };
            let refused = self.records().start(&put, moment).await.unwrap();
            assert_eq!(refused, Write::Refused(record.clone()), "a login in the place of {record:?}");
        }
        // A successor whose id is taken.
        let taken = session(*moment);
        assert_eq!(self.records().start(&taken, moment).await.unwrap(), Write::Done);
        let renewed = self.records().renew(id, &taken, moment).await.unwrap();
        assert_eq!(renewed, Transaction::Refused, "a taken id in the place of {record:?}");
        let renewed = self.records().renew(id, &successor, moment).await.unwrap();
        let expired = Condition::Expired(*moment).holds(record.as_ref());
        assert_eq!(renewed == Transaction::Done, expired, "a renewal of {record:?}");
        assert_eq!(self.stored(successor.id).await.is_some(), expired, "{record:?}");
        let started = self.records().start_for_unknown(id, &other, moment).await.unwrap();
        let absent = Condition::Absent.holds(record.as_ref());
        assert_eq!(started == Transaction::Done, absent, "a start in the place of {record:?}");
        assert_eq!(self.stored(other.id).await.is_some(), absent, "{record:?}");
        let after = match &record {
            None => Some(Record::tombstone(other.id, moment)),
            Some(record) if expired => {
                Some(Change::Renew { successor: successor.id, moment: *moment }.apply(record))
            }
            Some(record) => Some(record.clone()),
        };
        let after = after.map(|after| item::encode(&self.user, id, &after).unwrap());
        assert_eq!(self.stored(id).await, after, "{record:?}");
    }
}

async fn check(table: &Table<'_>, moment: Moment) {
    let new = || SessionId::new(moment.now());
    for change in changes(moment) {
        let ids: Vec<SessionId> = records(new(), &moment).iter().map(|_| new()).collect();
        let checks = ids.iter().enumerate().map(|(index, id)| {
            let record = records(*id, &moment).swap_remove(index);
            table.check_change(*id, record, change)
        });
        join_all(checks).await;
    }
    for index in 0..records(new(), &moment).len() {
        let id = new();
        table.check_start(id, records(id, &moment).swap_remove(index), &moment).await;
    }
}

#[test]
fn the_rules_of_a_write_are_what_the_engine_does() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let user = runtime.block_on(async { world.user("alice").await.sub.parse().unwrap() });
    let table = Table { world: &world, store: Store::new(world.client.clone(), world.table.clone()), user };
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&any_moment(), |moment| {
        runtime.block_on(check(&table, moment));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
