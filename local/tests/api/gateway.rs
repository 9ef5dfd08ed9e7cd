//! The gateway's own answers, and how a server starts and refuses to.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use local::{Options, Provider, Server, template};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Answer, Need, World, active, lacks, remove, send};

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("user-sessions-{name}-{}", Uuid::new_v4()))
}

async fn refusal(options: Options) -> String {
    match Server::start(options).await {
        Ok(_) => panic!("it started"),
        Err(cause) => format!("{cause:#}"),
    }
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    if lacks(&[Need::AmazonsGateway]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/auth/login"),
        ("DELETE", "/user-sessions"),
        ("GET", "/user-sessions/"),
        ("PATCH", "/user-sessions/content-engaged"),
        ("POST", "/user-sessions/end/a/b"),
    ] {
        let answer = alice.call(method, path).await;
        assert_eq!((answer.status, answer.body), (404, json!({ "message": "Not Found" })), "{method} {path}");
    }
    assert_eq!(alice.request("HEAD", "/user-sessions").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn names_of_other_hosts_are_refused() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    for (host, status) in [
        ("evil.example.com", 403),
        ("localhost.evil.example.com", 403),
        ("localhost:99999999", 403),
        ("a b.localhost", 403),
        ("[.localhost", 403),
        ("10.0.0.1", 403),
        ("127.0.0.1", 200),
        ("api.localhost:3000", 200),
    ] {
        let answer = alice.send(alice.request("GET", "/user-sessions").header("host", host)).await;
        assert_eq!(answer.status, status, "{host}");
    }
    let token = world.request(Method::POST, "/oauth2/token").header("host", "evil.example.com");
    assert_eq!(send(token).await.body, json!({ "message": "Forbidden" }));
}

/// Whether this machine has `::1` at all.
fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

#[tokio::test]
async fn localhost_answers_at_both_of_its_addresses() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let port = world.url.rsplit(':').next().unwrap();
    let mut addresses = vec!["127.0.0.1"];
    if has_ipv6() {
        addresses.push("[::1]");
    }
    for address in &addresses {
        let request = |method: &str, path: &str| {
            let url = format!("http://{address}:{port}{path}");
            crate::support::http().request(method.parse().unwrap(), url).bearer_auth(&alice.token)
        };
        send(request("POST", "/auth/login")).await.ok();
        let listed = send(request("GET", "/user-sessions")).await.ok();
        let from = address.trim_matches(['[', ']']);
        assert!(listed.as_array().unwrap().iter().any(|row| row["ipAddress"] == from), "{from}: {listed}");
        let foreign = send(request("GET", "/user-sessions").header("host", "evil.example.com")).await;
        assert_eq!(foreign.status, 403, "{address}");
    }
    assert_eq!(alice.live().await.len(), addresses.len(), "the same server");
}

#[tokio::test]
async fn a_port_that_another_program_has_at_one_of_the_addresses_is_an_error_at_start() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(other) = std::net::TcpListener::bind(address) else { continue };
        let port = other.local_addr().unwrap().port();
        let cause = refusal(Options { port, ..Options::default() }).await;
        assert!(cause.contains(&format!("listening on port {port}")), "{cause}");
    }
}

#[tokio::test]
async fn a_body_over_ten_megabytes_is_too_large() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let request = |bytes| alice.request("POST", "/auth/login").body(" ".repeat(bytes));
    assert_eq!(alice.send(request(10 * 1024 * 1024)).await.status, 200);
    let answer = alice.send(request(10 * 1024 * 1024 + 1)).await;
    assert_eq!((answer.status, answer.body), (413, json!({ "message": "Request Entity Too Large" })));
}

#[tokio::test]
async fn every_answer_of_a_function_has_a_request_id() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    for (path, status) in [("/user-sessions", 200), ("/user-sessions/x", 400), ("/metrics/sessions", 403)] {
        let Answer { status: answered, headers, .. } = alice.call("GET", path).await;
        assert_eq!(answered, status);
        assert!(!headers["x-request-id"].is_empty());
        assert_eq!(headers["x-request-id"], headers["apigw-requestid"], "the gateway's own");
    }
}

#[tokio::test]
async fn data_in_a_folder_survives_the_server() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let folder = temporary("data");
    let options = || Options { data: Some(folder.clone()), ..Options::default() };
    let http = crate::support::http();
    let (token, id) = {
        let server = Server::start(options()).await.unwrap();
        let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
        let tokens = http.post(format!("{}/oauth2/token", server.url)).form(&form);
        let token = send(tokens).await.ok()["access_token"].as_str().unwrap().to_owned();
        let login = http.post(format!("{}/auth/login", server.url)).bearer_auth(&token);
        let body = send(login).await.ok();
        (token, body["body"]["sessionId"].as_str().unwrap().to_owned())
    };
    let server = Server::start(options()).await.unwrap();
    let request =
        |token: &str| http.post(format!("{}/user-sessions/heartbeat/{id}", server.url)).bearer_auth(token);
    // The port differs, and so does the issuer; the key is the same.
    assert_eq!(send(request(&token)).await.status, 401);
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let tokens = send(http.post(format!("{}/oauth2/token", server.url)).form(&form)).await.ok();
    assert_eq!(send(request(tokens["access_token"].as_str().unwrap())).await.ok(), active());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.join("identity-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the key is its owner's alone");
    }
    drop(server);
    remove(&folder);
}

#[tokio::test]
async fn a_key_file_that_is_none_is_an_error_at_start() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let folder = temporary("key");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("identity-key.pem"), "not a key").unwrap();
    let cause = refusal(Options { data: Some(folder.clone()), ..Options::default() }).await;
    assert!(cause.contains("reading the signing key in"), "{cause}");
    remove(&folder);
}

#[tokio::test]
async fn tables_are_made_as_the_template_says_and_others_are_refused() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let described = world.client.describe_table().table_name(&world.table).send().await.unwrap();
    let table = described.table.unwrap();
    let stream = table.stream_specification().unwrap();
    assert_eq!(stream.stream_view_type().unwrap().as_str(), "NEW_AND_OLD_IMAGES");
    let index = &table.local_secondary_indexes()[0];
    assert_eq!(index.index_name(), Some("active"));
    assert_eq!(index.projection().unwrap().projection_type().unwrap().as_str(), "KEYS_ONLY");
    let ttl = world.client.describe_time_to_live().table_name(&world.table).send().await.unwrap();
    let ttl = ttl.time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some("purgeAt"));
    assert_eq!(ttl.time_to_live_status().unwrap().as_str(), "ENABLED");

    let environment = HashMap::from([("SESSIONS_TABLE".to_owned(), "MetricsTable".to_owned())]);
    let dynamodb = Some(world.engine_url.clone());
    let cause = refusal(Options { environment, dynamodb, ..Options::default() }).await;
    assert!(cause.contains("exists with other keys or indexes"), "{cause}");
}

#[tokio::test]
async fn settings_come_from_the_environment() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let environment = HashMap::from([("SESSION_TIMEOUT_SECONDS".to_owned(), "7".to_owned())]);
    let server = Server::start(Options { environment, ..Options::default() }).await.unwrap();
    for function in &server.template.functions {
        assert_eq!(function.environment["SESSION_TIMEOUT_SECONDS"], "7");
        assert_eq!(function.environment["SESSION_RETENTION_DAYS"], "90", "the template's default");
    }
    let environment = HashMap::from([("SESSION_TIMEOUT_SECONDS".to_owned(), "soon".to_owned())]);
    let cause = refusal(Options { environment, ..Options::default() }).await;
    assert!(
        cause.contains("SESSION_TIMEOUT_SECONDS must be a whole number from 1 to 2592000, not \"soon\""),
        "{cause}"
    );
}

#[tokio::test]
async fn real_data_needs_real_tokens() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let dynamodb = Some("https://dynamodb.eu-west-1.amazonaws.com".parse().unwrap());
    let cause = refusal(Options { dynamodb, ..Options::default() }).await;
    assert!(cause.contains("--issuer"), "{cause}");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_an_error_at_start() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let provider = Provider { issuer: "http://127.0.0.1:1".to_owned(), audiences: vec!["x".to_owned()] };
    let cause = refusal(Options { provider: Some(provider), ..Options::default() }).await;
    assert!(cause.contains("asking http://127.0.0.1:1 for its keys"), "{cause}");
}

#[tokio::test]
async fn a_template_that_is_not_understood_is_an_error_at_start() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let template = template::BUILT_IN;
    for (from, to, expected) in [
        ("Method: PATCH", "Method: ANY", "the method ANY is not understood here"),
        ("Path: /auth/login", "Path: /{proxy+}", "the path /{proxy+} is not understood here"),
        (
            "CodeUri: functions/login",
            "CodeUri: functions/missing",
            "there is no crate functions/missing here",
        ),
        (
            "Type: AWS::DynamoDB::Table",
            "Type: AWS::SNS::Topic",
            "AWS::SNS::Topic, which is not understood here",
        ),
        ("Type: HttpApi", "Type: Schedule", "the event type Schedule is not understood here"),
        ("$request.header.Authorization", "$request.querystring.token", "the identity source"),
        ("maxAge: 7200", "allowAnything: true", "unknown field `allowAnything`"),
        (
            "          /auth/login:\n",
            "          /x: { get: { responses: { default: {} } } }\n          /auth/login:\n",
            "the DefinitionBody has an operation that no function has",
        ),
        ("          /auth/login:\n", "          /auth/log:\n", "the DefinitionBody has no POST /auth/login"),
        (
            "required: true, schema: { type: string } }]",
            "required: true }]",
            "lacks a parameter of its path, a schema or the responses",
        ),
        ("!Ref SessionsTable", "!Ref Sessions", "!Ref Sessions names nothing"),
        ("!Ref SessionsTable", "!Sub '${Sessions}'", "!Ref Sessions names nothing"),
        ("!Ref SessionsTable", "!Select [0, [x]]", "Fn::Select is not understood here"),
        ("GET /metrics/sessions:", "GET /metrics:", "RouteSettings: there is no route GET /metrics"),
        ("POST /auth/login:", "POST /auth/log:", "RouteSettings: there is no route POST /auth/log"),
        (
            "POST /user-sessions/heartbeat/{sessionId}:",
            "POST /heartbeat:",
            "there is no route POST /heartbeat",
        ),
        ("Resource: !GetAtt MetricsTable.Arn", "Resource: '*'", "on * is not understood here"),
        ("Action: dynamodb:Query", "Action: dynamodb:*", "an action on"),
        ("Effect: Allow", "Effect: Deny", "unknown variant `Deny`"),
        ("DefaultAuthorizer: Jwt", "DefaultAuthorizer: Other", "there is no authorizer Other"),
        ("Path: /auth/logout", "Path: /auth/login", "POST /auth/login cannot be told from POST /auth/login"),
        (
            "Path: /user-sessions/end/{sessionId}",
            "Path: /user-sessions/heartbeat/{id}",
            "cannot be told from",
        ),
        ("Path: /auth/logout", "Path: /auth/{logout", "the path /auth/{logout is not understood here"),
        ("Path: /auth/login", "Path: /oauth2/token", "the path /oauth2/token is not understood here"),
        ("Path: /auth/login", "Path: /demo/login", "the path /demo/login is not understood here"),
        ("Path: /auth/login", "Path: /", "the path / is not understood here"),
        (
            "Method: POST\n            Path: /auth/login",
            "Method: GET\n            Path: /docs",
            "cannot be told from",
        ),
        ("RouteKey: GET /docs", "RouteKey: ANY /docs", "the route ANY /docs is not understood here"),
        ("RouteKey: GET /docs", "RouteKey: $default", "RouteKey is a method and a path"),
        ("IntegrationType: AWS_PROXY", "IntegrationType: HTTP_PROXY", "is not understood here"),
        ("integrations/${PagesIntegration}", "integrations/${PagesApi}", "there is no integration"),
        (
            "IntegrationUri: !GetAtt PagesFunction.Arn",
            "IntegrationUri: !GetAtt Other.Arn",
            "may not invoke Other",
        ),
        ("StageName: $default", "StageName: v1", "PagesApi has no stage $default"),
        (
            "FunctionName: !Ref PagesFunction",
            "FunctionName: !Ref Login",
            "PagesApi may not invoke PagesFunction",
        ),
        ("ProtocolType: HTTP", "ProtocolType: WEBSOCKET", "an API of type WEBSOCKET is not understood here"),
        ("FunctionName: !Ref Rollup", "FunctionName: !Ref Login", "function Rollup is fed no stream"),
        ("Condition: UsesCognito", "Condition: Never", "there is no condition Never"),
        ("Outputs:", "Mappings:", "unknown field `Mappings`"),
        ("Resources:", "Resources: [", "not YAML"),
    ] {
        assert!(template.contains(from), "{from}");
        let path = temporary("template");
        fs::write(&path, template.replace(from, to)).unwrap();
        let cause = refusal(Options { template: Some(path.clone()), ..Options::default() }).await;
        assert!(cause.contains(expected), "{to}: {cause}");
        fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn scopes_and_public_routes_of_the_template_are_heeded() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let template = template::BUILT_IN;
    let with_auth = |path: &str, auth: &str| {
        let line = format!("            Path: {path}\n");
        assert!(template.contains(&line));
        line.clone() + &format!("            Auth: {auth}\n")
    };
    let changed = template
        .replace("            Path: /auth/logout\n", &with_auth("/auth/logout", "{ Authorizer: NONE }"))
        .replace(
            "            Path: /auth/login\n",
            &with_auth("/auth/login", "{ AuthorizationScopes: [\"sessions:write\"] }"),
        );
    let path = temporary("scopes");
    fs::write(&path, changed).unwrap();
    let server = Server::start(Options { template: Some(path.clone()), ..Options::default() }).await.unwrap();
    fs::remove_file(path).unwrap();

    let http = crate::support::http();
    // No claims, so the function itself refuses, in its own words.
    let answer = send(http.post(format!("{}/auth/logout", server.url))).await;
    answer.error(401, "unauthorized");
    for (fields, status) in [
        (json!({ "scope": "a sessions:write" }), 200),
        (json!({ "scp": ["sessions:write"] }), 200),
        (json!({ "scope": "sessions:writer" }), 403),
        (json!({}), 403),
    ] {
        let claims = fields.to_string();
        let form =
            [("grant_type", "password"), ("username", "a"), ("password", "x"), ("claims", claims.as_str())];
        let tokens = send(http.post(format!("{}/oauth2/token", server.url)).form(&form)).await.ok();
        let token = tokens["access_token"].as_str().unwrap();
        let answer = send(http.post(format!("{}/auth/login", server.url)).bearer_auth(token)).await;
        assert_eq!(answer.status, status, "{fields}");
        if status == 403 {
            assert_eq!(answer.body, json!({ "message": "Forbidden" }));
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            assert_eq!(challenge, "Bearer scope=\"sessions:write\" error=\"insufficient_scope\"");
        }
    }
}

/// The embedded engine's stream table is kept short, and its index is used: a write does not scan it.
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_keeps_its_stream_short() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    if crate::support::is_second_engine() {
        return;
    }
    let folder = temporary("stream");
    let server = Server::start(Options { data: Some(folder.clone()), ..Options::default() }).await.unwrap();
    let engine = rusqlite::Connection::open(folder.join("sessions.db")).unwrap();
    let table = &server.template.table("SessionsTable").unwrap().name;
    let put = |number: i64| {
        server
            .client
            .put_item()
            .table_name(table)
            .item("pk", aws_sdk_dynamodb::types::AttributeValue::S("USER#x".to_owned()))
            .item("sk", aws_sdk_dynamodb::types::AttributeValue::S(number.to_string()))
            .send()
    };
    put(0).await.unwrap();
    // As if thirty thousand records had come before.
    engine
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
             INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
             SELECT r.table_name, r.event_name, r.keys_json,
                    CAST(CAST(r.sequence_number AS INTEGER) + n.i AS TEXT), r.shard_id, r.created_at
             FROM n, (SELECT * FROM _stream_records ORDER BY id LIMIT 1) r",
        )
        .unwrap();
    // What has been applied is trimmed with the writes that follow, and nothing before.
    let started = Instant::now();
    let mut kept = i64::MAX;
    for number in 1.. {
        put(number).await.unwrap();
        kept = engine.query_row("SELECT COUNT(*) FROM _stream_records", [], |row| row.get(0)).unwrap();
        if kept <= 10_000 || started.elapsed() > Duration::from_secs(30) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kept, 10_000, "after {:?}", started.elapsed());
    let plan: String = engine
        .query_row(
            "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
             FROM _stream_records WHERE table_name = ?1",
            ["x"],
            |row| row.get("detail"),
        )
        .unwrap();
    assert!(plan.contains("user_sessions_newest"), "{plan}");
    drop((server, engine));
    remove(&folder);
}
