//! A client: it does what a frontend does, one request after the other, and keeps in mind what was acknowledged.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use serde_json::{Value, json};
use shared::clock::Clock;
use tokio::time::Instant;

use super::known::{Doubt, Known};
use crate::{
    server::Server,
    wire::{self, Answer, Connection},
};

/// As many sessions it wants to have at hand.
const SESSIONS: usize = 6;

/// Of those at which nothing has happened since, it looks at so many after a kill.
const SAMPLE: usize = 5;

/// A user with one connection.
pub(super) struct Client {
    pub(super) user: String,
    pub(super) sessions: Vec<Known>,
    /// Logins without a key that were not answered, and whose sessions have not been seen.
    pub(super) lost_logins: u64,
    /// Requests that were acknowledged.
    pub(super) acknowledged: u64,
    /// Requests that were not: the server was killed, or answered 5xx.
    pub(super) in_doubt: u64,
    /// The last answer with 5xx.
    pub(super) refused: Option<String>,
    /// Keys of logins that were not answered.
    keys: Vec<(String, i64)>,
    token: String,
    random: Rng,
}

/// What came of a request.
enum Came {
    Answer(Answer),
    /// No answer, or one with 5xx: it may have been done.
    Nothing,
}

impl Client {
    pub(super) fn new(user: String, random: Rng) -> Self {
        Self {
            user,
            sessions: Vec::new(),
            lost_logins: 0,
            acknowledged: 0,
            in_doubt: 0,
            refused: None,
            keys: Vec::new(),
            token: String::new(),
            random,
        }
    }

    /// Signs in at this server.
    pub(super) async fn sign_in(&mut self, server: &Server) -> Result<()> {
        self.token = server.token(&self.user, &[]).await?;
        Ok(())
    }

    /// Sends requests until that time, or until one is not acknowledged.
    pub(super) async fn load(&mut self, address: SocketAddr, until: Option<Instant>) -> Result<()> {
        let Ok(mut connection) = Connection::open(address).await else { return Ok(()) };
        while until.is_none_or(|until| Instant::now() < until) {
            let in_doubt = self.in_doubt;
            self.step(&mut connection).await?;
            if self.in_doubt > in_doubt {
                break;
            }
        }
        Ok(())
    }

    /// One request, of a kind that is chosen at random.
    pub(super) async fn step(&mut self, connection: &mut Connection) -> Result<()> {
        let usable: Vec<usize> =
            (0..self.sessions.len()).filter(|place| self.sessions[*place].is_usable()).collect();
        let Some(place) = self.random.choice(usable.iter().copied()) else {
            return self.login(connection).await;
        };
        match self.random.u32(..100) {
            ..10 if usable.len() < SESSIONS => self.login(connection).await,
            ..60 => self.heartbeat(connection, place).await,
            60..75 => self.engage(connection, place).await,
            75..81 if usable.len() > SESSIONS / 2 => self.end(connection, place).await,
            81..85 if usable.len() > SESSIONS / 2 => self.log_out(connection, place).await,
            85..90 => self.heartbeat_on_an_ended_one(connection).await,
            90..95 => self.list(connection).await,
            _ => self.get(connection, place).await,
        }
    }

    /// Opens a session and tells that its content engages.
    pub(super) async fn mark(&mut self, connection: &mut Connection) -> Result<()> {
        self.login(connection).await?;
        let place = self.sessions.len().checked_sub(1).context("no session")?;
        let path = format!("/user-sessions/{}/content-engaged", self.sessions[place].head());
        let (came, at) = self.call(connection, "PATCH", &path, "", &json!({ "engaged": true })).await;
        let body = done(came)?;
        self.sessions[place].engaged(text(&body, "sessionId")?, true, at);
        Ok(())
    }

    async fn login(&mut self, connection: &mut Connection) -> Result<()> {
        if self.random.bool() {
            let key = uuid(&mut self.random);
            return self.login_with(connection, key, None).await;
        }
        let (came, at) = self.call(connection, "POST", "/auth/login", "", &Value::Null).await;
        let Came::Answer(answer) = came else {
            self.lost_logins += 1;
            return Ok(());
        };
        let id = started(&answer)?;
        self.sessions.push(Known::started(id, at));
        Ok(())
    }

    /// With a key, which was perhaps used before, at `first`.
    async fn login_with(
        &mut self,
        connection: &mut Connection,
        key: String,
        first: Option<i64>,
    ) -> Result<()> {
        let header = format!("idempotency-key: {key}\r\n");
        let (came, (sent, received)) =
            self.call(connection, "POST", "/auth/login", &header, &Value::Null).await;
        let sent = first.unwrap_or(sent);
        let Came::Answer(answer) = came else {
            self.keys.push((key, sent));
            return Ok(());
        };
        let id = started(&answer)?;
        let mut known = Known::started(id.clone(), (sent, received));
        if first.is_some() {
            // It may have started at the first try, and be renewed by this one.
            let (came, _) =
                self.call(connection, "GET", &format!("/user-sessions/{id}"), "", &Value::Null).await;
            if let Some(renewed) = done(came)?["renewedFrom"].as_str() {
                known = Known::started(renewed.to_owned(), (sent, received));
                known.kept_alive(&id, (sent, received));
            }
        }
        self.sessions.push(known);
        Ok(())
    }

    async fn heartbeat(&mut self, connection: &mut Connection, place: usize) -> Result<()> {
        let any = self.random.choice(&self.sessions[place].chain).map(|link| link.id.clone());
        let path = format!("/user-sessions/heartbeat/{}", any.context("an empty chain")?);
        let (came, at) = self.call(connection, "POST", &path, "", &Value::Null).await;
        let known = &mut self.sessions[place];
        known.is_changed = true;
        let Came::Answer(answer) = came else {
            known.doubt = Some(Doubt::Heartbeat);
            return Ok(());
        };
        let body = ok(&answer)?;
        match (text(&body, "status")?, body["sessionId"].as_str()) {
            ("active", None) if path.ends_with(known.head()) => known.active = at,
            ("renewed", Some(id)) => known.kept_alive(id, at),
            _ => bail!("{path}, of which the head is {}: {answer}", known.head()),
        }
        Ok(())
    }

    async fn engage(&mut self, connection: &mut Connection, place: usize) -> Result<()> {
        let value = self.random.bool();
        let path = format!("/user-sessions/{}/content-engaged", self.sessions[place].head());
        let (came, at) = self.call(connection, "PATCH", &path, "", &json!({ "engaged": value })).await;
        let known = &mut self.sessions[place];
        known.is_changed = true;
        let Came::Answer(answer) = came else {
            known.doubt = Some(Doubt::Engage(value));
            return Ok(());
        };
        known.engaged(text(&ok(&answer)?, "sessionId")?, value, at);
        Ok(())
    }

    async fn end(&mut self, connection: &mut Connection, place: usize) -> Result<()> {
        let path = format!("/user-sessions/end/{}", self.sessions[place].head());
        let (came, _) = self.call(connection, "POST", &path, "", &Value::Null).await;
        self.ended(place, "ended", &came)
    }

    async fn log_out(&mut self, connection: &mut Connection, place: usize) -> Result<()> {
        let body = json!({ "sessionId": self.sessions[place].head() });
        let (came, _) = self.call(connection, "POST", "/auth/logout", "", &body).await;
        self.ended(place, "logout", &came)
    }

    fn ended(&mut self, place: usize, reason: &'static str, came: &Came) -> Result<()> {
        let known = &mut self.sessions[place];
        known.is_changed = true;
        let Came::Answer(answer) = came else {
            known.doubt = Some(Doubt::End(reason));
            return Ok(());
        };
        ok(answer)?;
        known.ended = Some(reason);
        Ok(())
    }

    async fn heartbeat_on_an_ended_one(&mut self, connection: &mut Connection) -> Result<()> {
        let ended: Vec<&Known> = self.sessions.iter().filter(|known| known.ended.is_some()).collect();
        let Some(id) = self.random.choice(ended).map(|known| known.head().to_owned()) else { return Ok(()) };
        let path = format!("/user-sessions/heartbeat/{id}");
        let (came, _) = self.call(connection, "POST", &path, "", &Value::Null).await;
        let Came::Answer(answer) = came else { return Ok(()) };
        ensure!(ok(&answer)?["status"] == "expired", "{id} has been ended: {answer}");
        Ok(())
    }

    async fn list(&mut self, connection: &mut Connection) -> Result<()> {
        let (came, _) = self.call(connection, "GET", "/user-sessions", "", &Value::Null).await;
        let Came::Answer(answer) = came else { return Ok(()) };
        ok(&answer).map(|_| ())
    }

    async fn get(&mut self, connection: &mut Connection, place: usize) -> Result<()> {
        let path = format!("/user-sessions/{}", self.sessions[place].head());
        let (came, _) = self.call(connection, "GET", &path, "", &Value::Null).await;
        let Came::Answer(answer) = came else { return Ok(()) };
        ensure!(ok(&answer)?["sessionId"] == self.sessions[place].head(), "{path}: {answer}");
        Ok(())
    }

    /// Whether all that was acknowledged is there; looks at all sessions, or at those that were changed and some others. What
    /// was in doubt is known afterwards, but for logins without a key whose sessions have expired.
    pub(super) async fn check(&mut self, server: &Server, all: bool) -> Result<()> {
        let mut connection = Connection::open(server.address).await?;
        for (key, first) in std::mem::take(&mut self.keys) {
            self.login_with(&mut connection, key, Some(first)).await?;
        }
        self.read(&mut connection, all).await
    }

    /// The same, without a request that writes.
    pub(super) async fn read(&mut self, connection: &mut Connection, all: bool) -> Result<()> {
        let (came, _) = self.call(connection, "GET", "/user-sessions", "", &Value::Null).await;
        let listed = done(came)?;
        let listed: Vec<&str> = listed
            .as_array()
            .context("no list")?
            .iter()
            .filter_map(|one| one["sessionId"].as_str())
            .collect();
        let others: Vec<usize> = (0..self.sessions.len()).collect();
        let sample = self.random.choose_multiple(others, SAMPLE);
        for place in 0..self.sessions.len() {
            let known = &self.sessions[place];
            if all || known.is_changed || known.doubt.is_some() || sample.contains(&place) {
                self.look(connection, place, &listed).await?;
            }
        }
        for id in listed {
            let known = self.sessions.iter().find(|known| known.chain.iter().any(|link| link.id == id));
            match known {
                Some(known) => {
                    ensure!(known.ended.is_none(), "{id} has been ended, and is listed");
                    ensure!(known.head() == id, "{id} was renewed, and is listed");
                }
                None if self.lost_logins > 0 => {
                    self.lost_logins -= 1;
                    self.sessions.push(Known::started(id.to_owned(), (0, i64::MAX)));
                }
                None => bail!("{id} is listed, and nobody has started it"),
            }
        }
        Ok(())
    }

    async fn look(&mut self, connection: &mut Connection, place: usize, listed: &[&str]) -> Result<()> {
        let first = &self.sessions[place].chain.first().context("an empty chain")?.id;
        let path = format!("/user-sessions/{first}");
        let (came, _) = self.call(connection, "GET", &path, "", &Value::Null).await;
        let known = &mut self.sessions[place];
        let before = known.clone();
        let seen = done(came).with_context(|| format!("{before:?} was acknowledged"))?;
        known.compare(&seen).map_err(|what| anyhow::anyhow!("{what}: {seen} of {before:?}"))?;
        // It was live before, when the list was made, as nothing has happened since.
        ensure!(
            seen["state"] != "live" || listed.contains(&known.head()),
            "{} is live, and was not listed",
            known.head()
        );
        Ok(())
    }

    /// Sends a request; what came, and between which milliseconds.
    async fn call(
        &mut self,
        connection: &mut Connection,
        method: &str,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> (Came, (i64, i64)) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = format!("{}content-type: application/json\r\n{headers}", wire::bearer(&self.token));
        let request = wire::request(method, path, &headers, body.as_bytes());
        let clock = Clock::system();
        let sent = clock.now().timestamp_millis();
        let came = match connection.call(&request).await {
            Ok(answer) if answer.status < 500 => {
                self.acknowledged += 1;
                Came::Answer(answer)
            }
            came => {
                self.in_doubt += 1;
                self.refused =
                    came.ok().map(|answer| format!("{method} {path}: {answer}")).or(self.refused.take());
                Came::Nothing
            }
        };
        (came, (sent, clock.now().timestamp_millis()))
    }
}

/// The body of an answer that must be good.
fn ok(answer: &Answer) -> Result<Value> {
    ensure!(answer.status == 200, "answered {answer}");
    answer.json()
}

/// The same, where there must be an answer.
fn done(came: Came) -> Result<Value> {
    match came {
        Came::Answer(answer) => ok(&answer),
        Came::Nothing => bail!("no answer, or a 5xx, though nobody disturbs the server"),
    }
}

fn started(answer: &Answer) -> Result<String> {
    Ok(text(&ok(answer)?["body"], "sessionId")?.to_owned())
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str> {
    body[name].as_str().with_context(|| format!("no {name}: {body}"))
}

/// A random UUID, of version 4.
fn uuid(random: &mut Rng) -> String {
    let hex = format!("{:032x}", random.u128(..));
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
