//! The demo: the same API a second time under `/demo`, with tables and a clock of its own, and the page at `/` that shows
//! it. Its clock goes forward at the press of a button, and its tables are emptied by another. Nothing of it is deployed.

mod clock;
mod controls;
mod page;

use std::{io, sync::Arc};

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use futures_util::stream;
use tokio::sync::RwLock;
use tower::ServiceExt;

use self::clock::DemoClock;
pub(super) use self::page::page;
use super::{
    options::{Options, Place},
    service::Service,
};
use crate::{identity::Authorizer, template::Template};

/// A request that has this is carried out, and its answer never arrives.
const LOSE_ANSWER: &str = "demo-lose-answer";

/// The API of the demo, whose tables are new after each reset.
struct Demo {
    options: Options,
    template: Template,
    authorizer: Arc<Authorizer>,
    clock: DemoClock,
    service: RwLock<Arc<Service>>,
}

/// What is mounted at `place`, behind the authorizer of the server.
pub(super) async fn router(options: &Options, place: Place, authorizer: Arc<Authorizer>) -> Result<Router> {
    let clock = DemoClock::beside(options.clock.clone());
    // In memory, wherever the server has its data.
    let options =
        Options { clock: clock.as_clock(), data: None, dynamodb: None, sample: None, ..options.clone() };
    let template = options.read_template(Some(&place))?;
    let service = Service::start(&options, template.clone(), Arc::clone(&authorizer), Router::new()).await?;
    let service = RwLock::new(Arc::new(service));
    let demo = Arc::new(Demo { options, template, authorizer, clock, service });
    let api = Arc::clone(&demo);
    let api = move |request: Request| async move { api.answer(request).await };
    let page = get(async || Redirect::temporary("/"));
    Ok(controls::router(demo).route("/", page).fallback(api))
}

impl Demo {
    async fn answer(&self, request: Request) -> Response {
        let is_lost = request.headers().get(LOSE_ANSWER).is_some_and(|value| value == "true");
        // Held until it has answered: a reset ends the service when nobody has it any more.
        let service = Arc::clone(&*self.service.read().await);
        let answer = service.router.clone().oneshot(request).await.into_response();
        if is_lost { lost() } else { answer }
    }

    /// Empties the tables: others take their place, with streams and metrics of their own.
    async fn reset(&self) -> Result<()> {
        let (template, authorizer) = (self.template.clone(), Arc::clone(&self.authorizer));
        let service = Service::start(&self.options, template, authorizer, Router::new()).await?;
        *self.service.write().await = Arc::new(service);
        Ok(())
    }
}

/// An answer that fails before its first byte, so that the connection is closed without it.
fn lost() -> Response {
    let cut = stream::iter([Err::<Bytes, _>(io::Error::other("lost, as was asked"))]);
    Body::from_stream(cut).into_response()
}
