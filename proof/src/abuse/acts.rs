//! What hostile callers do: each act as the bytes that are sent, how, and which answers are allowed.

use fastrand::Rng;

use super::tokens::Tokens;
use crate::wire::bearer;

/// The most that the gateway takes.
const BODY: usize = 10 * 1024 * 1024;

/// One act.
pub(super) struct Act {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) manner: Manner,
    pub(super) allowed: Allowed,
}

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// At once; then the answer is read.
    AtOnce,
    /// So many bytes at once and the others one by one, for as long as the caller has patience.
    Slowly(usize),
    /// At once, and no answer is ever read.
    Unread,
    /// At once, and the connection is closed.
    Abandoned,
    /// Again and again, until the connection is closed or so many bytes were sent.
    Endlessly(usize),
}

/// Which answers are allowed. A 5xx never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// One answer, with this status.
    Exactly(u16),
    /// So many answers, all with 200.
    All(usize),
    /// Answers of these, or a connection that is closed.
    Of(&'static [u16]),
    /// Any but 5xx.
    Any,
}

const TRICKS: [&str; 14] = [
    "/user-sessions/%2e%2e/auth/login",
    "/user-sessions/../../etc/passwd",
    "/%00",
    "/user-sessions/heartbeat/%00",
    "/user-sessions/heartbeat/..%2f..%2f",
    "/user-sessions/%ff%fe/content-engaged",
    "//user-sessions",
    "/user-sessions//",
    "/user-sessions?a=%zz&b=%00",
    "/user-sessions?\"<script>",
    "/metrics/sessions?startDate=%00&endDate=%ff",
    "/metrics/sessions?startDate=9999999-99-99&endDate=2026-01-01",
    "/USER-SESSIONS",
    "http://elsewhere.example.com/user-sessions",
];

const METHODS: [&str; 8] = ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "DELETE", "PROPFIND", "get"];

const BODIES: [&str; 9] = [
    "",
    "null",
    "[]",
    "{\"engaged\":\"true\"}",
    "{\"engaged\":1e999}",
    "{\"engaged\":tru",
    "{\"engaged\":null}",
    "\u{feff}{}",
    "{\"engaged\":\"\\ud800\"}",
];

/// Lines of headers that contradict each other or are none.
const HEADERS: [&str; 8] = [
    "content-length: 5\r\ntransfer-encoding: chunked\r\n",
    "content-length: 5\r\ncontent-length: 6\r\n",
    "content-length: -1\r\n",
    "content-length: 99999999999999999999999\r\n",
    "transfer-encoding: gzip, identity\r\n",
    " folded: line\r\n",
    "no colon\r\n",
    "expect: 200-ok\r\n",
];

/// An act, chosen at random.
pub(super) fn any(tokens: &Tokens, random: &mut Rng) -> Act {
    let good = bearer(&tokens.good);
    let id = format!("01900000-0000-7000-8000-{:012x}", random.u64(..1 << 48));
    let engage = format!("/user-sessions/{id}/content-engaged");
    let at_once = |name, bytes, allowed| Act { name, bytes, manner: Manner::AtOnce, allowed };
    match random.u32(..100) {
        ..35 => {
            let token = bearer(&tokens.forged(random));
            let (method, path) = ROUTES[random.usize(..ROUTES.len())];
            at_once("forged tokens", request(method, path, &token, b""), Allowed::Exactly(401))
        }
        35..37 => {
            let token = bearer(&tokens.huge(random));
            at_once("huge tokens", request("GET", "/user-sessions", &token, b""), Allowed::Of(&[400, 401, 431]))
        }
        37..39 => {
            let bytes = request("POST", "/auth/login", &good, &vec![b'x'; BODY + 1 + random.usize(..1_000)]);
            at_once("bodies of more than 10 MB", bytes, Allowed::Of(&[413]))
        }
        39..41 => {
            let bytes = request("POST", "/auth/logout", &good, &vec![b'x'; BODY - random.usize(..1_000)]);
            at_once("bodies of 10 MB", bytes, Allowed::Of(&[400, 413]))
        }
        41..43 => Act {
            name: "bodies without end",
            bytes: request_head("POST", "/auth/logout", &format!("{good}transfer-encoding: chunked\r\n")),
            manner: Manner::Endlessly(BODY + BODY / 4),
            allowed: Allowed::Of(&[400, 413]),
        },
        43..46 => Act {
            name: "slow headers",
            bytes: request("GET", "/user-sessions", &format!("{good}x: {}\r\n", "y".repeat(1_000)), b""),
            manner: Manner::Slowly(0),
            allowed: Allowed::Any,
        },
        46..49 => {
            let bytes = request("PATCH", &engage, &good, &[b' '; 1_000]);
            let at_once = bytes.len() - 1_000;
            Act { name: "slow bodies", bytes, manner: Manner::Slowly(at_once), allowed: Allowed::Any }
        }
        49..52 => {
            let one = request_on("GET", "/user-sessions", &good, b"");
            Act {
                name: "answers that nobody reads",
                bytes: one.repeat(2_000),
                manner: Manner::Unread,
                allowed: Allowed::Any,
            }
        }
        52..55 => {
            let (count, length) = if random.bool() { (2_000, 20) } else { (20, 100_000) };
            let lines: String = (0..count).map(|line| format!("x-{line}: {}\r\n", "y".repeat(length))).collect();
            let bytes = request("GET", "/user-sessions", &format!("{good}{lines}"), b"");
            at_once("floods of headers", bytes, Allowed::Of(&[400, 431]))
        }
        55..58 => {
            let count = random.usize(2..50);
            let mut bytes = request_on("GET", "/user-sessions", &good, b"").repeat(count - 1);
            bytes.extend(request("GET", "/user-sessions", &good, b""));
            at_once("pipelining", bytes, Allowed::All(count))
        }
        58..62 => {
            let mut bytes = request_on("POST", "/auth/login", &good, b"").repeat(10);
            bytes.extend(request("POST", "/auth/login", &good, b""));
            at_once("floods of logins", bytes, Allowed::Of(&[200, 429]))
        }
        62..68 => {
            let path = match random.u32(..4) {
                0 => format!("/user-sessions/heartbeat/{}", "x".repeat(random.usize(1_000..60_000))),
                1 => format!("/{}", "../".repeat(random.usize(1..5_000))),
                _ => TRICKS[random.usize(..TRICKS.len())].to_owned(),
            };
            let method = ["GET", "POST", "PATCH"][random.usize(..3)];
            at_once("tricks with paths", request(method, &path, &good, b""), Allowed::Any)
        }
        68..71 => {
            let host = if random.bool() { "host: localhost\r\n" } else { "" };
            let bytes = format!("GET /user-sessions HTTP/1.0\r\n{host}{good}\r\n").into_bytes();
            at_once("HTTP/1.0", bytes, Allowed::Of(&[200, 400, 403]))
        }
        71..75 => {
            let bytes = (0..random.usize(1..5_000)).map(|_| random.u8(..)).chain(*b"\r\n\r\n").collect();
            at_once("garbage", bytes, Allowed::Of(&[400, 414, 431]))
        }
        75..79 => {
            let method = METHODS[random.usize(..METHODS.len())];
            at_once("other methods", request(method, "/user-sessions", &good, b""), Allowed::Any)
        }
        79..84 => {
            let body = match random.u32(..4) {
                0 => "[".repeat(random.usize(1_000..200_000)),
                1 => format!("{{\"engaged\":{}}}", "9".repeat(100_000)),
                _ => BODIES[random.usize(..BODIES.len())].to_owned(),
            };
            let headers = format!("{good}content-type: application/json\r\n");
            at_once("bad bodies", request("PATCH", &engage, &headers, body.as_bytes()), Allowed::Exactly(400))
        }
        84..88 => {
            let lines = HEADERS[random.usize(..HEADERS.len())];
            let mut bytes = request_head("POST", "/auth/login", &format!("{good}{lines}"));
            bytes.extend(b"0\r\n\r\n");
            at_once("contradictory headers", bytes, Allowed::Any)
        }
        88..91 => {
            let foreign = ["host: elsewhere.example.com\r\n", "origin: https://elsewhere.example.com\r\n"];
            let headers = format!("{good}{}", foreign[random.usize(..2)]);
            at_once("foreign hosts and pages", request("GET", "/user-sessions", &headers, b""), Allowed::Exactly(403))
        }
        91..94 => Act {
            name: "abandoned requests",
            bytes: request("POST", &format!("/user-sessions/heartbeat/{id}"), &good, b""),
            manner: Manner::Abandoned,
            allowed: Allowed::Any,
        },
        94..96 => {
            let path = "/metrics/sessions?startDate=2026-01-01&endDate=2026-01-31";
            at_once("metrics of others", request("GET", path, &good, b""), Allowed::Exactly(403))
        }
        96..98 => {
            let range = ["", "startDate=2026-01-31&endDate=2026-01-01", "startDate=0001-01-01&endDate=9999-12-31"];
            let path = format!("/metrics/sessions/daily?{}", range[random.usize(..3)]);
            let bytes = request("GET", &path, &bearer(&tokens.reader), b"");
            at_once("impossible ranges", bytes, Allowed::Exactly(400))
        }
        _ => at_once("ids of others", request("GET", &format!("/user-sessions/{id}"), &good, b""), Allowed::Exactly(404)),
    }
}

/// Routes that a token guards.
const ROUTES: [(&str, &str); 6] = [
    ("GET", "/user-sessions"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", "/user-sessions/end-others"),
    ("POST", "/user-sessions/heartbeat/01900000-0000-7000-8000-000000000000"),
    ("GET", "/metrics/sessions?startDate=2026-01-01&endDate=2026-01-31"),
];

/// The last request of a connection.
fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    request_on(method, path, &format!("{headers}connection: close\r\n"), body)
}

/// A request after which others come.
fn request_on(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let headers = format!("{headers}content-length: {}\r\n", body.len());
    [&request_head(method, path, &headers), body].concat()
}

fn request_head(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = if headers.contains("host: ") { "" } else { "host: localhost\r\n" };
    format!("{method} {path} HTTP/1.1\r\n{host}{headers}\r\n").into_bytes()
}
