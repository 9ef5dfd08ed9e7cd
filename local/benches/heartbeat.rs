//! Heartbeats through the local server, against the floor of the bare `UpdateItem`: the same change of the same items in
//! the same engine, so that the stream and the rollup behind it have the same to do.
//!
//! `cargo bench -p local --bench heartbeat`. The figures of one run belong together; those of two runs do not.

use std::time::{Duration, Instant};

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use local::{Options, Server};
use serde_json::Value;
use shared::{clock::Clock, sessions::rules::day_number};

const CALLERS: usize = 16;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the figures")]
async fn main() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let http = reqwest_client()?;
    let form = [("grant_type", "password"), ("username", "bench"), ("password", "x")];
    let tokens: Value =
        http.post(format!("{}/oauth2/token", server.url)).form(&form).send().await?.json().await?;
    let token = tokens["access_token"].as_str().unwrap_or_default().to_owned();
    let (mut ids, mut urls) = (Vec::new(), Vec::new());
    for _ in 0..CALLERS {
        let login = http.post(format!("{}/auth/login", server.url)).bearer_auth(&token);
        let body: Value = login.send().await?.json().await?;
        let id = body["body"]["sessionId"].as_str().unwrap_or_default();
        urls.push(format!("{}/user-sessions/heartbeat/{id}", server.url));
        ids.push(id.to_owned());
    }
    let heartbeat = |caller: usize| {
        let request = http.post(&urls[caller]).bearer_auth(&token);
        async move { Ok(request.send().await?.error_for_status()?.bytes().await.map(drop)?) }
    };
    let table = &server.template.table("SessionsTable")?.name;
    let clock = Clock::system();
    let update = |caller: usize| {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let now = clock.now();
        let update = server.client.update_item().table_name(table);
        let update = update
            .key("pk", AttributeValue::S("USER#bench".to_owned()))
            .key("sk", AttributeValue::S(format!("SESSION#{}", ids[caller])))
            .update_expression("SET lastActiveTime = :now, purgeAt = :purge, activeDay = :day")
            .expression_attribute_values(":now", number(now.timestamp_millis()))
            .expression_attribute_values(":purge", number(now.timestamp() + 1_000_000))
            .expression_attribute_values(":day", number(day_number(now)));
        async move { Ok(update.send().await.map(drop)?) }
    };
    for round in 1..=ROUNDS {
        let floor = per_second(update).await?;
        let through = per_second(heartbeat).await?;
        println!(
            "round {round}: {floor:.0} bare UpdateItem/s, {through:.0} heartbeats/s through the server, ratio {:.2}",
            through / floor
        );
    }
    Ok(())
}

fn reqwest_client() -> Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().build()?)
}

/// How many calls a second all callers make together, each with one call at a time.
async fn per_second<R: Future<Output = Result<()>>>(call: impl Fn(usize) -> R) -> Result<f64> {
    let started = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let call = &call;
        async move {
            let mut calls = 0_u32;
            while started.elapsed() < ROUND {
                call(caller).await?;
                calls += 1;
            }
            anyhow::Ok(calls)
        }
    });
    let calls: u32 = try_join_all(callers).await?.into_iter().sum();
    Ok(f64::from(calls) / started.elapsed().as_secs_f64())
}
