//! The way from a host's functions to the engine, on which things go wrong.

use std::{sync::Arc, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::HttpRequest,
        result::ConnectorError,
    },
    shared::IntoShared,
};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::yield_now, time::sleep};

use super::{
    engine::{Answer, Engine},
    faults::{Answered, Fault, Faults, answer, cancelled, error, is_write},
};

tokio::task_local! {
    static WRITTEN: Arc<Notify>;
}

/// Tells of a write that took effect while something was at work, before that hears of it.
#[derive(Default)]
pub(super) struct Written(Arc<Notify>);

impl Written {
    /// Watches the writes of this work alone.
    pub(super) fn watch<W: Future>(&self, work: W) -> impl Future<Output = W::Output> {
        WRITTEN.scope(Arc::clone(&self.0), work)
    }

    /// Waits for the next.
    pub(super) async fn wait(&self) {
        self.0.notified().await;
    }
}

#[derive(Clone)]
pub(super) struct Wire {
    engine: Arc<Engine>,
    faults: Arc<Faults>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().relay(request))
    }
}

impl Wire {
    pub(super) fn new(engine: Arc<Engine>, faults: Arc<Faults>) -> Self {
        Self { engine, faults }
    }

    /// The way as a client of AWS takes it.
    pub(super) fn http_client(&self) -> SharedHttpClient {
        let connector: SharedHttpConnector = self.clone().into_shared();
        http_client_fn(move |_, _| connector.clone())
    }

    async fn relay(self, request: HttpRequest) -> Answered {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let _under_way = self.faults.begin();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let fault = self.faults.choose(operation, &body);
        match fault {
            None => self.plain(&target, body).await,
            Some(Fault::Error(status, name)) => error(status, name),
            Some(Fault::Cancelled(codes)) => cancelled(codes),
            Some(Fault::Unavailable) => answer(503, b"Service Unavailable".to_vec()),
            Some(Fault::Reset) => Err(reset()),
            Some(Fault::FailedAfter) => {
                self.plain(&target, body).await?;
                error(500, "InternalServerError")
            }
            Some(Fault::Lost) => {
                self.plain(&target, body).await?;
                Err(ConnectorError::timeout("no answer".into()))
            }
            Some(Fault::Torn) => {
                let Answer { status, mut body } = self.asked(&target, body).await?;
                // An error is told in a few bytes.
                if status == 200 {
                    body.truncate(body.len() / 2);
                }
                answer(status, body)
            }
            Some(Fault::LateThere(late)) => {
                sleep(late).await;
                self.plain(&target, body).await
            }
            Some(Fault::LateBack(late)) => {
                let answer = self.plain(&target, body).await;
                sleep(late).await;
                answer
            }
            Some(Fault::Twice) => {
                let first = self.plain(&target, body.clone()).await;
                self.plain(&target, body).await?;
                first
            }
            Some(Fault::Again(later)) => {
                let first = self.plain(&target, body.clone()).await;
                self.deliver(target, body, later);
                first
            }
            Some(Fault::Delayed(later)) => {
                self.deliver(target, body, later);
                Err(reset())
            }
            Some(Fault::Unprocessed) => {
                let asked: Value = serde_json::from_slice(&body).map_err(unreadable)?;
                let left = json!({ "Responses": {}, "UnprocessedKeys": asked["RequestItems"] });
                answer(200, left.to_string().into_bytes())
            }
            Some(Fault::Piecemeal) => self.piecemeal(&target, &body).await,
        }
    }

    async fn plain(&self, target: &str, body: Vec<u8>) -> Answered {
        let Answer { status, body } = self.asked(target, body).await?;
        answer(status, body)
    }

    /// What the engine answers.
    async fn asked(&self, target: &str, body: Vec<u8>) -> Result<Answer, ConnectorError> {
        let told = self.engine.answer(target, body).await;
        let told = told.map_err(|cause| ConnectorError::io(cause.into()))?;
        if told.status == 200 && is_write(target.rsplit('.').next().unwrap_or_default()) {
            // Most work is watched by nobody.
            let _ = WRITTEN.try_with(|written| written.notify_one());
            yield_now().await;
        }
        Ok(told)
    }

    /// Delivers a call later, whatever its caller does meanwhile.
    fn deliver(&self, target: String, body: Vec<u8>, later: Duration) {
        let own = self.clone();
        tokio::spawn(async move {
            let _under_way = own.faults.hold();
            sleep(later).await;
            drop(own.plain(&target, body).await);
        });
    }

    /// One item a page, or one key.
    async fn piecemeal(&self, target: &str, body: &[u8]) -> Answered {
        let mut asked: Value = serde_json::from_slice(body).map_err(unreadable)?;
        let mut unprocessed = None;
        if target.ends_with(".Query") {
            asked["Limit"] = json!(1);
        } else if let Some((table, wanted)) =
            asked["RequestItems"].as_object_mut().and_then(|all| all.iter_mut().next())
            && let Some(keys) = wanted["Keys"].as_array_mut().filter(|keys| keys.len() > 1)
        {
            let rest = keys.split_off(1);
            let mut left = wanted.clone();
            left["Keys"] = json!(rest);
            unprocessed = Some(json!({ table: left }));
        }
        let asked = asked.to_string().into_bytes();
        let Answer { status, body } =
            self.engine.answer(target, asked).await.map_err(|cause| ConnectorError::io(cause.into()))?;
        let Some(unprocessed) = unprocessed.filter(|_| status == 200) else { return answer(status, body) };
        let mut told: Value = serde_json::from_slice(&body).map_err(unreadable)?;
        told["UnprocessedKeys"] = unprocessed;
        answer(200, told.to_string().into_bytes())
    }
}

fn reset() -> ConnectorError {
    ConnectorError::io("connection reset".into())
}

fn unreadable(cause: serde_json::Error) -> ConnectorError {
    ConnectorError::other(cause.into(), None)
}
