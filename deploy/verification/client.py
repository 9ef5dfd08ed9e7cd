"""A call and its answer."""

import dataclasses
import gzip
import http.client
import json
import time
import urllib.parse

# Above the 30 seconds that API Gateway waits for a function.
PATIENCE = 35


@dataclasses.dataclass(frozen=True)
class Answer:
    # 0 where there was none; the content then says why.
    status: int
    # Names in lower case.
    headers: dict
    content: bytes
    # From the request to the end of the answer, on a connection that was there already.
    seconds: float = 0.0

    @property
    def text(self):
        is_packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.content) if is_packed else self.content).decode(errors="replace")

    @property
    def body(self):
        """What the JSON stands for; None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def field(self, *path):
        """A field of the body; None where there is no such one."""
        value = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


def call(method, url, headers=(), content=None):
    parts = urllib.parse.urlsplit(url)
    is_secure = parts.scheme == "https"
    # Names below localhost are this machine (RFC 6761), which not every resolver knows.
    host = "127.0.0.1" if parts.hostname.endswith(".localhost") else parts.hostname
    connect = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = connect(host, parts.port, timeout=PATIENCE)
    try:
        connection.connect()
        began = time.perf_counter()
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, content, {"Host": parts.netloc, **dict(headers)})
        except (BrokenPipeError, ConnectionResetError):
            # It did not want all of the body, and may have said why.
            pass
        answer = connection.getresponse()
        content = answer.read()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, content, time.perf_counter() - began)
    except (OSError, http.client.HTTPException) as cause:
        return Answer(0, {}, f"{type(cause).__name__}: {cause}".encode())
    finally:
        connection.close()
