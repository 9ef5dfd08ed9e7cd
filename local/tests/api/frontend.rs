//! A frontend's whole day, as docs/sessions.md tells it: what it stores, what it sends, what it does with the answers.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Need, TIMEOUT, User, World, is_deployed, lacks, unknown_id};

/// A browser tab: the API's client and what is in its storage.
struct Tab<'a> {
    user: User<'a>,
    stored: Option<String>,
    at_login_form: bool,
    /// Why the session was ended, on a page where the user may click.
    told: Option<String>,
}

impl<'a> Tab<'a> {
    fn new(user: User<'a>, stored: Option<String>) -> Self {
        Self { user, stored, at_login_form: false, told: None }
    }

    async fn log_in(&mut self) {
        let body = self.user.call("POST", "/auth/login").await.ok();
        self.stored = Some(body["body"]["sessionId"].as_str().unwrap().to_owned());
        self.at_login_form = false;
        self.told = None;
    }

    /// A provider that still knows the user signs in again without a question.
    async fn follow(&mut self) {
        if self.at_login_form {
            self.log_in().await;
        }
    }

    /// What the timer does every five minutes.
    async fn beat(&mut self) {
        let stored = self.stored.clone().unwrap_or_default();
        let body = self.user.heartbeat(if stored.is_empty() { "none" } else { &stored }).await.ok();
        if body["needsNewSession"] == json!(true) {
            self.stored = None;
            self.told = body["endReason"].as_str().map(str::to_owned);
            self.at_login_form = self.told.is_none();
        } else if let Some(id) = body["sessionId"].as_str() {
            self.stored = Some(id.to_owned());
        }
    }

    async fn log_out(&mut self) {
        let answer = self.user.logout(&json!({ "sessionId": self.stored })).await;
        assert_eq!(answer.ok(), json!({ "status": "success" }));
        self.stored = None;
        self.at_login_form = true;
    }
}

#[tokio::test]
async fn a_frontends_day() {
    let world = World::new().await;
    let mut tab = Tab::new(world.user("alice").await, None);
    tab.log_in().await;
    let morning = tab.stored.clone().unwrap();
    for _ in 0..20 {
        world.clock.advance(TimeDelta::minutes(5));
        tab.beat().await;
    }
    assert_eq!(tab.stored.as_ref(), Some(&morning));

    // The laptop sleeps over lunch, and beats when it wakes up: a new session without a login.
    world.clock.advance(TIMEOUT * 2);
    tab.beat().await;
    let afternoon = tab.stored.clone().unwrap();
    assert_ne!(afternoon, morning);
    assert!(!tab.at_login_form);

    // A second tab still has the morning's id, and is told the same.
    let mut second = Tab::new(tab.user.clone(), Some(morning.clone()));
    second.beat().await;
    assert_eq!(second.stored.as_ref(), Some(&afternoon));

    // The first tab logs out; the second finds out with its next beat.
    tab.log_out().await;
    second.beat().await;
    assert!(!second.at_login_form && second.stored.is_none());
    assert_eq!(second.told.as_deref(), Some("logout"));

    second.log_in().await;
    if !is_deployed() {
        assert_eq!(world.check_table().await.len(), 3, "of nobody else");
    }
}

#[tokio::test]
async fn a_frontend_recovers_from_whatever_it_had_stored() {
    let world = World::new().await;
    for garbage in ["undefined", "null", "[object Object]", "42"] {
        let mut tab = Tab::new(world.user("alice").await, Some(garbage.to_owned()));
        tab.beat().await;
        assert!(tab.at_login_form);
        tab.log_in().await;
        tab.beat().await;
        assert!(!tab.at_login_form);
    }
    for stored in [None, Some(String::new()), Some("null".to_owned()), Some(unknown_id())] {
        let mut tab = Tab::new(world.user("alice").await, stored);
        tab.log_out().await;
    }
}

/// Else they would end each other's sessions for ever.
#[tokio::test]
async fn two_devices_over_the_limit_do_not_log_in_by_turns() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::with(&[("MAX_SESSIONS_PER_USER", "1")]).await;
    let user = world.user("alice").await;
    let (mut laptop, mut phone) = (Tab::new(user.clone(), None), Tab::new(user, None));
    laptop.log_in().await;
    world.clock.advance(TimeDelta::minutes(1));
    phone.log_in().await;
    let of_the_phone = phone.stored.clone();
    for _ in 0..5 {
        world.clock.advance(TimeDelta::minutes(5));
        for tab in [&mut laptop, &mut phone] {
            if tab.stored.is_some() {
                tab.beat().await;
            }
            tab.follow().await;
        }
    }
    assert_eq!((laptop.stored.as_ref(), laptop.told.as_deref()), (None, Some("limit")));
    assert_eq!(phone.stored, of_the_phone);

    // What the user does is another matter.
    laptop.log_in().await;
    phone.beat().await;
    assert_eq!((phone.stored.as_ref(), phone.told.as_deref()), (None, Some("limit")));
    assert!(laptop.stored.is_some());
}

/// A real browser's request, with its preflight, from a page of another origin.
#[tokio::test]
async fn a_page_of_another_origin_may_call() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let origin = "http://localhost:5173";
    // Where any origin may call, the local server still lets in pages of this machine alone.
    let allowed = if is_deployed() { "*" } else { origin };
    for (method, path, headers) in [
        ("POST", "/auth/login", "authorization,content-type,idempotency-key"),
        ("GET", "/user-sessions", "authorization,x-session-id"),
        ("PATCH", "/user-sessions/x/content-engaged", "authorization,content-type"),
    ] {
        let preflight = world
            .request(reqwest::Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers);
        let response = preflight.send().await.unwrap();
        assert!(response.status().is_success(), "no token is asked for");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_ascii_lowercase();
        assert_eq!(header("access-control-allow-origin"), allowed);
        assert!(header("access-control-allow-methods").contains(&method.to_ascii_lowercase()));
        for name in headers.split(',') {
            assert!(header("access-control-allow-headers").contains(name));
        }
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }
    let request = alice.request("GET", "/user-sessions").header("origin", origin);
    assert_eq!(alice.send(request).await.headers["access-control-allow-origin"], allowed);
    let refused =
        crate::support::send(world.request(reqwest::Method::GET, "/user-sessions").header("origin", origin));
    let refused = refused.await;
    assert_eq!((refused.status, refused.body), (401, json!({ "message": "Unauthorized" })));
    if lacks(&[Need::AmazonsGateway]) {
        return;
    }
    assert_eq!(refused.headers["access-control-allow-origin"], allowed, "or a page could not read why");
}
