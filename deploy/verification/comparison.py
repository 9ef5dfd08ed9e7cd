"""Where two places differ, or one of them does not what was promised."""

import dataclasses
import fnmatch
import re

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
    for field in fields:
        promised = ours.promised.get(field)
        values = [side.fields.get(field, NOTHING) for side in (ours, theirs)]
        kept = promised is None or values == [promised, promised]
        is_consequence = follows_from_the_status(field, ours, theirs) or follows_from_a_length(field, ours, theirs)
        if values[0] != values[1] and not is_consequence or not kept:
            yield Difference(*name, field, promised or NOTHING, *values)


def follows_from_the_status(field, ours, theirs):
    """Another status has another body, most fields of which would say the same once more."""
    is_another = ours.fields.get("status") != theirs.fields.get("status")
    return is_another and field not in ("status", "body.code", "body.message") and not field.startswith("header access")


def follows_from_a_length(field, ours, theirs):
    """What is in a longer list alone is said by its length."""
    for index in re.finditer(r"\[(\d+)\]", field):
        lengths = [int(side.fields.get(f"{field[: index.start()]} items", 0)) for side in (ours, theirs)]
        if int(index[1]) >= min(lengths):
            return True
    return False


def is_of(difference, gap):
    pairs = ((difference.step, gap.step), (difference.what, gap.what), (difference.field, gap.field))
    return all(fnmatch.fnmatchcase(text, pattern) for text, pattern in pairs)
