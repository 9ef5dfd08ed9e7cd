//! An erasure waits for a yes.

use operator::commands::consent::ask;

use crate::support::{outcome, program, put_session, server};

#[test]
fn only_yes_is_a_yes() {
    for (answer, is_yes) in [
        ("yes\n", true),
        (" yes \r\n", true),
        ("y\n", false),
        ("no\n", false),
        ("\n", false),
        ("", false),
        ("Yes\n", false),
    ] {
        let mut asked = Vec::new();
        let outcome = ask("2 items will be deleted.", answer.as_bytes(), &mut asked);
        assert_eq!(outcome.is_ok(), is_yes, "{answer:?}");
        assert_eq!(String::from_utf8(asked).unwrap(), "2 items will be deleted. Type yes to go on: ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_takes_an_argument() {
    let server = server().await;
    put_session(&server.client, "alice", 2).await;
    put_session(&server.client, "bob", 1).await;
    let command = |arguments: &[&str]| {
        let mut command = program(&["--sessions-table", "SessionsTable"]);
        command.args(["--endpoint", server.engine_url.as_str()]).args(arguments);
        outcome(&mut command)
    };
    let (code, out, err) = command(&["erase", "alice"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("error: without a terminal nobody can be asked") && err.contains("--yes"), "{err}");
    assert_eq!(command(&["export", "alice"]).1.lines().count(), 2, "nothing was changed");
    for expected in ["2 items deleted, 0 left\n", "0 items deleted, 0 left\n"] {
        let (code, out, err) = command(&["erase", "--yes", "alice"]);
        assert_eq!((code, out.as_str()), (0, expected), "{err}");
    }
    assert_eq!(command(&["export", "bob"]).1.lines().count(), 1, "others are left alone");
    let (_, _, err) = command(&["erase", "--yes", "a b"]);
    assert!(err.contains("is no user"), "{err}");
}

/// As Ctrl-C does, while a batch is on its way.
#[cfg(unix)]
#[test]
fn an_interruption_is_told() {
    use std::{
        process::{Command, Stdio},
        thread,
        time::Duration,
    };

    use crate::support::Service;

    let service = Service::start(|body| {
        if body.contains("RequestItems") {
            thread::sleep(Duration::from_mins(1));
        }
        let key = r#"{"pk":{"S":"USER#alice"},"sk":{"S":"SESSION#1"}}"#;
        (200, format!(r#"{{"Items":[{key}],"Count":1,"ScannedCount":1}}"#))
    });
    let mut command = program(&["--sessions-table", "Sessions", "erase", "--yes", "alice"]);
    command.args(["--endpoint", &service.url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    while service.requests().len() < 2 {
        thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("error: 0 items were deleted so far; run it again to go on: interrupted"), "{err}");
}
