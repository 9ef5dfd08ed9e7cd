//! What stands in the place of an engine, so that only the program's own work is measured: it answers at once.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    },
    http::StatusCode,
    shared::IntoShared,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use shared::dynamodb::client::client_config;

use crate::rows::{self, Item};

/// A client with the timeouts and repeats of a function's, whose requests go to `connector`.
pub(crate) fn client(connector: impl HttpConnector + 'static) -> Client {
    let connector: SharedHttpConnector = connector.into_shared();
    let config = client_config(http_client_fn(move |_, _| connector.clone()))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"));
    Client::from_conf(config.build())
}

/// Keeps rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<String, Value>>>, Arc<Mutex<Vec<Value>>>);

impl Memory {
    /// Has a row from the beginning.
    pub(crate) fn keep(&self, row: &Item) -> Result<()> {
        let item = rows::to_json(row)?;
        lock(&self.0).insert(item["sk"]["S"].to_string(), item);
        Ok(())
    }

    /// How many writes there were, and their units.
    pub(crate) fn writes(&self) -> Result<(usize, usize)> {
        let written = lock(&self.1);
        let units = |item: &Value| Ok(rows::size_of_item(&rows::from_json(item.clone())?).div_ceil(1_024));
        Ok((written.len(), written.iter().map(units).sum::<Result<usize>>()?))
    }

    fn answer(&self, request: &HttpRequest) -> Value {
        let body = body(request);
        let mut all = lock(&self.0);
        if let Some(item) = body.get("Item") {
            lock(&self.1).push(item.clone());
            all.insert(item["sk"]["S"].to_string(), item.clone());
            return json!({});
        }
        all.get(&body["Key"]["sk"]["S"].to_string()).map_or(json!({}), |item| json!({ "Item": item }))
    }
}

impl HttpConnector for Memory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        answered(SdkBody::from(self.answer(&request).to_string()))
    }
}

/// Gives to each Query the answer that there is for its month.
#[derive(Clone, Debug)]
pub(crate) struct Canned(pub(crate) Arc<HashMap<String, String>>);

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = body(&request);
        let month = body["ExpressionAttributeValues"][":month"]["S"].as_str().unwrap_or_default();
        answered(SdkBody::from(self.0.get(month).map_or("{}", String::as_str)))
    }
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default()
}

fn answered(body: SdkBody) -> HttpConnectorFuture {
    let mut response =
        HttpResponse::new(StatusCode::try_from(200).unwrap_or_else(|_| unreachable!("a status")), body);
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    HttpConnectorFuture::ready(Ok(response))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
