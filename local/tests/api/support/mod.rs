//! A server of one's own for each test, and users who call it over HTTP.
//!
//! `TEST_DYNAMODB_URL` names another engine than the embedded one; each test then has a table of its own there. If there
//! is a `TEST_API_URL` too, tests call that API, which is deployed, and no server of their own: `TEST_ISSUER` is then the
//! issuer of its tokens, and `TEST_SESSIONS_TABLE` and `TEST_METRICS_TABLE` are its tables. A test that needs more than
//! an API says so with [`lacks`] and is not run.

pub mod openapi;
pub mod table;
pub mod wire;

use std::{
    collections::HashMap,
    fs,
    io::{ErrorKind, Write as _},
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use local::{
    Options, Provider, Server, Storage,
    functions::{self, Handler, Parts},
    template::{BUILT_IN, Template},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, header::HeaderMap};
use serde_json::{Value, json};
use shared::{clock::Clock, dynamodb::client::FromEnvironment, settings::Environment};
use uuid::Uuid;

use self::wire::Wire;

/// Far ahead, so that no engine finds a record past its time to live: 2100-01-15T12:00:00Z.
pub const START: i64 = 4_103_697_600_000;

pub const TIMEOUT: TimeDelta = TimeDelta::seconds(3_600);

fn second_engine() -> Option<String> {
    variable("TEST_DYNAMODB_URL")
}

/// The deployed API that the tests call.
fn deployed_api() -> Option<String> {
    variable("TEST_API_URL")
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a test may need beyond an API, and a deployed one does not have.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// A clock that stands, is set, or is compared with.
    MovedClock,
    /// Faults, and a look at each call to the engine.
    Wire,
    /// The stream's way to the rollup within the test's time.
    Pump,
    /// The local server: its settings, its program, parts of it.
    LocalServer,
    /// What API Gateway does and ministack's does not: a token without `exp`, paths that end in a slash or have an odd
    /// segment, CORS headers of its own refusals.
    AmazonsGateway,
}

/// Whether something that the test needs is not there, so that it cannot run. That is told, past the test harness, which
/// would keep it to itself.
pub fn lacks(needs: &[Need]) -> bool {
    if is_deployed() {
        let name = thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "not run against a deployed API: {name} needs {needs:?}");
    }
    is_deployed()
}

/// Whether the tests call a deployed API.
pub fn is_deployed() -> bool {
    deployed_api().is_some()
}

/// Whether the tests run against another engine than the embedded one.
pub fn is_second_engine() -> bool {
    second_engine().is_some()
}

/// A clock that stands until it is moved. That of a deployed API is out of reach: there, time passes for a user by moving
/// all times of their items back, which is the same to rules that know no other time.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>, Option<Past>);

impl Hands {
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn advance(&self, by: TimeDelta) {
        if let Some(past) = &self.1 {
            past.clone().move_back(by);
        }
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    pub fn set(&self, to: DateTime<Utc>) {
        self.0.store(to.timestamp_millis(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::from_fn(move || hands.now())
    }
}

/// The items of a test's users in a deployed table.
#[derive(Clone)]
struct Past {
    client: aws_sdk_dynamodb::Client,
    table: String,
    users: Arc<Mutex<Vec<String>>>,
}

impl Past {
    /// While nothing else happens: the caller waits. With connections of its own, since those of the test's own client
    /// wait too.
    fn move_back(self, by: TimeDelta) {
        let http = aws_smithy_http_client::Builder::new().build_http();
        let client = self.client.config().to_builder().http_client(http).build();
        let past = Self { client: aws_sdk_dynamodb::Client::from_conf(client), ..self };
        let all = async move {
            let users = past.users.lock().unwrap().clone();
            for sub in users {
                past.move_user_back(&sub, by).await;
            }
        };
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        thread::spawn(move || runtime().block_on(all)).join().unwrap();
    }

    async fn move_user_back(&self, sub: &str, by: TimeDelta) {
        let items = self.client.query().table_name(&self.table).consistent_read(true);
        let items = items
            .key_condition_expression("pk = :user")
            .expression_attribute_values(":user", AttributeValue::S(format!("USER#{sub}")))
            .into_paginator()
            .items()
            .send();
        for item in items.collect::<Result<Vec<_>, _>>().await.unwrap() {
            let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
            let mut update = self.client.update_item().table_name(&self.table);
            let mut assignments = Vec::new();
            for (name, by) in [
                ("startTime", by.num_milliseconds()),
                ("lastActiveTime", by.num_milliseconds()),
                ("endTime", by.num_milliseconds()),
                ("purgeAt", by.num_seconds()),
            ] {
                let Some(time) = number(name) else { continue };
                assignments.push(format!("{name} = :{name}"));
                let moved = AttributeValue::N((time - by).to_string());
                update = update.expression_attribute_values(format!(":{name}"), moved);
            }
            if let (Some(_), Some(time)) = (number("activeDay"), number("lastActiveTime")) {
                assignments.push("activeDay = :day".to_owned());
                let day = (time - by.num_milliseconds()).div_euclid(86_400_000);
                update = update.expression_attribute_values(":day", AttributeValue::N(day.to_string()));
            }
            let update = update.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
            update.update_expression(format!("SET {}", assignments.join(", "))).send().await.unwrap();
        }
    }
}

/// A server with hands on its clock and its wire.
pub struct World {
    pub url: String,
    pub client: aws_sdk_dynamodb::Client,
    pub template: Template,
    pub engine_url: Url,
    _server: Option<Server>,
    pub clock: Hands,
    pub wire: Wire,
    pub table: String,
    name: String,
    http: Client,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Another server with the same sessions and a clock of its own.
    pub async fn another_host(&self) -> Self {
        self.another_host_with(&[]).await
    }

    /// The same with other settings.
    pub async fn another_host_with(&self, variables: &[(&str, &str)]) -> Self {
        let dynamodb = Some(self.engine_url.clone());
        let options = Options { dynamodb, environment: owned(variables), ..Options::default() };
        let other = Self::start(self.name.clone(), options).await;
        other.clock.set(self.clock.now());
        other
    }

    /// The same with other settings.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        if let Some(url) = deployed_api() {
            return Self::deployed(url).await;
        }
        let table = Uuid::new_v4().to_string();
        let dynamodb = second_engine().map(|url| url.parse().unwrap());
        Self::start(table, Options { dynamodb, environment: owned(variables), ..Options::default() }).await
    }

    /// The same with functions that may run so many seconds.
    pub async fn with_timeout(seconds: u64, variables: &[(&str, &str)]) -> Self {
        let changed = BUILT_IN.replacen("    Timeout: 15\n", &format!("    Timeout: {seconds}\n"), 1);
        assert_ne!(changed, BUILT_IN);
        let file = std::env::temp_dir().join(format!("template-{}.yaml", Uuid::new_v4()));
        fs::write(&file, changed).unwrap();
        let dynamodb = second_engine().map(|url| url.parse().unwrap());
        let template = Some(file.clone());
        let options = Options { dynamodb, template, environment: owned(variables), ..Options::default() };
        let world = Self::start(Uuid::new_v4().to_string(), options).await;
        fs::remove_file(file).unwrap();
        world
    }

    async fn start(table: String, mut options: Options) -> Self {
        let clock = Hands(Arc::new(AtomicI64::new(START)), None);
        let wire = Wire::new();
        let provider = Provider { issuer: PROVIDER.clone(), audiences: vec![local::AUDIENCE.to_owned()] };
        let mut environment = HashMap::from([
            ("SESSIONS_TABLE".to_owned(), format!("Sessions-{table}")),
            ("METRICS_TABLE".to_owned(), format!("Metrics-{table}")),
        ]);
        environment.extend(std::mem::take(&mut options.environment));
        let options = Options {
            provider: Some(provider),
            environment,
            clock: clock.clock(),
            http_client: Some(wire.client()),
            ..options
        };
        let server = Server::start(options).await.unwrap();
        Self {
            url: server.url.clone(),
            client: server.client.clone(),
            template: server.template.clone(),
            engine_url: server.engine_url.clone(),
            _server: Some(server),
            clock,
            wire,
            table: format!("Sessions-{table}"),
            name: table,
            http: http(),
        }
    }

    /// The deployed API, whose clock and wire are out of reach.
    async fn deployed(url: String) -> Self {
        let engine_url: Url = second_engine().unwrap().parse().unwrap();
        let tables = ["SESSIONS_TABLE", "METRICS_TABLE"];
        let named = |name: &str| tables.contains(&name).then(|| variable(&format!("TEST_{name}")).unwrap());
        let wire = Wire::new();
        let options = Options {
            dynamodb: Some(engine_url.clone()),
            environment: tables.iter().map(|name| ((*name).to_owned(), named(name).unwrap())).collect(),
            http_client: Some(wire.client()),
            ..Options::default()
        };
        let storage = Storage::open(&options).await.unwrap();
        let past = Past {
            client: storage.client.clone(),
            table: named("SESSIONS_TABLE").unwrap(),
            users: Arc::default(),
        };
        Self {
            url,
            client: storage.client.clone(),
            template: storage.template.clone(),
            engine_url,
            _server: None,
            clock: Hands(Arc::new(AtomicI64::new(START)), Some(past)),
            wire,
            table: named("SESSIONS_TABLE").unwrap(),
            name: String::new(),
            http: http(),
        }
    }

    /// What a function's handler works with, made as the server makes it but for the clock.
    pub fn parts<A: FromEnvironment>(&self) -> Arc<A> {
        let environment = &self.template.functions[0].environment;
        let variable = |name: &str| environment.get(name).cloned();
        let client = self.client.clone();
        Arc::new(A::from_environment(&Environment::new(&variable), client, Clock::system()).unwrap())
    }

    /// The function of that name, made as the server makes it but for the clock and the permissions.
    pub fn handler(&self, name: &str) -> Handler {
        let function = self.template.functions.iter().find(|function| function.crate_name == name).unwrap();
        let variable = |name: &str| function.environment.get(name).cloned();
        let environment = Environment::new(&variable);
        let parts = Parts { environment, client: &self.client, clock: &Clock::system() };
        functions::handler(name, &parts).unwrap().unwrap()
    }

    /// A user of this world, with a token. The name is made unique, so that tests can share an engine.
    pub async fn user(&self, name: &str) -> User<'_> {
        let sub = format!("{name}-{}", Uuid::new_v4());
        let token = token(&self.http, &[("username", &sub)]).await;
        if let Some(past) = &self.clock.1 {
            past.users.lock().unwrap().push(sub.clone());
        }
        User { world: self, sub, token }
    }

    /// The users so far, of a deployed API's tests.
    fn users(&self) -> Vec<String> {
        self.clock.1.as_ref().map(|past| past.users.lock().unwrap().clone()).unwrap_or_default()
    }

    /// The same user at this world's server.
    pub fn same_user(&self, user: &User<'_>) -> User<'_> {
        User { world: self, sub: user.sub.clone(), token: user.token.clone() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }
}

fn owned(variables: &[(&str, &str)]) -> HashMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A user who calls a server over HTTP.
#[derive(Clone)]
pub struct User<'a> {
    pub world: &'a World,
    pub sub: String,
    pub token: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The body of a `200`.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Checks status and code of an error, and its shape; returns its message.
    #[track_caller]
    pub fn error(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{}", self.body);
        assert_eq!(self.body["status"], "error");
        let retry_after = self.headers.get("retry-after").map(|value| value.to_str().unwrap());
        let expected = match status {
            429 => Some("60"),
            503 => Some("1"),
            _ => None,
        };
        assert_eq!(retry_after, expected);
        let message = self.body["message"].as_str().unwrap().to_owned();
        assert!(!message.is_empty());
        // A fault says no more than that.
        match status {
            503 => assert_eq!(message, "Try again"),
            500.. => assert_eq!(message, "Internal error"),
            _ => {}
        }
        message
    }
}

impl User<'_> {
    pub async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(self.request(method, path)).await
    }

    pub async fn call_with(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(method, path).json(body)).await
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.world.request(method.parse().unwrap(), path).bearer_auth(&self.token)
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        send(request).await
    }

    pub async fn login(&self) -> String {
        let body = self.call("POST", "/auth/login").await.ok();
        body["body"]["sessionId"].as_str().unwrap().to_owned()
    }

    pub async fn heartbeat(&self, id: &str) -> Answer {
        self.call("POST", &format!("/user-sessions/heartbeat/{id}")).await
    }

    /// A heartbeat that must renew: the new id.
    pub async fn renewal(&self, id: &str) -> String {
        let body = self.heartbeat(id).await.ok();
        assert_eq!((&body["status"], &body["needsNewSession"]), (&json!("renewed"), &json!(false)), "{body}");
        body["sessionId"].as_str().unwrap().to_owned()
    }

    pub async fn end(&self, id: &str) -> Answer {
        self.call("POST", &format!("/user-sessions/end/{id}")).await
    }

    pub async fn engage(&self, id: &str, engaged: bool) -> Answer {
        let path = format!("/user-sessions/{id}/content-engaged");
        self.call_with("PATCH", &path, &json!({ "engaged": engaged })).await
    }

    pub async fn list(&self, current: Option<&str>) -> Vec<Value> {
        let mut request = self.request("GET", "/user-sessions");
        if let Some(id) = current {
            request = request.header("x-session-id", id);
        }
        self.send(request).await.ok().as_array().unwrap().clone()
    }

    /// The ids of the live sessions, as listed.
    pub async fn live(&self) -> Vec<String> {
        let rows = self.list(None).await;
        rows.iter().map(|row| row["sessionId"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn end_others(&self, kept: Option<&str>) -> Answer {
        let mut request = self.request("POST", "/user-sessions/end-others");
        if let Some(id) = kept {
            request = request.header("x-session-id", id);
        }
        self.send(request).await
    }

    pub async fn logout(&self, body: &Value) -> Answer {
        self.call_with("POST", "/auth/logout", body).await
    }
}

/// Sends a request. It and its answer are as the API's document says, or the test fails.
pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let sent = request.try_clone().unwrap();
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text:?}"));
    let answer = Answer { status: status.as_u16(), headers, body };
    openapi::check(&sent, &answer);
    answer
}

/// Removes a folder with a server's data. Where the server's last task still has a file of it open, Windows leaves it.
pub fn remove(folder: &Path) {
    // An engine that was just dropped may write its last file yet.
    for _ in 0..100 {
        match fs::remove_dir_all(folder) {
            Err(cause) if cause.kind() == ErrorKind::DirectoryNotEmpty => {
                thread::sleep(Duration::from_millis(20));
            }
            removed => return assert!(removed.is_ok() || cfg!(windows), "{removed:?}"),
        }
    }
    panic!("{} is never empty", folder.display());
}

/// The three answers of a heartbeat.
pub fn active() -> Value {
    json!({ "status": "active", "needsNewSession": false })
}

pub fn renewed(id: &str) -> Value {
    json!({ "status": "renewed", "needsNewSession": false, "sessionId": id })
}

/// Where there is no session.
pub fn expired() -> Value {
    json!({ "status": "expired", "needsNewSession": true })
}

/// Where the session was ended.
pub fn ended(reason: &str) -> Value {
    json!({ "status": "expired", "needsNewSession": true, "endReason": reason })
}

/// An id that nobody has.
pub fn unknown_id() -> String {
    Uuid::new_v4().to_string()
}

pub fn http() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The host names of a deployed stack on this machine are not in every resolver.
    let url: Option<Url> = deployed_api().map(|url| url.parse().unwrap());
    let host = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
    match host {
        Some((host, port)) if host.ends_with(".localhost") => {
            Client::builder().resolve(&host, SocketAddr::from(([127, 0, 0, 1], port))).build().unwrap()
        }
        // Not ::1, where a resolver prefers that: tests look at the address that they come from.
        _ => Client::builder().resolve("localhost", SocketAddr::from(([127, 0, 0, 1], 0))).build().unwrap(),
    }
}

/// The issuer of all tokens: the development identity provider of a server that runs beside the tests.
pub static PROVIDER: LazyLock<String> = LazyLock::new(|| {
    if let Some(issuer) = variable("TEST_ISSUER") {
        return issuer;
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start(Options::default()).await.unwrap();
            sender.send(server.url.clone()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
});

/// An access token with the given fields in its request.
pub async fn token(http: &Client, fields: &[(&str, &str)]) -> String {
    let mut form = vec![("grant_type", "password"), ("password", "x")];
    form.extend_from_slice(fields);
    let response = http.post(format!("{}/oauth2/token", *PROVIDER)).form(&form).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body: Value = response.json().await.unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}
