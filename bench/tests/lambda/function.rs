//! What the tests run in the place of a function: it does what its event says.

use std::{future::pending, process};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let wanted = &event.payload["do"];
    match wanted.as_str().unwrap_or_default() {
        "answer" => {}
        "hang" => pending().await,
        "exit" => process::exit(3),
        "use memory" => {
            let megabytes = event.payload["megabytes"].as_u64().unwrap_or_default();
            // Written, and so resident.
            let used = vec![1_u8; usize::try_from(megabytes)? << 20];
            assert!(used.iter().all(|byte| *byte == 1));
        }
        _ => return Err(format!("it cannot do {wanted}").into()),
    }
    Ok(json!({
        "process": process::id(),
        "deadline": event.context.deadline,
        "memory": event.context.env_config.memory,
    }))
}
