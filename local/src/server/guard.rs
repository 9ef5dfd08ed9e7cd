//! Whose requests are let in: those that name this machine, of pages of this machine. Anybody gets a token here as
//! anybody, so that any page in a developer's browser could read what is in the tables: by its script, by a form, which
//! asks nobody before it is sent, or by a host name of its own that it makes resolve to this machine.

use std::{str::FromStr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use reqwest::Url;

use super::gateway::message;
use crate::host;

/// A host name or address by which this machine goes too, in lower case and without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl FromStr for HostName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let host = host::of_header(text).filter(|host| *host == text && !host.starts_with('.'));
        let is_address = text.starts_with('[') == text.contains(':');
        let host = host.filter(|_| is_address).ok_or("expected a host name without scheme and port")?;
        Ok(Self(host.trim_end_matches('.').to_ascii_lowercase()))
    }
}

/// An origin as browsers write it: scheme, host and, where it is not the scheme's own, port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let expected = "expected an origin, as https://app.example.com";
        let url = Url::parse(text).map_err(|_| expected)?;
        let (scheme, host) = (url.scheme(), url.host_str().ok_or(expected)?);
        // That of an application's own scheme (`capacitor://localhost`) is opaque to a URL's parser.
        let origin = match url.port() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        let is_whole = [origin.as_str(), &format!("{origin}/")].contains(&url.as_str()) && !host.is_empty();
        if is_whole { Ok(Self(origin)) } else { Err(expected) }
    }
}

impl Origin {
    pub(super) fn is(&self, header: &HeaderValue) -> bool {
        header.as_bytes() == self.0.as_bytes()
    }
}

/// Whether a page came from a server on this machine.
pub(super) fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
    url.is_some_and(|url| {
        ["http", "https"].contains(&url.scheme()) && url.host_str().is_some_and(host::is_local)
    })
}

/// What is let in beside what is of this machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    pub(super) hosts: Vec<HostName>,
    pub(super) origins: Vec<Origin>,
}

/// Why a request is not let in, and what a person may do about it.
const FOREIGN_HOST: &str = "a request by a name that is not this machine's was refused: see --allow-host";
const FOREIGN_PAGE: &str = "a request of a page that is not of this machine was refused: see --allow-origin";

impl Guard {
    /// Puts it before all routes, so that none is forgotten.
    pub(super) fn before(self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(Arc::new(self), check))
    }

    /// Tells of the origins among these that are not let in, whose pages a deployment would answer.
    pub(super) fn warn_of(&self, origins: &[String]) {
        let named = origins.iter().filter(|origin| *origin != "*");
        for origin in named.filter(|origin| {
            HeaderValue::from_str(origin).is_ok_and(|origin| !self.admits_origin(&origin, None))
        }) {
            tracing::warn!(
                origin,
                "its pages may call a deployment, and this server with --allow-origin only"
            );
        }
    }

    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
        let mut hosts = headers.get_all(header::HOST).iter().peekable();
        let host = hosts.peek().copied();
        if host.is_none() || !hosts.all(|host| self.admits_host(host)) {
            return Some(FOREIGN_HOST);
        }
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        let is_admitted = match origins.peek() {
            // A browser names the page's origin wherever it sends more than a plain GET.
            None => !is_cross_site(headers) || is_visit(method, headers),
            Some(_) => origins.all(|origin| self.admits_origin(origin, host)),
        };
        (!is_admitted).then_some(FOREIGN_PAGE)
    }

    fn admits_host(&self, header: &HeaderValue) -> bool {
        let host = header.to_str().ok().and_then(host::of_header);
        host.is_some_and(|host| {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            host::is_local(host) || self.hosts.iter().any(|known| known.0 == name)
        })
    }

    /// Whether pages of an origin may call. This server's own may, by whichever name it was let in.
    fn admits_origin(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let authority =
            origin.as_bytes().splitn(2, |byte| *byte == b'/').nth(1).and_then(|rest| rest.strip_prefix(b"/"));
        is_of_this_machine(origin)
            || self.origins.iter().any(|known| known.is(origin))
            || authority.is_some_and(|own| host.is_some_and(|host| host.as_bytes() == own))
    }
}

/// Whether a browser says that the page is of another site, as it does where it names no origin.
fn is_cross_site(headers: &HeaderMap) -> bool {
    says(headers, "sec-fetch-site", "cross-site")
}

/// Whether somebody follows a link to here: what they then see is no other page's to read.
fn is_visit(method: &Method, headers: &HeaderMap) -> bool {
    [Method::GET, Method::HEAD].contains(method) && says(headers, "sec-fetch-mode", "navigate")
}

fn says(headers: &HeaderMap, name: &'static str, value: &str) -> bool {
    headers.get(HeaderName::from_static(name)).is_some_and(|said| said == value)
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(why) = guard.refusal(request.method(), headers) else { return next.run(request).await };
    let (host, origin) = (headers.get(header::HOST), headers.get(header::ORIGIN));
    tracing::warn!(?host, ?origin, "{why}");
    message(StatusCode::FORBIDDEN, "Forbidden")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard {
            hosts: vec!["dev.example.com".parse().unwrap()],
            origins: vec!["https://app.example.com".parse().unwrap()],
        }
    }

    fn is_let_in(method: &Method, headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        guard().refusal(method, &headers.collect()).is_none()
    }

    #[test]
    fn only_pages_of_this_machine_are_its_own() {
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "http://app.localhost",
        ] {
            assert!(is_of_this_machine(&HeaderValue::from_static(origin)), "{origin}");
        }
        for origin in [
            "null",
            "*",
            "",
            "https://example.com",
            "http://localhost.example.com",
            "file://localhost",
            "http://10.0.0.1",
        ] {
            assert!(!is_of_this_machine(&HeaderValue::from_static(origin)), "{origin}");
        }
    }

    #[test]
    fn a_request_must_name_this_machine() {
        for (host, expected) in [
            ("localhost:3000", true),
            ("dev.example.com", true),
            ("DEV.example.com.:3000", true),
            ("example.com", false),
            ("x.dev.example.com", false),
            ("dev.example.com:x", false),
        ] {
            assert_eq!(is_let_in(&Method::GET, &[("host", host)]), expected, "{host}");
        }
        assert!(!is_let_in(&Method::GET, &[]));
        let mut two = HeaderMap::new();
        two.append(header::HOST, HeaderValue::from_static("localhost"));
        two.append(header::HOST, HeaderValue::from_static("example.com"));
        assert!(guard().refusal(&Method::GET, &two).is_some());
    }

    #[test]
    fn a_page_must_be_of_this_machine_or_be_let_in() {
        for (host, origin, expected) in [
            ("localhost:3000", "http://localhost:5173", true),
            ("localhost:3000", "https://app.example.com", true),
            ("localhost:3000", "https://app.example.com:444", false),
            ("localhost:3000", "http://app.example.com", false),
            ("localhost:3000", "https://evil.example.com", false),
            ("localhost:3000", "null", false),
            ("localhost:3000", "", false),
            // A page of this server itself, by another name.
            ("dev.example.com:3000", "http://dev.example.com:3000", true),
            ("dev.example.com:3000", "http://dev.example.com:8080", false),
            ("localhost:3000", "http://dev.example.com:3000", false),
        ] {
            let headers = [("host", host), ("origin", origin)];
            assert_eq!(is_let_in(&Method::POST, &headers), expected, "{host} {origin}");
        }
        let mut two: HeaderMap =
            [(header::HOST, HeaderValue::from_static("localhost"))].into_iter().collect();
        two.append(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        two.append(header::ORIGIN, HeaderValue::from_static("https://evil.example.com"));
        assert!(guard().refusal(&Method::POST, &two).is_some());
    }

    #[test]
    fn what_another_site_loads_is_refused_and_who_follows_its_link_is_let_in() {
        for (method, site, mode, expected) in [
            (Method::GET, "cross-site", "navigate", true),
            (Method::GET, "cross-site", "no-cors", false),
            (Method::POST, "cross-site", "navigate", false),
            (Method::GET, "same-site", "no-cors", true),
            (Method::GET, "none", "navigate", true),
        ] {
            let headers = [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            assert_eq!(is_let_in(&method, &headers), expected, "{method} {site} {mode}");
        }
    }

    #[test]
    fn hosts_and_origins_are_read_as_browsers_write_them() {
        let host = |text: &str| text.parse::<HostName>().map(|host| host.0);
        assert_eq!(host("Dev.Example.com."), Ok("dev.example.com".to_owned()));
        assert_eq!(host("192.168.1.7"), Ok("192.168.1.7".to_owned()));
        assert_eq!(host("[fe80::1]"), Ok("[fe80::1]".to_owned()));
        for text in ["", "*", "dev:3000", "http://dev", "a b", ".example.com", "fe80::1"] {
            assert!(host(text).is_err(), "{text}");
        }
        let origin = |text: &str| text.parse::<Origin>().map(|origin| origin.0);
        assert_eq!(origin("HTTPS://App.example.com:443/"), Ok("https://app.example.com".to_owned()));
        assert_eq!(origin("http://10.0.0.1:8080"), Ok("http://10.0.0.1:8080".to_owned()));
        assert_eq!(origin("capacitor://localhost"), Ok("capacitor://localhost".to_owned()));
        for text in
            ["", "*", "null", "app.example.com", "https://app.example.com/x", "https://u@app.example.com"]
        {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
