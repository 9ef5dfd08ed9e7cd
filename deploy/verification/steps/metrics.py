"""The metrics: who may read them, for which days, and whether they tell what was done."""

import datetime
import time

from .named import step

PATHS = ("/metrics/sessions", "/metrics/sessions/daily", "/metrics/sessions/by-timespan")
INVALID = {"status": 400, "body.code": '"invalid_range"'}
# They depend on how long the calls took.
DURATIONS = ("*Minutes", "*bounceRate", "*durationDistribution*.sessions", "*asOf")


def days_around(moment):
    """Yesterday to tomorrow: what is done about midnight is in it, and it has as many days at both places."""
    day, one = moment.date(), datetime.timedelta(days=1)
    return f"startDate={day - one}&endDate={day + one}"


@step("Metrics want a permission")
def permission(step):
    user = step.user()
    for path in PATHS:
        query = f"{path}?{days_around(step.walk.began)}"
        step.call(f"GET {path}", "GET", query, user, {"status": 403, "body.code": '"forbidden"'})


@step("Metrics say what is wrong with a range")
def ranges(step):
    reader = step.user("reader", may_read_metrics=True)
    for what, query in (
        ("no days", ""),
        ("no last day", "?startDate=2026-01-01"),
        ("no date", "?startDate=yesterday&endDate=2026-01-01"),
        ("the last before the first", "?startDate=2026-01-02&endDate=2026-01-01"),
        ("too many days", "?startDate=2020-01-01&endDate=2026-01-01"),
    ):
        step.call(f"{what}, totals", "GET", f"{PATHS[0]}{query}", reader, INVALID)
    days = "startDate=2026-01-01&endDate=2026-01-02"
    step.call("no such span", "GET", f"{PATHS[2]}?{days}&span=yearly", reader, INVALID)
    instants = "?startDate=2026-01-01T12:00:00Z&endDate=2026-01-02T00:00:00.000Z"
    step.call("instants", "GET", f"{PATHS[0]}{instants}", reader, {"status": 200, "body.data.totalSessions": 0})


@step("Metrics tell what was done", is_last=True)
def figures(step):
    walk = step.walk
    reader = step.user("reader", may_read_metrics=True)
    days = days_around(walk.began)
    total, began = len(walk.started), time.monotonic()
    while True:
        walk.place.deliver()
        answer = step.silently("GET", f"{PATHS[0]}?{days}", reader)
        waited = time.monotonic() - began
        if answer.field("data", "totalSessions") == total or waited > walk.place.metrics_patience:
            break
        time.sleep(2)
    walk.remarks.append(f"{walk.place.name}: the metrics were there {waited:.0f} s after the last session.")
    promised = {
        "body.data.totalSessions": total,
        "body.data.engagedSessions": len(walk.engaged),
        "body.data.renewedSessions": len(walk.renewed),
        "body.data.uniqueUsers": len({user.name for user in walk.started.values()}),
    }
    step.call("totals", "GET", f"{PATHS[0]}?{days}", reader, {"status": 200, **promised}, vague=DURATIONS)
    compared = {"status": 200, **promised, "body.data.previous.totalSessions": 0}
    query = f"{PATHS[0]}?{days}&compare=previous"
    step.call("totals beside the days before", "GET", query, reader, compared, vague=DURATIONS)
    counts = dict(zip(COUNTS, (total, len(walk.engaged), len(walk.renewed))))
    for what, names, query in (
        ("days", ["date"], f"{PATHS[1]}?{days}"),
        ("spans of a day", ["period", "date"], f"{PATHS[2]}?{days}"),
        ("weeks", ["period", "week"], f"{PATHS[2]}?{days}&span=weekly"),
        ("months", ["period", "month"], f"{PATHS[2]}?{days}&span=monthly"),
    ):
        rows = step.silently("GET", query, reader).body["data"]
        sums = {name: sum(row[name] for row in rows) for name in COUNTS}
        step.saw(f"sums of the {what}", str(sums), str(counts))
        step.saw(f"fields of the {what}", ", ".join(sorted(rows[0])), ", ".join(sorted([*names, *COUNTS, *OTHERS])))


COUNTS = ("sessions", "engagedSessions", "renewedSessions")
OTHERS = ("engagementRate", "uniqueUsers", "averageDurationMinutes", "medianDurationMinutes")
