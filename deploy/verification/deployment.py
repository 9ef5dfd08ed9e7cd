"""A stack in an AWS account as a place: deployed by SAM, with users in its own Cognito pool."""

import os
import secrets
import signal
import subprocess
import tempfile

from .failure import CouldNotRun
from .place import SOURCES, Place, User


class Deployment(Place):
    name = "deployed"
    # A new mapping may take a minute until it reads, its batches wait for ten seconds, a window takes half a minute.
    metrics_patience = 420

    def __init__(self, cloud, stack, template, parameters, say):
        self.cloud = cloud
        self.stack = stack
        # A packaged template, or None to build the sources.
        self.template = template
        self.parameters = parameters
        self.say = say

    def deploy(self):
        with tempfile.TemporaryDirectory() as folder:
            template = self.template or self.build(folder)
            command = ["sam", "deploy", "--template-file", template, "--stack-name", self.stack]
            # Objects of its own in SAM's bucket, which can be told from others' and deleted.
            command += ["--resolve-s3", "--s3-prefix", self.stack, "--capabilities", "CAPABILITY_IAM"]
            command += ["CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset", "--no-progressbar"]
            command += ["--tags", f"verify={self.stack}", "--parameter-overrides", *self.overrides()]
            self.sam(command, folder)
        outputs = self.outputs()
        try:
            self.api_url = outputs["ApiUrl"]
            self.pages_url = outputs["DashboardUrl"].removesuffix("/dashboard")
            self.pool, self.client_id = outputs["UserPoolId"], outputs["ClientId"]
        except KeyError as cause:
            raise CouldNotRun(f"the stack has no output {cause}") from cause

    def build(self, folder):
        self.say("building: some ten minutes the first time")
        command = ["sam", "build", "--no-cached", "--build-dir", f"{folder}/build", "--parameter-overrides"]
        self.sam([*command, *self.overrides()], folder)
        return f"{folder}/build/template.yaml"

    def overrides(self):
        # SAM would take what follows a space for another parameter.
        return [f'{name}="{value}"' for name, value in self.parameters.items()]

    def sam(self, command, folder):
        """Runs SAM. What it prints is shown if something goes wrong."""
        # Not the samconfig.toml of the sources, in which somebody may have put settings of another stack.
        settings = os.path.join(folder, "samconfig.toml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write("version = 0.1\n")
        environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", **self.cloud.environment()}
        log = os.path.join(folder, "sam.log")
        with open(log, "w", encoding="utf-8") as output:
            try:
                # In a session of its own: Ctrl-C at the terminal is for this program, which ends it in its turn.
                running = subprocess.Popen(
                    [*command, "--config-file", settings],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=SOURCES,
                    start_new_session=True,
                )
            except FileNotFoundError as cause:
                raise CouldNotRun("there is no AWS SAM CLI: pip install aws-sam-cli") from cause
            try:
                status = running.wait()
            finally:
                # Nothing of it, and of what it runs, may go on while the stack is being deleted.
                if running.poll() is None:
                    os.killpg(running.pid, signal.SIGTERM)
                    running.wait()
        if status:
            with open(log, encoding="utf-8") as output:
                raise CouldNotRun(f"{output.read()}\n{' '.join(command[:2])} failed (exit code {status})")

    def outputs(self):
        (stack,) = self.cloud.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def user(self, name, may_read_metrics=False):
        name = f"{self.unique(name)}@example.com"
        # Of every kind that the pool asks for.
        password = secrets.token_urlsafe(24) + "aA1!"
        cognito, pool = self.cloud.client("cognito-idp"), self.pool
        cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)
        if may_read_metrics:
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName="metrics:read")
        signed_in = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )["AuthenticationResult"]
        return User(name, signed_in["AccessToken"], signed_in["IdToken"])
