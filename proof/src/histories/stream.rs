//! Feeds the sessions' stream to the rollup as Lambda may: shards that split, batches cut anew, records that come again in
//! any order, rollups that die between their write and their answer.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use futures_util::future::join_all;
use local::functions::StreamHandler;
use serde_json::{Value, json};
use tokio::{
    select,
    time::{sleep, timeout},
};

use super::{round::Round, wire::Written};

/// Between two looks at the stream.
const PAUSE: Duration = Duration::from_millis(20);

/// A rollup that takes nothing for so long, while something waits for it, will not: longer than any storm.
const STUCK: Duration = Duration::from_mins(5);

/// Records that come again are no older than this, so that with all jumps while they are on their way they are within the
/// two days for which the rollup keeps its marks.
const KEPT: i64 = 6 * 3_600_000;

/// So many records of a shard are held to come again.
const HELD: usize = 400;

/// A shard splits no more once there are so many.
const SHARDS: usize = 12;

/// A record, and when it was written at the earliest.
type Dated = (Value, i64);

/// A shard as the rollup sees it.
struct Shard {
    id: String,
    /// Its parent, which comes first.
    parent: Option<usize>,
    /// The children that it has split into: what comes now goes to one of them.
    children: Option<[usize; 2]>,
    waiting: VecDeque<Dated>,
    delivered: VecDeque<Dated>,
}

/// What was done to the rollup.
#[derive(Debug, Default)]
pub(super) struct Fed {
    pub(super) records: u64,
    pub(super) again: u64,
    pub(super) batches: u64,
    pub(super) failed: u64,
    pub(super) died: u64,
    /// Between a write and what comes after it.
    pub(super) died_written: u64,
    pub(super) splits: u64,
}

pub(super) struct Feed {
    round: Arc<Round>,
    arn: String,
    random: Rng,
    /// Where each of the engine's shards is to be read on.
    iterators: HashMap<String, Option<String>>,
    shards: Vec<Shard>,
    /// When the pass before began.
    before: i64,
    fed: Fed,
}

impl Feed {
    pub(super) async fn new(round: &Arc<Round>, random: Rng) -> Result<Self> {
        let asked = json!({ "TableName": round.sessions_table });
        let described = round.engine.ask("DynamoDB_20120810.DescribeTable", &asked).await?;
        let arn =
            described["Table"]["LatestStreamArn"].as_str().context("the table has no stream")?.to_owned();
        Ok(Self {
            round: Arc::clone(round),
            arn,
            random,
            iterators: HashMap::new(),
            shards: Vec::new(),
            before: round.time.now(),
            fed: Fed::default(),
        })
    }

    /// Feeds until nothing is written any more and all that was is applied; then tells what was done.
    pub(super) async fn run(mut self, nothing_more: Arc<AtomicBool>) -> Result<Fed> {
        let mut empty_passes = 0;
        let (mut applied, mut since_applied) = (0, Instant::now());
        while empty_passes < 2 {
            let is_last = nothing_more.load(Ordering::SeqCst);
            let since = self.round.time.now();
            let read = self.read().await?;
            self.before = since;
            self.split();
            self.deliver().await?;
            let waiting = self.shards.iter().filter_map(|shard| shard.waiting.front().map(|(_, time)| *time));
            let oldest = waiting.min();
            if self.fed.batches > applied || oldest.is_none() {
                (applied, since_applied) = (self.fed.batches, Instant::now());
            }
            ensure!(since_applied.elapsed() < STUCK, "the rollup has taken no batch for {STUCK:?}");
            // What was written while this pass read is of its beginning or later.
            self.round.time.delivered_up_to(oldest.unwrap_or(since));
            empty_passes = if is_last && read == 0 && oldest.is_none() { empty_passes + 1 } else { 0 };
            if read == 0 {
                sleep(PAUSE).await;
            }
        }
        Ok(self.fed)
    }

    /// Takes what is new in the stream, and gives each record to the shard of its user. How many there were.
    async fn read(&mut self) -> Result<usize> {
        let engine = Arc::clone(&self.round.engine);
        let described =
            engine.ask("DynamoDBStreams_20120810.DescribeStream", &json!({ "StreamArn": self.arn })).await?;
        let shards = described["StreamDescription"]["Shards"].as_array().cloned().unwrap_or_default();
        let mut count = 0;
        for id in shards.iter().filter_map(|shard| shard["ShardId"].as_str()) {
            if !self.iterators.contains_key(id) {
                let asked =
                    json!({ "StreamArn": self.arn, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON" });
                let told = engine.ask("DynamoDBStreams_20120810.GetShardIterator", &asked).await?;
                self.iterators.insert(id.to_owned(), told["ShardIterator"].as_str().map(str::to_owned));
                self.shards.push(Shard::new(id.to_owned(), None));
            }
            let root = self.shards.iter().position(|shard| shard.id == id);
            let (Some(Some(iterator)), Some(root)) = (self.iterators.get(id), root) else { continue };
            let asked = json!({ "ShardIterator": iterator, "Limit": 1_000 });
            let mut told = engine.ask("DynamoDBStreams_20120810.GetRecords", &asked).await?;
            self.iterators.insert(id.to_owned(), told["NextShardIterator"].as_str().map(str::to_owned));
            let Value::Array(records) = told["Records"].take() else { continue };
            count += records.len();
            for record in records {
                let user =
                    record["dynamodb"]["Keys"]["pk"]["S"].as_str().context("a record without a key")?;
                let leaf = self.leaf(root, user);
                // It was not there yet when the pass before looked.
                self.shards[leaf].waiting.push_back((record, self.before));
            }
        }
        Ok(count)
    }

    /// The shard into which a user's records go now.
    fn leaf(&self, root: usize, user: &str) -> usize {
        let (mut at, mut depth) = (root, 0);
        while let Some(children) = self.shards[at].children {
            let mixed: usize =
                user.bytes().fold(depth, |sum: usize, byte| sum.wrapping_mul(31) + usize::from(byte));
            let bit = (mixed >> (depth % 5)) & 1;
            at = children[bit];
            depth += 1;
        }
        at
    }

    fn split(&mut self) {
        if self.shards.is_empty() || self.shards.len() >= SHARDS || self.random.u8(..60) > 0 {
            return;
        }
        let at = self.random.usize(..self.shards.len());
        if self.shards[at].children.is_none() {
            let next = self.shards.len();
            let id = self.shards[at].id.clone();
            self.shards[at].children = Some([next, next + 1]);
            self.shards.extend(["a", "b"].map(|half| Shard::new(format!("{id}-{half}"), Some(at))));
            self.fed.splits += 1;
        }
    }

    /// Delivers a batch or a few of each shard whose parents are done, all shards at the same time.
    async fn deliver(&mut self) -> Result<()> {
        let mut ready: Vec<bool> = Vec::new();
        for shard in &self.shards {
            ready.push(
                shard.parent.is_none_or(|parent| ready[parent] && self.shards[parent].waiting.is_empty()),
            );
        }
        let now = self.round.time.now();
        let mut deliveries = Vec::new();
        for (shard, _) in self.shards.iter_mut().zip(ready).filter(|(_, is_ready)| *is_ready) {
            let host = self.random.usize(..self.round.hosts.len());
            let rollup = &self.round.hosts[host].rollup;
            deliveries.push(shard.deliver(rollup, self.random.fork(), now));
        }
        for fed in join_all(deliveries).await {
            self.fed.add(&fed?);
        }
        Ok(())
    }
}

/// What became of a batch.
enum Outcome {
    Applied,
    Failed,
    /// Nobody heard of it again.
    Died,
    /// The like, just when a row of it had been written.
    DiedWritten,
}

impl Shard {
    fn new(id: String, parent: Option<usize>) -> Self {
        Self { id, parent, children: None, waiting: VecDeque::new(), delivered: VecDeque::new() }
    }

    async fn deliver(&mut self, rollup: &StreamHandler, mut random: Rng, now: i64) -> Result<Fed> {
        let mut fed = Fed::default();
        for _ in 0..random.usize(1..4) {
            if self.waiting.is_empty() {
                break;
            }
            let most = if random.u8(..4) == 0 { self.waiting.len() } else { self.waiting.len().min(100) };
            let count = random.usize(1..=most.min(1_000));
            // Now and then with some of those before, as from an older checkpoint.
            let overlap = if random.u8(..5) == 0 { random.usize(..20).min(self.delivered.len()) } else { 0 };
            let overlapping = self.delivered.iter().skip(self.delivered.len() - overlap);
            let old: Vec<&Value> = recent(overlapping, now).collect();
            let new = self.waiting.iter().take(count).map(|(record, _)| record);
            fed.again += old.len() as u64;
            let outcome = self.invoke(rollup, old.into_iter().chain(new), &mut random).await?;
            fed.note(&outcome);
            if !matches!(outcome, Outcome::Applied) {
                // It comes again in another cut.
                break;
            }
            fed.records += count as u64;
            self.delivered.extend(self.waiting.drain(..count));
            let surplus = self.delivered.len().saturating_sub(HELD);
            self.delivered.drain(..surplus);
        }
        let seldom = if fed.records > 0 { 4 } else { 60 };
        if random.u8(..seldom) == 0 && !self.delivered.is_empty() {
            let first = random.usize(..self.delivered.len());
            let count = random.usize(1..60);
            let mut again: Vec<&Value> = recent(self.delivered.iter().skip(first).take(count), now).collect();
            if random.bool() {
                random.shuffle(&mut again);
            }
            fed.again += again.len() as u64;
            fed.note(&self.invoke(rollup, again.into_iter(), &mut random).await?);
        }
        Ok(fed)
    }

    async fn invoke(
        &self,
        rollup: &StreamHandler,
        records: impl Iterator<Item = &Value>,
        random: &mut Rng,
    ) -> Result<Outcome> {
        let records: Vec<&Value> = records.collect();
        let event = serde_json::to_string(&json!({ "Records": records, "shardId": self.id }))?;
        let running = rollup(serde_json::from_str(&event)?);
        let outcome = match random.u8(..12) {
            0 => timeout(Duration::from_micros(random.u64(..30_000)), running).await.ok(),
            1 => {
                let written = Written::default();
                select! {
                    biased;
                    () = written.wait() => return Ok(Outcome::DiedWritten),
                    outcome = written.watch(running) => Some(outcome),
                }
            }
            _ => Some(running.await),
        };
        Ok(match outcome {
            Some(Ok(())) => Outcome::Applied,
            Some(Err(_)) => Outcome::Failed,
            None => Outcome::Died,
        })
    }
}

fn recent<'a>(records: impl Iterator<Item = &'a Dated>, now: i64) -> impl Iterator<Item = &'a Value> {
    records.filter(move |(_, written)| now - written <= KEPT).map(|(record, _)| record)
}

impl Fed {
    fn note(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied => self.batches += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Died => self.died += 1,
            Outcome::DiedWritten => self.died_written += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.again += other.again;
        self.batches += other.batches;
        self.failed += other.failed;
        self.died += other.died;
        self.died_written += other.died_written;
        self.splits += other.splits;
    }
}
