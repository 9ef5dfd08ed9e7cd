"""Invokes every function of the build with `sam local invoke`, in Docker, in an order that makes a story, and checks
what each answers.

    invoke.py DYNAMODB-URL SESSIONS-TABLE METRICS-TABLE
"""

import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse

EVENT_ID = "0198c0de-0000-7000-8000-000000000001"


def invoke(function, variables, session_id=None):
    """What a function answers to its event, in which the stored session's id may stand for the event's."""
    crate = re.sub(r"(?<!^)(?=[A-Z])", "-", function).lower()
    with open(f"events/{crate}.json", encoding="utf-8") as file:
        event = file.read()
    if session_id:
        event = event.replace(EVENT_ID, session_id)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("event.json", "env.json")}
        with open(paths["event.json"], "w", encoding="utf-8") as file:
            file.write(event)
        with open(paths["env.json"], "w", encoding="utf-8") as file:
            json.dump({"Parameters": variables}, file)
        command = ["sam", "local", "invoke", function, "-e", paths["event.json"], "-n", paths["env.json"]]
        command += ["--skip-pull-image"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not lines:
        sys.exit(f"{function}: sam local invoke failed\n{done.stdout}\n{done.stderr}")
    answer = json.loads(lines[-1])
    print(f"  {function}: {answer.get('statusCode', '-')} {answer.get('body', json.dumps(answer))[:160]}")
    return answer, done.stdout + done.stderr


def reachable_from_containers(url):
    """Where a container finds what listens on this machine's loopback: SAM gives it Docker's bridge and nothing else, so
    connections to the bridge's gateway are passed on."""
    inspect = ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"]
    bridge = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)[0]
    # Some versions leave the gateway out where it is the default: the network's first address.
    gateway = bridge.get("Gateway") or str(next(ipaddress.ip_network(bridge["Subnet"]).hosts()))
    listener = socket.create_server((gateway, 0))
    target = ("127.0.0.1", urllib.parse.urlsplit(url).port)

    def pump(source, sink):
        with source, sink:
            while data := source.recv(65536):
                sink.sendall(data)

    def accept():
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(target)
            for ends in ((client.dup(), server.dup()), (server, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"http://{gateway}:{listener.getsockname()[1]}"


def main():
    dynamodb, sessions, metrics = sys.argv[1:]
    dynamodb = reachable_from_containers(dynamodb)
    variables = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb, "SESSIONS_TABLE": sessions, "METRICS_TABLE": metrics}
    invoked = set()

    def expect(function, status, expected, session_id=None):
        invoked.add(function)
        answer, log = invoke(function, variables, session_id)
        assert answer["statusCode"] == status, answer
        body = json.loads(answer["body"])
        for name, value in expected.items():
            assert body[name] == value, (function, name, body)
        return body, log

    body, log = expect("Login", 200, {"status": "success", "message": "Session started"})
    session_id = body["body"]["sessionId"]
    assert '"SessionsStarted":1' in log and '"_aws"' in log, "the login is not counted:\n" + log
    assert '"message":"session started"' in log and '"timestamp"' in log, "the login is not logged:\n" + log
    expect("Heartbeat", 200, {"status": "active", "needsNewSession": False}, session_id)
    invoked.add("ListSessions")
    answer, _ = invoke("ListSessions", variables, session_id)
    rows = json.loads(answer["body"])
    assert answer["statusCode"] == 200 and [row["sessionId"] for row in rows if row["current"]] == [session_id], rows
    expect("GetSession", 200, {"sessionId": session_id, "state": "live", "isActive": True}, session_id)
    expect("ContentEngaged", 200, {"contentEngaged": True, "sessionId": session_id}, session_id)
    expect("EndOtherSessions", 200, {"status": "success", "endedSessions": len(rows) - 1}, session_id)
    expect("EndSession", 200, {"message": "Session ended", "sessionId": session_id}, session_id)
    expect("Heartbeat", 200, {"status": "expired", "needsNewSession": True}, session_id)
    expect("Logout", 200, {"status": "success"}, session_id)

    invoked.add("Rollup")
    answer, _ = invoke("Rollup", variables)
    assert answer == {"state": {}, "batchItemFailures": []}, answer
    body, _ = expect("SessionMetrics", 200, {"status": "success"})
    total = body["data"]["totalSessions"]
    assert total > 0 and body["data"]["timeZone"] == "UTC", body
    for function in ("DailySessionMetrics", "SessionMetricsByTimespan"):
        body, _ = expect(function, 200, {"status": "success"})
        assert sum(row["sessions"] for row in body["data"]) == total, body

    built = {name for name in os.listdir(".aws-sam/build") if os.path.isdir(f".aws-sam/build/{name}")}
    assert invoked == built, f"not every function was invoked: {built ^ invoked}"


main()
