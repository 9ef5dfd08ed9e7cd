//! The template, `functions/` and `events/` name the same functions and routes; and each function answers its event.

use std::{collections::BTreeSet, fs, path::Path};

use local::functions::Handler;
use serde_json::{Value, json};
use shared::http::event::Event;

use crate::support::{Need, World, lacks};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn event(name: &str) -> Value {
    let path = root().join("events").join(format!("{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// `list-sessions` is `ListSessions` in the template.
fn logical_id(crate_name: &str) -> String {
    let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
    crate_name.split('-').map(capitalized).collect()
}

#[tokio::test]
async fn template_functions_and_events_name_the_same() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let functions = &world.template.functions;
    let in_template: BTreeSet<String> =
        functions.iter().map(|function| function.crate_name.clone()).collect();
    assert_eq!(in_template, names_in("functions"));
    assert_eq!(in_template, local::functions::names().map(str::to_owned).collect());
    assert_eq!(in_template, names_in("events"));
    for function in functions {
        // A parameter of the template is named `Pages`.
        let id = logical_id(&function.crate_name);
        assert_eq!(function.logical_id, if id == "Pages" { "PagesFunction".to_owned() } else { id });
        let manifest =
            fs::read_to_string(root().join("functions").join(&function.crate_name).join("Cargo.toml"));
        assert!(manifest.unwrap().contains(&format!("name = \"{}\"", function.crate_name)));
        let keys: Vec<String> = function.routes.iter().map(local::template::Route::key).collect();
        let event = event(&function.crate_name);
        assert!(keys.is_empty() || keys.iter().any(|key| event["routeKey"] == json!(key)), "{event}");
    }
}

/// Each file and folder, by its name with its ending or, within a room, without.
#[test]
fn the_code_map_names_what_is_there() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let check = |folder: &str| {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let whole = path.file_name().unwrap().to_str().unwrap();
            let names = [format!("`{stem}`"), format!("`{whole}`"), format!("`{stem}/`")];
            let is_handed_on = ["mod", "lib", "snapshots"].contains(&stem);
            assert!(is_handed_on || names.iter().any(|name| map.contains(name)), "{}", path.display());
        }
    };
    let rooms = ["", "/http", "/metrics", "/sessions", "/dynamodb"].map(|room| format!("shared/src{room}"));
    for folder in rooms.iter().map(String::as_str).chain(["operator/src", "local/src"]) {
        check(folder);
    }
}

/// What the function of that name answers to an event.
async fn run(world: &World, name: &str, event: &Value) -> (u16, Value) {
    match world.handler(name) {
        Handler::Endpoint(handle) => {
            let event: Event = serde_json::from_str(&event.to_string()).unwrap();
            let response = match event.into_request() {
                Ok(request) => handle(request).await,
                Err(unreadable) => unreadable.into_response(),
            };
            // A page is none.
            (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
        }
        Handler::Stream(_) => panic!("{name} answers nobody"),
    }
}

#[tokio::test]
async fn the_events_tell_a_story() {
    if lacks(&[Need::MovedClock, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let mut story = Vec::new();
    for name in [
        "login",
        "heartbeat",
        "list-sessions",
        "get-session",
        "content-engaged",
        "end-other-sessions",
        "end-session",
        "logout",
    ] {
        let (status, mut body) = run(&world, name, &event(name)).await;
        if let Some(rows) = body.as_array() {
            // The session that the login started, and the one that the heartbeat did for the event's unknown id.
            body = json!({ "listed": rows.len(), "current": rows.iter().filter(|row| row["current"] == true).count() });
        }
        story.push(json!({ "function": name, "status": status, "body": body }));
    }
    insta::assert_json_snapshot!(story, {
        ".**.sessionId" => "[id]", ".**.startTime" => "[time]", ".**.lastActiveTime" => "[time]", ".**.expiresAt" => "[time]"
    });
}

/// What a caller can send and no URL holds: the gateway hands it on as it came.
#[tokio::test]
async fn no_function_panics_whatever_its_event_has() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let events = names_in("events").into_iter().map(|name| (event(&name), name));
    for (event, name) in events.filter(|(event, _)| event["version"] == "2.0") {
        let usual = run(&world, &name, &event).await.0;
        for (place, value, status) in [
            ("/headers/host", "a b", usual),
            ("/headers/host", "[", usual),
            ("/rawPath", "a b\0\"", usual),
            ("/headers/x-session-id", "a\u{1}b", 400),
            ("/requestContext/http/method", "A B", 400),
        ] {
            let mut event = event.clone();
            event["headers"]["x-session-id"] = json!("0198c0de-0000-7000-8000-000000000001");
            *event.pointer_mut(place).unwrap() = json!(value);
            let (answered, body) = run(&world, &name, &event).await;
            assert_eq!(answered, status, "{name} {place}: {body}");
        }
        for query in
            ["\"", "<>", "startDate=\"&endDate=<a b>", "\0", "é", "%00", "%ff%", "&=&", &"x".repeat(8_192)]
        {
            let mut event = event.clone();
            event["rawQueryString"] = json!(query);
            let (status, body) = run(&world, &name, &event).await;
            let expected = if name.contains("metrics") { 400 } else { usual };
            assert_eq!(status, expected, "{name} {query}: {body}");
        }
    }
}

#[tokio::test]
async fn no_function_trusts_an_event_without_the_claims_of_an_access_token() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let is_guarded = |name: &String| {
        let function = world.template.functions.iter().find(|function| function.crate_name == *name).unwrap();
        function.routes.iter().any(|route| route.authorizer.is_some())
    };
    for name in names_in("events").into_iter().filter(is_guarded) {
        let unauthorized = json!({ "status": "error", "code": "unauthorized", "message": "Unauthorized" });
        let mut of_id_token = event(&name)["requestContext"]["authorizer"].clone();
        of_id_token["jwt"]["claims"]["token_use"] = json!("id");
        for authorizer in [
            json!(null),
            json!({}),
            json!({ "jwt": { "claims": {} } }),
            json!({ "lambda": { "sub": "x" } }),
            of_id_token,
        ] {
            let mut event = event(&name);
            event["requestContext"]["authorizer"] = authorizer;
            if event["requestContext"]["authorizer"].is_null() {
                event["requestContext"].as_object_mut().unwrap().remove("authorizer");
            }
            assert_eq!(run(&world, &name, &event).await, (401, unauthorized.clone()), "{name}");
        }
    }
    assert!(world.table().await.is_empty());
}
