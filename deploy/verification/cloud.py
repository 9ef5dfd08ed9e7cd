"""The AWS account that is deployed into."""

import functools

from .deployment import Deployment
from .failure import CouldNotRun

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None


class Cloud:
    # Between two looks at what takes minutes, in seconds.
    pause = 5

    def __init__(self, profile=None, region=None):
        if not boto3:
            raise CouldNotRun("there is no boto3 here: pip install aws-sam-cli brings it")
        try:
            self.session = boto3.Session(profile_name=profile, region_name=region)
        except botocore.exceptions.BotoCoreError as cause:
            raise CouldNotRun(str(cause)) from cause
        self.profile, self.region = profile, self.session.region_name
        if not self.region:
            raise CouldNotRun("no region is set: give --region, or set AWS_DEFAULT_REGION")

    @functools.lru_cache(maxsize=None)
    def client(self, service):
        retries = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 8})
        return self.session.client(service, config=retries)

    def environment(self):
        """What SAM needs to deploy into the same account and region."""
        chosen = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        return {**chosen, "AWS_PROFILE": self.profile} if self.profile else chosen

    def account(self):
        try:
            return self.client("sts").get_caller_identity()["Account"]
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as cause:
            raise CouldNotRun(f"there are no credentials of an AWS account: {cause}") from cause

    def deployment(self, *arguments):
        """The stack as a place, before it is deployed."""
        return Deployment(self, *arguments)
