"""What came of it, in Markdown: it names no account, no address and no id, so it may be shown to anybody."""

import statistics

from .steps.access import ROUTES
from .walk import operation

LONGEST = 160


def differences(found):
    if not found:
        return ["Nothing differs: every answer was alike, and as promised."]
    lines = ["| Step | Call | What | Promised | Local | Deployed |", "|---|---|---|---|---|---|"]
    calls = {}
    for one in found:
        calls.setdefault((one.step, one.field, one.promised, one.local, one.deployed), []).append(one.what)
    for (step, field, promised, ours, theirs), whats in calls.items():
        # What differs alike in many calls is one line.
        what = whats[0] if len(whats) == 1 else f"{whats[0]} (and {len(whats) - 1} more)"
        lines.append("| " + " | ".join(cell(text) for text in (step, what, field, promised, ours, theirs)) + " |")
    return lines


def cell(text):
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return text.replace("|", "\\|").replace("\n", " ")


def alike(observations, found):
    """The steps in which nothing differs, in short."""
    names = list(dict.fromkeys(observation.step for observation in observations))
    calls = {name: sum(observation.step == name for observation in observations) for name in names}
    other = {one.step for one in found}
    return [f"- {name} ({calls[name]})" for name in names if name not in other]


def left_out(met):
    return [f"- {gap.reason} ({count})" for gap, count in met.items() if count]


def latencies(local, deployed):
    """Milliseconds from the request to the end of the answer, on a connection that is there already."""
    lines = ["| Call | Calls | Local, median | Deployed, first | median | slowest |", "|---|---|---|---|---|---|"]
    routes = {operation(*route) for route in ROUTES}
    for route, seconds in sorted(deployed.items()):
        if route not in routes:
            continue
        ours = local.get(route)
        figures = (statistics.median(ours) if ours else None, seconds[0], statistics.median(seconds), max(seconds))
        cells = (f"{figure * 1000:.0f}" if figure is not None else "—" for figure in figures)
        lines.append(f"| {route} | {len(seconds)} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def whole(about, local, deployed, found, met):
    """The report of two walks. `about` is what was compared, by name."""
    sections = [
        ("What differs", differences(found)),
        ("What is alike", alike(local.observations, found)),
        ("What was left out", left_out(met)),
        ("Remarks", [f"- {remark}" for remark in local.remarks + deployed.remarks]),
        ("Latencies in ms", latencies(local.seconds, deployed.seconds)),
    ]
    lines = ["# The deployed service beside the local server", ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    for title, content in sections:
        if content:
            lines += ["", f"## {title}", "", *content]
    return "\n".join(lines) + "\n"
