"""Invokes every function of the build in Docker, in an order that makes a story, and checks what each answers: the first
with `sam local invoke`, the others through one `sam local start-lambda`, which does the same without starting SAM anew.

    invoke.py DYNAMODB-URL SESSIONS-TABLE METRICS-TABLE
"""

import base64
import concurrent.futures
import contextlib
import gzip
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import boto3
import botocore.config

EVENT_ID = "0198c0de-0000-7000-8000-000000000001"
SERVER_LOG = "target/start-lambda.log"


def event_file(function):
    crate = re.sub(r"(?<!^)(?=[A-Z])", "-", function.removesuffix("Function")).lower()
    return f"events/{crate}.json"


def event_of(function, session_id=None):
    """A function's event, in which the stored session's id may stand for the event's."""
    with open(event_file(function), encoding="utf-8") as file:
        event = file.read()
    return event.replace(EVENT_ID, session_id) if session_id else event


def request_id_of(function):
    """The gateway's id of the request that a function's event is."""
    return json.loads(event_of(function))["requestContext"]["requestId"]


def show(function, answer):
    print(f"  {function}: {answer.get('statusCode', '-')} {answer.get('body', json.dumps(answer))[:160]}", flush=True)


def sam_local_invoke(function, environment):
    """What a function answers to its event, and all that was printed."""
    command = ["sam", "local", "invoke", function, "-e", event_file(function), "-n", environment, "--skip-pull-image"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not lines:
        sys.exit(f"{function}: sam local invoke failed\n{done.stdout}\n{done.stderr}")
    answer = json.loads(lines[-1])
    show(function, answer)
    return answer, done.stdout + done.stderr


@contextlib.contextmanager
def start_lambda(environment):
    """A client of Lambda's API that invokes the built functions in Docker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["sam", "local", "start-lambda", "-p", str(port), "-n", environment, "--skip-pull-image"]
    with open(SERVER_LOG, "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, "sam local start-lambda ended:\n" + server_log()
            time.sleep(0.25)
        # An invocation is never repeated: the story would go on twice.
        patience = botocore.config.Config(read_timeout=300, retries={"total_max_attempts": 1})
        yield boto3.client("lambda", endpoint_url=f"http://127.0.0.1:{port}", config=patience)
    finally:
        server.terminate()
        server.wait(60)


def server_log():
    with open(SERVER_LOG, encoding="utf-8") as log:
        return log.read()


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


def tell_the_story(lambdas, login, log):
    """A session's life, then the metrics; what does not depend on each other goes at once. Returns who was invoked."""
    invoked = {"Login"}

    def invoke(function, session_id=None):
        invoked.add(function)
        reply = lambdas.invoke(FunctionName=function, Payload=event_of(function, session_id))
        answer = json.loads(reply["Payload"].read())
        assert isinstance(answer, dict) and "errorType" not in answer, (function, answer)
        show(function, answer)
        return answer

    def checked(function, answer, expected):
        assert answer["statusCode"] == 200, (function, answer)
        assert answer["headers"]["x-request-id"] == request_id_of(function), (function, answer)
        body = json.loads(answer["body"])
        for name, value in expected.items():
            assert body[name] == value, (function, name, body)
        return body

    def expect(function, expected, session_id=None):
        return checked(function, invoke(function, session_id), expected)

    body = checked("Login", login, {"status": "success", "message": "Session started"})
    session_id = body["body"]["sessionId"]
    assert '"SessionsStarted":1' in log and '"_aws"' in log, "the login is not counted:\n" + log
    assert '"message":"session started"' in log and '"timestamp"' in log, "the login is not logged:\n" + log

    assert f'"request_id":"{request_id_of("Login")}"' in log and '"lambda_request_id":"' in log, "the log names no request:\n" + log

    def metrics():
        answer = invoke("Rollup")
        assert answer == {"state": {}, "batchItemFailures": []}, answer
        body = expect("SessionMetrics", {"status": "success"})
        total = body["data"]["totalSessions"]
        assert total > 0 and body["data"]["timeZone"] == "UTC", body
        for function in ("DailySessionMetrics", "SessionMetricsByTimespan"):
            body = expect(function, {"status": "success"})
            assert sum(row["sessions"] for row in body["data"]) == total, body

    def session():
        expect("Heartbeat", {"status": "active", "needsNewSession": False}, session_id)
        answer = invoke("ListSessions", session_id)
        rows = json.loads(answer["body"])
        assert answer["statusCode"] == 200 and [row["sessionId"] for row in rows if row["current"]] == [session_id], rows
        expect("GetSession", {"sessionId": session_id, "state": "live", "isActive": True, "current": True}, session_id)
        expect("ContentEngaged", {"contentEngaged": True, "sessionId": session_id}, session_id)
        expect("EndOtherSessions", {"status": "success", "endedSessions": len(rows) - 1}, session_id)
        expect("EndSession", {"message": "Session ended", "sessionId": session_id}, session_id)
        expect("Heartbeat", {"status": "expired", "needsNewSession": True}, session_id)
        expect("Logout", {"status": "success"}, session_id)

    def pages():
        answer = invoke("PagesFunction")
        assert answer["statusCode"] == 200 and answer["isBase64Encoded"], answer
        page = gzip.decompress(base64.b64decode(answer["body"])).decode()
        assert page.startswith("<!doctype html>") and "connect-src" in answer["headers"]["content-security-policy"], answer

    with concurrent.futures.ThreadPoolExecutor() as all_parts:
        parts = [all_parts.submit(part) for part in (session, metrics, pages)]
        for part in concurrent.futures.as_completed(parts):
            part.result()
    return invoked


def main():
    dynamodb, sessions, metrics = sys.argv[1:]
    dynamodb = reachable_from_containers(dynamodb)
    variables = {
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
        "SESSIONS_TABLE": sessions,
        "METRICS_TABLE": metrics,
        # SAM knows no addresses of what is not deployed.
        "PAGES_API_URL": "http://localhost:3000",
        "PAGES_ISSUER": "http://localhost:3000",
        "PAGES_CONNECT_SOURCES": "",
    }
    with tempfile.TemporaryDirectory() as folder:
        environment = os.path.join(folder, "env.json")
        with open(environment, "w", encoding="utf-8") as file:
            json.dump({"Parameters": variables}, file)
        with start_lambda(environment) as lambdas:
            login, log = sam_local_invoke("Login", environment)
            try:
                invoked = tell_the_story(lambdas, login, log)
            except BaseException:
                print(server_log(), file=sys.stderr)
                raise

    built = {name for name in os.listdir(".aws-sam/build") if os.path.isdir(f".aws-sam/build/{name}")}
    assert invoked == built, f"not every function was invoked: {built ^ invoked}"


main()
