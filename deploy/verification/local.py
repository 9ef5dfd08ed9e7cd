"""The local server as a place: started for the walk, in memory, at a port that is free."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse

from .client import call
from .failure import CouldNotRun
from .place import SOURCES, Place, User

ORIGIN = "https://app.example.com"


def program():
    """How the local server of these sources is started, built if need be."""
    if not shutil.which("cargo"):
        raise CouldNotRun("there is no cargo to build the local server with: name a built one by --local PROGRAM")
    # Apart from the start, so that one sees why it takes so long.
    if subprocess.run(["cargo", "build"], cwd=SOURCES, check=False).returncode:
        raise CouldNotRun("cargo build failed")
    return ["cargo", "run", "--quiet", "--"]


class LocalServer(Place):
    name = "local"

    def __init__(self, command, parameters):
        self.command = command
        self.parameters = parameters

    def __enter__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = ["--port", str(port), "--allow-origin", ORIGIN]
        for name, value in self.parameters.items():
            options += ["--parameter", f"{name}={value}"]
        self.log = tempfile.TemporaryFile(mode="w+")
        try:
            # In a session of its own: Ctrl-C at the terminal is for this program, which ends it in its turn.
            self.process = subprocess.Popen(
                [*self.command, *options],
                stdout=self.log,
                stderr=subprocess.STDOUT,
                cwd=SOURCES,
                env=without_settings(),
                start_new_session=True,
            )
        except OSError as cause:
            raise CouldNotRun(f"the local server cannot be started: {cause}") from cause
        self.api_url = self.pages_url = f"http://localhost:{port}"
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_it_answers(self):
        deadline = time.monotonic() + 60
        while call("GET", f"{self.pages_url}/settings.json").status != 200:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise CouldNotRun("the local server does not answer:\n" + self.log.read())
            time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.log.close()

    def user(self, name, may_read_metrics=False):
        name = self.unique(name)
        form = {"grant_type": "password", "username": name, "password": "x"}
        if may_read_metrics:
            form["permissions"] = "metrics:read"
        token = lambda more: self.token({**form, **more})
        return User(name, token({}), token({"claims": json.dumps({"token_use": "id"})}))

    def token(self, form):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = call("POST", f"{self.api_url}/oauth2/token", headers, urllib.parse.urlencode(form))
        if answer.status != 200:
            raise CouldNotRun(f"the local server gives no token: {answer.status} {answer.text}")
        return answer.field("access_token")


def without_settings():
    """This program's environment without what would win over the parameters: MAX_SESSIONS_PER_USER, say."""
    settings = ("LOG_", "MAX_", "METRICS_", "PAGES_", "REPORTING_", "SESSION", "STORED_")
    return {name: value for name, value in os.environ.items() if not name.startswith(settings)}
