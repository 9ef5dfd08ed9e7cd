//! When nothing goes wrong any more: users start more than they may have live, all at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use fastrand::Rng;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    history::{Call, Id},
    round::{Round, TIMEOUT, name_of},
    tab::{Known, Tab},
    table::{self, Items},
};

/// Logins at the same time are as many as may be live, or this if that is less, and three more.
const LOGINS: usize = 8;

/// Heartbeats beside them, on ids of before.
const HEARTBEATS: usize = 4;

/// So many users at a time: with more, a slow engine would not be done within the time that a start has for the limit.
const TOGETHER: usize = 4;

/// What does not hold of the limit then.
pub(super) async fn check(
    round: &Arc<Round>,
    known: &Arc<[Known]>,
    random: &mut Rng,
    is_fed: impl Fn() -> bool,
) -> Result<Vec<String>> {
    // All that was live is over by then, whatever the host.
    while !round.time.jump(2 * TIMEOUT) {
        ensure!(is_fed(), "the stream is not delivered any more");
        sleep(Duration::from_millis(20)).await;
    }
    let since = round.time.now() + round.ahead().into_iter().min().unwrap_or_default();
    let logins = round.limits.live.min(LOGINS) + 3;
    let users: Vec<usize> = (0..known.len()).collect();
    for users in users.chunks(TOGETHER) {
        let mut calls = Vec::new();
        for user in users {
            let mut all = vec![Call::Login; logins];
            all.extend((0..HEARTBEATS).filter_map(|_| known[*user].some(random).map(Call::Heartbeat)));
            random.shuffle(&mut all);
            calls.extend(all.into_iter().map(|call| (Tab::new(round, *user, known, random.fork()), call)));
        }
        join_all(calls.into_iter().map(|(mut tab, call)| async move { tab.make(call, None).await })).await;
    }
    let before = table::read(round).await?;
    let one_more = users.iter().map(|user| Tab::new(round, *user, known, random.fork()));
    let mut one_more: Vec<Tab> = one_more.collect();
    for tabs in one_more.chunks_mut(TOGETHER) {
        join_all(tabs.iter_mut().map(|tab| tab.make(Call::Login, None))).await;
    }
    let after = table::read(round).await?;
    let mut found = Vec::new();
    for user in 0..known.len() {
        let name = name_of(user);
        let user = User { round, since, before: before.get(&name), after: after.get(&name) };
        found.extend(user.check().into_iter().map(|what| format!("{name}: {what}")));
    }
    Ok(found)
}

/// A user's items after all have started at once, and after one more did.
struct User<'a> {
    round: &'a Round,
    since: i64,
    before: Option<&'a Items>,
    after: Option<&'a Items>,
}

impl User<'_> {
    fn check(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (before, after) = (self.live(self.before), self.live(self.after));
        let limit = self.round.limits.live;
        let (started, in_all) = (self.started(self.before), self.started(self.after));
        if before.len() < started.min(limit) {
            found.push(format!("{started} started at once, {limit} may be live, and these are: {before:?}"));
        }
        if after.len() != in_all.min(limit) {
            found.push(format!(
                "{in_all} started, {limit} may be live, and after the last these are: {after:?}"
            ));
        }
        // What the last start ended was no more recent than what it left.
        let least = after.values().min().copied().unwrap_or_default();
        found.extend(before.iter().filter(|(id, last)| !after.contains_key(*id) && **last > least).map(
            |(id, last)| {
                format!("{id} was active at {last} and ended by the limit, and not one of {after:?}")
            },
        ));
        found
    }

    /// When each live session was last active.
    fn live(&self, items: Option<&Items>) -> HashMap<Id, i64> {
        let now = self.round.time.now();
        let live = items.into_iter().flatten().filter(|(_, item)| item.is_live(now));
        live.map(|(id, item)| (*id, item.last())).collect()
    }

    fn started(&self, items: Option<&Items>) -> usize {
        let all = items.into_iter().flatten();
        all.filter(|(_, item)| item.is_session() && item.start() >= self.since).count()
    }
}
