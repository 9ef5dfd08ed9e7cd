//! All functions, over an engine in memory: one for all inputs, and a new one now and then, so that what inputs leave
//! behind stays small.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta};
use lambda_http::{Body, Response};
use local::{
    Options, Storage,
    functions::{self, EndpointHandler, Handler, Parts, StreamHandler},
};
use shared::{
    clock::Clock,
    http::event::{Event, handed_back},
    settings::Environment,
};
use tokio::runtime::{Builder, Runtime};

use crate::answer;

/// After so many inputs the tables are new: the engine keeps a record of every write.
const INPUTS: u32 = 4_000;

/// 2026-01-01T00:00:00Z.
pub(crate) const BEGINNING: i64 = 1_767_225_600_000;

/// Few of what is limited, so that inputs come to the limits; and an address, which no server gives here.
const SETTINGS: [(&str, &str); 7] = [
    ("MAX_SESSIONS_PER_USER", "4"),
    ("MAX_STARTS_PER_USER_PER_HOUR", "8"),
    ("PAGES_API_URL", "https://api.example.com"),
    ("PAGES_ISSUER", "https://issuer.example.com"),
    ("PAGES_CLIENT_ID", "client"),
    ("PAGES_SIGN_OUT_URL", ""),
    ("PAGES_CONNECT_SOURCES", ""),
];

thread_local! {
    static SERVICE: RefCell<Option<Service>> = const { RefCell::new(None) };
}

/// The functions, their engine and their clock.
pub(crate) struct Service {
    runtime: Runtime,
    pub(crate) storage: Storage,
    endpoints: Vec<(&'static str, EndpointHandler)>,
    rollup: StreamHandler,
    now: Arc<AtomicI64>,
    inputs: u32,
}

/// Runs `feed` with the functions.
pub(crate) fn with<T>(feed: impl FnOnce(&mut Service) -> T) -> T {
    SERVICE.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|service| service.inputs >= INPUTS) {
            *slot = None;
            *slot = Some(Service::new());
        }
        let Some(service) = slot else { unreachable!("it was just made") };
        service.inputs += 1;
        feed(service)
    })
}

impl Service {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|cause| panic!("no runtime: {cause}"));
        let now = Arc::new(AtomicI64::new(BEGINNING));
        let time = Arc::clone(&now);
        let clock = Clock::from_fn(move || {
            DateTime::from_timestamp_millis(time.load(Ordering::Relaxed)).unwrap_or_default()
        });
        let environment = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = Options { environment, clock: clock.clone(), ..Options::default() };
        let storage = runtime.block_on(Storage::in_memory(&options));
        let storage = storage.unwrap_or_else(|cause| panic!("no engine: {cause:#}"));
        let (mut endpoints, mut rollup) = (Vec::new(), None);
        for name in functions::names() {
            match made(name, &storage, &clock) {
                Handler::Endpoint(handler) => endpoints.push((name, handler)),
                Handler::Stream(handler) => rollup = Some(handler),
            }
        }
        let rollup = rollup.unwrap_or_else(|| panic!("no function reads the stream"));
        Self { runtime, storage, endpoints, rollup, now, inputs: 0 }
    }

    /// How many inputs it has had, this one included.
    pub(crate) fn inputs(&self) -> u32 {
        self.inputs
    }

    /// The endpoints by their names, always in the same order.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.endpoints.iter().map(|(name, _)| *name).collect()
    }

    /// Time passes.
    pub(crate) fn pass(&self, time: TimeDelta) {
        self.now.fetch_add(time.num_milliseconds(), Ordering::Relaxed);
    }

    /// What the endpoint answers to the event in these bytes, which holds what answers promise; `None` if they are not
    /// JSON, which Lambda hands to no function.
    pub(crate) fn ask(&self, endpoint: usize, event: &[u8]) -> Option<Response<Body>> {
        let (name, handler) = &self.endpoints[endpoint % self.endpoints.len()];
        let response = match serde_json::from_slice::<Event>(event).ok()?.into_request() {
            Ok(request) => self.runtime.block_on(handler(request)),
            Err(unreadable) => unreadable.into_response(),
        };
        answer::check(name, event, &response);
        let handed_back = handed_back(response.clone());
        assert!(
            serde_json::to_vec(&handed_back).is_ok(),
            "{name} cannot hand its answer back: {handed_back:?}"
        );
        Some(response)
    }

    /// What the rollup makes of the stream event in these bytes; `None` if they are none.
    pub(crate) fn deliver(&self, event: &[u8]) -> Option<Result<(), String>> {
        let event: rollup::StreamEvent = serde_json::from_slice(event).ok()?;
        Some(self.runtime.block_on((self.rollup)(event)).map_err(|cause| cause.to_string()))
    }

    /// Waits for what is asked of the engine.
    pub(crate) fn wait<W: Future>(&self, work: W) -> W::Output {
        self.runtime.block_on(work)
    }

    /// The metrics table, as the rollup knows it.
    pub(crate) fn metrics(&self) -> shared::metrics::MetricsStore {
        let variables = environment("rollup", &self.storage);
        let table = variables.get("METRICS_TABLE").cloned().unwrap_or_default();
        shared::metrics::MetricsStore::new(self.storage.client.clone(), table, chrono_tz::Tz::UTC)
    }
}

fn made(name: &str, storage: &Storage, clock: &Clock) -> Handler {
    let variables = environment(name, storage);
    let variable = |name: &str| variables.get(name).cloned();
    let parts = Parts { environment: Environment::new(&variable), client: &storage.client, clock };
    match functions::handler(name, &parts) {
        Ok(Some(handler)) => handler,
        Ok(None) => panic!("there is no function {name}"),
        Err(cause) => panic!("{name}: {cause}"),
    }
}

fn environment(name: &str, storage: &Storage) -> HashMap<String, String> {
    let mut functions = storage.template.functions.iter();
    let function = functions.find(|function| function.crate_name == name);
    function.map(|function| function.environment.clone().into_iter().collect()).unwrap_or_default()
}
