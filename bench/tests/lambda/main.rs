//! The Lambda of this crate, with a function that does what it is told: whether the limits hold, and how it is told that
//! one did not.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, helpers included, it is the assertion")]

use std::{collections::BTreeMap, env, fs, path::Path, time::Duration};

use bench::lambda::{Function, Invoked, Lambda, Outcome};
use serde_json::{Value, json};
use shared::clock::Clock;

const TIMEOUT: Duration = Duration::from_secs(5);
const MEMORY: u32 = 128;

fn function() -> Function {
    Function {
        program: env!("CARGO_BIN_EXE_bench-function").into(),
        memory: MEMORY,
        limits_memory: true,
        timeout: TIMEOUT,
        environment: BTreeMap::new(),
        log: Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-function.log"),
    }
}

fn answer(invoked: &Invoked) -> Value {
    match &invoked.outcome {
        Outcome::Answered(answer) => serde_json::from_slice(answer).unwrap(),
        other => panic!("no answer but {other:?}"),
    }
}

async fn do_it(lambda: &mut Lambda, what: &str) -> Invoked {
    lambda.invoke(json!({ "do": what }).to_string()).await.unwrap()
}

#[tokio::test]
async fn one_process_answers_one_invocation_after_the_other_and_knows_its_limits() {
    let mut lambda = Lambda::new(function(), None);
    let clock = || Clock::system().now() + TIMEOUT;
    let begun = clock();
    let first = do_it(&mut lambda, "answer").await;
    let over = clock();
    let second = do_it(&mut lambda, "answer").await;
    assert_eq!((first.cold, second.cold), (true, false));
    let (first, second) = (answer(&first), answer(&second));
    assert_eq!(first["process"], second["process"]);
    assert_eq!(first["memory"], json!(MEMORY));
    let deadline = first["deadline"].as_i64().unwrap();
    assert!((begun.timestamp_millis()..=over.timestamp_millis()).contains(&deadline), "{deadline}");
    lambda.end().await.unwrap();
    assert!(!Path::new(&format!("/proc/{}", first["process"])).exists(), "it has ended");
}

#[tokio::test]
async fn a_function_is_killed_at_its_timeout_and_the_next_invocation_starts_it_anew() {
    let mut lambda = Lambda::new(Function { timeout: Duration::from_secs(1), ..function() }, None);
    let before = answer(&do_it(&mut lambda, "answer").await)["process"].clone();
    let hanging = do_it(&mut lambda, "hang").await;
    assert!(matches!(hanging.outcome, Outcome::TimedOut), "{:?}", hanging.outcome);
    assert!(!Path::new(&format!("/proc/{before}")).exists(), "it was killed");
    let after = do_it(&mut lambda, "answer").await;
    assert!(after.cold);
    assert_ne!(answer(&after)["process"], before);
}

#[tokio::test]
async fn a_function_that_wants_more_memory_than_it_has_dies() {
    let mut lambda = Lambda::new(function(), None);
    let mut use_memory = async |megabytes: u32| {
        let event = json!({ "do": "use memory", "megabytes": megabytes });
        lambda.invoke(event.to_string()).await.unwrap()
    };
    let invoked = use_memory(MEMORY / 2).await;
    answer(&invoked);
    assert!(invoked.peak_memory >= u64::from(MEMORY / 2) * 1024, "{} kB", invoked.peak_memory);
    let outcome = use_memory(MEMORY).await.outcome;
    assert!(matches!(outcome, Outcome::Died(_)), "{outcome:?}");
    answer(&use_memory(1).await);
}

#[tokio::test]
async fn what_a_function_does_wrong_is_told() {
    let mut lambda = Lambda::new(function(), None);
    match do_it(&mut lambda, "something else").await.outcome {
        Outcome::Failed(error) => assert!(error.contains("it cannot do"), "{error}"),
        other => panic!("{other:?}"),
    }
    match do_it(&mut lambda, "exit").await.outcome {
        Outcome::Died(status) => assert_eq!(status.code(), Some(3)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_function_that_cannot_start_is_an_error_that_names_it() {
    let program = env::temp_dir().join(format!("bench-no-function-{}", std::process::id()));
    let mut lambda = Lambda::new(Function { program: program.clone(), ..function() }, None);
    let error = format!("{:#}", lambda.invoke("{}".to_owned()).await.unwrap_err());
    assert!(error.contains(&program.display().to_string()), "{error}");
    assert!(error.contains("ended before it was invoked"), "{error}");
    assert!(fs::exists(function().log).unwrap(), "its lines are there");
}
