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
