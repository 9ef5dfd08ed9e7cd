//! The program, a local server's engine with a session in it, and a service that gives fixed answers.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use chrono::{DateTime, Utc};
use local::{Options, Server};
use shared::clock::Clock;

/// The program, in an environment that has credentials and nothing else.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
    command.env_clear().args(arguments);
    command.envs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nowhere"),
    ]);
    // Windows has no sockets without it.
    command.envs(std::env::var_os("SystemRoot").map(|folder| ("SystemRoot", folder)));
    command
}

/// What the program left: its exit code, standard output and standard error.
pub fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A server with sessions of alice's, one of which nothing has counted.
pub async fn server() -> Server {
    // The program is another process, which calls the engine over a network.
    let http_client = Some(aws_smithy_http_client::Builder::new().build_http());
    let server = Server::start(Options { http_client, ..Options::default() }).await.unwrap();
    put_session(&server.client, "alice", 1).await;
    server
}

/// What the server's functions have, by the names of variables.
pub fn settings(server: &Server) -> HashMap<String, String> {
    server.template.functions[0].environment.clone().into_iter().collect()
}

/// Ten days ago: settled, and within retention.
pub fn then() -> DateTime<Utc> {
    Clock::system().now() - chrono::TimeDelta::days(10)
}

/// A session of ten days ago.
pub async fn put_session(client: &Client, sub: &str, number: u8) {
    let start = then();
    put_session_of(client, sub, number, start, start + chrono::TimeDelta::seconds(1)).await;
}

/// A session that started at `start`, and ended at `end`, its last activity.
pub async fn put_session_of(
    client: &Client,
    sub: &str,
    number: u8,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) {
    let (text, many) = (|text: String| AttributeValue::S(text), |n: i64| AttributeValue::N(n.to_string()));
    let item = [
        ("pk", text(format!("USER#{sub}"))),
        ("sk", text(format!("SESSION#0198c0de-0000-7000-8000-{number:012}"))),
        ("state", text("ended".to_owned())),
        ("startTime", many(start.timestamp_millis())),
        ("lastActiveTime", many(end.timestamp_millis())),
        ("endTime", many(end.timestamp_millis())),
        ("contentEngaged", AttributeValue::Bool(true)),
        ("purgeAt", many(end.timestamp() + 90 * 86_400)),
    ];
    let item = item.map(|(name, value)| (name.to_owned(), value)).into();
    client.put_item().table_name("SessionsTable").set_item(Some(item)).send().await.unwrap();
}

/// A session of this minute.
pub async fn put_live_session(client: &Client, sub: &str, number: u8) {
    let (text, many) = (|text: String| AttributeValue::S(text), |n: i64| AttributeValue::N(n.to_string()));
    let now = Clock::system().now().timestamp_millis();
    let item = [
        ("pk", text(format!("USER#{sub}"))),
        ("sk", text(format!("SESSION#0198c0de-0000-7000-8000-{number:012}"))),
        ("state", text("active".to_owned())),
        ("startTime", many(now - 60_000)),
        ("lastActiveTime", many(now - 1_000)),
        ("contentEngaged", AttributeValue::Bool(false)),
        ("activeDay", many((now - 1_000) / 86_400_000)),
        ("purgeAt", many(now / 1_000 + 90 * 86_400)),
    ];
    let item = item.map(|(name, value)| (name.to_owned(), value)).into();
    client.put_item().table_name("SessionsTable").set_item(Some(item)).send().await.unwrap();
}

/// What a service was sent: the first line and the headers, and the body as far as it is text.
pub struct Request {
    pub head: String,
    pub body: String,
}

/// A service on this machine that gives each request the answer that a function has for it: status and body.
pub struct Service {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// One that goes by the body alone.
    pub fn start(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        Self::answering(move |request| {
            let (status, text) = answer(&request.body);
            (status, text.into_bytes())
        })
    }

    pub fn answering(answer: impl Fn(&Request) -> (u16, Vec<u8>) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        // It ends with the test program.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let request = read(&connection);
                seen.lock().unwrap().push(request.body.clone());
                let (status, body) = answer(&request);
                let length = body.len();
                // CloudWatch's protocol wants to be named in the answer.
                let protocol = if request.head.contains("rpc-v2-cbor") {
                    "Smithy-Protocol: rpc-v2-cbor\r\n"
                } else {
                    ""
                };
                let head = format!(
                    "HTTP/1.1 {status} X\r\n{protocol}Content-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                connection.write_all(&[head.into_bytes(), body].concat()).unwrap();
            }
        });
        Self { url, requests }
    }

    /// The bodies that it was sent.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(connection: &TcpStream) -> Request {
    let mut reader = BufReader::new(connection);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            return Request { head, body: String::from_utf8_lossy(&body).into_owned() };
        }
        head += &line;
    }
}
