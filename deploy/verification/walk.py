"""Goes through the steps at one place, and keeps what was seen and what was done.

A step is a function of `steps`, which gets a `Step`. Each makes users of its own, so that steps depend on nothing but
the settings. One that yields goes on once the session timeout has passed: all that wait do so at the same time, while
the others are walked.
"""

import concurrent.futures
import datetime
import inspect
import json
import time

from .client import call
from .failure import CouldNotRun
from .observation import Observation, kind, of_answer

# So that lists can tell the device.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
# Of a gateway or a function that has had too much at once: the client is to try again.
BUSY = (429, 500, 502, 503)


class Walk:
    def __init__(self, place, settings, say):
        self.place = place
        self.settings = settings
        self.say = say
        self.began = datetime.datetime.now(datetime.timezone.utc)
        self.observations = []
        self.remarks = []
        # Of each operation how long its answers took, in the order in which they came.
        self.seconds = {}
        # What the metrics have to tell of: the user of each session that was started, and which of them were renewals or
        # engaged.
        self.started = {}
        self.renewed = set()
        self.engaged = set()

    def through(self, steps):
        """Walks through the steps; `Interrupted` alone ends it before the last."""
        self.settle()
        waiting = []
        for step in steps:
            if waits(step):
                on_its_way = Step(self, step.name)
                rest = step.walk(on_its_way)
                if on_its_way.is_going_on(lambda rest=rest: next(rest)):
                    waiting.append((on_its_way, rest))
        # A second more than the timeout: the servers' clocks may be apart.
        until = time.monotonic() + self.settings.timeout + 1
        for step in steps:
            if not waits(step) and not step.is_last:
                self.walk(step)
        if waiting:
            time.sleep(max(0.0, until - time.monotonic()))
        for on_its_way, rest in waiting:
            self.say(f"  {on_its_way.name}")
            on_its_way.is_going_on(lambda rest=rest: next(rest, None))
        for step in steps:
            if step.is_last:
                self.walk(step)
        places = {step.name: place for place, step in enumerate(steps)}
        self.observations.sort(key=lambda observation: places[observation.step])
        return self

    def walk(self, step):
        self.say(f"  {step.name}")
        on_its_way = Step(self, step.name)
        on_its_way.is_going_on(lambda: step.walk(on_its_way))

    def settle(self):
        """Waits until the place answers as it should: permissions and keys that are new take a while to be known."""
        user, began = self.place.user("first"), time.monotonic()
        deadline = began + 120
        while True:
            answer = call("GET", f"{self.place.api_url}/user-sessions", headers_of(user, {}))
            if answer.status == 200:
                break
            if time.monotonic() > deadline:
                raise CouldNotRun(f"GET /user-sessions is still answered {answer.status}: {answer.text[:300]}")
            time.sleep(1)
        waited = time.monotonic() - began
        if waited > 5:
            self.remarks.append(f"{self.place.name}: the API answered as it should after {waited:.0f} s.")


def waits(step):
    return inspect.isgeneratorfunction(step.walk)


def headers_of(user, more, content=None):
    headers = {"User-Agent": USER_AGENT}
    if user:
        headers["Authorization"] = f"Bearer {user.access_token}"
    if content is not None:
        headers["Content-Type"] = "application/json"
    return {**headers, **more}


class Step:
    """A step on its way: what it calls is observed under its name."""

    def __init__(self, walk, name):
        self.walk = walk
        self.name = name
        self.settings = walk.settings
        self.names = set()

    def is_going_on(self, advance):
        """Whether the step got as far as it wanted to. What an answer lacks stops the step, and is seen by that."""
        try:
            advance()
            return True
        except CouldNotRun:
            raise
        except Exception as cause:
            self.keep("the step", {"walked": f"broke off: {type(cause).__name__}: {cause}"}, {"walked": "to its end"})
            return False

    def keep(self, what, fields, promised):
        assert what not in self.names, f"{self.name}: two observations are called {what}"
        self.names.add(what)
        promised = {field: text if isinstance(text, str) else str(text) for field, text in promised.items()}
        self.walk.observations.append(Observation(self.name, what, fields, promised))

    def user(self, name="user", may_read_metrics=False):
        return self.walk.place.user(name, may_read_metrics)

    def saw(self, what, value, promised):
        """Keeps something that is no answer."""
        self.keep(what, {"seen": kind(value)}, {"seen": kind(promised)})

    def call(self, what, method, path, user=None, promised=200, headers=(), json_body=None, content=None, **how):
        """Calls the API. `promised` is the status, or some of the fields."""
        answer = self.silently(method, path, user, headers, json_body, content)
        how["origin"] = dict(headers).get("Origin")
        self.keep(what, of_answer(answer, **how), promised if isinstance(promised, dict) else {"status": promised})
        return answer

    def silently(self, method, path, user=None, headers=(), json_body=None, content=None):
        """The same without keeping the answer."""
        if json_body is not None:
            content = json.dumps(json_body)
        place = self.walk.place
        answer = call(method, f"{place.api_url}{path}", headers_of(user, dict(headers), content), content)
        if user and answer.status:
            self.walk.seconds.setdefault(operation(method, path), []).append(answer.seconds)
        return answer

    def page(self, what, path, method="GET", promised=200, headers=(), digest=True, **how):
        """Gets a page, as anybody."""
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **dict(headers)}
        answer = call(method, f"{self.walk.place.pages_url}{path}", headers)
        self.keep(what, of_answer(answer, digest=digest, **how), {"status": promised})
        return answer

    def at_once(self, count, method, path, user, headers=()):
        """So many equal calls at once. What is refused because that is too much for the account is sent again, as a
        client does, and remarked."""
        def send(_):
            again = 0
            while is_busy(answer := self.silently(method, path, user, headers)) and again < 6:
                again += 1
                time.sleep(0.5 * again)
            return again, answer

        with concurrent.futures.ThreadPoolExecutor(count) as threads:
            sent = list(threads.map(send, range(count)))
        repeats = sum(again for again, _ in sent)
        if repeats:
            self.walk.remarks.append(
                f"{self.walk.place.name}: of {count} {method} {path_pattern(path)} at once, {repeats} were sent again "
                "after a 429 or a 5xx."
            )
        return [answer for _, answer in sent]

    def login(self, what, user, headers=(), **how):
        """A login that is observed; the id of the session that it opened."""
        answer = self.call(what, "POST", "/auth/login", user, headers=headers, **how)
        return self.started(answer.body["body"]["sessionId"], user)

    def logins(self, count, user, headers=()):
        """So many logins of which none has to be seen; the ids."""
        answers = [self.silently("POST", "/auth/login", user, headers) for _ in range(count)]
        self.saw(f"statuses of {count} logins", counted(answer.status for answer in answers), f"{count} × 200")
        return [self.started(answer.body["body"]["sessionId"], user) for answer in answers if answer.status == 200]

    def started(self, session_id, user, renewed=False):
        """Notes a session that was started, for the metrics."""
        self.walk.started[session_id] = user
        if renewed:
            self.walk.renewed.add(session_id)
        return session_id

    def heartbeat(self, what, user, session_id, answer=None):
        """A heartbeat that is observed, and to be answered so."""
        promised = {"status": 200, **({"body.status": f'"{answer}"'} if answer else {})}
        return self.call(what, "POST", f"/user-sessions/heartbeat/{session_id}", user, promised)


def is_busy(answer):
    # A user's own limit stays where it is.
    return answer.status in BUSY and answer.field("code") != "too_many_sessions"


def counted(values):
    """Equal values together: `20 × 200`."""
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return ", ".join(f"{count} × {value}" for value, count in sorted(counts.items(), key=str))


def path_pattern(path):
    path = path.split("?")[0]
    parts = path.split("/")
    return "/".join("{sessionId}" if len(part) == 36 and part.count("-") == 4 else part for part in parts)


def operation(method, path):
    return f"{method} {path_pattern(path)}"
