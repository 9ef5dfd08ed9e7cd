"""Runs deploy/verify against ministack, a stand-in for AWS on this machine, as a user runs it against AWS:

- a whole run, after which nothing may be left;
- one that is interrupted while it deploys, after which nothing may be left;
- one whose deployment fails half-way, after which nothing may be left;
- one against a service that breaks a promise, which it has to see.

    verify.py ENDPOINT LOCAL

It deploys what SAM has built; LOCAL is the local server's program. What ministack leaves out of the API is made of the
template, and the stream is pumped: see stack.py. What ministack does otherwise than AWS is listed in GAPS.

    verify.py run ENDPOINT ARGUMENT…

One run, with deploy/verify's own arguments.
"""

import contextlib
import io
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import stack

sys.path.insert(0, "deploy")

from verification import command
from verification.cloud import Cloud
from verification.deployment import Deployment
from verification.local import LocalServer
from verification.place import Gap
from verification.steps.access import ROUTES
from verification.walk import operation

CORS = "Pages of an origin that is let in may call"
GAPS = (
    Gap("*", "*", "header www-authenticate", "ministack says nothing of a token that it refuses"),
    Gap("*", "*", "header apigw-requestid", "ministack gives its own answers an apigw-requestid, too"),
    Gap("*", "*is the gateway's", "seen", "ministack's apigw-requestid is another id than it gives the function"),
    Gap("What is no route is not found", "GET /user-sessions/", "*", "ministack drops a slash at the end"),
    Gap("One session can be looked at", "no UUID, encoded", "*", "ministack takes an encoded slash for a slash"),
    Gap("A body that is too large is refused", "more than 10 MB", "*", "ministack takes any body"),
    Gap(CORS, "the preflight of*", "status", "ministack answers a preflight 204"),
    Gap(CORS, "the preflight of*", "header access-control-expose-headers", "ministack exposes headers in a preflight"),
    Gap(CORS, "a list without a token", "header access-*", "ministack's own 401 is not for pages"),
    Gap(CORS, "no route", "header access-*", "ministack's own 404 is not for pages"),
)


class Ministack(Cloud):
    pause = 0.3

    def __init__(self, endpoint):
        super().__init__(region=stack.REGION)
        self.endpoint = endpoint

    def client(self, service):
        return stack.client(service, self.endpoint)

    def environment(self):
        return {**super().environment(), "AWS_ENDPOINT_URL": self.endpoint}

    def deployment(self, *arguments):
        return DeployedIntoMinistack(self, *arguments)


class DeployedIntoMinistack(Deployment):
    metrics_patience = 30
    gaps = GAPS

    def deploy(self):
        super().deploy()
        self.made = stack.Stack.deployed(self.cloud.client("cloudformation"), self.stack, self.parameters)
        stack.complete(self.made, self.cloud.client("apigatewayv2"), self.cloud.client("lambda"))

    def deliver(self):
        stack.roll_up(self.made, *(self.cloud.client(name) for name in ("dynamodb", "dynamodbstreams", "lambda")))


class Careless(Ministack):
    """Deploys nothing, and gives a local server that lets a user have more sessions than it was told."""

    def __init__(self, endpoint, program):
        super().__init__(endpoint)
        self.program = program

    def deployment(self, name, template, parameters, say):
        place = LocalServer([self.program], {**parameters, "MaxSessionsPerUser": "4"})
        place.deploy = place.__enter__
        self.place = place
        return place


def run(endpoint, *arguments):
    """A run that is going on: its standard output is to be read."""
    own = [sys.executable, "-u", __file__, "run", endpoint, "--yes", *arguments]
    return subprocess.Popen(own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check_routes():
    """The steps know all routes of the template."""
    events = [
        event["Properties"]
        for resource in stack.source()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in (resource["Properties"].get("Events") or {}).values()
    ]
    wanted = sorted(f"{event['Method']} {event['Path']}" for event in events)
    known = sorted(operation(*route) for route in ROUTES)
    assert known == wanted, (known, wanted)
    return wanted


def check_whole(endpoint, arguments):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.md")
        running = run(endpoint, *arguments, "--report", str(report))
        output = running.communicate()[0]
        assert running.returncode == command.ALIKE, output
        text = report.read_text(encoding="utf-8")
    print(text)
    for route in check_routes():
        assert f"| {route} |" in text, f"it was not called: {route}"
    for gap in GAPS:
        assert gap.reason in text, f"it was not met any more: {gap}"
    assert "eyJ" not in output, "a token is printed"
    assert not re.search(r"\b\d{12}\b|user-sessions-verify-|execute-api", text), "the report names an account or a stack"
    check_that_nothing_is_left(endpoint)


def check_interrupted(endpoint, arguments):
    running = run(endpoint, *arguments, "--steps", "Pages are*")
    # Its resources are there, and SAM is still waiting for the stack.
    dynamodb = stack.client("dynamodb", endpoint)
    while not any(name.startswith(command.PREFIX) for name in listed(dynamodb, "list_tables", "TableNames")):
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    # Whoever presses Ctrl-C does so twice.
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    output = running.communicate()[0]
    assert running.returncode == command.WITHOUT_RESULT and "\ninterrupted" in output, output
    assert "At the deployed stack" not in output, output
    check_that_nothing_is_left(endpoint)
    print("  interrupted while it deployed: nothing is left")


def check_failing(endpoint, arguments, template):
    def break_it(template):
        template["Resources"]["Impossible"] = {
            "Type": "AWS::SQS::QueuePolicy",
            # What is retained is there by then.
            "DependsOn": ["SessionsTable", "MetricsTable", "UserPool"],
            "Properties": {"Queues": [{"Fn::GetAtt": "RollupFailures.Nothing"}], "PolicyDocument": {}},
        }

    broken = stack.variant(template, "broken.yaml", break_it)
    running = run(endpoint, *arguments, "--steps", "Pages are*", "--template", broken)
    output = running.communicate()[0]
    assert running.returncode == command.WITHOUT_RESULT and "sam deploy failed" in output, output
    for kept in ("SessionsTable.*: deleted", "MetricsTable.*: deleted", "user pool .*: deleted"):
        assert re.search(kept, output), (kept, output)
    check_that_nothing_is_left(endpoint)
    print("  a deployment that failed: nothing is left")


def check_that_a_broken_promise_is_seen(endpoint, program):
    """One that the deployed service breaks alone, and one that both break alike."""
    for more, wanted in (
        # What nobody has promised is compared, too.
        ([], ("live sessions | seen | 3 | 3 | 4 |", "a list | body items | — | 3 | 4 |")),
        (["--parameter", "MaxSessionsPerUser=4"], ("live sessions | seen | 3 | 4 | 4 |",)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder, "report.md")
            arguments = ["--yes", "--local", program, "--steps", "A start beyond*", "--report", str(report), *more]
            cloud = Careless(endpoint, program)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    status = command.main(arguments, lambda *_: cloud)
            finally:
                cloud.place.__exit__()
            text = report.read_text(encoding="utf-8")
        assert status == command.OTHERWISE, status
        for line in wanted:
            assert f"| A start beyond the limit of live sessions ends the oldest | {line}\n" in text, text
    print("  a service that lets a user have more sessions: seen")


def listed(client, operation, key, **parameters):
    """All pages: other steps have left more at this endpoint than the first one holds."""
    pages = client.get_paginator(operation).paginate(**parameters)
    return [one for page in pages for one in page.get(key, [])]


def stacks(formation):
    there = listed(formation, "list_stacks", "StackSummaries")
    mine = [one for one in there if one["StackName"].startswith(command.PREFIX)]
    return [one for one in mine if one["StackStatus"] != "DELETE_COMPLETE"]


def check_that_nothing_is_left(endpoint):
    of = lambda service: stack.client(service, endpoint)
    there = {
        "stacks": [one["StackName"] for one in stacks(of("cloudformation"))],
        "tables": listed(of("dynamodb"), "list_tables", "TableNames"),
        "user pools": [one["Name"] for one in listed(of("cognito-idp"), "list_user_pools", "UserPools", MaxResults=60)],
        "functions": [one["FunctionName"] for one in listed(of("lambda"), "list_functions", "Functions")],
        "log groups": [one["logGroupName"] for one in listed(of("logs"), "describe_log_groups", "logGroups")],
        "alarms": [one["AlarmName"] for one in listed(of("cloudwatch"), "describe_alarms", "MetricAlarms")],
        "dashboards": [
            one["DashboardName"] for one in listed(of("cloudwatch"), "list_dashboards", "DashboardEntries")
        ],
        "APIs": [one["Name"] for one in listed(of("apigatewayv2"), "get_apis", "Items")],
        "queues": listed(of("sqs"), "list_queues", "QueueUrls"),
        "roles": [one["RoleName"] for one in listed(of("iam"), "list_roles", "Roles")],
        "objects": [
            one["Key"]
            for bucket in of("s3").list_buckets()["Buckets"]
            for one in listed(of("s3"), "list_objects_v2", "Contents", Bucket=bucket["Name"])
        ],
    }
    left = {kind: [name for name in names if command.PREFIX in name] for kind, names in there.items()}
    assert not any(left.values()), left


def main():
    if sys.argv[1] == "run":
        endpoint, *arguments = sys.argv[2:]
        sys.exit(command.main(arguments, lambda *_: Ministack(endpoint)))
    endpoint, program = sys.argv[1:]
    template = stack.deployable(stack.BUILT)
    arguments = ["--template", template, "--local", program, "--timeout", "8"]
    check_that_a_broken_promise_is_seen(endpoint, program)
    check_interrupted(endpoint, arguments)
    check_failing(endpoint, arguments, template)
    check_whole(endpoint, arguments)


if __name__ == "__main__":
    main()
