//! What sessions keep of the device that started them, as the settings say it.

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Need, TIMEOUT, User, World, lacks, unknown_id};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

async fn call(user: &User<'_>, method: &str, path: &str, headers: &[(&str, &str)]) -> serde_json::Value {
    let mut request = user.request(method, path).header("user-agent", AGENT);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    user.send(request.json(&json!({ "engaged": true }))).await.ok()
}

/// One session for each way in which one starts.
async fn start_in_every_way(user: &User<'_>) {
    let clock = &user.world.clock;
    let one = call(user, "POST", "/auth/login", &[]).await["body"]["sessionId"].clone();
    let key = Uuid::new_v4().to_string();
    call(user, "POST", "/auth/login", &[("idempotency-key", &key)]).await;
    call(user, "POST", &format!("/user-sessions/heartbeat/{}", unknown_id()), &[]).await;
    clock.advance(TIMEOUT + TimeDelta::milliseconds(1));
    let one = one.as_str().unwrap();
    let two = call(user, "POST", &format!("/user-sessions/heartbeat/{one}"), &[]).await["sessionId"].clone();
    clock.advance(TIMEOUT + TimeDelta::milliseconds(1));
    call(user, "PATCH", &format!("/user-sessions/{}/content-engaged", two.as_str().unwrap()), &[]).await;
}

#[tokio::test]
async fn a_session_keeps_of_its_device_what_the_settings_say() {
    if lacks(&[Need::MovedClock, Need::LocalServer]) {
        return;
    }
    let shorter = "Mozilla/5 (X11; Linux x86_64) Gecko Firefox/133";
    for (address, agent, expected) in [
        ("", "", (Some("127.0.0.1"), Some(AGENT))),
        ("truncated", "truncated", (Some("127.0.0.0"), Some(shorter))),
        ("none", "full", (None, Some(AGENT))),
        ("full", "none", (Some("127.0.0.1"), None)),
    ] {
        let world = World::with(&[("STORED_IP_ADDRESS", address), ("STORED_USER_AGENT", agent)]).await;
        let alice = world.user("alice").await;
        start_in_every_way(&alice).await;
        let items = world.items_of(&alice.sub).await;
        let kept: Vec<_> = items.values().filter(|item| item.is_session()).collect();
        assert_eq!(kept.len(), 5);
        for item in kept {
            assert_eq!(
                (item.ip_address.as_deref(), item.user_agent.as_deref()),
                expected,
                "{address} {agent}"
            );
        }
        let listed = &alice.call("GET", "/user-sessions").await.ok()[0];
        assert_eq!((&listed["ipAddress"], &listed["userAgent"]), (&json!(expected.0), &json!(expected.1)));
        let firefox = json!({ "browser": "Firefox", "os": "Linux", "isMobile": false });
        let device =
            if agent == "none" { json!({ "browser": null, "os": null, "isMobile": false }) } else { firefox };
        assert_eq!(listed["device"], device, "a user agent that is truncated tells the device all the same");
    }
}
