//! The engine behind TLS, with the sessions of a user, and what is started before it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use local::{Options, Storage};
use serde_json::json;
use shared::{id::UserId, sessions::Settings, settings::Environment};

use super::subject::{Events, Kind, Subject};
use crate::{
    lambda::Function,
    sessions::Sessions,
    tls::{HOST, Terminator},
};

/// Heartbeats take turns on these, so that two of one session never fall into one millisecond, where the second has
/// nothing to write.
const SESSIONS: u32 = 32;

/// So that none expires while it is measured.
const TIMEOUT: (&str, &str) = ("SESSION_TIMEOUT_SECONDS", "86400");

/// Where everything that is measured finds DynamoDB.
pub(super) struct Stage {
    storage: Storage,
    settings: Settings,
    terminator: Terminator,
    log: PathBuf,
    /// Each program has a user of its own, whose list is as long as another's.
    users: AtomicUsize,
}

impl Stage {
    pub(super) async fn set() -> Result<Self> {
        let storage = Storage::in_memory(&Options::default()).await?;
        let address = storage.url.socket_addrs(|| None)?;
        let engine = *address.first().context("the engine has no address")?;
        let target = Path::new("target");
        let terminator = Terminator::before(engine, target).await?;
        let function = storage.template.functions.first().context("the template has no function")?;
        let variable = |name: &str| match name {
            name if name == TIMEOUT.0 => Some(TIMEOUT.1.to_owned()),
            name => function.environment.get(name).cloned(),
        };
        let settings = Settings::read(&Environment::new(&variable))?;
        let log = target.join("bench-function.log");
        let stage = Self { storage, settings, terminator, log, users: AtomicUsize::new(0) };
        fs::write(&stage.log, "")?;
        Ok(stage)
    }

    /// The function of that name, as the template has it.
    pub(super) async fn function(&self, name: &str, binaries: &Path) -> Result<Subject> {
        let functions = &self.storage.template.functions;
        let function = functions.iter().find(|function| function.crate_name == name);
        let function = function.with_context(|| format!("the template has no function {name}"))?;
        let program = built(name, binaries)?;
        let kind = Kind::Function {
            function: Function {
                program: program.clone(),
                memory: function.memory,
                limits_memory: false,
                timeout: function.timeout,
                environment: self.environment(&function.environment),
                log: self.log.clone(),
            },
            events: self.events(name).await?,
        };
        Ok(Subject { name: name.to_owned(), program, kind })
    }

    /// The names of all functions.
    pub(super) fn names(&self) -> Vec<String> {
        self.storage.template.functions.iter().map(|function| function.crate_name.clone()).collect()
    }

    /// The heartbeat with all defaults.
    pub(super) async fn defaults(&self, program: &Path, binaries: &Path) -> Result<Subject> {
        self.instead(super::DEFAULTS, program, binaries).await
    }

    /// A function that does nothing.
    pub(super) async fn hello_world(&self, binaries: &Path) -> Result<Subject> {
        self.instead(super::HELLO_WORLD, &built("hello-world", binaries)?, binaries).await
    }

    /// Another program in the heartbeat's place.
    async fn instead(&self, name: &str, program: &Path, binaries: &Path) -> Result<Subject> {
        let mut subject = self.function("heartbeat", binaries).await?;
        let program = program.canonicalize()?;
        if let Kind::Function { function, .. } = &mut subject.kind {
            function.program.clone_from(&program);
        }
        Ok(Subject { name: name.to_owned(), program, ..subject })
    }

    /// A program that makes a heartbeat's call, and nothing else.
    pub(super) async fn update(&self, binaries: &Path) -> Result<Subject> {
        let program = built("bare-update", binaries)?;
        let sessions = self.sessions("bench-update")?;
        let session = sessions.fill(1).await?.pop().context("there is no session")?;
        let now = session.last_active_time.timestamp_millis();
        let value = |value: String| json!({ "N": value });
        // As the heartbeat's, but for the clock.
        let body = json!({
            "TableName": self.settings.sessions_table,
            "Key": {
                "pk": { "S": format!("USER#{}", sessions.user.as_str()) },
                "sk": { "S": format!("SESSION#{}", session.id) },
            },
            "UpdateExpression": "SET lastActiveTime = :now, activeDay = :day, purgeAt = :purge",
            "ConditionExpression": "(#state = :active AND lastActiveTime >= :cut) AND (lastActiveTime < :now)",
            "ExpressionAttributeNames": { "#state": "state" },
            "ExpressionAttributeValues": {
                ":now": value("{now}".to_owned()),
                ":day": value((now / 86_400_000).to_string()),
                ":purge": value((now / 1_000 + 7_776_000).to_string()),
                ":active": { "S": "active" },
                ":cut": value((now - 3_600_000).to_string()),
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        let environment = [
            ("BENCH_HOST", HOST.to_owned()),
            ("BENCH_PORT", self.terminator.port.to_string()),
            ("BENCH_BODY", body.to_string()),
            ("AWS_CA_BUNDLE", self.terminator.authority.display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let kind = Kind::Update { environment, now: AtomicI64::new(now) };
        Ok(Subject { name: super::UPDATE.to_owned(), program, kind })
    }

    fn sessions(&self, user: &str) -> Result<Sessions<'_>> {
        let user: UserId = user.parse()?;
        Ok(Sessions::of(user, &self.storage, self.settings.clone()))
    }

    async fn events(&self, name: &str) -> Result<Events> {
        let file = format!("events/{name}.json");
        let event = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let user = format!("bench-{}", self.users.fetch_add(1, Ordering::Relaxed));
        let ids = self.sessions(&user)?.fill(SESSIONS).await?.iter().map(|session| session.id).collect();
        Events::new(&event, &user, ids)
    }

    fn environment(&self, template: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let authority = self.terminator.authority.display().to_string();
        let ours = [
            (TIMEOUT.0, TIMEOUT.1.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.terminator.url()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("AWS_SESSION_TOKEN", "bench".repeat(100)),
            ("AWS_CA_BUNDLE", authority.clone()),
            // What the SDK's own client goes by.
            ("SSL_CERT_FILE", authority),
            // Which a stack would have.
            ("PAGES_API_URL", "https://api.example.com".to_owned()),
            ("PAGES_ISSUER", "https://issuer.example.com".to_owned()),
            ("PAGES_SIGN_OUT_URL", String::new()),
            ("PAGES_CONNECT_SOURCES", String::new()),
        ];
        let mut environment = template.clone();
        environment.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        environment
    }
}

/// The binary of that name.
fn built(name: &str, binaries: &Path) -> Result<PathBuf> {
    let places = [binaries.join(name).join("bootstrap"), binaries.join(name)];
    let file = places.into_iter().find(|place| place.is_file());
    let file = file.with_context(|| {
        format!("there is no {name} in {}: see bench/README.md for how it is built", binaries.display())
    })?;
    Ok(file.canonicalize()?)
}
