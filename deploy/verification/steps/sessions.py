"""Sessions while they live, and their ends."""

import uuid

from .named import step

NOT_FOUND = {"status": 404, "body.code": '"session_not_found"'}
NO_UUID = {"status": 400, "body.code": '"invalid_session_id"'}
INVALID_BODY = {"status": 400, "body.code": '"invalid_body"'}
ENDED = {"status": 409, "body.code": '"session_ended"'}


def unknown_id():
    return str(uuid.uuid4())


@step("A login opens a session")
def login(step):
    user = step.user()
    first = step.login("a login", user)
    second = step.login("another, with a body", user, content="not JSON")
    step.saw("they are two sessions", first != second, True)


@step("A login with a key opens one session")
def keyed_login(step):
    user = step.user()
    key = {"Idempotency-Key": unknown_id()}
    answers = step.at_once(10, "POST", "/auth/login", user, key)
    ids = {answer.field("body", "sessionId") for answer in answers}
    step.saw("sessions of 10 logins at once with one key", len(ids), 1)
    (session_id,) = ids
    step.started(session_id, user)
    step.saw("a repeat answers the same session", step.login("a repeat", user, key) == session_id, True)
    invalid = {"status": 400, "body.code": '"invalid_idempotency_key"'}
    step.call("a key that is no UUID", "POST", "/auth/login", user, invalid, {"Idempotency-Key": "x"})
    step.call("its end", "POST", f"/user-sessions/end/{session_id}", user)
    step.call("a repeat after its end", "POST", "/auth/login", user, ENDED, key)


@step("A heartbeat keeps a session alive")
def heartbeat(step):
    user = step.user()
    session_id = step.login("a login", user)
    before = step.silently("GET", f"/user-sessions/{session_id}", user).field("lastActiveTime")
    step.heartbeat("a heartbeat", user, session_id, "active")
    step.heartbeat("one with the id in capitals", user, session_id.upper(), "active")
    path = f"/user-sessions/heartbeat/{session_id}"
    step.call("one with a body", "POST", path, user, {"body.status": '"active"'}, content="not JSON")
    after = step.silently("GET", f"/user-sessions/{session_id}", user).field("lastActiveTime")
    step.saw("the last activity moved on", after > before, True)
    step.heartbeat("one on an id that is no UUID", user, "garbage", "expired")


@step("A heartbeat on an unknown id starts a session, once")
def unknown(step):
    user = step.user()
    unknown_to_all = unknown_id()
    answers = step.at_once(10, "POST", f"/user-sessions/heartbeat/{unknown_to_all}", user)
    ids = {answer.field("sessionId") for answer in answers}
    step.saw("sessions of 10 heartbeats at once on an unknown id", len(ids), 1)
    (session_id,) = ids
    step.started(session_id, user)
    again = step.heartbeat("one more", user, unknown_to_all, "renewed")
    step.saw("it answers the same session", again.field("sessionId") == session_id, True)


@step("A list has the live sessions at once")
def list_sessions(step):
    user = step.user()
    step.call("a list without sessions", "GET", "/user-sessions", user, {"body": "[]"})
    first = step.login("a login", user)
    step.call("a list right after it", "GET", "/user-sessions", user, {"body[0].sessionId": "(id)"})
    second = step.login("another login", user)
    promised = {"body[0].current": "true", "body[1].current": "false"}
    rows = step.call("a list of both", "GET", "/user-sessions", user, promised, {"X-Session-ID": second})
    ids = [row["sessionId"] for row in rows.body]
    step.saw("the most recently active comes first", ids == [second, first], True)
    step.heartbeat("a heartbeat of the first", user, first, "active")
    ids = [row["sessionId"] for row in step.silently("GET", "/user-sessions", user).body]
    step.saw("then that one does", ids == [first, second], True)


@step("One session can be looked at")
def get_session(step):
    user = step.user()
    session_id = step.login("a login", user)
    live = {"status": 200, "body.state": '"live"', "body.current": "true"}
    step.call("a live one", "GET", f"/user-sessions/{session_id}", user, live, {"X-Session-ID": session_id})
    step.call("an unknown one", "GET", f"/user-sessions/{unknown_id()}", user, NOT_FOUND)
    step.call("no UUID", "GET", "/user-sessions/x", user, NO_UUID)
    step.call("no UUID, encoded", "GET", "/user-sessions/a%2Fb%20c", user, NO_UUID)


@step("Engagement is noted")
def content_engaged(step):
    user = step.user()
    session_id = step.login("a login", user)
    path = f"/user-sessions/{session_id}/content-engaged"
    for what, engaged in (("engaged", True), ("once more", True), ("not engaged", False), ("after all", True)):
        promised = {"status": 200, "body.contentEngaged": str(engaged).lower()}
        step.call(what, "PATCH", path, user, promised, json_body={"engaged": engaged})
    step.walk.engaged.add(session_id)
    step.call("without a content type", "PATCH", path, user, headers={"Content-Type": ""}, json_body={"engaged": True})
    for what, content in (("no JSON", "x"), ("no field", "{}"), ("no boolean", '{"engaged":"true"}'), ("no body", None)):
        step.call(what, "PATCH", path, user, INVALID_BODY, content=content)
    engaged = {"json_body": {"engaged": True}}
    step.call("an unknown id", "PATCH", f"/user-sessions/{unknown_id()}/content-engaged", user, NOT_FOUND, **engaged)
    step.call("no UUID", "PATCH", "/user-sessions/x/content-engaged", user, NO_UUID, **engaged)


@step("Ended stays ended")
def end(step):
    user = step.user()
    session_id = step.login("a login", user)
    path = f"/user-sessions/end/{session_id}"
    step.call("an end", "POST", path, user)
    step.call("the same again", "POST", path, user)
    answer = step.heartbeat("a heartbeat", user, session_id, "expired")
    step.saw("the heartbeat tells the reason", answer.field("endReason"), "ended")
    answers = step.at_once(10, "POST", f"/user-sessions/heartbeat/{session_id}", user)
    step.saw("of 10 heartbeats at once, expired", sum(a.field("status") == "expired" for a in answers), 10)
    engaged = {"json_body": {"engaged": True}}
    step.call("an engagement", "PATCH", f"/user-sessions/{session_id}/content-engaged", user, ENDED, **engaged)
    promised = {"body.state": '"ended"', "body.endReason": '"ended"', "body.isActive": "false"}
    step.call("a look at it", "GET", f"/user-sessions/{session_id}", user, promised)
    step.call("a list", "GET", "/user-sessions", user, {"body": "[]"})
    step.call("an unknown id", "POST", f"/user-sessions/end/{unknown_id()}", user, NOT_FOUND)
    step.call("no UUID", "POST", "/user-sessions/end/x", user, NO_UUID)


@step("All others can be ended")
def end_others(step):
    user = step.user()
    kept, other, another = step.logins(3, user)
    two = {"status": 200, "body.endedSessions": 2}
    step.call("the others", "POST", "/user-sessions/end-others", user, two, {"X-Session-ID": kept})
    for what, session_id in (("one of them", other), ("the other of them", another)):
        answer = step.heartbeat(f"a heartbeat of {what}", user, session_id, "expired")
        step.saw(f"why {what} was ended", answer.field("endReason"), "ended_others")
    step.heartbeat("a heartbeat of the one that was kept", user, kept, "active")
    step.call("all", "POST", "/user-sessions/end-others", user, {"status": 200, "body.endedSessions": 1})
    step.call("none", "POST", "/user-sessions/end-others", user, {"status": 200, "body.endedSessions": 0})


@step("A logout never fails for what a browser had stored")
def logout(step):
    user = step.user()
    session_id = step.login("a login", user)
    for what, content in (
        ("no body", None),
        ("an empty object", "{}"),
        ("null", '{"sessionId":null}'),
        ("garbage", '{"sessionId":"garbage"}'),
        ("an unknown id", f'{{"sessionId":"{unknown_id()}"}}'),
    ):
        step.call(what, "POST", "/auth/logout", user, {"status": 200, "body.status": '"success"'}, content=content)
    step.heartbeat("a heartbeat", user, session_id, "active")
    step.call("its id", "POST", "/auth/logout", user, json_body={"sessionId": session_id})
    step.call("its id again", "POST", "/auth/logout", user, json_body={"sessionId": session_id})
    answer = step.heartbeat("a heartbeat after it", user, session_id, "expired")
    step.saw("the heartbeat tells the reason", answer.field("endReason"), "logout")
    for what, content in (("no JSON", "x"), ("no object", "[]"), ("a number", '{"sessionId":1}')):
        step.call(what, "POST", "/auth/logout", user, INVALID_BODY, content=content)


@step("Another user's session does not exist")
def another_user(step):
    owner, other = step.user("owner"), step.user("other")
    session_id = step.login("a login of its owner", owner)
    step.call("a look by the other", "GET", f"/user-sessions/{session_id}", other, NOT_FOUND)
    step.call("an end by the other", "POST", f"/user-sessions/end/{session_id}", other, NOT_FOUND)
    engaged = {"json_body": {"engaged": True}}
    step.call("an engagement", "PATCH", f"/user-sessions/{session_id}/content-engaged", other, NOT_FOUND, **engaged)
    step.call("a logout by the other", "POST", "/auth/logout", other, json_body={"sessionId": session_id})
    step.call("the other's list", "GET", "/user-sessions", other, {"body": "[]"})
    answer = step.heartbeat("a heartbeat by the other", other, session_id, "renewed")
    step.saw("it starts another session", step.started(answer.body["sessionId"], other) != session_id, True)
    step.call("the others of the other", "POST", "/user-sessions/end-others", other, {"body.endedSessions": 1})
    step.heartbeat("a heartbeat by its owner", owner, session_id, "active")
    shown = {"body.contentEngaged": "false", "body.state": '"live"'}
    step.call("a look by its owner", "GET", f"/user-sessions/{session_id}", owner, shown)
