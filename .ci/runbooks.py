"""Runs the commands of docs/operations.md as a person pastes them, block by block in one shell, against a stack that it
deploys into ministack, a stand-in for AWS on this machine: what the page says is what runs.

    runbooks.py ENDPOINT ISSUER

First what the page has for each alarm of the template: ministack need not know the answer, but `aws` must understand
every line. Then the restore, and what it promises: what was stored at the moment is there afterwards and what came later
is not, heartbeats go on, the rollup's mapping stops and starts, the metrics agree with the sessions, and the next
deployment changes nothing.

It wants `aws` and `sam` in the path, the functions as `sam build` leaves them, and `target/debug/operator`.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import uuid

from stack import Stack, client, complete, deploy, roll_up, source

STACK = "user-sessions-runbooks"
PAGE = "docs/operations.md"
# Not the default, so that it can be seen whether it comes back.
RESERVED = 9

# In the place of `aws`: notes what it did. What ministack does not know is no failure. Its changes are done in a moment,
# but `aws … wait`, which looks first and then every half minute, would often come a moment too early.
AWS = r"""#!/usr/bin/env bash
[ "$2" != wait ] || sleep 3
# The variable alone does not do for queues.
{aws} "$@" --endpoint-url "$AWS_ENDPOINT_URL" 2>"$0.errors" && status=0 || status=$?
cat "$0.errors" >&2
if [ $status -ne 0 ] && grep -qiE '{unknown}' "$0.errors"; then
  echo "$1 $2" >>"$0.left-out"
  status=0
fi
echo "$1 $2" >>"$0.ran"
exit $status
"""
# A service that it does not have at all is answered 400 without a word.
UNKNOWN = r"Unknown operation|UnknownOperation|InvalidAction|[Nn]ot ?[Ii]mplemented|\(400\) when calling"


def blocks(heading):
    """The `sh` blocks of the page under a heading, up to the next one of its level or above, each with the heading that
    it stands under."""
    found, under, language, lines = [], None, None, []
    level = heading.split(" ")[0]
    for line in pathlib.Path(PAGE).read_text(encoding="utf-8").splitlines():
        if language is not None:
            if line != "```":
                lines.append(line)
                continue
            if language == "sh" and under:
                found.append((under, "\n".join(lines) + "\n"))
            language = None
        elif line.startswith("```"):
            language, lines = line[3:], []
        elif line == heading or (under and line.startswith("#")):
            under = line if line == heading or line.startswith(f"{level}#") else None
    assert found, f"{PAGE} has no commands under {heading}"
    return found


class Shell:
    """A bash that is given one block after the other. A command that fails ends it."""

    def __init__(self, folder, endpoint, replaced):
        self.replaced, self.unused = replaced, set(replaced)
        self.aws = pathlib.Path(folder, "aws")
        self.aws.write_text(AWS.format(aws=shutil.which("aws"), unknown=UNKNOWN), encoding="utf-8")
        self.aws.chmod(0o755)
        self.block = pathlib.Path(folder, "block.sh")
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.process = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, "AWS_ENDPOINT_URL": endpoint},
            text=True,
        )

    def run(self, block):
        """Runs a block, with what is another here in the place of what the page says. Shows both, and returns what it
        prints."""
        for told, meant in self.replaced.items():
            if told in block:
                self.unused.discard(told)
                block = block.replace(told, meant)
        self.block.write_text(block, encoding="utf-8")
        mark = f"-- {uuid.uuid4()} --"
        self.process.stdin.write(f". {self.block} </dev/null\nprintf '\\n%s\\n' '{mark}'\n")
        self.process.stdin.flush()
        print("".join(f"$ {line}\n" for line in block.splitlines()), end="", flush=True)
        printed = []
        for line in self.process.stdout:
            if line == f"{mark}\n":
                return "".join(printed)
            print(f"  {line}", end="", flush=True)
            printed.append(line)
        sys.exit(f"{PAGE}: a command of the last block fails")

    def noted(self, what):
        """How often each `aws` command ran, or was not known to ministack."""
        file = self.aws.with_name(f"aws.{what}")
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return {line: lines.count(line) for line in lines}


class Api:
    """The deployed API, as a browser calls it."""

    def __init__(self, url, issuer):
        self.url, self.issuer = urllib.parse.urlsplit(url), issuer

    def post(self, user, path):
        """The status of an answer and, if that is 200, its body."""
        form = urllib.parse.urlencode({"grant_type": "password", "username": user, "password": "x"}).encode()
        with urllib.request.urlopen(f"{self.issuer}/oauth2/token", form) as answer:
            token = json.load(answer)["access_token"]
        headers = {"Host": self.url.netloc, "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.url.port}{path}", b"", headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {}

    def login(self, user):
        status, answer = self.post(user, "/auth/login")
        assert status == 200, (user, status, answer)
        return answer["body"]["sessionId"]

    def end(self, user, session):
        status, answer = self.post(user, f"/user-sessions/end/{session}")
        assert status == 200, (user, status, answer)

    def heartbeat(self, user, session):
        """What a heartbeat is answered: its status in words, or that of HTTP."""
        status, answer = self.post(user, f"/user-sessions/heartbeat/{session}")
        return answer.get("status", status)


class Deployment:
    """A stack of its own, so that nothing else has to bear what is done to it."""

    def __init__(self, endpoint, issuer):
        self.endpoint = endpoint
        self.of = lambda service: client(service, endpoint)
        self.parameters = {
            "JwtIssuer": issuer,
            "JwtAudience": "user-sessions",
            "PagesClientId": "user-sessions",
            "ReservedConcurrency": str(RESERVED),
        }
        self.deploy()
        stack = self.stack()
        complete(stack, self.of("apigatewayv2"), self.of("lambda"))
        port = urllib.parse.urlsplit(endpoint).port
        self.api = Api(f"http://{stack.physical['Api']}.execute-api.localhost:{port}", issuer)

    def deploy(self):
        deploy(self.endpoint, STACK, self.parameters)

    def stack(self):
        """The stack as it is now."""
        return Stack.deployed(self.of("cloudformation"), STACK, self.parameters)

    def roll_up(self):
        roll_up(self.stack(), self.of("dynamodb"), self.of("dynamodbstreams"), self.of("lambda"))

    def outputs(self):
        (stack,) = self.of("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def mapping(self):
        mapping = self.of("lambda").get_event_source_mapping(UUID=self.stack().physical["RollupStream"])
        return {key: mapping[key] for key in ("UUID", "EventSourceArn", "State")}

    def table(self, logical_id):
        name = self.stack().physical[logical_id]
        return self.of("dynamodb").describe_table(TableName=name)["Table"]

    def concurrency(self, function):
        answer = self.of("lambda").get_function_concurrency(FunctionName=self.stack().physical[function])
        return answer.get("ReservedConcurrentExecutions")


class Restore:
    """What is done before, between and after the blocks of the restore, and what has to be true there."""

    def __init__(self, deployment):
        self.deployment, self.api = deployment, deployment.api
        self.old = self.tables()
        self.kept, self.over = self.api.login("ann"), self.api.login("ben")
        self.api.end("ben", self.over)
        self.left = self.api.login("cleo")
        deployment.roll_up()

    def tables(self):
        physical = self.deployment.stack().physical
        return [physical["SessionsTable"], physical["MetricsTable"]]

    def steps(self):
        """What follows which block, by words in it, in their order."""
        return [
            ("restore-table-to-point-in-time", self.comes_later),
            ("--no-enabled", self.is_stopped),
            ("restored_template.py", self.is_refused),
            ("propose switched", self.lets_go),
            ("carry_out update", self.is_switched),
            ("delete-function-concurrency", self.goes_on),
            ("propose imported", self.imports),
            ("carry_out import", self.is_imported),
            ("carry_out update", self.is_whole),
        ]

    def comes_later(self, _):
        """ministack restores the present state. So what comes from here on is later than the moment."""
        self.late = self.api.login("dan")
        self.api.end("cleo", self.left)
        # The harm for which the tables are restored.
        sessions = self.deployment.of("dynamodb")
        for item in sessions.scan(TableName=self.old[0])["Items"]:
            if item["pk"]["S"] == "USER#ann":
                sessions.delete_item(TableName=self.old[0], Key={"pk": item["pk"], "sk": item["sk"]})
        assert self.api.heartbeat("ann", self.kept) == "renewed", "the harm was done"

    def is_stopped(self, _):
        assert self.api.heartbeat("dan", self.late) in (429, 500, 503), "heartbeats are refused"
        self.mapping = self.deployment.mapping()
        assert self.mapping["State"] == "Disabled", self.mapping

    def is_refused(self, _):
        """A restored table that is not as the template says would be imported all the same."""
        folder = pathlib.Path("target/restore")
        sound = json.loads((folder / "sessions.json").read_text(encoding="utf-8"))["Table"]
        for changed, reason in [
            ({"StreamSpecification": {"StreamEnabled": False}}, "has no stream"),
            ({"LocalSecondaryIndexes": []}, "has other indexes"),
            ({"TableStatus": "CREATING"}, "wait for it"),
            ({"KeySchema": sound["KeySchema"][:1]}, "has another KeySchema"),
        ]:
            (folder / "unsound.json").write_text(json.dumps({"Table": {**sound, **changed}}), encoding="utf-8")
            command = [sys.executable, "deploy/restored_template.py", folder / "before.json"]
            command.append(f"SessionsTable={folder / 'unsound.json'}")
            refused = subprocess.run(command, capture_output=True, text=True, check=False)
            assert refused.returncode == 1 and reason in refused.stderr, (changed, refused)

    def lets_go(self, printed):
        removed = re.findall(r"^Remove\s+(\w+)", printed, re.MULTILINE)
        assert sorted(removed) == ["MetricsTable", "SessionsTable"], removed

    def is_switched(self, _):
        outputs = self.deployment.outputs()
        self.new = [outputs["SessionsTableName"], outputs["MetricsTableName"]]
        assert not set(self.new) & set(self.old), (self.new, self.old)
        # The tables that the stack let go of.
        for table in self.old:
            assert self.deployment.of("dynamodb").describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE"
        assert not {"SessionsTable", "MetricsTable"} & set(self.deployment.stack().physical)

    def goes_on(self, _):
        assert self.deployment.concurrency("Heartbeat") == RESERVED, self.deployment.concurrency("Heartbeat")
        assert self.api.heartbeat("ann", self.kept) == "active", "what was stored at the moment is there"
        assert self.api.heartbeat("ben", self.over) == "expired", "what had ended has ended"
        assert self.api.heartbeat("cleo", self.left) == "active", "what ended later is live"
        assert self.api.heartbeat("dan", self.late) == "renewed", "what started later is unknown"

    def imports(self, printed):
        changes = re.findall(r"^([A-Z][a-z]+)\t(\w+)\tNone$", printed, re.MULTILINE)
        assert sorted(changes) == [("Import", "MetricsTable"), ("Import", "SessionsTable")], printed

    def is_imported(self, _):
        assert self.tables() == self.new, (self.tables(), self.new)

    def is_whole(self, printed):
        deployment = self.deployment
        assert printed.count("IN_SYNC") == 2, printed
        assert self.tables() == self.new and deployment.outputs()["SessionsTableName"] == self.new[0]
        stream = deployment.table("SessionsTable")["LatestStreamArn"]
        mapping = deployment.mapping()
        assert mapping["EventSourceArn"] == stream != self.mapping["EventSourceArn"], (mapping, self.mapping)
        assert mapping["State"] == "Enabled", mapping
        template = json.dumps(deployment.of("cloudformation").get_template(StackName=STACK)["TemplateBody"])
        assert self.new[0] not in template, "the template is the stack's own"

    def deploys_again(self):
        """The next `sam deploy` finds nothing to change."""
        before = (self.deployment.stack().physical, self.deployment.mapping())
        self.deployment.deploy()
        assert (self.deployment.stack().physical, self.deployment.mapping()) == before
        assert self.api.heartbeat("ann", self.kept) == "active"


def alarms(shell):
    """The commands of the alarms, each under the alarm's name."""
    in_template = {id for id, it in source()["Resources"].items() if it["Type"] == "AWS::CloudWatch::Alarm"}
    found = blocks("## Alarms, and what to do")
    under = {match[1] for heading, _ in found if (match := re.fullmatch(r"### `(\w+)`", heading))}
    assert under == in_template, f"{PAGE}: alarms without commands, or commands without one: {under ^ in_template}"
    for heading, block in found:
        print(f"\n{heading}")
        shell.run(block)


def restore(shell, deployment):
    """The commands of the restore."""
    rehearsal = Restore(deployment)
    steps = rehearsal.steps()
    for _, block in blocks("## Backups and restoring"):
        print()
        if "recount" in block:
            deployment.roll_up()
        printed = shell.run(block)
        if steps and steps[0][0] in block:
            steps.pop(0)[1](printed)
    assert not steps, f"{PAGE}: no block of the restore has `{steps[0][0]}` where it should be"
    rehearsal.deploys_again()


def main():
    endpoint, issuer = sys.argv[1:]
    deployment = Deployment(endpoint, issuer)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    replaced = {
        "stack=user-sessions\n": f"stack={STACK}\n",
        "2026-01-31T12:00:00Z": now,
        "cargo run -p operator --": "target/debug/operator",
    }
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(folder, endpoint, replaced)
        alarms(shell)
        restore(shell, deployment)
        assert not shell.unused, f"{PAGE} does not say {shell.unused}"
        ran, left_out = shell.noted("ran"), shell.noted("left-out")
    print(f"\n{sum(ran.values())} commands of {PAGE} ran, of {len(ran)} kinds, and the restore does what it promises.")
    for command, times in left_out.items():
        print(f"LEFT OUT: ministack does not know `aws {command}`: {times} of {ran[command]}")


main()
