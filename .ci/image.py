"""Runs the local server's image as its documentation says, and looks whether it keeps what it promises: it is not root,
writes nowhere but to its volume, says that it is healthy, ends when it is told, and has its data when it is started
again.

    image.py IMAGE PORT
"""

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request

NAME = "user-sessions-ci"


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def until_healthy():
    for _ in range(60):
        state = json.loads(docker("inspect", "--format", "{{json .State}}", NAME))
        if state["Status"] == "running" and state["Health"]["Status"] == "healthy":
            return
        time.sleep(0.5)
    sys.exit(f"the container is not healthy: {state}")


def main(image, port):
    url = f"http://localhost:{port}"

    def ask(path, token=None, data=None, method=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    # The image's own health check, asked sooner.
    docker("run", "--detach", "--name", NAME, "--read-only", "--publish", f"127.0.0.1:{port}:3000",
           "--volume", f"{NAME}:/data", "--health-interval", "1s", image)  # fmt: skip
    until_healthy()
    users = set(docker("top", NAME, "-eo", "uid").split()[1:])
    assert users == {"65532"}, users
    form = {"grant_type": "password", "username": "ann", "password": "x"}
    token = ask("/oauth2/token", data=urllib.parse.urlencode(form).encode())["access_token"]
    session = ask("/auth/login", token, method="POST")["body"]["sessionId"]
    began = time.monotonic()
    docker("stop", "--time", "20", NAME)
    ended = json.loads(docker("inspect", "--format", "{{json .State}}", NAME))
    assert ended["ExitCode"] == 0 and time.monotonic() - began < 15, ended
    docker("start", NAME)
    until_healthy()
    # The token is good, too: the key that signed it is among the data.
    sessions = [told["sessionId"] for told in ask("/user-sessions", token)]
    assert sessions == [session], (sessions, session)
    print(f"  {image}: not root, healthy, ended when told, and session {session} was there again")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", NAME], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["docker", "volume", "rm", "--force", NAME], check=False, stdout=subprocess.DEVNULL)
