//! What the functions log on every way to an error: the cause, and nothing that is stored.

use std::{env, fs, path::Path, process::Command};

use aws_sdk_dynamodb::types::AttributeValue;
use local::functions::{self, Handler};
use serde_json::{Value, json};
use shared::{http::event::Event, logging};

use crate::support::{
    Answer, Need, User, World, lacks,
    table::key,
    unknown_id,
    wire::{Disturbance, Fault},
};

/// Set in the process that logs.
const LOGS: &str = "TEST_LOGS";

/// What no line may have: the user, the address and the user agent of what is stored.
const SECRETS: [&str; 3] = ["secret-user", "203.0.113.77", "secret-agent"];

/// Answers of DynamoDB with a stored item in them, in places where one belongs and where none does.
const TELLTALE: [Fault; 9] = [
    Fault::Answer(200, r#"{"Attributes":{"userAgent":{"S":"secret-agent"},"ipAddress":{"S":"203.0.113.77"#),
    Fault::Answer(200, r#"{"Item":{"pk":{"S":"USER#secret-user"},"state":{"N":"203.0.113.77"}}}"#),
    Fault::Answer(
        200,
        r#"{"Items":[{"pk":"secret-user"}],"Responses":"secret-agent","Attributes":["203.0.113.77"]}"#,
    ),
    Fault::Answer(200, "secret-user 203.0.113.77 secret-agent"),
    Fault::Answer(
        500,
        r#"{"__type":"InternalServerError","message":"x","Item":{"userAgent":{"S":"secret-agent"}}}"#,
    ),
    Fault::Answer(503, "<html><body>secret-user from 203.0.113.77</body></html>"),
    Fault::Answer(
        400,
        r#"{"__type":"a#ValidationException","message":"said","Item":{"pk":{"S":"USER#secret-user"}}}"#,
    ),
    Fault::Answer(
        400,
        r#"{"__type":"a#ConditionalCheckFailedException","message":"x","Item":{"pk":{"S":"USER#secret-user"},"sk":{"S":"secret-agent"},"state":{"S":"203.0.113.77"},"purgeAt":{"N":"1"}}}"#,
    ),
    Fault::Answer(
        400,
        r#"{"__type":"a#TransactionCanceledException","Message":"x","CancellationReasons":[{"Code":"ValidationError","Message":"secret-agent","Item":{"pk":{"S":"USER#secret-user"}}},{"Code":"None"}]}"#,
    ),
];

/// The whole program logs, so the test is run once more, in a process alone, and what that prints is read.
#[test]
fn no_line_holds_anything_that_is_stored() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    if env::var_os(LOGS).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(meet_every_error());
        return;
    }
    let mut alone = Command::new(env::current_exe().unwrap());
    alone.args(["--exact", "logs::no_line_holds_anything_that_is_stored", "--nocapture"]);
    let output = alone.env(LOGS, "1").env("LOG_LEVEL", "trace").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
    // The engine in this process is none of ours.
    let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is_ours = |line: &&Value| !line["target"].as_str().unwrap_or_default().starts_with("dynoxide");
    let lines: Vec<String> = lines.iter().filter(is_ours).map(Value::to_string).collect();
    for line in &lines {
        assert!(!SECRETS.iter().any(|secret| line.contains(secret)), "{line}");
    }
    assert!(!SECRETS.iter().any(|secret| errors.contains(secret)), "{errors}");
    // Or it would have been silent about all.
    for told in [
        "unavailable",
        "internal error",
        "ThrottlingException",
        "throttled: service error: ThrottlingException: injected: MADEUPBYTHEWIRE",
        "refused: service error: unhandled error (ValidationException): Error",
        "message: \\\"said\\\"",
        "AccessDeniedException",
        "ValidationError",
        "is malformed: ",
        "a stream record is skipped",
        "an event cannot be read",
        "session started",
        "trying again",
    ] {
        assert!(lines.iter().any(|line| line.contains(told)), "no line has {told:?}");
    }
}

async fn meet_every_error() {
    logging::start(logging::Format::Json, functions::crate_names()).unwrap();
    let world = World::new().await;
    let denied = Fault::Answer(400, r#"{"__type":"a#AccessDeniedException","message":"not authorized"}"#);
    let mut statuses = Vec::new();
    for fault in
        Fault::ALL.into_iter().chain(TELLTALE).chain([denied, Fault::Cancelled(&["ThrottlingError"])])
    {
        for from in 0..3 {
            let met = answers(&world, Some(Disturbance { fault, from, times: 1_000 })).await;
            // An answer of success that cannot be read is one that was lost on its way; a fault of a kind that passes
            // is no reason to call an operator either.
            let may_need_an_operator = match fault {
                Fault::Answer(200, body) => serde_json::from_str::<Value>(body).is_ok(),
                Fault::Answer(status, _) => status == 400,
                _ => false,
            };
            assert!(may_need_an_operator || !met.contains(&500), "{fault:?}: {met:?}");
            statuses.extend(met);
        }
    }
    assert!(statuses.contains(&500) && statuses.contains(&503), "{statuses:?}");
    for (name, value) in [
        ("state", AttributeValue::S("203.0.113.77".to_owned())),
        ("startTime", AttributeValue::S("secret-agent".to_owned())),
        ("renewedTo", AttributeValue::S("secret-user".to_owned())),
        ("contentEngaged", AttributeValue::L(vec![AttributeValue::S("secret-agent".to_owned())])),
    ] {
        let user = world.user("secret-user").await;
        let id = user.login().await;
        let update = world.client.update_item().table_name(&world.table).set_key(Some(key(&user.sub, &id)));
        let update = update.update_expression("SET #name = :value").expression_attribute_names("#name", name);
        update.expression_attribute_values(":value", value).send().await.unwrap();
        let answer = user.call("GET", &format!("/user-sessions/{id}")).await;
        assert_eq!(answer.error(500, "internal_error"), "Internal error", "{name}");
    }
    odd_events(&world).await;
}

/// The statuses of all that a user can call. What it has stored has all the secrets.
async fn answers(world: &World, disturbance: Option<Disturbance>) -> Vec<u16> {
    let user = &world.user("secret-user").await;
    let login = || user.request("POST", "/auth/login").header("user-agent", "secret-agent");
    let body = user.send(login()).await.ok();
    let id = &body["body"]["sessionId"].as_str().unwrap().to_owned();
    let address = AttributeValue::S("203.0.113.77".to_owned());
    let update = world.client.update_item().table_name(&world.table).set_key(Some(key(&user.sub, id)));
    let update = update.update_expression("SET ipAddress = :address");
    update.expression_attribute_values(":address", address).send().await.unwrap();
    world.wire.disturb(&user.sub, disturbance);
    let again = async |answer: Answer| {
        world.wire.disturb(&user.sub, disturbance);
        answer.status
    };
    vec![
        again(user.heartbeat(id).await).await,
        again(user.heartbeat(&unknown_id()).await).await,
        again(user.list_or_error(id).await).await,
        again(user.call("GET", &format!("/user-sessions/{id}")).await).await,
        again(user.engage(id, true).await).await,
        again(user.send(login()).await).await,
        again(user.send(login().header("idempotency-key", unknown_id())).await).await,
        again(user.end_others(Some(id)).await).await,
        again(user.end(id).await).await,
        again(user.logout(&json!({ "sessionId": id })).await).await,
    ]
}

impl User<'_> {
    /// The list, whatever the answer is.
    async fn list_or_error(&self, current: &str) -> Answer {
        self.send(self.request("GET", "/user-sessions").header("x-session-id", current)).await
    }
}

/// Events that cannot be read, with all the secrets, and records of the stream.
async fn odd_events(world: &World) {
    let event = |name: &str| -> Value {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(format!("events/{name}.json"));
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    for (place, value) in [
        ("/headers/user-agent", json!("secret-agent\u{1}")),
        ("/headers/authorization", json!("Bearer secret-user\u{1}")),
        ("/requestContext/http/method", json!("secret-user 203.0.113.77")),
        ("/requestContext/http/sourceIp", json!(["203.0.113.77"])),
    ] {
        let mut event = event("heartbeat");
        event["headers"]["authorization"] = json!("");
        *event.pointer_mut(place).unwrap() = value;
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        assert_eq!(event.into_request().unwrap_err().into_response().status(), 400, "{place}");
    }
    let Handler::Stream(rollup) = world.handler("rollup") else { panic!("no stream") };
    for (place, value) in [
        ("/dynamodb/NewImage/state", json!({ "S": "secret-agent" })),
        ("/dynamodb/NewImage/startTime", json!({ "S": "203.0.113.77" })),
        ("/dynamodb/NewImage/pk", json!({ "S": "secret-user" })),
        ("/dynamodb/NewImage", json!("secret-user")),
        ("/dynamodb/SequenceNumber", json!("secret-user")),
    ] {
        let mut event = event("rollup");
        *event["Records"][0].pointer_mut(place).unwrap() = value;
        rollup(serde_json::from_value(event).unwrap()).await.unwrap();
    }
}
