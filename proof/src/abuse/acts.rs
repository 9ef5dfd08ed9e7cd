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
    /// So many answers, each of these.
    Each(usize, &'static [u16]),
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

/// An act, chosen at random. `session` is an honest caller's.
pub(super) fn any(tokens: &Tokens, session: Option<String>, random: &mut Rng) -> Act {
    let kind = random.u32(..100);
    let mut hand = Hand { tokens, good: bearer(&tokens.good), session, random };
    match kind {
        ..35 => hand.forged_token(),
        35..37 => hand.huge_token(),
        37..40 => hand.large_body(),
        40..42 => hand.endless_body(),
        42..48 => hand.slow(),
        48..51 => hand.unread(),
        51..54 => hand.flood_of_headers(),
        54..57 => hand.pipelining(),
        57..61 => hand.flood_of_logins(),
        61..66 => hand.path(),
        66..69 => hand.http_1_0(),
        69..72 => hand.garbage(),
        72..75 => hand.method(),
        75..80 => hand.body(),
        80..84 => hand.contradiction(),
        84..87 => hand.foreign(),
        87..90 => hand.abandoned(),
        90..93 => hand.forbidden(),
        _ => hand.sessions_of_others(),
    }
}

/// What acts are made with.
struct Hand<'a> {
    tokens: &'a Tokens,
    /// The header line of a good token.
    good: String,
    session: Option<String>,
    random: &'a mut Rng,
}

impl Hand<'_> {
    fn forged_token(&mut self) -> Act {
        let token = bearer(&self.tokens.forged(self.random));
        let (method, path) = self.one_of(&ROUTES);
        at_once("forged tokens", request(method, path, &token, b""), Allowed::Exactly(401))
    }

    fn huge_token(&mut self) -> Act {
        let token = bearer(&self.tokens.huge(self.random));
        at_once("huge tokens", request("GET", LIST, &token, b""), Allowed::Of(&[400, 401, 431]))
    }

    fn large_body(&mut self) -> Act {
        let more = self.random.usize(1..1_000);
        if self.random.bool() {
            let bytes = request("POST", "/auth/login", &self.good, &vec![b'x'; BODY + more]);
            return at_once("bodies of more than 10 MB", bytes, Allowed::Of(&[413]));
        }
        // It is let in, and is no JSON.
        let bytes = request("POST", "/auth/logout", &self.good, &vec![b'x'; BODY + 1 - more]);
        at_once("bodies of 10 MB", bytes, Allowed::Exactly(400))
    }

    fn endless_body(&mut self) -> Act {
        let headers = format!("{}transfer-encoding: chunked\r\n", self.good);
        Act {
            name: "bodies without end",
            bytes: request_head("POST", "/auth/logout", &headers),
            manner: Manner::Endlessly(BODY + BODY / 4),
            allowed: Allowed::Of(&[400, 413]),
        }
    }

    fn slow(&mut self) -> Act {
        let (name, bytes, at_once) = if self.random.bool() {
            let headers = format!("{}x: {}\r\n", self.good, "y".repeat(1_000));
            ("slow headers", request("GET", LIST, &headers, b""), 0)
        } else {
            let path = self.engage();
            let bytes = request("PATCH", &path, &self.good, &[b' '; 1_000]);
            let head = bytes.len() - 1_000;
            ("slow bodies", bytes, head)
        };
        Act { name, bytes, manner: Manner::Slowly(at_once), allowed: Allowed::Any }
    }

    fn unread(&mut self) -> Act {
        let bytes = request_on("GET", LIST, &self.good, b"").repeat(2_000);
        Act { name: "answers that nobody reads", bytes, manner: Manner::Unread, allowed: Allowed::Any }
    }

    fn flood_of_headers(&mut self) -> Act {
        let (count, length) = if self.random.bool() { (2_000, 20) } else { (20, 100_000) };
        let line = format!("x-flood: {}\r\n", "y".repeat(length));
        let bytes = request("GET", LIST, &format!("{}{}", self.good, line.repeat(count)), b"");
        at_once("floods of headers", bytes, Allowed::Of(&[400, 431]))
    }

    fn pipelining(&mut self) -> Act {
        let count = self.random.usize(2..50);
        let mut bytes = request_on("GET", LIST, &self.good, b"").repeat(count - 1);
        bytes.extend(request("GET", LIST, &self.good, b""));
        at_once("pipelining", bytes, Allowed::Each(count, &[200]))
    }

    fn flood_of_logins(&mut self) -> Act {
        let mut bytes = request_on("POST", "/auth/login", &self.good, b"").repeat(10);
        bytes.extend(request("POST", "/auth/login", &self.good, b""));
        at_once("floods of logins", bytes, Allowed::Each(11, &[200, 429]))
    }

    fn path(&mut self) -> Act {
        let path = match self.random.u32(..4) {
            0 => format!("/user-sessions/heartbeat/{}", "x".repeat(self.random.usize(1_000..60_000))),
            1 => format!("/{}", "../".repeat(self.random.usize(1..5_000))),
            _ => self.one_of(&TRICKS).to_owned(),
        };
        let method = self.one_of(&["GET", "POST", "PATCH"]);
        at_once("tricks with paths", request(method, &path, &self.good, b""), Allowed::Any)
    }

    fn http_1_0(&mut self) -> Act {
        let host = self.one_of(&["host: localhost\r\n", ""]);
        let bytes = format!("GET {LIST} HTTP/1.0\r\n{host}{}\r\n", self.good).into_bytes();
        at_once("HTTP/1.0", bytes, Allowed::Of(&[200, 400, 403]))
    }

    fn garbage(&mut self) -> Act {
        let length = self.random.usize(1..5_000);
        let bytes = (0..length).map(|_| self.random.u8(..)).chain(*b"\r\n\r\n").collect();
        at_once("garbage", bytes, Allowed::Of(&[400, 414, 431]))
    }

    fn method(&mut self) -> Act {
        let method = self.one_of(&METHODS);
        at_once("other methods", request(method, LIST, &self.good, b""), Allowed::Any)
    }

    fn body(&mut self) -> Act {
        let body = match self.random.u32(..4) {
            0 => "[".repeat(self.random.usize(1_000..200_000)),
            1 => format!("{{\"engaged\":{}}}", "9".repeat(100_000)),
            _ => self.one_of(&BODIES).to_owned(),
        };
        let headers = format!("{}content-type: application/json\r\n", self.good);
        let path = self.engage();
        let bytes = request("PATCH", &path, &headers, body.as_bytes());
        at_once("bad bodies", bytes, Allowed::Exactly(400))
    }

    fn contradiction(&mut self) -> Act {
        let lines = self.one_of(&HEADERS);
        let headers = format!("{}{lines}", self.good);
        let mut bytes = request_head("POST", "/auth/login", &headers);
        bytes.extend(b"0\r\n\r\n");
        at_once("contradictory headers", bytes, Allowed::Any)
    }

    fn foreign(&mut self) -> Act {
        let foreign = ["host: elsewhere.example.com\r\n", "origin: https://elsewhere.example.com\r\n"];
        let line = self.one_of(&foreign);
        let headers = format!("{}{line}", self.good);
        at_once("foreign hosts and pages", request("GET", LIST, &headers, b""), Allowed::Exactly(403))
    }

    fn abandoned(&mut self) -> Act {
        let path = format!("/user-sessions/heartbeat/{}", self.id());
        let bytes = request("POST", &path, &self.good, b"");
        Act { name: "abandoned requests", bytes, manner: Manner::Abandoned, allowed: Allowed::Any }
    }

    /// Metrics without the right to them, or of what cannot be.
    fn forbidden(&mut self) -> Act {
        if self.random.bool() {
            let path = "/metrics/sessions?startDate=2026-01-01&endDate=2026-01-31";
            return at_once("metrics", request("GET", path, &self.good, b""), Allowed::Exactly(403));
        }
        let path = format!("/metrics/sessions/daily?{}", self.one_of(&RANGES));
        let bytes = request("GET", &path, &bearer(&self.tokens.reader), b"");
        at_once("impossible ranges", bytes, Allowed::Exactly(400))
    }

    /// What an honest caller has is answered as if it were not there, and that caller must not notice: its session goes
    /// on and stays engaged.
    fn sessions_of_others(&mut self) -> Act {
        const NAME: &str = "sessions of others";
        let id = self.session.clone().unwrap_or_else(|| self.id());
        let act = |method, path: &str, headers: &str, body: &str, allowed| {
            at_once(NAME, request(method, path, headers, body.as_bytes()), Allowed::Each(1, allowed))
        };
        let good = &self.good;
        let json = format!("{good}content-type: application/json\r\n");
        match self.random.u32(..8) {
            0 => act("GET", &format!("/user-sessions/{id}"), good, "", &[404]),
            1 | 2 => act("POST", &format!("/user-sessions/end/{id}"), good, "", &[404]),
            3 | 4 => {
                let path = format!("/user-sessions/{id}/content-engaged");
                act("PATCH", &path, &json, r#"{"engaged":false}"#, &[404])
            }
            5 => act("POST", "/auth/logout", &json, &format!(r#"{{"sessionId":"{id}"}}"#), &[200]),
            6 => {
                let headers = format!("{good}x-session-id: {id}\r\n");
                act("POST", "/user-sessions/end-others", &headers, "", &[200])
            }
            // A session starts, as for any id that its user does not have. The id is this user's from then on, and so
            // this is not the user who is to be told that there is none.
            _ => {
                let path = format!("/user-sessions/heartbeat/{id}");
                act("POST", &path, &bearer(&self.tokens.reader), "", &[200, 429])
            }
        }
    }

    fn one_of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.random.usize(..some.len())]
    }

    /// An id that is nobody's.
    fn id(&mut self) -> String {
        format!("01900000-0000-7000-8000-{:012x}", self.random.u64(..1 << 48))
    }

    fn engage(&mut self) -> String {
        format!("/user-sessions/{}/content-engaged", self.id())
    }
}

fn at_once(name: &'static str, bytes: Vec<u8>, allowed: Allowed) -> Act {
    Act { name, bytes, manner: Manner::AtOnce, allowed }
}

const LIST: &str = "/user-sessions";

const RANGES: [&str; 3] =
    ["", "startDate=2026-01-31&endDate=2026-01-01", "startDate=0001-01-01&endDate=9999-12-31"];

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
