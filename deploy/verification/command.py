"""The options, and the order of things: ask, walk here, deploy, walk there, delete whatever happens, compare."""

import argparse
import contextlib
import dataclasses
import datetime
import fnmatch
import os
import re
import secrets
import shutil
import signal
import string
import subprocess
import sys
import traceback

from . import report, steps
from .cloud import Cloud
from .comparison import compare
from .failure import CouldNotRun, Interrupted
from .local import ORIGIN, LocalServer, program
from .place import SOURCES
from .walk import Walk

PREFIX = "user-sessions-verify-"
# Parameters whose values the report may tell.
TOLD = ("Architecture", "Environment", "StoredIpAddress", "StoredUserAgent", "Tracing")
ALIKE, OTHERWISE, WITHOUT_RESULT = 0, 1, 2
# A closed terminal ends it as Ctrl-C does: with the deletion.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DESCRIPTION = """\
Deploys a stack with a random name into your AWS account, calls all that the service promises, there and at the local
server, prints in Markdown where the two differ, and deletes what it made, also after Ctrl-C. It takes some ten minutes
beside the build, and costs some cents.

Exit code 0: nothing differs. 1: something does. 2: there is no result, or something could not be deleted."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Those of the service that steps depend on."""

    timeout: int
    live: int = 3
    starts: int = 8

    def parameters(self):
        """The template's parameters. They are none that only a new template has, so that an old one can be deployed too."""
        return {
            "SessionTimeoutSeconds": str(self.timeout),
            "SessionRetentionDays": "1",
            "MaxSessionsPerUser": str(self.live),
            "MaxStartsPerUserPerHour": str(self.starts),
            "AllowedOrigins": ORIGIN,
            "ReportingTimeZone": "UTC",
            "MetricsPermission": "metrics:read",
            "MetricsPermissionClaims": "permissions cognito:groups",
            "LogRetentionDays": "1",
            "PointInTimeRecovery": "false",
            "DeletionProtection": "false",
        }


def arguments(argv):
    parser = argparse.ArgumentParser("deploy/verify", description=DESCRIPTION)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--template", metavar="FILE", help="deploy this packaged template, a release's say, and build nothing")
    add("--local", metavar="PROGRAM", help="the local server [default: it is built and run by cargo]")
    add("--parameter", metavar="NAME=VALUE", action="append", default=[], help="a parameter of the template, for both")
    add("--profile", help="the profile of the AWS configuration")
    add("--region", help="the AWS region")
    add("--timeout", metavar="SECONDS", type=int, default=20, help="how long sessions live; a step must fit in [20]")
    add("--steps", metavar="PATTERN", default="*", help="only steps with such a name, as 'A login*'")
    add("--report", metavar="FILE", help="write the report there, too")
    add("--keep", action="store_true", help="delete nothing; --remove does that later")
    add("--remove", metavar="STACK", help="only delete what an earlier run has left")
    add("--yes", action="store_true", help="ask nothing")
    chosen = parser.parse_args(argv)
    chosen.parameters = {}
    for pair in chosen.parameter:
        name, separator, value = pair.partition("=")
        if not (name and separator):
            parser.error(f"--parameter {pair} is no NAME=VALUE")
        chosen.parameters[name] = value
    if chosen.timeout < 3:
        parser.error("--timeout must be 3 at least")
    if chosen.remove and not re.fullmatch(PREFIX + "[a-z0-9]{6}", chosen.remove):
        parser.error(f"--remove wants the name of a stack of this program, {PREFIX}…")
    return chosen


def say(text=""):
    # Whether or not anybody is listening any more: a closed terminal must not stop the deletion.
    with contextlib.suppress(OSError):
        print(text, flush=True)


def main(argv, cloud_of=Cloud):
    """`cloud_of` makes the account of a profile and a region."""
    chosen = arguments(argv)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handle_signals(interrupt)
    try:
        cloud = cloud_of(chosen.profile, chosen.region)
        account = cloud.account()
        if chosen.remove:
            return ALIKE if remove(cloud, chosen.remove) else WITHOUT_RESULT
        return verify(chosen, cloud, account)
    except CouldNotRun as cause:
        print(f"\n{cause}", file=sys.stderr)
    except Interrupted:
        print("\ninterrupted", file=sys.stderr)
    except Exception:
        # Python's own exit code would say that something differs.
        traceback.print_exc()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return WITHOUT_RESULT


def handle_signals(handler):
    for number in SIGNALS:
        signal.signal(number, handler)


def interrupt(*_):
    # Once: the deletion that follows is not to be interrupted by an impatient second Ctrl-C.
    handle_signals(be_patient)
    raise Interrupted


def be_patient(*_):
    # Not by print, in the middle of which this may be.
    with contextlib.suppress(OSError):
        os.write(1, b"It is being deleted; please wait. (After a kill -9, --remove deletes the rest.)\n")


def verify(chosen, cloud, account):
    settings = Settings(chosen.timeout)
    parameters = {**settings.parameters(), **chosen.parameters}
    stack = PREFIX + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
    chosen_steps = [step for step in steps.ALL if fnmatch.fnmatchcase(step.name, chosen.steps)]
    if not chosen_steps:
        raise CouldNotRun(f"no step is named {chosen.steps}")
    announce(stack, account, cloud.region, chosen)
    command = [os.path.abspath(chosen.local)] if chosen.local else program()

    say("\nAt the local server:")
    with LocalServer(command, parameters) as server:
        local = Walk(server, settings, say).through(chosen_steps)

    template = chosen.template and os.path.abspath(chosen.template)
    place = cloud.deployment(stack, template, parameters, say)
    try:
        say(f"\nDeploying {stack}: some five minutes.")
        place.deploy()
        say("\nAt the deployed stack:")
        deployed = Walk(place, settings, say).through(chosen_steps)
        differences, met = compare(local.observations, deployed.observations, place.gaps)
        text = report.whole(about(chosen, cloud, settings, parameters), local, deployed, differences, met)
        say("\n" + text)
        if differences:
            say("Something differs: this report is worth an issue.")
        if chosen.report:
            with open(chosen.report, "w", encoding="utf-8") as file:
                file.write(text)
    finally:
        is_gone = keep(stack) if chosen.keep else remove(cloud, stack)
    if differences:
        return OTHERWISE
    return ALIKE if is_gone else WITHOUT_RESULT


def announce(stack, account, region, chosen):
    say(f"This deploys the stack {stack} into the AWS account {account}, region {region}:")
    say("two HTTP APIs, their functions, two tables, a Cognito user pool with some 30 users, alarms, logs, a dashboard.")
    say("It sends some 400 requests. That takes some ten minutes, and costs some cents at the most.")
    say("All of it stays, and may cost a little (--keep)." if chosen.keep else "Then it deletes all that it made.")
    say("SAM's bucket for uploads is made if the region has none, and stays.")
    say(f"If this machine dies meanwhile: deploy/verify --remove {stack}")
    if chosen.yes:
        return
    with contextlib.suppress(EOFError):
        if input("Type yes to go on: ").strip() == "yes":
            return
    raise CouldNotRun("nothing was done")


def keep(stack):
    say(f"\n{stack} is kept. To delete it: deploy/verify --remove {stack}")
    return True


def remove(cloud, stack):
    """Whether nothing is left."""
    # Not above: it needs boto3, whose absence `Cloud` tells.
    from .removal import Removal

    say(f"\nDeleting {stack}: some minutes. Please let it finish.")
    handle_signals(be_patient)
    try:
        left = Removal(cloud, stack, say).run()
    except Exception:
        # What was seen is a result all the same.
        traceback.print_exc()
        say(f"It could not be deleted. Try again: deploy/verify --remove {stack}")
        return False
    if left:
        say(f"This is left, and may cost something. Try again (deploy/verify --remove {stack}), or:")
        for command in left:
            say(f"  {command}")
    else:
        say("Nothing is left of it but what CloudWatch and X-Ray have counted, which costs nothing and ages away,")
        say("and SAM's bucket, which other deployments share.")
    return not left


def version():
    if not (SOURCES / ".git").exists() or not shutil.which("git"):
        return "unknown"
    described = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(described, cwd=SOURCES, capture_output=True, text=True, check=False).stdout.strip()


def about(chosen, cloud, settings, parameters):
    others = {name: value for name, value in parameters.items() if settings.parameters().get(name) != value}
    return {
        "Version": version(),
        "Deployed from": "a packaged template" if chosen.template else "the sources",
        "Region": cloud.region,
        "Day": datetime.date.today().isoformat(),
        "Settings": f"timeout {settings.timeout} s, {settings.live} live sessions, {settings.starts} starts an hour",
        **({"Other parameters": ", ".join(map(shown, others.items()))} if others else {}),
    }


def shown(parameter):
    """A parameter as the report has it. Some hold secrets, or ARNs with an account's number in them."""
    name, value = parameter
    return f"{name}={value}" if name in TOLD else f"{name}=(not told)"
