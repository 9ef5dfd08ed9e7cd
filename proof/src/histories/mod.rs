//! Many clients under faults: their histories, the table and the metrics against the rules.
//!
//! A run is played in rounds, each with tables of its own. In a round some hosts, which are local servers whose clocks
//! differ, serve the tabs of some users over HTTP, while time jumps, calls of the engine go wrong, and the stream comes to
//! the rollup again, out of order and cut anew. Then it becomes quiet, and all is compared with what the rules allow.

mod chains;
mod engine;
mod faults;
mod history;
mod quiet;
mod request;
mod round;
mod rules;
mod stream;
mod sums;
mod tab;
mod table;
mod time;
mod wire;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use local::Server;
use reqwest::Url;
use serde_json::json;

use self::{
    chains::Chains,
    history::{Op, Told},
    round::{Limits, Plan, Round, name_of, settle},
    rules::Facts,
    stream::{Fed, Feed},
    tab::{Known, Tab},
};
use crate::run::Run;

/// What a run is to do.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// So many requests, in rounds of at most 20,000 [default: 20,000 in all, or as many as there are minutes for]
    #[arg(long)]
    requests: Option<u64>,
    /// So many clients at the same time
    #[arg(long, default_value_t = 240)]
    clients: usize,
    /// So many users, to whom the clients belong
    #[arg(long, default_value_t = 40)]
    users: usize,
    /// So many hosts, whose clocks differ
    #[arg(long, default_value_t = 3)]
    hosts: usize,
    /// So many of a hundred calls of the engine go wrong
    #[arg(long, default_value_t = 12.0, value_name = "PERCENT")]
    faults: f64,
    /// Another engine on this machine than the embedded one
    #[arg(long, value_name = "URL")]
    dynamodb: Option<Url>,
}

/// What users may have, in turn: more than they start, so that none is ended for it and lists must show all; few live at
/// once; few starts.
const LIMITS: [Limits; 4] = [
    Limits { live: 1_000, starts: 0 },
    Limits { live: 3, starts: 0 },
    Limits { live: 1_000, starts: 300 },
    Limits { live: 4, starts: 6 },
];

const LARGEST_ROUND: u64 = 20_000;

/// No request takes longer to reach its function, also that of a client that has given up.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// In so many requests everything happens that is meant to.
const TELLING: u64 = 10_000;

/// In so many each kind of fault does.
const TELLING_OF_FAULTS: u64 = 100_000;

const LOOKED_FOR: &str = "live sessions looked for in lists";
const FAILED: &str = "stream batches failed";
const DIED_WRITTEN: &str = "rollups that died once they had written";

/// More of one round tell nothing new.
const TOLD: usize = 12;

pub(crate) async fn run(options: Options, run: &Run) -> Result<()> {
    ensure!(options.users > 0 && options.hosts > 0 && options.clients > 0, "there is nobody to do it");
    // What reqwest takes where it has none of its own.
    drop(rustls::crypto::ring::default_provider().install_default());
    let issuer = Server::start(local::Options::default()).await?;
    let requests = run.volume(options.requests, LARGEST_ROUND);
    let rounds = u64::try_from(LIMITS.len())?.max(requests.div_ceil(LARGEST_ROUND));
    for number in 0..rounds {
        if run.is_over() || run.has_broken() {
            break;
        }
        let plan = Plan {
            issuer: &issuer.url,
            dynamodb: options.dynamodb.as_ref(),
            users: options.users,
            hosts: options.hosts,
            requests: requests.div_ceil(rounds),
            // A run that ends early meets the first rounds alone: which those are goes by the seed.
            limits: LIMITS[usize::try_from(number.wrapping_add(run.seed()) % LIMITS.len() as u64)?],
            percent: options.faults,
            refuses: number % 2 == 1,
        };
        play(number, &plan, options.clients, run).await.with_context(|| format!("round {number}"))?;
    }
    if run.counted("rounds") >= LIMITS.len() as u64 && options.faults > 0.0 {
        all_was_met(run);
    }
    Ok(())
}

/// A check that nothing meets would hold whatever is broken.
fn all_was_met(run: &Run) {
    let requests = run.counted("requests");
    let mut units: Vec<String> = Vec::new();
    if requests >= TELLING {
        units.extend([LOOKED_FOR, FAILED, DIED_WRITTEN].map(str::to_owned));
        units.extend([404, 409, 429, 503].map(of_answer));
    }
    if requests >= TELLING_OF_FAULTS {
        units.extend(faults::names().map(|name| of_fault("", name)));
    }
    for unit in units.iter().filter(|unit| run.counted(unit) == 0) {
        run.broken(format!("in all these requests there were no {unit}"));
    }
}

fn of_answer(status: u16) -> String {
    format!("answers: {status}")
}

/// Of a kind of fault, on the way that `of` says.
fn of_fault(of: &str, name: &str) -> String {
    format!("fault{of}: {name}")
}

/// One round, from empty tables to what was found.
async fn play(number: u64, plan: &Plan<'_>, clients: usize, run: &Run) -> Result<()> {
    let mut random = run.random(number);
    let began = Instant::now();
    let round = Arc::new(Round::start(plan, &mut random).await?);
    let nothing_more = Arc::new(AtomicBool::new(false));
    let stream = Feed::new(&round, random.fork()).await?;
    let feeding = tokio::spawn(stream.run(Arc::clone(&nothing_more)));

    round.faults.switch(true);
    round.rollup_faults.switch(true);
    let known: Arc<[Known]> = (0..plan.users).map(|_| Known::default()).collect();
    let until = run.left().map(|left| Instant::now() + left);
    let mut tabs = Vec::new();
    for client in 0..clients {
        let tab = Tab::new(&round, client % plan.users, &known, random.fork());
        tabs.push(tokio::spawn(tab.play(move || until.is_some_and(|until| Instant::now() > until))));
    }
    for tab in tabs {
        tab.await.context("a client failed")?;
    }
    let played = began.elapsed();
    round.faults.switch(false);
    settle(&round.faults).await;
    let quiet_from = round.history.place();
    let found = quiet::check(&round, &known, &mut random, || !feeding.is_finished()).await;
    nothing_more.store(true, Ordering::SeqCst);
    let fed = feeding.await.context("the stream")?.context("the stream")?;
    let mut found = found?;
    round.rollup_faults.switch(false);
    settle(&round.rollup_faults).await;

    let (ops, users) = (ops(&round), table::read(&round).await?);
    found.extend(check_users(&round, plan, &ops, &users, quiet_from, run));
    let (of_metrics, sessions) = sums::check(&round, &users).await?;
    found.extend(of_metrics);
    count(run, &round, &ops, &fed, sessions);
    run.say(&format!(
        "round {number}, {:?}: {} requests in {:.1} s, with all checks in {:.1} s, {} sessions, {} broken",
        plan.limits,
        ops.len(),
        played.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        sessions,
        found.len()
    ));
    let many = found.len();
    for what in found.into_iter().take(TOLD) {
        run.broken(format!(
            "round {number}, hosts ahead by {:?} ms, {:?}: {what}",
            round.ahead(),
            plan.limits
        ));
    }
    if many > TOLD {
        run.say(&format!("and {} more", many - TOLD));
    }
    round.forget().await
}

/// Holds each user's history and items against the rules; from the place `quiet_from` on nothing went wrong.
fn check_users(
    round: &Round,
    plan: &Plan<'_>,
    ops: &[Op],
    users: &HashMap<String, table::Items>,
    quiet_from: u64,
    run: &Run,
) -> Vec<String> {
    let mut found = Vec::new();
    let now = round.time.now() + round.most_ahead();
    let ahead = round.ahead();
    let none = table::Items::new();
    for user in 0..plan.users {
        let name = name_of(user);
        let items = users.get(&name).unwrap_or(&none);
        let (chains, mut of_user) = Chains::of(items);
        of_user.extend(table::check(items, now, |written| round.time.latest_write(written)));
        let facts = Facts {
            ops: ops.iter().filter(|op| op.user == user).collect(),
            items,
            chains: &chains,
            limits: plan.limits,
            refuses: plan.refuses,
            ahead: &ahead,
            quiet_from,
            time: &round.time,
        };
        let rules::Checked { found: broken, looked_for } = rules::check(&facts);
        of_user.extend(broken);
        found.extend(of_user.into_iter().map(|what| format!("{name}: {what}")));
        run.count(LOOKED_FOR, looked_for);
        run.count("chains", chains.all.len() as u64);
    }
    found
}

/// All requests, those of which nobody knows the end with the latest time that they can have had.
fn ops(round: &Round) -> Vec<Op> {
    let mut ops = round.history.take();
    for op in &mut ops {
        if let Some(gave_up) = op.gave_up {
            op.to = round.time.at(gave_up + ON_ITS_WAY) + round.hosts[op.host].ahead;
        }
    }
    ops
}

fn count(run: &Run, round: &Round, ops: &[Op], fed: &Fed, sessions: u64) {
    run.count("rounds", 1);
    run.count("requests", ops.len() as u64);
    for op in ops {
        match &op.told {
            Told::Refused(status, _) | Told::Failed(status) => run.count(&of_answer(*status), 1),
            Told::Nothing => run.count("answers: nobody waited for them", 1),
            Told::Odd(_) => run.count("odd answers", 1),
            _ => run.count(&of_answer(200), 1),
        }
    }
    for (faults, of) in [(&round.faults, ""), (&round.rollup_faults, " of the rollup")] {
        for (name, count) in faults.counts() {
            run.count(&of_fault(of, name), count);
            run.count("faults", count);
        }
        run.count(&format!("calls{of}"), faults.calls());
    }
    run.count("sessions summed", sessions);
    run.count("stream records", fed.records);
    run.count("stream records again", fed.again);
    run.count("stream batches applied", fed.batches);
    run.count(FAILED, fed.failed);
    run.count("rollups that died at some time", fed.died);
    run.count(DIED_WRITTEN, fed.died_written);
    run.count("shards split", fed.splits);
}

impl Round {
    /// Leaves nothing in an engine that goes on.
    async fn forget(&self) -> Result<()> {
        if let engine::Engine::At { .. } = *self.engine {
            for table in self.tables() {
                self.engine.ask("DynamoDB_20120810.DeleteTable", &json!({ "TableName": table })).await?;
            }
        }
        Ok(())
    }

    fn tables(&self) -> [String; 2] {
        [self.sessions_table.clone(), self.sessions_table.replacen("Sessions", "Metrics", 1)]
    }
}
