"""How much one user may have."""

from .named import step
from .sessions import unknown_id

TOO_MANY = {"status": 429, "body.code": '"too_many_sessions"', "header retry-after": "(present)"}


@step("A start beyond the limit of live sessions ends the oldest")
def live_sessions(step):
    user = step.user()
    limit = step.settings.live
    ids = step.logins(limit + 1, user)
    rows = step.call("a list", "GET", "/user-sessions", user)
    step.saw("live sessions", len(rows.body), limit)
    step.saw("the oldest is not among them", ids[0] not in [row["sessionId"] for row in rows.body], True)
    answer = step.heartbeat("a heartbeat of the oldest", user, ids[0], "expired")
    step.saw("why the oldest was ended", answer.field("endReason"), "limit")
    step.heartbeat("a heartbeat of the newest", user, ids[-1], "active")


@step("Starts beyond the limit of an hour are refused")
def starts(step):
    user = step.user()
    key = {"Idempotency-Key": unknown_id()}
    known = step.login("a login with a key", user, key)
    step.logins(step.settings.starts - 1, user)
    refused = step.call("a login too many", "POST", "/auth/login", user, TOO_MANY)
    step.saw("Retry-After is within the hour", 0 < int(refused.headers["retry-after"]) <= 3600, True)
    step.call("a heartbeat on an unknown id", "POST", f"/user-sessions/heartbeat/{unknown_id()}", user, TOO_MANY)
    step.call("the login with the key again", "POST", "/auth/login", user, {}, key)
    rows = step.silently("GET", "/user-sessions", user).body
    step.saw("nothing was started", len(rows) <= step.settings.live and known not in rows, True)
