//! The demo: the API a second time, with tables and a clock of its own, and what its page alone can do.

use std::collections::BTreeSet;

use local::{Options, Server};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{Need, http, lacks};

/// The demo of a server, as alice sees it.
struct Demo {
    server: Server,
    token: String,
}

impl Demo {
    async fn start() -> Self {
        let server = Server::start(Options { demo: true, ..Options::default() }).await.unwrap();
        let form = [("grant_type", "password"), ("username", "alice"), ("permissions", "metrics:read")];
        let answer = http().post(format!("{}/oauth2/token", server.url)).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        Self { token: answer["access_token"].as_str().unwrap().to_owned(), server }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        http().post(format!("{}{path}", self.server.url)).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Value {
        let request = http().get(format!("{}{path}", self.server.url)).bearer_auth(&self.token);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn login(&self) -> String {
        let answer: Value = json_of(self.post("/demo/auth/login")).await;
        answer["body"]["sessionId"].as_str().unwrap().to_owned()
    }

    async fn heartbeat(&self, id: &str) -> Value {
        json_of(self.post(&format!("/demo/user-sessions/heartbeat/{id}"))).await
    }

    async fn live(&self) -> Vec<String> {
        let list = self.get("/demo/user-sessions").await;
        let ids =
            list.as_array().unwrap().iter().map(|session| session["sessionId"].as_str().unwrap().to_owned());
        ids.collect()
    }

    async fn pass_the_hour(&self) -> Value {
        json_of(self.post("/demo/controls/clock").json(&json!({ "advanceSeconds": 3_660 }))).await
    }
}

async fn json_of(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

#[tokio::test]
async fn its_tables_and_its_clock_are_its_own() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    let session = demo.login().await;
    assert_eq!(demo.get("/user-sessions").await, json!([]));
    let before = demo.get("/demo/controls/clock").await;
    assert_eq!(before["timeoutSeconds"], 3_600);
    let after = demo.pass_the_hour().await;
    assert!(after["now"].as_str().unwrap() > before["now"].as_str().unwrap());
    assert_eq!(demo.live().await, [""; 0]);
    let renewed = demo.heartbeat(&session).await;
    assert_eq!(renewed["status"], "renewed");
    let settings = demo.get("/demo/settings.json").await;
    assert_eq!(settings["apiUrl"], format!("{}/demo", demo.server.url));
    assert_eq!(settings["issuer"], demo.server.url);
    // The pages' time is the demo's, and the server's is not.
    assert!(settings["now"].as_str() >= after["now"].as_str());
    assert!(demo.get("/settings.json").await["now"].as_str() < after["now"].as_str());
}

#[tokio::test]
async fn its_metrics_follow_and_their_time_is_the_demos() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    let after = demo.pass_the_hour().await;
    demo.login().await;
    let day = &after["now"].as_str().unwrap()[..10];
    let path = format!("/demo/metrics/sessions?startDate={day}&endDate={day}");
    for _ in 0..200 {
        let data = demo.get(&path).await;
        if data["data"]["totalSessions"] == 1 {
            // Of whole seconds, as the streams' records are.
            assert!(
                data["data"]["asOf"].as_str().unwrap()[..18] >= after["now"].as_str().unwrap()[..18],
                "{data}"
            );
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the metrics do not follow");
}

#[tokio::test]
async fn heartbeats_at_once_on_an_expired_session_have_one_successor() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    let session = demo.login().await;
    demo.pass_the_hour().await;
    let asked = json!({ "sessionId": session, "count": 64 });
    let answers = json_of(demo.post("/demo/controls/heartbeats").json(&asked)).await;
    let answers = answers["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 64);
    let renewed = answers.iter().filter(|answer| answer["status"] == "renewed");
    let ids: BTreeSet<&str> = renewed.map(|answer| answer["sessionId"].as_str().unwrap()).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), demo.live().await);
}

#[tokio::test]
async fn a_lost_answer_was_acted_upon() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    let session = demo.login().await;
    demo.pass_the_hour().await;
    let path = format!("/demo/user-sessions/heartbeat/{session}");
    demo.post(&path).header("demo-lose-answer", "true").send().await.unwrap_err();
    let live = demo.live().await;
    assert_eq!(live.len(), 1);
    assert_eq!(demo.heartbeat(&session).await["sessionId"], live[0]);
    // Nothing of the kind outside of the demo.
    let answer = demo.post("/auth/login").header("demo-lose-answer", "true").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_reset_empties_the_tables_and_leaves_the_clock() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    demo.login().await;
    let after = demo.pass_the_hour().await;
    demo.login().await;
    json_of(demo.post("/demo/controls/reset").json(&json!({}))).await;
    assert_eq!(demo.live().await, [""; 0]);
    let now = demo.get("/demo/controls/clock").await;
    assert!(now["now"].as_str() >= after["now"].as_str());
    let day = &now["now"].as_str().unwrap()[..10];
    let path = format!("/demo/metrics/sessions?startDate={day}&endDate={day}");
    assert_eq!(demo.get(&path).await["data"]["totalSessions"], 0);
    // It goes on with the new ones.
    let session = demo.login().await;
    assert_eq!(demo.live().await, [session]);
}

#[tokio::test]
async fn what_cannot_be_done_is_named_and_pages_of_other_sites_can_do_nothing() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    let session = demo.login().await;
    for (control, body) in [
        ("clock", json!({ "advanceSeconds": -1 })),
        ("clock", json!({ "advanceSeconds": 34_560_001 })),
        ("clock", json!({ "advanceSeconds": "1" })),
        ("clock", json!({})),
        ("reset", json!([1])),
        ("heartbeats", json!({ "sessionId": session, "count": 0 })),
        ("heartbeats", json!({ "sessionId": session, "count": 257 })),
        ("heartbeats", json!({ "sessionId": "../../auth/login", "count": 1 })),
    ] {
        let answer = demo.post(&format!("/demo/controls/{control}")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{control} {body}");
    }
    // A form of another site is no JSON, and a name that resolves to this machine is not its own.
    let simple = demo.post("/demo/controls/reset").header("content-type", "text/plain").body("{}");
    assert_eq!(simple.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    for path in ["/demo/controls/reset", "/demo/auth/login"] {
        let foreign = demo.post(path).header("host", "evil.example.com").json(&json!({}));
        assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(demo.live().await, [session]);
}

#[tokio::test]
async fn its_page_is_the_first() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let demo = Demo::start().await;
    let response = http().get(format!("{}/", demo.server.url)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let text = response.text().await.unwrap();
    let script =
        text.split('"').find(|part| part.starts_with("demo-assets/") && part.contains(".js")).unwrap();
    let script = http().get(format!("{}/{script}", demo.server.url)).send().await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
}
