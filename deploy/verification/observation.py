"""What was seen: an answer as a flat set of fields, in which what differs from call to call stands as its kind.

Ids, times and addresses are such; keys, codes, messages and counts are what they are.
"""

import dataclasses
import fnmatch
import hashlib
import json
import re

KINDS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "(id)"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"), "(time)"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "(day)"),
    (re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*"), "(address)"),
    (re.compile(r"https?://\S+"), "(url)"),
)
URLS = re.compile(r"https?://[^\s;,]+( https?://[^\s;,]+)*")
# Headers that tell something by their value; some by being there; the rest is the transport's.
HEADERS = (
    "content-type",
    "content-encoding",
    "cache-control",
    "etag",
    "location",
    "referrer-policy",
    "strict-transport-security",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
)
POLICY = "content-security-policy"
CORS_LISTS = (
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
)
CORS = ("access-control-allow-credentials", "access-control-allow-origin", "access-control-max-age")
PRESENT = ("apigw-requestid", "retry-after", "x-request-id")


@dataclasses.dataclass(frozen=True)
class Observation:
    step: str
    # Unique within the step.
    what: str
    fields: dict
    # What some of the fields have to be, wherever that is.
    promised: dict


def of_answer(answer, origin=None, vague=(), digest=False):
    """The fields of an answer to a page of `origin`: who may read it matters to pages alone. Of fields whose names match one
    of `vague` the type is enough; with `digest` the body is one field."""
    if not answer.status:
        return {"status": f"no answer ({answer.text})"}
    fields = {"status": str(answer.status)}
    for name, value in answer.headers.items():
        if name in HEADERS or name in CORS and origin:
            fields[f"header {name}"] = value
        elif name in CORS_LISTS and origin:
            fields[f"header {name}"] = ", ".join(sorted(item.strip().lower() for item in value.split(",")))
        elif name in PRESENT:
            fields[f"header {name}"] = "(present)"
        elif name == POLICY:
            # How many addresses there are is the place's affair: a deployed API and its provider have one each.
            fields[f"header {name}"] = URLS.sub("(url)", value)
    body = answer.body
    if digest or body is None:
        if answer.content:
            whole = hashlib.sha256(answer.text.encode()).hexdigest()[:12]
            fields["body"] = f"{len(answer.text)} characters, sha256 {whole}…"
        return fields
    for path, value in flat(body, "body"):
        is_vague = any(fnmatch.fnmatchcase(path, pattern) for pattern in vague)
        fields[path] = f"({type_of(value)})" if is_vague else kind(value)
    return fields


def flat(value, path):
    """All that is no object and no list in a body, with the way to it."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from flat(item, f"{path}.{name}")
    elif isinstance(value, list) and value:
        yield f"{path} items", len(value)
        for index, item in enumerate(value):
            yield from flat(item, f"{path}[{index}]")
    else:
        yield path, value


def kind(value):
    if not isinstance(value, str):
        # As JSON has it.
        return json.dumps(value)
    for pattern, name in KINDS:
        if pattern.fullmatch(value):
            return name
    return f'"{value}"'


def type_of(value):
    if value is None:
        return "null"
    names = {bool: "bool", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names[type(value)]
