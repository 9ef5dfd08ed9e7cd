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
    let (text, many) = (|text: String| AttributeValue::S(text), |n: i64| AttributeValue::N(n.to_string()));
    let start = then().timestamp_millis();
    let item = [
        ("pk", text(format!("USER#{sub}"))),
        ("sk", text(format!("SESSION#0198c0de-0000-7000-8000-{number:012}"))),
        ("state", text("ended".to_owned())),
        ("startTime", many(start)),
        ("lastActiveTime", many(start + 1_000)),
        ("endTime", many(start + 1_000)),
        ("contentEngaged", AttributeValue::Bool(true)),
        ("purgeAt", many(start / 1_000 + 90 * 86_400)),
    ];
    let item = item.map(|(name, value)| (name.to_owned(), value)).into();
    client.put_item().table_name("SessionsTable").set_item(Some(item)).send().await.unwrap();
}

/// A service on this machine that gives each request the answer that `answer` has for its body: status and body.
pub struct Service {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub fn start(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        // It ends with the test program.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let body = body_of(&connection);
                seen.lock().unwrap().push(body.clone());
                let (status, text) = answer(&body);
                let length = text.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                connection.write_all((head + &text).as_bytes()).unwrap();
            }
        });
        Self { url, requests }
    }

    /// The bodies that it was sent.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn body_of(connection: &TcpStream) -> String {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            return String::from_utf8(body).unwrap();
        }
    }
}
