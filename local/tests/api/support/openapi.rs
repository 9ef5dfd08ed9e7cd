//! The API's document, `web/openapi.json`, and whether what a test sends and gets is as it says.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::{Draft, Validator};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::{Request, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::Answer;

pub const TEXT: &str = include_str!("../../../../web/openapi.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(TEXT).unwrap());

/// What a place's name has in it that a reference has in another form: the braces of a path.
const OUTSIDE_FRAGMENTS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'~').remove(b'-');

/// The one header that the gateway's own answers have and the functions' do not.
const GATEWAYS_HEADER: &str = "WWW-Authenticate";

/// A place in the document. References on the way there are followed.
#[derive(Clone, Debug)]
pub struct Place(String);

impl Place {
    pub fn root() -> Self {
        Self(String::new())
    }

    pub fn value(&self) -> &'static Value {
        DOCUMENT.pointer(&self.0).unwrap()
    }

    pub fn get(&self, name: &str) -> Option<Self> {
        let place = Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")));
        let value = DOCUMENT.pointer(&place.0)?;
        match value.get("$ref") {
            Some(reference) => Some(Self(reference.as_str().unwrap().trim_start_matches('#').to_owned())),
            None => Some(place),
        }
    }

    /// What is in it, by name or by number.
    pub fn members(&self) -> Vec<(String, Self)> {
        let names: Vec<String> = match self.value() {
            Value::Object(members) => members.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|index| index.to_string()).collect(),
            _ => Vec::new(),
        };
        names.into_iter().map(|name| (name.clone(), self.get(&name).unwrap())).collect()
    }

    pub fn text(&self, name: &str) -> Option<&'static str> {
        self.value().get(name)?.as_str()
    }

    /// What is wrong with a value, by the schema that is here.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let faults = |fault: jsonschema::ValidationError<'_>| format!("{}: {fault}", fault.instance_path());
        self.validator().iter_errors(value).map(faults).collect()
    }

    fn validator(&self) -> Arc<Validator> {
        static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
        let mut made = MADE.lock().unwrap();
        let new = || {
            // The whole document, so that the schema's references lead where they lead there.
            let mut schema = DOCUMENT.clone();
            schema["$ref"] = json!(format!("#{}", utf8_percent_encode(&self.0, OUTSIDE_FRAGMENTS)));
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            Arc::new(options.build(&schema).unwrap())
        };
        Arc::clone(made.entry(self.0.clone()).or_insert_with(new))
    }
}

/// A call that the document describes.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `POST`
    pub method: String,
    /// `/user-sessions/end/{sessionId}`
    pub path: String,
    pub place: Place,
}

impl Operation {
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Operation>> = LazyLock::new(|| {
            let mut all = Vec::new();
            for (path, methods) in Place::root().get("paths").unwrap().members() {
                for (method, place) in methods.members() {
                    all.push(Operation { method: method.to_uppercase(), path: path.clone(), place });
                }
            }
            all
        });
        &ALL
    }

    /// The operation that a gateway would choose: one whose path has the fewest parameters.
    fn of(method: &str, path: &str) -> Option<&'static Self> {
        let fitting = Self::all()
            .iter()
            .filter(|own| own.method == method && path_parameters(&own.path, path).is_some());
        fitting.min_by_key(|own| own.path.matches('{').count())
    }

    /// Its parameters by place (`path`, `query`, `header`) and name.
    pub fn parameters(&self) -> Vec<(&'static str, &'static str, Place)> {
        let parameters = self.place.get("parameters").map(|list| list.members()).unwrap_or_default();
        let named =
            |(_, place): (String, Place)| (place.text("in").unwrap(), place.text("name").unwrap(), place);
        parameters.into_iter().map(named).collect()
    }

    /// Its answers by their statuses.
    pub fn answers(&self) -> Vec<(u16, Place)> {
        let answers = self.place.get("responses").unwrap().members();
        answers.into_iter().map(|(status, place)| (status.parse().unwrap(), place)).collect()
    }

    /// What is wrong with an answer.
    pub fn faults_of_answer(&self, answer: &Answer) -> Vec<String> {
        let responses = self.place.get("responses").unwrap();
        let Some(documented) = responses.get(&answer.status.to_string()) else {
            return vec!["the status is not documented".to_owned()];
        };
        let mut faults = Vec::new();
        let headers = documented.get("headers").map(|headers| headers.members()).unwrap_or_default();
        for (name, header) in headers {
            match answer.headers.get(&name) {
                Some(value) => {
                    let schema = header.get("schema").unwrap();
                    let value = value.to_str().unwrap();
                    let value = match schema.text("type") {
                        Some("integer") => {
                            value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number))
                        }
                        _ => json!(value),
                    };
                    faults.extend(
                        schema.faults(&value).into_iter().map(|fault| format!("header {name}{fault}")),
                    );
                }
                None if name != GATEWAYS_HEADER && !is_the_gateways(&answer.body) => {
                    faults.push(format!("there is no header {name}"));
                }
                None => {}
            }
        }
        let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default();
        match documented.get("content").unwrap().get(media_type) {
            Some(media) => faults.extend(media.get("schema").unwrap().faults(&answer.body)),
            None => faults.push(format!("the content type {media_type:?} is not documented")),
        }
        faults
    }

    /// What is wrong with a request that was accepted.
    pub fn faults_of_request(&self, request: &Request) -> Vec<String> {
        let url = request.url();
        let in_path = path_parameters(&self.path, url.path()).unwrap_or_default();
        let in_query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let parameters = self.parameters();
        let mut faults = Vec::new();
        for (name, _) in &in_query {
            if !parameters.iter().any(|(place, own, _)| (*place, *own) == ("query", name)) {
                faults.push(format!("the query parameter {name} is not documented"));
            }
        }
        for (place, name, parameter) in parameters {
            let of = |pairs: &[(String, String)]| {
                pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
            };
            let value = match place {
                "path" => of(&in_path),
                "query" => of(&in_query),
                _ => request
                    .headers()
                    .get(name)
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            };
            match value {
                Some(value) => faults.extend(parameter.get("schema").unwrap().faults(&json!(value))),
                None if parameter.value().get("required") == Some(&json!(true)) => {
                    faults.push(format!("the parameter {name} is missing"));
                }
                None => {}
            }
        }
        if let Some(documented) = self.place.get("requestBody") {
            let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().trim_ascii();
            let schema =
                documented.get("content").unwrap().get("application/json").unwrap().get("schema").unwrap();
            match serde_json::from_slice(body) {
                Ok(body) => faults.extend(schema.faults(&body)),
                Err(_) if body.is_empty() && documented.value()["required"] == json!(false) => {}
                Err(cause) => faults.push(format!("the body is no JSON: {cause}")),
            }
        }
        faults
    }
}

/// Whether an answer is the gateway's own, and no function's.
fn is_the_gateways(body: &Value) -> bool {
    body.as_object().is_some_and(|members| members.keys().eq(["message"]))
}

/// What stands in a path for the names in braces; `None` where it is another path.
fn path_parameters(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (wanted, segment) in template.split('/').zip(path.split('/')) {
        match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => {
                let value = percent_decode_str(segment).decode_utf8_lossy().into_owned();
                parameters.push((name.to_owned(), value));
            }
            None if wanted != segment => return None,
            None => {}
        }
    }
    Some(parameters)
}

/// Fails where an answer is not as the document says, or a request that was accepted is not. What is not in the document,
/// the identity provider say, is left alone.
pub fn check(request: &Request, answer: &Answer) {
    let Some(operation) = Operation::of(request.method().as_str(), request.url().path()) else { return };
    let mut faults = operation.faults_of_answer(answer);
    if answer.status < 300 {
        faults.extend(operation.faults_of_request(request));
    }
    let Operation { method, path, .. } = operation;
    assert!(
        faults.is_empty(),
        "{method} {path} answers {}, and that is not as web/openapi.json says: {}\n{}",
        answer.status,
        faults.join("; "),
        answer.body
    );
}

/// Every example of a value in the document, with its schema.
pub fn examples() -> Vec<(String, Place, &'static Value)> {
    let mut found = Vec::new();
    for operation in Operation::all() {
        let mut places: Vec<Place> = operation.answers().into_iter().map(|(_, answer)| answer).collect();
        places.extend(operation.place.get("requestBody"));
        for place in places {
            let media = place.get("content").unwrap().get("application/json").unwrap();
            let examples = media.value().get("examples").and_then(Value::as_object);
            for (name, example) in examples.into_iter().flatten() {
                found.push((format!("{}/{name}", place.0), media.get("schema").unwrap(), &example["value"]));
            }
        }
        for (_, name, parameter) in operation.parameters() {
            found.push((
                format!("parameter {name}"),
                parameter.get("schema").unwrap(),
                &parameter.value()["example"],
            ));
        }
    }
    found
}
