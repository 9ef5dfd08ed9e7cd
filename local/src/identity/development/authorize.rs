//! `/oauth2/authorize`: shows the sign-in page, and sends who has signed in back with a code.
//!
//! An error is told where the user came from, unless it is not sure who that is: then it is shown here and leads
//! nowhere.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY},
    },
    response::{IntoResponse, Response},
};
use reqwest::Url;

use super::{
    DevelopmentProvider,
    client::{Client, source_of},
    grants::Grant,
    page::{SignInPage, message},
    pairs::{Pairs, Repeated},
    sign_in::SignIn,
};

/// What the form of the sign-in page sends again, so that it is read as it was the first time.
const PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// SHA-256 in unpadded base64.
const CHALLENGE_LENGTH: usize = 43;

/// A request that a known client makes, to send the user back to a page of its own.
struct Asker<'a> {
    client_id: &'a str,
    redirect_uri: &'a str,
    way_back: Url,
    state: Option<&'a str>,
}

/// What it asks for.
struct Wish<'a> {
    scope: &'a str,
    nonce: Option<&'a str>,
    challenge: &'a str,
}

/// Why it is not granted, as RFC 6749 (section 4.1.2.1) and OpenID Connect name it, and a sentence for people.
struct Denial(&'static str, &'static str);

impl From<Repeated> for Denial {
    fn from(_: Repeated) -> Self {
        Self("invalid_request", "a parameter is there more than once")
    }
}

/// `GET`: the sign-in page.
pub(super) async fn show(
    State(provider): State<Arc<DevelopmentProvider>>,
    RawQuery(query): RawQuery,
) -> Response {
    let pairs = Pairs::parse(query.unwrap_or_default().as_bytes());
    match read(&provider.client, &pairs) {
        Ok((asker, _)) => page(&provider, &asker, &pairs, pairs.only("login_hint").unwrap_or_default(), None),
        Err(refusal) => refusal,
    }
}

/// `POST`: what was entered there.
pub(super) async fn sign_in(State(provider): State<Arc<DevelopmentProvider>>, form: Bytes) -> Response {
    let pairs = Pairs::parse(&form);
    let (asker, wish) = match read(&provider.client, &pairs) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let (name, now) = (pairs.only("name").unwrap_or_default(), provider.clock.now());
    let Some(sign_in) = SignIn::of(name, now) else {
        let complaint = if name.trim().is_empty() { "Give a name." } else { "That name is too long." };
        return page(&provider, &asker, &pairs, name, Some(complaint));
    };
    let permission = provider.permission.as_deref().unwrap_or_default();
    let is_permitted = !permission.is_empty() && is_ticked(&pairs);
    let grant = Grant {
        sign_in: sign_in.granted(asker.client_id, wish.scope, permission, is_permitted),
        redirect_uri: asker.redirect_uri.to_owned(),
        challenge: wish.challenge.to_owned(),
        nonce: wish.nonce.map(str::to_owned),
    };
    asker.answer(&[("code", &provider.grants.code_for(grant, now))])
}

/// Who asks, and for what; or the answer that says why not.
#[expect(clippy::result_large_err, reason = "an answer is handed on once")]
fn read<'a>(client: &Client, pairs: &'a Pairs) -> Result<(Asker<'a>, Wish<'a>), Response> {
    let not_known = |cause| message(StatusCode::BAD_REQUEST, "This page cannot sign you in", cause);
    let asker = Asker::read(client, pairs).map_err(not_known)?;
    match Wish::read(pairs) {
        Ok(wish) => Ok((asker, wish)),
        Err(Denial(error, description)) => {
            Err(asker.answer(&[("error", error), ("error_description", description)]))
        }
    }
}

impl<'a> Asker<'a> {
    /// Who asks; the cause if that is not sure.
    fn read(client: &Client, pairs: &'a Pairs) -> Result<Self, &'static str> {
        let client_id = pairs.only("client_id").filter(|id| client.is(id));
        let client_id = client_id.ok_or("No client of that client_id is known here.")?;
        let redirect_uri = pairs.only("redirect_uri").unwrap_or_default();
        let way_back = client.way_back(redirect_uri).ok_or(
            "That redirect_uri is not registered. It must be the server's own dashboard, or one of the template's \
             parameter SignInCallbackUrls, to the letter.",
        )?;
        Ok(Self { client_id, redirect_uri, way_back, state: pairs.only("state") })
    }

    /// Sends the user back with an answer.
    fn answer(&self, parameters: &[(&str, &str)]) -> Response {
        send_back(self.way_back.clone(), parameters, self.state)
    }
}

impl<'a> Wish<'a> {
    fn read(pairs: &'a Pairs) -> Result<Self, Denial> {
        pairs.get("state")?;
        match pairs.get("response_type")? {
            Some("code") => {}
            Some(_) => return Err(Denial("unsupported_response_type", "response_type must be code")),
            None => return Err(Denial("invalid_request", "response_type is missing")),
        }
        if pairs.get("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(Denial("invalid_request", "response_mode must be query"));
        }
        if pairs.get("request")?.is_some() {
            return Err(Denial("request_not_supported", "the parameters must stand for themselves"));
        }
        if pairs.get("request_uri")?.is_some() {
            return Err(Denial("request_uri_not_supported", "the parameters must stand for themselves"));
        }
        let challenge = pairs.get("code_challenge")?;
        let challenge = challenge.ok_or(Denial("invalid_request", "code_challenge is missing"))?;
        if pairs.get("code_challenge_method")? != Some("S256") {
            return Err(Denial("invalid_request", "code_challenge_method must be S256"));
        }
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if challenge.len() != CHALLENGE_LENGTH || !challenge.bytes().all(is_base64) {
            return Err(Denial(
                "invalid_request",
                "code_challenge is no SHA-256 in unpadded URL-safe base64",
            ));
        }
        let scope = pairs.get("scope")?.unwrap_or_default();
        let is_scope = |byte: u8| matches!(byte, b' '..=b'~' if byte != b'"' && byte != b'\\');
        if !scope.bytes().all(is_scope) {
            return Err(Denial("invalid_scope", "a scope is visible ASCII without quotes and backslashes"));
        }
        // Nobody is ever signed in here already.
        if pairs.get("prompt")?.is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
            return Err(Denial("login_required", "the user must be asked"));
        }
        Ok(Self { scope, nonce: pairs.get("nonce")?, challenge })
    }
}

/// A redirect to a registered page.
pub(super) fn send_back(mut way_back: Url, parameters: &[(&str, &str)], state: Option<&str>) -> Response {
    let state = state.map(|state| ("state", state));
    let parameters = parameters.iter().copied().chain(state);
    if parameters.clone().next().is_some() {
        way_back.query_pairs_mut().extend_pairs(parameters);
    }
    let headers =
        [(LOCATION, way_back.as_str()), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn page(
    provider: &DevelopmentProvider,
    asker: &Asker<'_>,
    pairs: &Pairs,
    name: &str,
    complaint: Option<&str>,
) -> Response {
    let sent = |name| pairs.only(name).map(|value| (name, value));
    SignInPage {
        client_id: asker.client_id,
        redirect_uri: asker.redirect_uri,
        leads_to: &source_of(&asker.way_back),
        name,
        complaint,
        permission: provider.permission.as_deref(),
        is_permitted: is_ticked(pairs),
        parameters: &PARAMETERS.into_iter().filter_map(sent).collect::<Vec<_>>(),
    }
    .show()
}

fn is_ticked(pairs: &Pairs) -> bool {
    pairs.only("metrics") == Some("yes")
}
