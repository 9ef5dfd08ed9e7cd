//! The one client that the provider knows: the pages of this server, and those that the template names.

use anyhow::{Context, Result, ensure};
use reqwest::Url;

use super::AUDIENCE;

/// Where this server has pages that sign users in.
const OWN_PAGES: [&str; 2] = ["/dashboard", "/demo/dashboard"];

/// The client, which has no secret: a page can keep none.
pub(super) struct Client {
    id: &'static str,
    /// To the letter.
    redirect_uris: Vec<String>,
}

impl Client {
    /// The client of the server at `http://localhost:PORT`, whose own pages are at the addresses behind that name too,
    /// and the other pages to which users may be sent back.
    pub(super) fn of(server: &str, others: &[String]) -> Result<Self> {
        let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|host| server.replacen("localhost", host, 1));
        let own = hosts.iter().flat_map(|host| OWN_PAGES.map(|page| format!("{host}{page}")));
        for uri in others {
            let url = Url::parse(uri).with_context(|| format!("{uri} is no URL to send users back to"))?;
            ensure!(url.fragment().is_none(), "{uri} has a fragment, and users are not sent back to such");
        }
        Ok(Self { id: AUDIENCE, redirect_uris: own.chain(others.iter().cloned()).collect() })
    }

    /// Whether it goes by that id.
    pub(super) fn is(&self, id: &str) -> bool {
        id == self.id
    }

    /// The way back to a page; `None` if nobody has registered it to the letter.
    pub(super) fn way_back(&self, uri: &str) -> Option<Url> {
        self.redirect_uris.iter().any(|known| known == uri).then(|| Url::parse(uri).ok())?
    }
}

/// What a content security policy calls the place to which a URL leads: its origin, or the scheme of an application.
pub(super) fn source_of(url: &Url) -> String {
    let origin = url.origin();
    if origin.is_tuple() { origin.ascii_serialization() } else { format!("{}:", url.scheme()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_sent_back_to_registered_pages_alone() {
        let others = ["http://localhost:5173/".to_owned(), "app.example:/signed-in".to_owned()];
        let client = Client::of("http://localhost:3000", &others).unwrap();
        for known in [
            "http://localhost:3000/dashboard",
            "http://localhost:3000/demo/dashboard",
            "http://127.0.0.1:3000/dashboard",
            "http://[::1]:3000/demo/dashboard",
            "http://localhost:5173/",
            "app.example:/signed-in",
        ] {
            assert!(client.way_back(known).is_some(), "{known}");
        }
        for unknown in [
            "",
            "http://localhost:5173",
            "http://localhost:3000/dashboard/",
            "http://localhost:3000/dashboard?x",
            "http://localhost:3000/Dashboard",
            "http://localhost:3001/dashboard",
            "https://localhost:3000/dashboard",
            "http://localhost:3000/dashboard#x",
            "http://localhost:3000@evil.example/dashboard",
        ] {
            assert!(client.way_back(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn what_is_no_way_back_is_an_error_that_names_it() {
        for uri in ["/relative", "http://localhost:5173/#x"] {
            let cause = Client::of("http://localhost:3000", &[uri.to_owned()]).err().unwrap();
            assert!(cause.to_string().starts_with(uri), "{cause}");
        }
    }

    #[test]
    fn a_policy_names_origins_and_schemes() {
        let source = |url: &str| source_of(&url.parse().unwrap());
        assert_eq!(source("http://localhost:3000/dashboard?x"), "http://localhost:3000");
        assert_eq!(source("app.example:/signed-in"), "app.example:");
    }
}
