"""Where two places differ, or one of them does not what was promised."""

import dataclasses
import fnmatch

NOTHING = "—"


@dataclasses.dataclass(frozen=True)
class Difference:
    step: str
    what: str
    field: str
    promised: str
    local: str
    deployed: str


def compare(local, deployed, gaps):
    """Differences, in the order of the steps, and how often each gap was met."""
    ours, theirs = by_name(local), by_name(deployed)
    names = list(ours) + [name for name in theirs if name not in ours]
    differences, met = [], {gap: 0 for gap in gaps}
    for name in names:
        for difference in between(name, ours.get(name), theirs.get(name)):
            gap = next((gap for gap in gaps if is_of(difference, gap)), None)
            if gap:
                met[gap] += 1
            else:
                differences.append(difference)
    return differences, met


def by_name(observations):
    return {(observation.step, observation.what): observation for observation in observations}


def between(name, ours, theirs):
    if not (ours and theirs):
        seen = ["was called" if side else "was not called" for side in (ours, theirs)]
        yield Difference(*name, "the call", NOTHING, *seen)
        return
    fields = list(ours.fields) + [field for field in theirs.fields if field not in ours.fields]
    fields += [field for field in ours.promised if field not in fields]
    other_status = ours.fields.get("status") != theirs.fields.get("status")
    for field in fields:
        promised = ours.promised.get(field)
        values = [side.fields.get(field, NOTHING) for side in (ours, theirs)]
        kept = promised is None or values == [promised, promised]
        # Another status has another body: its fields would say the same once more.
        is_consequence = other_status and field != "status" and not field.startswith(("header access", "body.code", "body.m"))
        if values[0] != values[1] and not is_consequence or not kept:
            yield Difference(*name, field, promised or NOTHING, *values)


def is_of(difference, gap):
    pairs = ((difference.step, gap.step), (difference.what, gap.what), (difference.field, gap.field))
    return all(fnmatch.fnmatchcase(text, pattern) for text, pattern in pairs)
