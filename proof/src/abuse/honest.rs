//! Honest callers: each is a browser that does what a frontend does, and is answered as that expects.

use std::{sync::atomic::Ordering, time::Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::Value;

use super::Traffic;
use crate::{
    run::Run,
    server::Server,
    wire::{self, Connection},
};

/// Heartbeats of a visit.
const HEARTBEATS: u32 = 40;

/// Visits of a user, far from what one may start within an hour; then it is another user's turn.
const VISITS: u64 = 50;

/// All of them, until the time is over.
pub(super) async fn callers(run: &Run, server: &Server, count: u64, traffic: &Traffic) -> Result<()> {
    let callers = (0..count).map(|place| async move {
        let mut random = run.random(place);
        let mut visits = 0;
        let mut token = String::new();
        let mut connection = Connection::open(server.address).await?;
        while !traffic.is_over() {
            if visits % VISITS == 0 {
                token = server.token(&format!("honest-{place}-{}", visits / VISITS), &[]).await?;
            }
            visits += 1;
            let mut browser = Browser { connection: &mut connection, token: &token, traffic };
            if let Err(cause) = browser.visit(&mut random).await {
                traffic.note("honest callers", format!("{cause:#}"));
                connection = Connection::open(server.address).await?;
            }
        }
        Ok(())
    });
    join_all(callers).await.into_iter().collect()
}

struct Browser<'a> {
    connection: &'a mut Connection,
    token: &'a str,
    traffic: &'a Traffic,
}

impl Browser<'_> {
    async fn visit(&mut self, random: &mut Rng) -> Result<()> {
        let login = self.call("POST", "/auth/login", "").await?;
        let id = login["body"]["sessionId"].as_str().context("no sessionId")?.to_owned();
        self.traffic.know_session(&id, random);
        let list = self.call("GET", "/user-sessions", "").await?;
        let has_it = list.as_array().is_some_and(|all| all.iter().any(|one| one["sessionId"] == *id));
        ensure!(has_it, "{id} is not in its list: {list}");
        let engaged = random.u32(..HEARTBEATS);
        for heartbeat in 0..HEARTBEATS {
            if self.traffic.is_over() {
                return Ok(());
            }
            let answer = self.call("POST", &format!("/user-sessions/heartbeat/{id}"), "").await?;
            ensure!(answer["status"] == "active", "a heartbeat on {id}: {answer}");
            if heartbeat == engaged {
                let path = format!("/user-sessions/{id}/content-engaged");
                let answer = self.call("PATCH", &path, r#"{"engaged":true}"#).await?;
                ensure!(answer["contentEngaged"] == true, "{id} is engaged: {answer}");
            }
        }
        let seen = self.call("GET", &format!("/user-sessions/{id}"), "").await?;
        ensure!(
            seen["state"] == "live" && seen["contentEngaged"] == true,
            "{id} is live and engaged: {seen}"
        );
        match random.u32(..3) {
            0 => self.call("POST", &format!("/user-sessions/end/{id}"), "").await?,
            1 => self.call("POST", "/auth/logout", &format!(r#"{{"sessionId":"{id}"}}"#)).await?,
            _ => Value::Null,
        };
        Ok(())
    }

    async fn call(&mut self, method: &str, path: &str, body: &str) -> Result<Value> {
        let headers = format!("{}content-type: application/json\r\n", wire::bearer(self.token));
        let request = wire::request(method, path, &headers, body.as_bytes());
        let began = Instant::now();
        let answer = self.connection.call(&request).await.with_context(|| format!("{method} {path}"))?;
        let microseconds = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.traffic.latencies().push(microseconds);
        self.traffic.honest.fetch_add(1, Ordering::Relaxed);
        ensure!(answer.status == 200, "{method} {path}: {answer}");
        answer.json()
    }
}
