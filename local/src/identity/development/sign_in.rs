//! Who has signed in at the sign-in page, and what the tokens say of that.

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{AUDIENCE, grants::unguessable};

/// The longest user id that the API takes.
const USER_BYTES: usize = 255;

const NO_USER: &AsciiSet = &CONTROLS.add(b' ');

/// A sign-in; its refresh tokens remember it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SignIn {
    pub(super) client_id: String,
    sub: String,
    name: String,
    /// What was granted, separated by spaces.
    pub(super) scope: String,
    permissions: Vec<String>,
    auth_time: i64,
    /// What the refresh tokens of a sign-in have in common.
    pub(super) family: String,
}

impl SignIn {
    /// The sign-in of somebody who gives that name; `None` if the name is empty, or longer than a user id may be.
    pub(super) fn of(name: &str, now: DateTime<Utc>) -> Option<Self> {
        let name = name.trim();
        let sub = user_id(name);
        (1..=USER_BYTES).contains(&sub.len()).then(|| Self {
            sub,
            name: name.to_owned(),
            auth_time: now.timestamp(),
            family: unguessable(),
            ..Self::default()
        })
    }

    /// For a client, with these scopes, and with `permission` if it is to have that. A scope of the permission's name
    /// would give it too where the API is told to look at scopes, so without the permission it is left out.
    pub(super) fn granted(self, client_id: &str, scope: &str, permission: &str, is_permitted: bool) -> Self {
        let words = scope.split_whitespace().filter(|word| is_permitted || *word != permission);
        Self {
            client_id: client_id.to_owned(),
            scope: words.collect::<Vec<_>>().join(" "),
            permissions: is_permitted.then(|| permission.to_owned()).into_iter().collect(),
            ..self
        }
    }

    /// The claims of an access token with these of the scopes.
    pub(super) fn access_claims(&self, scope: &str) -> Map<String, Value> {
        let mut claims = Map::from_iter([
            ("sub".to_owned(), json!(self.sub)),
            ("aud".to_owned(), json!(AUDIENCE)),
            ("client_id".to_owned(), json!(self.client_id)),
            ("token_use".to_owned(), json!("access")),
            ("scope".to_owned(), json!(scope)),
        ]);
        if !self.permissions.is_empty() {
            claims.insert("permissions".to_owned(), json!(self.permissions));
        }
        claims
    }

    /// The claims of an ID token.
    pub(super) fn id_claims(&self, nonce: Option<&str>) -> Map<String, Value> {
        let mut claims = Map::from_iter([
            ("sub".to_owned(), json!(self.sub)),
            ("aud".to_owned(), json!(self.client_id)),
            ("auth_time".to_owned(), json!(self.auth_time)),
            ("token_use".to_owned(), json!("id")),
            ("preferred_username".to_owned(), json!(self.name)),
            ("sid".to_owned(), json!(self.family)),
        ]);
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        claims
    }
}

/// The name as the API takes user ids, which are visible ASCII: everything else is escaped as in a URL.
fn user_id(name: &str) -> String {
    utf8_percent_encode(name, NO_USER).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_the_epoch(name: &str) -> Option<SignIn> {
        SignIn::of(name, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn any_name_is_a_user_whom_the_api_takes() {
        for (name, sub) in [
            ("alice", "alice"),
            (" alice@example.com ", "alice@example.com"),
            ("Ada Lovelace", "Ada%20Lovelace"),
            ("Zoë\t", "Zo%C3%AB"),
            ("<b>&\"'", "<b>&\"'"),
        ] {
            let sign_in = at_the_epoch(name).unwrap();
            assert_eq!((sign_in.sub.as_str(), sign_in.name.as_str()), (sub, name.trim()));
            assert!(sub.parse::<shared::id::UserId>().is_ok(), "{sub}");
        }
        assert!(at_the_epoch(&"x".repeat(255)).is_some());
        for name in ["", "  ", &"x".repeat(256), &"ë".repeat(43)] {
            assert_eq!(at_the_epoch(name), None, "{name}");
        }
    }

    #[test]
    fn what_was_not_ticked_is_not_granted_as_a_scope_either() {
        let granted = |is_permitted| {
            at_the_epoch("pm").unwrap().granted("app", "openid  metrics:read", "metrics:read", is_permitted)
        };
        assert_eq!((granted(false).scope.as_str(), granted(false).permissions), ("openid", vec![]));
        let permitted = granted(true);
        assert_eq!(permitted.scope, "openid metrics:read");
        assert_eq!(permitted.access_claims("openid")["permissions"], json!(["metrics:read"]));
    }
}
