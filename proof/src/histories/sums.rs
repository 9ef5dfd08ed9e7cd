//! What the metrics must add up to: the rollup's rows, the operator's recount and a sum of one's own are the same.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use anyhow::{Context, Result};
use chrono::{Days, NaiveDate};
use operator::recount::Recount;
use shared::{
    clock::Clock,
    metrics::{self, calendar::Range},
    settings::Environment,
};

use super::{round::Round, table::Items, time::instant};

/// Between these minutes durations are counted.
const EDGES: [i64; 6] = [1, 5, 15, 30, 60, 120];

/// What is compared of a day.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    sessions: i64,
    engaged: i64,
    renewed: i64,
    duration: i64,
    durations: [i64; EDGES.len() + 1],
    users: u64,
}

/// What does not hold, and how many sessions were summed.
pub(super) async fn check(round: &Arc<Round>, users: &HashMap<String, Items>) -> Result<(Vec<String>, u64)> {
    let server = &round.hosts[0].server;
    let function = server.template.functions.iter().find(|function| function.crate_name == "rollup");
    let environment = &function.context("no rollup")?.environment;
    let variable = |name: &str| environment.get(name).cloned();
    let environment = Environment::new(&variable);
    let mut found = Vec::new();

    let time = Arc::clone(&round.time);
    let clock = Clock::from_fn(move || instant(time.now()));
    let recount = Recount::new(&environment, server.client.clone(), &clock)?;
    let comparison = recount.compare(|_| ()).await?;
    found.extend(comparison.differences.iter().map(|difference| {
        format!(
            "of {} the rows say {}, and the recount {}",
            difference.day, difference.rows, difference.sessions
        )
    }));
    if comparison.skipped > 0 {
        found.push(format!("the recount leaves out {} items", comparison.skipped));
    }

    let (own, sessions) = sums(users);
    let (Some(first), Some(last)) = (own.keys().next(), own.keys().next_back()) else {
        return Ok((found, 0));
    };
    // A row of another day would be one too many.
    let range = Range { first: *first - Days::new(2), last: *last + Days::new(2) };
    let rows = metrics::Settings::read(&environment)?.store(server.client.clone()).read(range).await?;
    for day in range.days() {
        let totals = rows.day(day);
        let counts = totals.counts;
        let rows = Sum {
            sessions: counts.sessions,
            engaged: counts.engaged,
            renewed: counts.renewed,
            duration: counts.duration_ms,
            durations: totals.durations.distribution(),
            users: totals.users.count(),
        };
        let own = own.get(&day);
        if rows != *own.unwrap_or(&Sum::default()) {
            found.push(format!("of {day} the rows say {rows:?}, and the sessions are {own:?}"));
        }
    }
    Ok((found, sessions))
}

/// The sums by day, and how many sessions there are in all.
fn sums(users: &HashMap<String, Items>) -> (BTreeMap<NaiveDate, Sum>, u64) {
    let mut days = BTreeMap::<NaiveDate, Sum>::new();
    let mut sessions = 0;
    for items in users.values() {
        let mut seen = HashSet::new();
        for item in items.values().filter(|item| item.is_session()) {
            let day = instant(item.start()).date_naive();
            let sum = days.entry(day).or_default();
            let duration =
                item.end_time.filter(|_| item.state == "ended").unwrap_or(item.last()) - item.start();
            sum.sessions += 1;
            sum.engaged += i64::from(item.content_engaged == Some(true));
            sum.renewed += i64::from(item.renewed_from.is_some());
            sum.duration += duration;
            sum.durations[EDGES.iter().filter(|edge| **edge * 60_000 <= duration).count()] += 1;
            sum.users += u64::from(seen.insert(day));
            sessions += 1;
        }
    }
    (days, sessions)
}
