"""Runs deploy/verify against ministack, a stand-in for AWS on this machine: a whole run; one that is interrupted while it
deploys, after which nothing may be left; and one against a service that breaks a promise, which it has to see.

    verify.py ENDPOINT TEMPLATE LOCAL

TEMPLATE is what SAM has built, LOCAL the local server's program. What ministack leaves out of the API is made of the
template, and the stream is pumped: see stack.py. What ministack does otherwise than AWS is listed here, and is not
compared.

    verify.py run ENDPOINT ARGUMENT…

One run, with deploy/verify's own arguments.
"""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time

import stack

sys.path.insert(0, "deploy")

from verification import command  # noqa: E402
from verification.cloud import Cloud  # noqa: E402
from verification.deployment import Deployment  # noqa: E402
from verification.local import LocalServer  # noqa: E402
from verification.place import Gap  # noqa: E402


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
    gaps = ()

    def deploy(self):
        super().deploy()
        self.made = stack.Stack.deployed(self.cloud.client("cloudformation"), self.stack, self.parameters)
        stack.complete(self.made, self.cloud.client("apigatewayv2"), self.cloud.client("lambda"))

    def deliver(self):
        stack.roll_up(self.made, *(self.cloud.client(name) for name in ("dynamodb", "dynamodbstreams", "lambda")))


def main():
    if sys.argv[1] == "run":
        endpoint, *arguments = sys.argv[2:]
        sys.exit(command.main(arguments, lambda *_: Ministack(endpoint)))


main()
