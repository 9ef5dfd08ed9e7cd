//! The HTTP API: routes, authorizer and CORS as the template says, and API Gateway's own answers.

mod answers;
mod cors;
mod event;
mod lambda;

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use axum::{
    Router,
    body::to_bytes,
    extract::{ConnectInfo, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use shared::clock::Clock;
use tower::ServiceExt;
use tracing::Instrument;
use uuid::Uuid;

pub(crate) use self::answers::{message, of_function};
use self::{
    answers::{not_found, refused},
    event::Invocation,
};
use crate::{
    functions::EndpointHandler,
    identity::Authorizer,
    server::guard::Origin,
    template::{Cors, Route},
};

/// The most that API Gateway takes.
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// A route and the function behind it.
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    pub(crate) handler: EndpointHandler,
    /// How long Lambda lets it run.
    pub(crate) timeout: Duration,
}

/// What each request passes on its way to an endpoint's function.
pub(crate) struct Gateway {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) clock: Clock,
}

/// The API of these endpoints beside `provider`, the routes of the identity provider. Pages of the origins `let_in` may
/// call it whatever the template says.
///
/// A route is chosen among those of the request's method, as API Gateway does: `GET /sessions/{id}` is no neighbour of
/// `POST /sessions/end`.
pub(crate) fn router(
    gateway: Gateway,
    endpoints: Vec<Endpoint>,
    cors: &Cors,
    let_in: &[Origin],
    provider: Router,
) -> Result<Router> {
    let gateway = Arc::new(gateway);
    let mut by_method = HashMap::<Method, Router>::new();
    for endpoint in endpoints {
        let (gateway, endpoint) = (Arc::clone(&gateway), Arc::new(endpoint));
        let path = endpoint.route.path.clone();
        let routes = by_method.entry(endpoint.route.method.parse()?).or_default();
        let handle = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let (gateway, endpoint) = (Arc::clone(&gateway), Arc::clone(&endpoint));
            async move { gateway.answer(&endpoint, peer, request).await }
        };
        *routes = std::mem::take(routes).fallback(not_found).route(&path, any(handle));
    }
    let choose = move |request: Request| {
        let routes = by_method.get(request.method()).cloned();
        async move {
            match routes {
                Some(routes) => routes.oneshot(request).await.into_response(),
                None => not_found().await.into_response(),
            }
        }
    };
    let all = provider.method_not_allowed_fallback(not_found).fallback(choose);
    Ok(all.layer(cors::layer(cors, let_in)?))
}

impl Gateway {
    async fn answer(&self, endpoint: &Endpoint, peer: SocketAddr, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let claims = match &endpoint.route.authorizer {
            None => None,
            Some(_) => match self.authorizer.authorize(&parts.headers, &endpoint.route.scopes).await {
                Ok(claims) => Some(claims),
                Err(refusal) => return refused(&refusal, &endpoint.route.scopes),
            },
        };
        let Ok(body) = to_bytes(body, BODY_BYTES).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let request_id = Uuid::new_v4().to_string();
        let invocation = Invocation {
            route: &endpoint.route,
            claims: claims.as_deref(),
            parts: &parts,
            body: &body,
            source_ip: peer.ip(),
            request_id: &request_id,
            now: self.clock.now(),
        };
        let event = match invocation.event() {
            Ok(event) => event,
            Err(cause) => {
                tracing::error!(%cause, "no event can be made of a request");
                return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            }
        };
        let span = tracing::info_span!("request", %request_id);
        let mut response = lambda::run(endpoint, event).instrument(span).await;
        if let Ok(request_id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(HeaderName::from_static("apigw-requestid"), request_id);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, Bytes},
        http::{Request as HttpRequest, header},
    };
    use tower::ServiceExt;

    use super::*;
    use crate::identity::Development;

    /// A gateway with one public route, `GET /`, behind which is `handler`.
    fn with(handler: EndpointHandler) -> Router {
        let clock = Clock::system();
        let development = Development {
            url: "http://localhost".to_owned(),
            clock: clock.clone(),
            key_file: None,
            callback_urls: Vec::new(),
            metrics_permission: String::new(),
        };
        let (authorizer, _) = Authorizer::of_development(development).unwrap();
        let route =
            Route { method: "GET".to_owned(), path: "/".to_owned(), authorizer: None, scopes: Vec::new() };
        let cors = Cors {
            allow_origins: vec!["https://app.example.com".to_owned()],
            allow_credentials: false,
            allow_headers: Vec::new(),
            expose_headers: Vec::new(),
            allow_methods: vec!["GET".to_owned()],
            max_age: 1,
        };
        let gateway = Gateway { authorizer: Arc::new(authorizer), clock };
        router(
            gateway,
            vec![Endpoint { route, handler, timeout: Duration::from_mins(1) }],
            &cors,
            &[],
            Router::new(),
        )
        .unwrap()
    }

    async fn get(router: &Router, origin: &str) -> (StatusCode, Option<String>, Bytes) {
        let mut request = HttpRequest::get("/")
            .header("host", "localhost")
            .header("origin", origin)
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let response = router.clone().oneshot(request).await.unwrap();
        let allowed = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        let allowed = allowed.map(|origin| origin.to_str().unwrap().to_owned());
        (response.status(), allowed, to_bytes(response.into_body(), usize::MAX).await.unwrap())
    }

    #[tokio::test]
    async fn a_panic_fails_one_request_and_the_server_lives() {
        let router = with(Arc::new(|_| Box::pin(async { panic!("a bug") })));
        for _ in 0..2 {
            let (status, _, body) = get(&router, "https://app.example.com").await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(body, "{\"message\":\"Internal Server Error\"}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_has_thirty_seconds() {
        let router = with(Arc::new(|_| Box::pin(std::future::pending())));
        let (status, _, body) = get(&router, "https://app.example.com").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "{\"message\":\"Service Unavailable\"}");
    }

    #[tokio::test]
    async fn only_the_named_origins_may_read_an_answer() {
        let handler: EndpointHandler = Arc::new(|_| Box::pin(async { lambda_http::Response::default() }));
        let router = with(handler);
        let (_, allowed, _) = get(&router, "https://app.example.com").await;
        assert_eq!(allowed.as_deref(), Some("https://app.example.com"));
        assert_eq!(get(&router, "https://evil.example.com").await.1, None);
    }
}
