"""What becomes of sessions once the timeout has passed. Each of these steps waits for that where it yields."""

from .limits import TOO_MANY
from .named import step
from .sessions import ENDED, unknown_id


@step("20 heartbeats at once renew an expired session once")
def renewal(step):
    user = step.user()
    session_id = step.login("a login", user)
    path = f"/user-sessions/{session_id}/content-engaged"
    step.call("an engagement", "PATCH", path, user, json_body={"engaged": True})
    step.walk.engaged.add(session_id)
    yield
    step.call("a list after the timeout", "GET", "/user-sessions", user, {"body": "[]"})
    expired = {"body.state": '"expired"', "body.isActive": "false", "body.endReason": "null"}
    step.call("a look at it", "GET", f"/user-sessions/{session_id}", user, expired)
    answers = step.at_once(20, "POST", f"/user-sessions/heartbeat/{session_id}", user)
    step.saw("of 20 heartbeats at once, renewed", sum(a.field("status") == "renewed" for a in answers), 20)
    ids = {answer.field("sessionId") for answer in answers}
    step.saw("sessions that they name", len(ids), 1)
    (successor,) = ids
    step.started(successor, user, renewed=True)
    step.saw("it is another than before", successor != session_id, True)
    late = step.heartbeat("a heartbeat on the old id", user, session_id, "renewed")
    step.saw("it names the same", late.field("sessionId") == successor, True)
    step.heartbeat("a heartbeat on the new id", user, successor, "active")
    rows = step.call("a list", "GET", "/user-sessions", user, {"body[0].contentEngaged": "false"})
    step.saw("the new one alone is in it", [row["sessionId"] for row in rows.body] == [successor], True)
    look = step.call("a look at the old id", "GET", f"/user-sessions/{session_id}", user, {"body.state": '"live"'})
    chain = [look.field(name) for name in ("sessionId", "renewedFrom", "requestedSessionId")]
    step.saw("it shows the new one and the way to it", chain == [successor, session_id, session_id], True)


@step("An engagement renews an expired session")
def engagement(step):
    user = step.user()
    session_id = step.login("a login", user)
    yield
    path = f"/user-sessions/{session_id}/content-engaged"
    promised = {"status": 200, "body.contentEngaged": "true"}
    answer = step.call("an engagement", "PATCH", path, user, promised, json_body={"engaged": True})
    successor = step.started(answer.body["sessionId"], user, renewed=True)
    step.walk.engaged.add(successor)
    step.saw("it answers for another session", successor != session_id, True)
    late = step.heartbeat("a heartbeat on the old id", user, session_id, "renewed")
    step.saw("it names the same", late.field("sessionId") == successor, True)
    step.call("a look", "GET", f"/user-sessions/{successor}", user, {"body.contentEngaged": "true"})


@step("A login with the key of an expired session renews it once")
def keyed_login(step):
    user = step.user()
    key = {"Idempotency-Key": unknown_id()}
    session_id = step.login("a login", user, key)
    yield
    answers = step.at_once(10, "POST", "/auth/login", user, key)
    ids = {answer.field("body", "sessionId") for answer in answers}
    step.saw("sessions of 10 logins at once with the key", len(ids), 1)
    (successor,) = ids
    step.started(successor, user, renewed=True)
    step.saw("it is another than before", successor != session_id, True)


@step("An expired session can be ended for good")
def end(step):
    user = step.user()
    session_id = step.login("a login", user)
    yield
    step.call("an end", "POST", f"/user-sessions/end/{session_id}", user)
    answer = step.heartbeat("a heartbeat", user, session_id, "expired")
    step.saw("the heartbeat tells the reason", answer.field("endReason"), "ended")
    path = f"/user-sessions/{session_id}/content-engaged"
    step.call("an engagement", "PATCH", path, user, ENDED, json_body={"engaged": True})
    step.call("a look at it", "GET", f"/user-sessions/{session_id}", user, {"body.state": '"ended"'})


@step("A renewal is never refused")
def renewal_at_the_limit(step):
    user = step.user()
    ids = step.logins(step.settings.starts, user)
    yield
    answer = step.heartbeat("a heartbeat after the last start that was free", user, ids[-1], "renewed")
    step.started(answer.body["sessionId"], user, renewed=True)
    step.call("a login", "POST", "/auth/login", user, TOO_MANY)
