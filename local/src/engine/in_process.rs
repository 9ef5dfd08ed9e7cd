//! The way to the embedded engine without a network: what a client of AWS would send is answered in this process, as the
//! engine's own server would answer it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
    shared::IntoShared,
};
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

/// Held by whoever is at the database: a second writer would be refused, and not wait.
pub(super) type Turn = Arc<Mutex<()>>;

/// Calls of the engine by way of its library.
#[derive(Clone)]
pub(crate) struct InProcess {
    database: Database,
    turn: Turn,
    written: watch::Sender<()>,
}

impl InProcess {
    pub(super) fn new(database: Database, turn: Turn) -> Self {
        Self { database, turn, written: watch::Sender::new(()) }
    }

    /// The way as a client of AWS takes it.
    pub(crate) fn http_client(&self) -> SharedHttpClient {
        let connector: SharedHttpConnector = self.clone().into_shared();
        http_client_fn(move |_, _| connector.clone())
    }

    /// Changes whenever something was written this way.
    pub(crate) fn written(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let outcome = {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            ask(&self.database, operation, body)
        };
        match outcome {
            Ok(body) => {
                if WRITES.contains(&operation) {
                    self.written.send_replace(());
                }
                response(200, body)
            }
            Err(error) => response(error.status_code(), error.to_json()),
        }
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

fn response(status: u16, body: String) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(status).map_err(|cause| ConnectorError::other(cause.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

/// What changes items.
const WRITES: [&str; 5] = ["BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"];

/// What an operation answers to this body, in JSON. Those that nothing here calls are not among them.
pub fn ask(database: &Database, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match operation {
        "BatchGetItem" => of(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => of(body, |request| database.batch_write_item(request)),
        "CreateTable" => of(body, |request| database.create_table(request)),
        "DeleteItem" => of(body, |request| database.delete_item(request)),
        "DescribeStream" => of(body, |request| database.describe_stream(request)),
        "DescribeTable" => of(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => of(body, |request| database.describe_time_to_live(request)),
        "GetItem" => of(body, |request| database.get_item(request)),
        "GetRecords" => of(body, |request| database.get_records(request)),
        "GetShardIterator" => of(body, |request| database.get_shard_iterator(request)),
        "PutItem" => of(body, |request| database.put_item(request)),
        "Query" => of(body, |request| database.query(request)),
        "Scan" => of(body, |request| database.scan(request)),
        "TransactWriteItems" => of(body, |request| database.transact_write_items(request)),
        "UpdateItem" => of(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => of(body, |request| database.update_time_to_live(request)),
        _ => Err(DynoxideError::ValidationException(format!("{operation} is not called here"))),
    }
}

fn of<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    run: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request = serde_json::from_slice(body).map_err(|cause| invalid(&cause))?;
    let answer = run(request)?;
    serde_json::to_string(&answer).map_err(|cause| DynoxideError::InternalServerError(cause.to_string()))
}

/// The engine marks what it finds wrong with a request while it reads that. For its own server it makes AWS's words of it;
/// here the class is enough.
fn invalid(cause: &serde_json::Error) -> DynoxideError {
    DynoxideError::ValidationException(cause.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::{
        Client,
        error::{ProvideErrorMetadata, SdkError},
        operation::{
            transact_write_items::TransactWriteItemsError::TransactionCanceledException,
            update_item::UpdateItemError::ConditionalCheckFailedException,
        },
        types::{
            AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeysAndAttributes, Put,
            PutRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
            TransactWriteItem, WriteRequest,
        },
    };

    use crate::engine::{Connected, Engine, Listens, Sweeps};

    type Item = HashMap<String, AttributeValue>;

    const TABLE: &str = "Things";

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn item(name: &str, kind: &str) -> Item {
        [("pk", text(name)), ("kind", text(kind))].map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// What an error says to a program and to people.
    fn told<E: ProvideErrorMetadata>(error: &SdkError<E>) -> (Option<&str>, Option<&str>) {
        (error.code(), error.message())
    }

    async fn create(client: &Client) {
        let key = KeySchemaElement::builder().attribute_name("pk").key_type("HASH".into()).build().unwrap();
        let pk = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
        let table = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
        table.key_schema(key).attribute_definitions(pk.build().unwrap()).send().await.unwrap();
    }

    fn put(thing: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(TABLE)
            .set_item(Some(thing))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    }

    /// What comes of each kind of call, good and bad, in this order.
    async fn outcomes(client: &Client) -> Vec<String> {
        let mut told_so_far = Vec::new();
        let mut note = |outcome: &dyn std::fmt::Debug| told_so_far.push(format!("{outcome:?}"));

        create(client).await;
        let described = client.describe_table().table_name(TABLE).send().await.unwrap().table.unwrap();
        note(&(described.key_schema, described.table_status));
        let missing = client.get_item().table_name("Nothing").key("pk", text("a")).send().await;
        note(&told(&missing.unwrap_err()));

        let mut batch = vec![
            WriteRequest::builder()
                .put_request(PutRequest::builder().set_item(Some(item("b", "batch"))).build().unwrap())
                .build(),
        ];
        batch.push(
            WriteRequest::builder()
                .put_request(PutRequest::builder().set_item(Some(item("c", "batch"))).build().unwrap())
                .build(),
        );
        let written = client.batch_write_item().request_items(TABLE, batch).send().await.unwrap();
        note(&written.unprocessed_items);

        let update = |condition: &str| {
            client
                .update_item()
                .table_name(TABLE)
                .key("pk", text("b"))
                .update_expression("SET kind = :kind")
                .condition_expression(condition)
                .expression_attribute_values(":kind", text("updated"))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        };
        let updated = update("attribute_exists(pk)").send().await.unwrap();
        note(&updated.consumed_capacity.unwrap().capacity_units);
        let refused = update("attribute_not_exists(pk)").send().await.unwrap_err();
        note(&told(&refused));
        let Some(ConditionalCheckFailedException(refused)) = refused.as_service_error() else {
            panic!("{refused:?}")
        };
        note(&refused.item.as_ref().and_then(|item| item.get("kind")));
        note(&update("no condition").send().await.unwrap_err().code());

        let writes = vec![put(item("d", "transaction"))];
        client.transact_write_items().set_transact_items(Some(writes.clone())).send().await.unwrap();
        let writes = [writes, vec![put(item("e", "transaction"))]].concat();
        let cancelled = client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let cancelled = cancelled.unwrap_err();
        note(&told(&cancelled));
        let Some(TransactionCanceledException(cancelled)) = cancelled.as_service_error() else {
            panic!("{cancelled:?}")
        };
        for reason in cancelled.cancellation_reasons() {
            note(&(reason.code(), reason.item().and_then(|item| item.get("kind"))));
        }

        let keys = ["b", "d", "e"].map(|name| HashMap::from([("pk".to_owned(), text(name))]));
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.into())).build().unwrap();
        let found = client.batch_get_item().request_items(TABLE, keys).send().await.unwrap();
        let mut found = found.responses.unwrap().remove(TABLE).unwrap();
        found.sort_by_key(|item| item["pk"].as_s().unwrap().clone());
        note(&found.iter().map(|item| (&item["pk"], &item["kind"])).collect::<Vec<_>>());
        let query = client.query().table_name(TABLE).key_condition_expression("pk = :name");
        let query = query.expression_attribute_values(":name", text("c")).send().await.unwrap();
        note(&(query.count, query.scanned_count, query.items.map(|items| items[0]["kind"].clone())));
        client.delete_item().table_name(TABLE).key("pk", text("c")).send().await.unwrap();
        note(&client.scan().table_name(TABLE).send().await.unwrap().count);
        told_so_far
    }

    /// Not the words for a request that is malformed.
    #[tokio::test]
    async fn the_way_without_a_network_leads_to_the_same_engine() {
        let by_network = aws_smithy_http_client::Builder::new().build_http();
        let mut all = Vec::new();
        for way in [None, Some(by_network)] {
            let engine = Engine::start(None, Sweeps::No, Listens::Yes).await.unwrap();
            let connected = Connected::embedded(engine, way).await;
            all.push(outcomes(&connected.client).await);
        }
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0].len(), 13);
    }

    #[tokio::test]
    async fn what_is_written_is_told_and_nothing_else() {
        let engine = Engine::start(None, Sweeps::No, Listens::No).await.unwrap();
        let connected = Connected::embedded(engine, None).await;
        create(&connected.client).await;
        let mut written = connected.written.clone().unwrap();
        written.mark_unchanged();
        connected.client.scan().table_name(TABLE).send().await.unwrap();
        let refused = connected.client.put_item().table_name("Nothing").set_item(Some(item("a", "b")));
        refused.send().await.unwrap_err();
        assert!(!written.has_changed().unwrap());
        let put = connected.client.put_item().table_name(TABLE).set_item(Some(item("a", "b")));
        put.send().await.unwrap();
        assert!(written.has_changed().unwrap());
    }
}
