//! Who calls: read from the claims that API Gateway's JWT authorizer vouched for, and from nothing else.

use std::collections::HashMap;

use lambda_http::{Request, RequestExt, request::RequestContext};

use super::ApiError;
use crate::{id::UserId, sessions::rules::ClientInfo};

/// A longer user agent is cut, so that an item stays within one write unit.
const USER_AGENT_BYTES: usize = 400;

/// No address is longer; a longer text is cut for the same reason.
const IP_ADDRESS_BYTES: usize = 45;

/// A caller whose access token the authorizer verified.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    claims: &'a HashMap<String, String>,
}

impl<'a> Caller<'a> {
    /// The caller of a request; [`ApiError::Unauthorized`] if no authorizer vouched for one, or for an ID token: that
    /// tells a client who signed in, is shown around as such, and gives access to nothing. API Gateway cannot tell one
    /// from an access token where both are for the same audience.
    pub fn of(request: &'a Request) -> Result<Self, ApiError> {
        let claims = verified_claims(request).ok_or(ApiError::Unauthorized)?;
        let is_id_token = claims.get("token_use").is_some_and(|token_use| token_use == "id");
        if is_id_token { Err(ApiError::Unauthorized) } else { Ok(Self { claims }) }
    }

    /// The user; [`ApiError::Unauthorized`] if the token names none, as some machine tokens do.
    pub fn user(&self) -> Result<UserId, ApiError> {
        user_of(self.claims).ok_or(ApiError::Unauthorized)
    }

    /// Whether one of the claims named in `claims` holds `permission` as a whole word. Without a permission to have
    /// nobody has it; `*` is everybody's.
    #[must_use]
    pub fn has_permission(&self, permission: &str, claims: &[String]) -> bool {
        match permission {
            "" => false,
            "*" => true,
            _ => claims
                .iter()
                .filter_map(|name| self.claims.get(name))
                .any(|claim| words(claim).iter().any(|word| word == permission)),
        }
    }
}

fn verified_claims(request: &Request) -> Option<&HashMap<String, String>> {
    let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else { return None };
    let claims = &context.authorizer.as_ref()?.jwt.as_ref()?.claims;
    (!claims.is_empty()).then_some(claims)
}

fn user_of(claims: &HashMap<String, String>) -> Option<UserId> {
    claims.get("sub")?.parse().ok()
}

/// The words of a claim in any of the forms in which API Gateway hands it on: `a b`, `[a b]`, `["a","b"]` or `a`.
fn words(claim: &str) -> Vec<String> {
    if let Ok(serde_json::Value::Array(words)) = serde_json::from_str(claim)
        && words.iter().any(serde_json::Value::is_string)
    {
        return words.into_iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    }
    let inner = claim.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(claim);
    inner.split_whitespace().map(str::to_owned).collect()
}

/// The gateway's id of the request, which its access log has too.
#[must_use]
pub fn request_id(request: &Request) -> Option<&str> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.request_id.as_deref(),
        _ => None,
    }
}

/// The user who calls: most endpoints need no more than this.
pub fn user(request: &Request) -> Result<UserId, ApiError> {
    Caller::of(request)?.user()
}

/// The user that the authorizer vouched for, whatever they may do: for the log, which tells of those who are refused.
#[must_use]
pub fn named(request: &Request) -> Option<UserId> {
    user_of(verified_claims(request)?)
}

/// The device that the request came from.
#[must_use]
pub fn client_info(request: &Request) -> ClientInfo {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return ClientInfo::default();
    };
    ClientInfo {
        ip_address: context.http.source_ip.as_deref().and_then(|ip| cut(ip, IP_ADDRESS_BYTES)),
        user_agent: context.http.user_agent.as_deref().and_then(|agent| cut(agent, USER_AGENT_BYTES)),
    }
}

fn cut(text: &str, bytes: usize) -> Option<String> {
    let cut = &text[..text.floor_char_boundary(bytes)];
    (!cut.is_empty()).then(|| cut.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::event::Event;

    #[test]
    fn a_permission_is_a_whole_word_of_a_named_claim() {
        let has = |claims: &[(&str, &str)], permission: &str| {
            let claims =
                claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Caller { claims: &claims }
                .has_permission(permission, &["scope".to_owned(), "cognito:groups".to_owned()])
        };
        for claim in [
            "metrics:read",
            "openid metrics:read",
            "[metrics:read]",
            "[admin metrics:read]",
            "[\"metrics:read\"]",
            "[\"admin\", \"metrics:read\"]",
        ] {
            assert!(has(&[("scope", claim)], "metrics:read"), "{claim}");
            assert!(has(&[("scope", "x"), ("cognito:groups", claim)], "metrics:read"), "{claim}");
            assert!(!has(&[("other", claim)], "metrics:read"), "{claim}");
            assert!(!has(&[("scope", claim)], ""), "{claim}");
        }
        for claim in [
            "",
            "[]",
            "metrics:reader",
            "xmetrics:read",
            "Metrics:Read",
            "metrics:read:x",
            "[metrics:readx]",
            "metrics:",
            "*",
        ] {
            assert!(!has(&[("scope", claim)], "metrics:read"), "{claim}");
        }
        assert!(has(&[], "*"));
        // A word that is empty can only come in an array: a permission that nobody is to have is not had by it.
        assert!(!has(&[("scope", "[\"\", \"metrics:read\"]")], ""));
    }

    /// A request with an ID token.
    fn request() -> Request {
        let event = r#"{
            "version": "2.0", "routeKey": "GET /user-sessions", "rawPath": "/user-sessions", "headers": {},
            "requestContext": {
                "authorizer": { "jwt": { "claims": { "sub": "alice", "token_use": "id" }, "scopes": null } },
                "http": { "method": "GET", "path": "/user-sessions", "sourceIp": "203.0.113.77", "userAgent": "x" },
                "requestId": "1", "timeEpoch": 0
            },
            "isBase64Encoded": false
        }"#;
        serde_json::from_str::<Event>(event).unwrap().into_request().unwrap()
    }

    #[test]
    fn who_is_refused_is_named_for_the_log() {
        let request = request();
        user(&request).unwrap_err();
        assert_eq!(named(&request), Some("alice".parse().unwrap()));
        assert_eq!(named(&Request::default()), None);
    }

    #[test]
    fn the_gateway_tells_a_requests_id_and_its_device() {
        let request = request();
        assert_eq!(request_id(&request), Some("1"));
        let device =
            ClientInfo { ip_address: Some("203.0.113.77".to_owned()), user_agent: Some("x".to_owned()) };
        assert_eq!(client_info(&request), device);
        let nobodys = Request::default();
        assert_eq!((request_id(&nobodys), client_info(&nobodys)), (None, ClientInfo::default()));
    }

    #[test]
    fn a_long_user_agent_is_cut_on_a_character_boundary() {
        let long = format!("{}é", "x".repeat(399));
        assert_eq!(cut(&long, USER_AGENT_BYTES), Some("x".repeat(399)));
        assert_eq!(cut("short", USER_AGENT_BYTES), Some("short".to_owned()));
        assert_eq!(cut("", USER_AGENT_BYTES), None);
    }
}
