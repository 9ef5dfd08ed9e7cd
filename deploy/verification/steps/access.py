"""Who may call, and what is there to be called: what API Gateway answers by itself."""

import base64
import json

from ..local import ORIGIN
from .named import step

ID = "0198c0de-0000-7000-8000-000000000001"
UNAUTHORIZED = {"status": 401, "body.message": '"Unauthorized"'}
ROUTES = (
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", f"/user-sessions/heartbeat/{ID}"),
    ("GET", "/user-sessions"),
    ("GET", f"/user-sessions/{ID}"),
    ("POST", f"/user-sessions/end/{ID}"),
    ("POST", "/user-sessions/end-others"),
    ("PATCH", f"/user-sessions/{ID}/content-engaged"),
    ("GET", "/metrics/sessions"),
    ("GET", "/metrics/sessions/daily"),
    ("GET", "/metrics/sessions/by-timespan"),
)


@step("What is no route is not found")
def no_route(step):
    user = step.user()
    for method, path in (
        ("GET", "/nothing"),
        ("GET", "/auth/login"),
        ("DELETE", "/user-sessions"),
        ("GET", "/user-sessions/"),
        ("PATCH", "/user-sessions/content-engaged"),
        ("POST", "/user-sessions/end/a/b"),
    ):
        step.call(f"{method} {path}", method, path, user, {"status": 404, "body.message": '"Not Found"'})
    step.call("HEAD /user-sessions", "HEAD", "/user-sessions", user, 404)
    step.call("GET /nothing without a token", "GET", "/nothing", None, 404)


@step("Every route wants a token")
def no_token(step):
    for method, path in ROUTES:
        step.call(f"{method} {path}", method, path, None, UNAUTHORIZED)


@step("A token that is not good is refused")
def bad_tokens(step):
    user = step.user()
    head, claims, signature = user.access_token.split(".")
    other = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    other["sub"] = "somebody-else"
    forged = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for what, value in (
        ("an empty header", ""),
        ("a scheme alone", "Bearer"),
        ("garbage", "Bearer x"),
        ("three parts of garbage", "Bearer a.b.c"),
        ("other claims under the signature", f"Bearer {head}.{forged}.{signature}"),
        ("no signature", f"Bearer {unsigned}.{claims}."),
    ):
        step.call(what, "GET", "/user-sessions", None, UNAUTHORIZED, {"Authorization": value})


@step("A good token is accepted with and without its scheme")
def schemes(step):
    user = step.user()
    for what, value in (
        ("Bearer", f"Bearer {user.access_token}"),
        ("bearer", f"bearer {user.access_token}"),
        ("none", user.access_token),
    ):
        step.call(what, "GET", "/user-sessions", None, headers={"Authorization": value})


@step("An ID token is no access token")
def id_token(step):
    user = step.user()
    refused = {"status": 401, "body.code": '"unauthorized"'}
    for method, path in ROUTES:
        headers = {"Authorization": f"Bearer {user.id_token}"}
        step.call(f"{method} {path}", method, path, None, refused, headers)


@step("Pages of an origin that is let in may call")
def cors(step):
    """Of others nothing is said here: the local server refuses them outright, as its documents say."""
    user = step.user()
    for what, method, path in (
        ("a login", "POST", "/auth/login"),
        ("a list", "GET", "/user-sessions"),
        ("a heartbeat", "POST", f"/user-sessions/heartbeat/{ID}"),
        ("an engagement", "PATCH", f"/user-sessions/{ID}/content-engaged"),
    ):
        headers = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-session-id",
        }
        promised = {
            "header access-control-allow-origin": ORIGIN,
            "header access-control-allow-headers": "authorization, content-type, idempotency-key, x-session-id",
            "header access-control-allow-methods": "get, patch, post",
            "header access-control-max-age": "7200",
        }
        step.call(f"the preflight of {what}", "OPTIONS", path, None, promised, headers)
    allowed = {"header access-control-allow-origin": ORIGIN}
    exposed = {**allowed, "header access-control-expose-headers": "retry-after, x-request-id"}
    origin = {"Origin": ORIGIN}
    step.call("a list", "GET", "/user-sessions", user, {"status": 200, **exposed}, origin)
    step.call("a function's error", "GET", "/user-sessions/x", user, {"status": 400, **exposed}, origin)
    # What API Gateway promises nothing about: only compared.
    step.call("a list without a token", "GET", "/user-sessions", None, 401, origin)
    step.call("no route", "GET", "/nothing", user, 404, origin)


@step("Every answer of a function names its request")
def request_ids(step):
    user = step.user()
    for path, status in (("/user-sessions", 200), ("/user-sessions/x", 400), ("/metrics/sessions", 403)):
        promised = {"status": status, "header x-request-id": "(present)"}
        answer = step.call(f"GET {path}", "GET", path, user, promised)
        own, gateways = (answer.headers.get(name) for name in ("x-request-id", "apigw-requestid"))
        step.saw(f"the id of GET {path} is the gateway's", own == gateways, True)


@step("A body that is too large is refused")
def large_bodies(step):
    user = step.user()
    refused = {"status": 413, "body.message": '"Request Entity Too Large"'}
    step.call("more than 10 MB", "POST", "/auth/logout", user, refused, content=b" " * (10 * 1024 * 1024 + 1))
    # Below API Gateway's limit of 10 MB and above Lambda's of 6.
    step.call("7 MB", "POST", "/auth/logout", user, {}, content=b"{}" + b" " * (7 * 1024 * 1024))
    step.call("4 MB", "POST", "/auth/logout", user, content=b"{}" + b" " * (4 * 1024 * 1024))
