//! A function's own process, invoked again and again: it must not grow.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bench::lambda::{Function, Lambda, Outcome};
use fastrand::Rng;
use local::{Options, Storage};
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::{ledger::ONE_PROCESS, run::Run};

/// The memory after so many invocations is what it may have, all but some more.
const WARM: u64 = 10_000;

/// What the most that it ever had may grow by after that: a share, in percent, and so many kB.
const MEMORY: (u64, u64) = (10, 2 * 1_024);

/// The engine's stream is applied after so many, or it would keep all records.
const APPLIED_EVERY: u64 = 20_000;

/// Sessions that heartbeats take turns on, and users that log in.
const SESSIONS: usize = 32;

/// Logins of a user, far from what one may start within an hour.
const LOGINS: u64 = 50;

/// One event of so many is malformed.
const MALFORMED: u32 = 10;

/// So many invocations of the heartbeat, and a twentieth of that of the login and the list.
pub(super) async fn run(run: &Run, binaries: Option<PathBuf>, count: u64) -> Result<()> {
    let beside = || env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let binaries = binaries.or_else(beside).context("no folder with binaries")?;
    let events = [
        ("heartbeat", include_str!("../../../events/heartbeat.json"), count),
        ("login", include_str!("../../../events/login.json"), count / 20),
        ("list-sessions", include_str!("../../../events/list-sessions.json"), count / 20),
    ];
    let (end, mut left) = (run.limit().map(|limit| Instant::now() + limit), 3);
    for (place, (name, event, count)) in (0..).zip(events) {
        // An equal share of what is left of the time: a function that is done early leaves its own to the others.
        let share = end.map(|end| end.saturating_duration_since(Instant::now()) / left);
        left -= 1;
        let storage = Storage::in_memory(&Options::default()).await?;
        let mut function = Process {
            name,
            lambda: Lambda::new(function(&storage, &binaries, name)?, None),
            event: serde_json::from_str(event)?,
            random: run.random(place),
            sessions: vec![None; SESSIONS],
            invocations: 0,
        };
        function.invoke_all(run, &storage, count.max(1), share).await?;
        function.lambda.end().await?;
        if !run.has_broken() {
            fs::remove_file(log_of(name))?;
        }
    }
    Ok(())
}

struct Process {
    name: &'static str,
    lambda: Lambda,
    event: Value,
    random: Rng,
    /// Ids of the sessions that heartbeats are for, as soon as they are known.
    sessions: Vec<Option<String>>,
    invocations: u64,
}

impl Process {
    async fn invoke_all(
        &mut self,
        run: &Run,
        storage: &Storage,
        count: u64,
        share: Option<Duration>,
    ) -> Result<()> {
        let (name, began) = (self.name, Instant::now());
        let (mut warm, mut peak) = (0, 0);
        while self.invocations < count && share.is_none_or(|share| began.elapsed() < share) {
            self.invocations += 1;
            match self.invoke().await {
                Ok(memory) => peak = memory,
                Err(cause) => {
                    run.broken(format!("invocation {} of {name}: {cause:#}", self.invocations));
                    break;
                }
            }
            if self.invocations == WARM.min(count.div_ceil(2)) {
                warm = peak;
            }
            if self.invocations.is_multiple_of(APPLIED_EVERY) {
                storage.apply_stream(&Clock::system()).await?;
            }
        }
        let seconds = began.elapsed().as_secs().max(1);
        run.say(&format!(
            "{name}: {} invocations of one process, {} a second; {warm} kB at the most at first, {peak} kB at the end",
            self.invocations,
            self.invocations / seconds
        ));
        if self.invocations < count {
            run.say(&format!("{name}: its time was over before {count} invocations"));
        }
        if warm == 0 {
            run.say(&format!("{name} was not invoked often enough to tell whether it grows"));
            return Ok(());
        }
        run.count(&format!("{ONE_PROCESS}{name}"), self.invocations);
        let (percent, more) = MEMORY;
        if peak > warm + warm * percent / 100 + more {
            run.broken(format!("{name} has grown from {warm} kB to {peak} kB"));
        }
        Ok(())
    }

    /// One invocation; the most memory that the process has had.
    async fn invoke(&mut self) -> Result<u64> {
        let place = self.random.usize(..SESSIONS);
        let (event, expected) = if self.random.u32(..MALFORMED) == 0 {
            malformed(&self.event, &mut self.random)
        } else {
            (self.good(place), 200)
        };
        let invoked = self.lambda.invoke(event.to_string()).await?;
        ensure!(!invoked.cold || self.invocations == 1, "its process was started anew");
        let Outcome::Answered(answer) = invoked.outcome else { anyhow::bail!("{:?}", invoked.outcome) };
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer["statusCode"] == expected, "{answer} and not {expected} to {event}");
        if expected == 200 && self.name == "heartbeat" {
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
            if let Some(id) = body["sessionId"].as_str() {
                self.sessions[place] = Some(id.to_owned());
            }
        }
        Ok(invoked.peak_memory)
    }

    fn good(&self, place: usize) -> Value {
        let mut event = self.event.clone();
        let user = match self.name {
            "login" => format!("user-{}", self.invocations / LOGINS),
            _ => format!("user-{place}"),
        };
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = json!(user);
        if self.name == "heartbeat" {
            // An id that nobody knows starts a session, at first.
            let unknown = || format!("01900000-0000-7000-8000-{place:012}");
            let id = self.sessions[place].clone().unwrap_or_else(unknown);
            event["rawPath"] = json!(format!("/user-sessions/heartbeat/{id}"));
            event["requestContext"]["http"]["path"] = event["rawPath"].clone();
            event["pathParameters"]["sessionId"] = json!(id);
        }
        event
    }
}

/// An event that has something wrong with it, and the status that it is answered with.
fn malformed(event: &Value, random: &mut Rng) -> (Value, u16) {
    let mut event = event.clone();
    match random.u32(..4) {
        0 => (json!({}), 400),
        1 => (json!({ "version": "2.0", "padding": "x".repeat(random.usize(..20_000)) }), 400),
        2 => {
            event["requestContext"]["authorizer"] = Value::Null;
            (event, 401)
        }
        _ => {
            event["requestContext"]["authorizer"]["jwt"]["claims"]["token_use"] = json!("id");
            (event, 401)
        }
    }
}

/// What a function's process says.
fn log_of(name: &str) -> PathBuf {
    env::temp_dir().join(format!("proof-{name}-{}.log", std::process::id()))
}

/// The function of that name, as the template has it, before the engine.
fn function(storage: &Storage, binaries: &Path, name: &str) -> Result<Function> {
    let places = [binaries.join(name).join("bootstrap"), binaries.join(name)];
    let program = places.into_iter().find(|place| place.is_file());
    let program = program.with_context(|| {
        format!("there is no {name} in {}: build it with `cargo build -p {name}`", binaries.display())
    })?;
    let function = storage.template.functions.iter().find(|function| function.crate_name == name);
    let function = function.with_context(|| format!("the template has no function {name}"))?;
    let engine = [
        ("AWS_ENDPOINT_URL_DYNAMODB", storage.url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "proof"),
        ("AWS_SECRET_ACCESS_KEY", "proof"),
    ];
    let mut environment: BTreeMap<String, String> = function.environment.clone();
    environment.extend(engine.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let log = log_of(name);
    fs::write(&log, "")?;
    Ok(Function {
        program: program.canonicalize()?,
        memory: function.memory,
        limits_memory: false,
        timeout: function.timeout.max(Duration::from_secs(30)),
        environment,
        log,
    })
}
