//! The program that `cargo run` starts: what it prints, what it logs, how it ends.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Need, http, lacks, remove, send};

fn program() -> Command {
    program_at(Path::new(env!("CARGO_BIN_EXE_local")))
}

fn program_at(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    // Without these there are no sockets and no temporary files on Windows.
    for name in ["SystemRoot", "TEMP", "TMP"] {
        command.envs(env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// A running program, and the base URL that its page tells.
fn start(command: &mut Command) -> (Child, String) {
    let mut child = spawn(command);
    let mut page = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = page.next().unwrap().unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
    // The rest of the page, or the program would write to a closed pipe.
    let _: Vec<_> = page.by_ref().take(6).collect();
    (child, url)
}

/// A program that was just copied is busy for as long as another test, which starts a program too, holds it open.
fn spawn(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(cause) if cause.kind() == ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(20));
            }
            outcome => return outcome.unwrap(),
        }
    }
}

/// Ends it as Ctrl-C does, which is no failure, and returns what it left.
#[cfg(unix)]
fn interrupt(child: Child) -> Output {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "Ctrl-C is no failure");
    output
}

/// Ends it at once: elsewhere no program can press Ctrl-C for another.
#[cfg(not(unix))]
fn interrupt(mut child: Child) -> Output {
    child.kill().unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_health_check_tells_whether_a_server_answers() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let (child, url) = start(program().args(["--port", "0", "--listen", "127.0.0.1"]));
    let port = url.rsplit(':').next().unwrap();
    let check = || program().args(["--healthcheck", "--port", port]).status().unwrap();
    assert!(check().success());
    interrupt(child);
    assert!(!check().success());
}

/// Text that is no Unicode, as a variable may have.
#[cfg(unix)]
fn unreadable() -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(b"\xff".to_vec())
}

/// Half of a surrogate pair.
#[cfg(windows)]
fn unreadable() -> OsString {
    std::os::windows::ffi::OsStringExt::from_wide(&[0xd800])
}

fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_a_sessions_life_is_one_line_without_secrets() {
    if lacks(&[Need::MovedClock, Need::LocalServer]) {
        return;
    }
    let mut command = program();
    command.args(["--port", "0"]).env("SESSION_TIMEOUT_SECONDS", "4").env("LOG_LEVEL", "debug");
    let (child, url) = start(&mut command);
    let form = [("grant_type", "password"), ("username", "alice@example.com"), ("password", "hunter2")];
    let tokens = send(http().post(format!("{url}/oauth2/token")).form(&form)).await.ok();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let call = |method: &str, path: String, body: Value| {
        let request = http().request(method.parse().unwrap(), format!("{url}{path}")).bearer_auth(&token);
        send(request.json(&body))
    };
    let body = call("POST", "/auth/login".to_owned(), json!({ "password": "hunter2" })).await.ok();
    let id = body["body"]["sessionId"].as_str().unwrap().to_owned();
    call("POST", format!("/user-sessions/heartbeat/{id}"), json!({})).await.ok();
    tokio::time::sleep(Duration::from_millis(4_100)).await;
    let body = call("POST", format!("/user-sessions/heartbeat/{id}"), json!({})).await.ok();
    let new = body["sessionId"].as_str().unwrap().to_owned();
    call("PATCH", format!("/user-sessions/{new}/content-engaged"), json!({ "engaged": true })).await.ok();
    call("POST", format!("/user-sessions/end/{new}"), json!({})).await.ok();

    let log = String::from_utf8(interrupt(child).stderr).unwrap();
    let lines = |event: &str, id: &str| {
        let is_its = |line: &&str| line.contains(event) && line.contains(&format!("session_id={id}"));
        log.lines().filter(is_its).count()
    };
    for (event, id, times) in [
        ("session started", &id, 1),
        ("heartbeat", &id, 1),
        ("session expired", &id, 1),
        ("session renewed", &new, 1),
        ("heartbeat", &new, 1),
        ("session engaged", &new, 1),
        ("session ended", &new, 1),
        ("session started", &new, 0),
    ] {
        assert_eq!(lines(event, id), times, "{event} {id}\n{log}");
    }
    let events = log.lines().filter(|line| line.contains("session_id="));
    assert!(
        events.clone().all(|line| line.contains("user=\"ff8d9819fc0e12bf\"") && line.contains("request_id=")),
        "{log}"
    );
    for secret in ["alice", "hunter2", &token[..20], "Bearer"] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_denied_request_is_one_line_without_secrets() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    for (names, user) in [("hash", "ff8d9819fc0e12bf"), ("plain", "alice@example.com")] {
        let (child, url) = start(program().args(["--port", "0"]).env("LOG_USER_ID", names));
        let token = async |claims: &str| {
            let form = [("grant_type", "password"), ("username", "alice@example.com"), ("claims", claims)];
            let tokens = send(http().post(format!("{url}/oauth2/token")).form(&form)).await.ok();
            tokens["access_token"].as_str().unwrap().to_owned()
        };
        let (access, id_token, nobodys) =
            (token("{}").await, token(r#"{"token_use":"id"}"#).await, token(r#"{"sub":null}"#).await);
        let call = async |token: &str, method: &str, path: &str| {
            let request = http().request(method.parse().unwrap(), format!("{url}{path}"));
            send(request.bearer_auth(token)).await
        };
        let login = call(&access, "POST", "/auth/login").await.ok();
        let id = login["body"]["sessionId"].as_str().unwrap().to_owned();
        let [heartbeat, end, get] =
            ["heartbeat/", "end/", ""].map(|what| format!("/user-sessions/{what}{id}"));
        call(&access, "POST", &end).await.ok();
        call(&access, "POST", &heartbeat).await.ok();
        let other = format!("{}{}", &get[..get.len() - 1], if get.ends_with('1') { '2' } else { '1' });
        for (token, path, status) in [
            (&access, other.as_str(), 404),
            (&access, "/metrics/sessions", 403),
            (&id_token, "/user-sessions", 401),
            (&nobodys, "/user-sessions", 401),
            (&access, "/user-sessions/x", 400),
            (&"x".to_owned(), "/user-sessions", 401),
        ] {
            assert_eq!(call(token, "GET", path).await.status, status, "{path}");
        }
        let log = String::from_utf8(interrupt(child).stderr).unwrap();
        let denied: Vec<_> = log.lines().filter(|line| line.contains("request denied")).collect();
        assert_eq!(denied.len(), 5, "{log}");
        for (line, (code, user)) in denied.iter().zip([
            ("session_ended", Some(user)),
            ("session_not_found", Some(user)),
            ("forbidden", Some(user)),
            ("unauthorized", Some(user)),
            ("unauthorized", None),
        ]) {
            assert!(line.contains(&format!("code=\"{code}\"")) && line.contains("request_id="), "{line}");
            let named = user.is_none_or(|user| line.contains(&format!("user=\"{user}\"")));
            assert!(named && line.contains("user=") == user.is_some(), "{line}");
        }
        assert!(denied[0].contains(&format!("session_id={id}")), "{}", denied[0]);
        for secret in [&access, &id_token, &nobodys] {
            assert!(!log.contains(&secret[..20]) && !log.contains(secret.rsplit('.').next().unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_and_names_are_let_in_if_that_is_asked_for() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let mut command = program();
    command.args([
        "--port",
        "0",
        "--allow-origin",
        "https://one.example.com/",
        "--allow-host",
        "dev.example.com",
    ]);
    command.args(["--allow-origin", "https://two.example.com", "--allow-host", "192.168.1.7"]);
    let (child, url) = start(command.args(["--parameter", "AllowedOrigins=https://three.example.com"]));
    for (header, value, status) in [
        ("origin", "https://one.example.com", 200),
        ("origin", "https://two.example.com", 200),
        ("origin", "https://three.example.com", 403),
        ("host", "dev.example.com:3000", 200),
        ("host", "192.168.1.7", 200),
        ("host", "192.168.1.8", 403),
    ] {
        let request = http().get(format!("{url}/.well-known/jwks.json")).header(header, value);
        assert_eq!(send(request).await.status, status, "{value}");
    }
    let log = String::from_utf8(interrupt(child).stderr).unwrap();
    assert!(log.contains("https://three.example.com") && log.contains("--allow-origin"), "{log}");
    assert!(log.contains("192.168.1.8") && log.contains("--allow-host"), "{log}");
    for value in ["*", "null", "example.com"] {
        assert!(failure(program().args(["--allow-origin", value])).contains("expected an origin"), "{value}");
    }
    assert!(failure(program().args(["--allow-host", "dev:3000"])).contains("expected a host name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_named_in_logs_if_that_is_asked_for() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let mut command = program();
    let (child, url) = start(command.args(["--port", "0"]).env("LOG_USER_ID", "plain"));
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let tokens = send(http().post(format!("{url}/oauth2/token")).form(&form)).await.ok();
    let login =
        http().post(format!("{url}/auth/login")).bearer_auth(tokens["access_token"].as_str().unwrap());
    send(login).await.ok();
    let log = String::from_utf8(interrupt(child).stderr).unwrap();
    assert!(log.contains("user=\"alice\""), "{log}");
}

#[test]
fn a_start_that_cannot_be_is_an_error_that_says_why() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let (child, url) = start(program().args(["--port", "0"]));
    let port = url.rsplit(':').next().unwrap();
    assert!(failure(program().args(["--port", port])).contains(&format!("listening on port {port}")));
    interrupt(child);
    assert!(failure(program().args(["--template", "/nowhere"])).contains("in /nowhere"));
    assert!(failure(program().env("LOG_LEVEL", "loud")).contains("LOG_LEVEL must be error, warn, info"));
    assert!(failure(program().env("SESSION_RETENTION_DAYS", "0")).contains("SESSION_RETENTION_DAYS must be"));
    assert!(failure(program().args(["--issuer", "http://localhost:1"])).contains("--audience"));
    assert!(
        failure(program().args(["--data", "x", "--dynamodb", "http://localhost:1"]))
            .contains("cannot be used with")
    );
    let sample = ["--sample-data", "--dynamodb", "http://localhost:1"];
    assert!(failure(program().args(sample)).contains("cannot be used with"));
    assert!(failure(program().args(["--data", "x", "--sample-data", "recount"])).contains("is for a server"));
}

/// As one that was installed: its template is in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_runs_wherever_it_is() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let folder = env::temp_dir().join(format!("user-sessions-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&folder).unwrap();
    let original = Path::new(env!("CARGO_BIN_EXE_local"));
    let copy = folder.join(original.file_name().unwrap());
    fs::copy(original, &copy).unwrap();
    let (child, url) = start(program_at(&copy).args(["--port", "0"]).current_dir(&folder));
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let tokens = send(http().post(format!("{url}/oauth2/token")).form(&form)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(send(http().get(format!("{url}/user-sessions")).bearer_auth(token)).await.ok(), json!([]));
    interrupt(child);

    let template = folder.join("another.yaml");
    let changed = local::template::BUILT_IN.replace("Path: /auth/logout", "Path: /elsewhere");
    let changed = changed.replace("          /auth/logout:\n", "          /elsewhere:\n");
    fs::write(&template, changed).unwrap();
    let arguments = ["--port", "0", "--template", "another.yaml"];
    let (child, url) = start(program_at(&copy).args(arguments).current_dir(&folder));
    for (path, status) in [("auth/logout", 404), ("elsewhere", 401)] {
        assert_eq!(send(http().post(format!("{url}/{path}"))).await.status, status, "{path}");
    }
    interrupt(child);
    remove(&folder);
}

#[test]
fn an_empty_or_unreadable_variable_changes_nothing() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let mut command = program();
    command.env("SESSION_TIMEOUT_SECONDS", "").env("OTHER", unreadable());
    let (child, _) = start(command.args(["--port", "0"]));
    interrupt(child);
}

/// Counts what a server that has ended left in a folder, tells of damage, and refuses to mend a day too early.
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_commands_work_on_a_servers_data() {
    if lacks(&[Need::Pump, Need::LocalServer]) {
        return;
    }
    let folder = env::temp_dir().join(format!("user-sessions-{}", uuid::Uuid::new_v4()));
    let with_data = |arguments: &[&str]| {
        let mut command = program();
        command.arg("--data").arg(&folder).args(arguments);
        command
    };
    let (child, url) = start(&mut with_data(&["--port", "0"]));
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let form = [form.as_slice(), &[("permissions", "metrics:read")]].concat();
    let tokens = send(http().post(format!("{url}/oauth2/token")).form(&form)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    send(http().post(format!("{url}/auth/login")).bearer_auth(token)).await.ok();
    let today = chrono::NaiveDate::to_string(&shared::clock::Clock::system().now().date_naive());
    // The metrics follow within a second; at midnight the session may be of the day before.
    let range = format!("{url}/metrics/sessions?startDate=2020-01-01&endDate=2020-01-01")
        .replace("2020-01-01", &today);
    for _ in 0..100 {
        let data = send(http().get(&range).bearer_auth(token)).await.ok();
        if data["data"]["totalSessions"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    interrupt(child);

    // A session that no rollup has taken in when the server ends: one that counts the days of another zone refuses the
    // rows. It is in the stream still, and is not to be counted a second time when a server goes on.
    let (child, url) = start(with_data(&["--port", "0"]).env("REPORTING_TIME_ZONE", "Europe/Berlin"));
    let tokens = send(http().post(format!("{url}/oauth2/token")).form(&form)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    send(http().post(format!("{url}/auth/login")).bearer_auth(token)).await.ok();
    interrupt(child);

    let output = with_data(&["recount"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("2 items read; days from"), "{text}");
    assert!(text.contains("SESSION_RETENTION_DAYS=90 REPORTING_TIME_ZONE=UTC"), "{text}");
    assert!(text.contains("Metrics and sessions agree."), "{text}");

    // And the operator's other commands, on the same data.
    let sub = "alice";
    let output = with_data(&["export", sub]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.lines().count() == 2, "{text}");
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["user"], &line["state"]), (&json!(sub), &json!("active")));

    let repair = |day: &str| failure(&mut with_data(&["recount", "--repair", "--day", day]));
    assert!(repair(&today).contains("is not settled"), "{}", repair(&today));
    assert!(repair("2020-01-01").contains("is not within retention"));
    assert!(failure(&mut with_data(&["recount", "--repair"])).contains("--day"));
    assert!(
        failure(program().args(["--data", "/nowhere", "recount"])).contains("there is no data in /nowhere")
    );
    assert!(failure(program().arg("recount")).contains("--data or --dynamodb"));

    // Without a terminal nobody can be asked.
    let refusal = failure(&mut with_data(&["erase", sub]));
    assert!(refusal.contains("--yes") && refusal.contains("Nothing was changed"), "{refusal}");
    let output = with_data(&["export", sub]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2, "nothing was changed");

    for expected in ["2 items deleted, 0 left", "0 items deleted, 0 left"] {
        let output = with_data(&["erase", "--yes", sub]).output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), expected);
    }
    assert!(failure(&mut with_data(&["erase", "a b"])).contains("is no user"));
    remove(&folder);
}
