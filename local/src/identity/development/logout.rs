//! `/oauth2/logout`: where OpenID Connect sends a user who signs out. Nobody stays signed in here, so there is nothing
//! to end but the refresh tokens of the sign-in.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{AUDIENCE, DevelopmentProvider, authorize::send_back, page::message, pairs::Pairs};

/// `GET`.
pub(super) async fn by_link(
    State(provider): State<Arc<DevelopmentProvider>>,
    RawQuery(query): RawQuery,
) -> Response {
    provider.log_out(&Pairs::parse(query.unwrap_or_default().as_bytes())).await
}

/// `POST`, which the standard wants too.
pub(super) async fn by_form(State(provider): State<Arc<DevelopmentProvider>>, form: Bytes) -> Response {
    provider.log_out(&Pairs::parse(&form)).await
}

impl DevelopmentProvider {
    async fn log_out(&self, pairs: &Pairs) -> Response {
        match self.way_out(pairs).await {
            Ok(Some(way_back)) => send_back(way_back, &[], pairs.only("state")),
            Ok(None) => message(StatusCode::OK, "You are signed out", "You can close this page."),
            Err(cause) => message(StatusCode::BAD_REQUEST, "This page cannot send you back", cause),
        }
    }

    /// Where the user is sent, if anywhere. The cause if it is not sure who asks for that.
    async fn way_out(&self, pairs: &Pairs) -> Result<Option<reqwest::Url>, &'static str> {
        let repeated = |_| "A parameter is there more than once.";
        let client_id = pairs.get("client_id").map_err(repeated)?;
        if client_id.is_some_and(|id| !self.client.is(id)) {
            return Err("No client of that client_id is known here.");
        }
        let hint = pairs.get("id_token_hint").map_err(repeated)?;
        if let Some(hint) = hint {
            // However old: who signs out has often been away.
            let signer =
                self.signer().await.map_err(|_| "There is no key to check the id_token_hint with.")?;
            let claims = signer.verified(hint, &self.issuer, AUDIENCE, None);
            let claims = claims.filter(|claims| claims.get("token_use").is_some_and(|of| of == "id"));
            let claims = claims.ok_or(
                "The id_token_hint is no ID token of this server: without --data it makes a new key at each start.",
            )?;
            if let Some(family) = claims.get("sid").and_then(serde_json::Value::as_str) {
                self.grants.revoke(family);
            }
        }
        let Some(uri) = pairs.get("post_logout_redirect_uri").map_err(repeated)? else { return Ok(None) };
        if hint.is_none() && client_id.is_none() {
            return Err("With a post_logout_redirect_uri, there must be an id_token_hint or a client_id.");
        }
        let way_back = self.client.way_back(uri);
        way_back.map(Some).ok_or("That post_logout_redirect_uri is not registered.")
    }
}
