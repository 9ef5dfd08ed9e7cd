//! Lambda's Runtime API: where a function asks for its next invocation, and tells what came of it
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::AbortHandle,
};

/// The most that a function may answer.
const ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// The Runtime API of one process, until it is dropped.
pub(super) struct RuntimeApi {
    /// What a function gets as `AWS_LAMBDA_RUNTIME_API`.
    pub(super) address: SocketAddr,
    invocations: mpsc::UnboundedSender<Invocation>,
    said: mpsc::UnboundedReceiver<Said>,
    serving: AbortHandle,
}

/// What a function is asked for.
pub(super) struct Invocation {
    pub(super) request_id: String,
    /// When it is killed, in milliseconds since the epoch.
    pub(super) deadline: i64,
    pub(super) event: String,
}

/// What a function says.
pub(super) enum Said {
    /// It waits for an invocation.
    Waiting,
    Answered {
        request_id: String,
        answer: Bytes,
    },
    /// The invocation failed by its own account.
    Failed {
        request_id: String,
        error: String,
    },
    /// It could not start.
    InitFailed(String),
}

impl RuntimeApi {
    /// Starts it on a random loopback port.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (invocations, asked) = mpsc::unbounded_channel();
        let (saying, said) = mpsc::unbounded_channel();
        let ends = Arc::new(Ends { asked: Mutex::new(asked), saying });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request_id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{request_id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(init_failed))
            .layer(DefaultBodyLimit::max(ANSWER_BYTES))
            .with_state(ends);
        let serving = tokio::spawn(async { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { address, invocations, said, serving })
    }

    /// Hands an invocation to the function as soon as it asks for one.
    pub(super) fn hand_over(&self, invocation: Invocation) -> Result<()> {
        self.invocations.send(invocation).ok().context("the Runtime API has ended")
    }

    /// What the function says next. Nothing is lost if this is dropped.
    pub(super) async fn said(&mut self) -> Said {
        match self.said.recv().await {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The server's ends of the channels.
struct Ends {
    asked: Mutex<mpsc::UnboundedReceiver<Invocation>>,
    saying: mpsc::UnboundedSender<Said>,
}

impl Ends {
    /// `202`, as Lambda answers what it is told.
    fn say(&self, said: Said) -> StatusCode {
        let _ = self.saying.send(said);
        StatusCode::ACCEPTED
    }
}

async fn next(State(ends): State<Arc<Ends>>) -> Response {
    let _ = ends.say(Said::Waiting);
    let Some(Invocation { request_id, deadline, event }) = ends.asked.lock().await.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:bench".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

async fn answered(
    State(ends): State<Arc<Ends>>,
    Path(request_id): Path<String>,
    answer: Bytes,
) -> StatusCode {
    ends.say(Said::Answered { request_id, answer })
}

async fn failed(State(ends): State<Arc<Ends>>, Path(request_id): Path<String>, error: String) -> StatusCode {
    ends.say(Said::Failed { request_id, error })
}

async fn init_failed(State(ends): State<Arc<Ends>>, error: String) -> StatusCode {
    ends.say(Said::InitFailed(error))
}
