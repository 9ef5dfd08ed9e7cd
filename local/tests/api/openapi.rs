//! The API's document says what there is: the template's routes, the permission, the errors. (That answers are as it says,
//! every test checks, in `support::openapi`.)

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use shared::http::ApiError;

use crate::support::{
    Answer, Need, World, lacks,
    openapi::{Operation, Place, examples},
    token, unknown_id,
};

/// `list-sessions` is `listSessions` in the document.
fn operation_id(crate_name: &str) -> String {
    let mut words = crate_name.split('-');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

#[tokio::test]
async fn the_document_has_the_templates_routes_and_no_other() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let mut in_template = BTreeMap::new();
    for function in &world.template.functions {
        // Pages need no token, and are no part of the API.
        for route in function.routes.iter().filter(|route| route.authorizer.is_some()) {
            let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            let names: BTreeSet<String> = names.map(str::to_owned).collect();
            in_template.insert(route.key(), (operation_id(&function.crate_name), names));
        }
    }
    let mut in_document = BTreeMap::new();
    for operation in Operation::all() {
        let parameters = operation.parameters().into_iter();
        let names: BTreeSet<String> =
            parameters.filter(|(place, ..)| *place == "path").map(|(_, name, _)| name.to_owned()).collect();
        let key = format!("{} {}", operation.method, operation.path);
        in_document.insert(key, (operation.place.text("operationId").unwrap().to_owned(), names));
    }
    assert_eq!(in_document, in_template);
}

#[test]
fn the_document_is_of_this_version() {
    assert_eq!(Place::root().value()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// The permissions that the document names for a call, or for all.
fn permissions(operation: &Operation) -> Vec<&'static Value> {
    let own = operation.place.value().get("security");
    let requirements = own.unwrap_or(&Place::root().value()["security"]).as_array().unwrap();
    assert!(!requirements.is_empty(), "every call needs a token");
    requirements.iter().flat_map(|requirement| requirement["Jwt"].as_array().unwrap()).collect()
}

#[tokio::test]
async fn just_the_calls_that_name_the_permission_need_it() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut reader = world.user("reader").await;
    let permission = world.template.functions[0].environment["METRICS_PERMISSION"].as_str();
    reader.token =
        token(&crate::support::http(), &[("username", &reader.sub), ("permissions", permission)]).await;
    for operation in Operation::all() {
        let path = operation.path.replace("{sessionId}", &unknown_id());
        let named = permissions(operation);
        let answer = alice.call(&operation.method, &path).await;
        let is_refused = answer.body["code"] == "forbidden";
        assert_eq!(is_refused, !named.is_empty(), "{path}: {}", answer.body);
        if is_refused {
            assert_eq!(named, [&json!(permission)], "{path}");
        }
        assert_ne!(reader.call(&operation.method, &path).await.status, 403, "{path}");
    }
}

/// One of each error. A new one is an error of the compiler, until it has its place here.
fn errors() -> impl Iterator<Item = ApiError> {
    successors(Some(ApiError::InvalidRequest), |error| {
        Some(match error {
            ApiError::InvalidRequest => ApiError::Unauthorized,
            ApiError::Unauthorized => ApiError::Forbidden,
            ApiError::Forbidden => ApiError::InvalidSessionId(""),
            ApiError::InvalidSessionId(_) => ApiError::InvalidIdempotencyKey,
            ApiError::InvalidIdempotencyKey => ApiError::InvalidBody(""),
            ApiError::InvalidBody(_) => ApiError::InvalidRange(String::new()),
            ApiError::InvalidRange(_) => ApiError::SessionNotFound,
            ApiError::SessionNotFound => ApiError::SessionEnded,
            ApiError::SessionEnded => ApiError::TooManySessions(""),
            ApiError::TooManySessions(_) => ApiError::Unavailable(String::new()),
            ApiError::Unavailable(_) => ApiError::Internal(String::new()),
            ApiError::Internal(_) => return None,
        })
    })
}

/// The codes that a schema of errors allows.
fn codes(schema: &Place) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(code) = schema.get("properties").and_then(|properties| properties.get("code")) {
        found.extend(code.text("const").map(str::to_owned));
        let choice = code.value().get("enum").and_then(Value::as_array);
        found.extend(choice.into_iter().flatten().map(|code| code.as_str().unwrap().to_owned()));
    }
    let parts = |name| schema.get(name).map(|parts| parts.members()).unwrap_or_default();
    // Of all that hold at once, the narrowest says it; of several, each does.
    let narrowed = parts("allOf").into_iter().map(|(_, part)| codes(&part)).filter(|codes| !codes.is_empty());
    found.extend(narrowed.min_by_key(BTreeSet::len).into_iter().flatten());
    found.extend(parts("oneOf").into_iter().flat_map(|(_, part)| codes(&part)));
    found
}

#[test]
fn the_errors_of_the_document_are_those_of_the_functions() {
    let of_functions: BTreeSet<(u16, String)> = errors()
        .map(|error| {
            let response = error.into_response(None);
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            (response.status().as_u16(), body["code"].as_str().unwrap().to_owned())
        })
        .collect();
    let mut documented = BTreeSet::new();
    for (status, answer) in
        Operation::all().iter().flat_map(Operation::answers).filter(|(status, _)| *status >= 400)
    {
        let media = answer.get("content").unwrap().get("application/json").unwrap();
        documented.extend(codes(&media.get("schema").unwrap()).into_iter().map(|code| (status, code)));
    }
    assert_eq!(documented, of_functions);
    let schemas = Place::root().get("components").unwrap().get("schemas").unwrap();
    let all: BTreeSet<String> = of_functions.into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes(&schemas.get("Error").unwrap()), all);
}

#[test]
fn every_example_is_as_its_schema_says() {
    let examples = examples();
    assert!(examples.len() > Operation::all().len());
    for (name, schema, example) in examples {
        assert_eq!(schema.faults(example), [""; 0], "{name}");
    }
}

/// An answer to a heartbeat as it should be, but for what `change` does to it.
fn faults_of_heartbeat(change: impl Fn(&mut Answer)) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("content-type", "application/json"), ("cache-control", "no-store"), ("x-request-id", "x")]
    {
        headers.insert(name, value.parse().unwrap());
    }
    let body = json!({ "status": "renewed", "needsNewSession": false, "sessionId": unknown_id() });
    let mut answer = Answer { status: 200, headers, body };
    change(&mut answer);
    let all = Operation::all();
    let heartbeat = all.iter().find(|operation| operation.place.text("operationId") == Some("heartbeat"));
    heartbeat.unwrap().faults_of_answer(&answer)
}

/// Or all the tests that check answers would be green for nothing.
#[test]
fn what_the_document_does_not_say_is_a_fault() {
    assert_eq!(faults_of_heartbeat(|_| {}), [""; 0]);
    let unavailable = json!({ "status": "error", "code": "unavailable", "message": "Try again" });
    for (index, change) in [
        &(|answer: &mut Answer| answer.status = 201) as &dyn Fn(&mut Answer),
        &|answer| answer.status = 409,
        &|answer| answer.body["status"] = json!("reborn"),
        &|answer| answer.body["status"] = json!("active"),
        &|answer| answer.body["more"] = json!(1),
        &|answer| answer.body["sessionId"] = json!("0198C0DE-0000-7000-8000-000000000001"),
        &|answer| answer.body["sessionId"] = json!(null),
        &|answer| answer.body = json!([]),
        &|answer| {
            answer.body.as_object_mut().unwrap().remove("needsNewSession");
        },
        &|answer| {
            answer.headers.remove("x-request-id");
        },
        &|answer| {
            answer.headers.insert("cache-control", "public".parse().unwrap());
        },
        &|answer| {
            answer.headers.insert("content-type", "text/plain".parse().unwrap());
        },
        &|answer| {
            // Without a Retry-After.
            (answer.status, answer.body) = (503, unavailable.clone());
        },
        &|answer| {
            (answer.status, answer.body) = (503, unavailable.clone());
            answer.headers.insert("retry-after", "soon".parse().unwrap());
        },
        &|answer| {
            (answer.status, answer.body) = (503, unavailable.clone());
            answer.headers.insert("retry-after", "1".parse().unwrap());
            answer.body["code"] = json!("internal_error");
        },
    ]
    .into_iter()
    .enumerate()
    {
        assert_ne!(faults_of_heartbeat(change), [""; 0], "change {index}");
    }
    let gateways = |answer: &mut Answer| {
        (answer.status, answer.body) = (503, json!({ "message": "Service Unavailable" }));
        answer.headers.remove("x-request-id");
        answer.headers.remove("cache-control");
    };
    assert_eq!(faults_of_heartbeat(gateways), [""; 0], "the gateway's own has no more");
}
