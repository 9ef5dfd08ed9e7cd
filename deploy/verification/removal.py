"""The end of a stack: its own resources, what its template retains, and what else was written for it.

All is found by the stack's name, which is random and begins every name that CloudFormation makes; so it does not matter
how far a deployment came, or whether anybody noted what it made.
"""

import time

import botocore.exceptions

ClientError = botocore.exceptions.ClientError
# A stack with CloudWatch's and Cognito's parts takes a few minutes.
PATIENCE = 1800
# It is looked again so often, each time after so many pauses.
LOOKS = 3
LATE = 5


def code(error):
    return error.response["Error"]["Code"]


class Removal:
    def __init__(self, cloud, stack, say):
        self.cloud = cloud
        self.stack = stack
        self.say = say
        # Stacks are deleted under their ids: a deleted one has no name any more.
        self.stack_id = None
        # What CloudFormation tells: type and id of what it did not delete.
        self.kept = []
        # The stack's log groups, deleted or not: a line that comes late makes one anew.
        self.groups = set()

    def run(self):
        """Deletes all of it; returns the commands that would remove what is left."""
        self.delete_all()
        for _ in range(LOOKS):
            # What is under way yet may come after a look: a line of a function's log, or what a run made that was
            # interrupted.
            time.sleep(LATE * self.cloud.pause)
            left = self.left()
            if not left:
                break
            self.delete_all()
        return left and self.left()

    def delete_all(self):
        self.delete_stack()
        for name in self.tables():
            self.attempt(f"table {name}", lambda name=name: self.delete_table(name))
        for pool in self.pools():
            self.attempt(f"user pool {pool}", lambda pool=pool: self.delete_pool(pool))
        for name in self.log_groups():
            self.attempt(f"log group {name}", lambda name=name: self.logs.delete_log_group(logGroupName=name))
        bucket, there = self.objects()
        if there:
            self.attempt(f"{len(there)} objects in {bucket}", lambda: self.delete_objects(bucket, there))

    def attempt(self, what, delete):
        """Goes on with the next where one cannot be deleted: it is then among what is left."""
        try:
            delete()
        except ClientError as cause:
            self.say(f"  {what}: {cause}")
        else:
            self.say(f"  {what}: deleted")

    @property
    def formation(self):
        return self.cloud.client("cloudformation")

    @property
    def dynamodb(self):
        return self.cloud.client("dynamodb")

    @property
    def cognito(self):
        return self.cloud.client("cognito-idp")

    @property
    def logs(self):
        return self.cloud.client("logs")

    def status(self):
        """The stack's status; None if there is no such stack."""
        try:
            (stack,) = self.formation.describe_stacks(StackName=self.stack_id or self.stack)["Stacks"]
        except ClientError as cause:
            if code(cause) != "ValidationError":
                raise
            return None
        self.stack_id = stack["StackId"]
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack["StackStatus"]

    def delete_stack(self):
        deadline, failures, asked = time.monotonic() + PATIENCE, 0, False
        while (status := self.status()) and time.monotonic() < deadline:
            if status == "DELETE_FAILED" and asked:
                failures, asked = failures + 1, False
                if failures > 2:
                    break
            if not asked:
                # Some states cannot be left at once; CloudFormation says so, and is asked again.
                try:
                    self.formation.delete_stack(StackName=self.stack_id)
                    asked = True
                except ClientError as cause:
                    if code(cause).startswith("AccessDenied"):
                        self.say(f"  stack {self.stack}: {cause}")
                        break
            time.sleep(self.cloud.pause)
        if self.stack_id:
            self.say(f"  stack {self.stack}: {status or 'deleted'}")
            pages = self.formation.get_paginator("list_stack_resources").paginate(StackName=self.stack_id)
            made = [one for page in pages for one in page["StackResourceSummaries"] if one.get("PhysicalResourceId")]
            self.kept = [
                (one["ResourceType"], one["PhysicalResourceId"])
                for one in made
                if one["ResourceStatus"] != "DELETE_COMPLETE"
            ]
            self.groups = {
                one["PhysicalResourceId"] for one in made if one["ResourceType"] == "AWS::Logs::LogGroup"
            }

    def kept_of(self, type_name):
        return [name for kind, name in self.kept if kind == type_name]

    def tables(self):
        pages = self.dynamodb.get_paginator("list_tables").paginate()
        there = [name for page in pages for name in page["TableNames"]]
        kept = self.kept_of("AWS::DynamoDB::Table")
        return [name for name in there if name.startswith(f"{self.stack}-") or name in kept]

    def delete_table(self, name):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                table = self.dynamodb.describe_table(TableName=name)["Table"]
                if table["TableStatus"] == "ACTIVE":
                    if table.get("DeletionProtectionEnabled"):
                        self.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
                    else:
                        self.dynamodb.delete_table(TableName=name)
            except ClientError as cause:
                if code(cause) == "ResourceNotFoundException":
                    return
                # It is being made, changed or deleted.
                if code(cause) not in ("ResourceInUseException", "LimitExceededException"):
                    raise
            time.sleep(min(1, self.cloud.pause))

    def pools(self):
        pages = self.cognito.get_paginator("list_user_pools").paginate(MaxResults=60)
        there = [pool for page in pages for pool in page["UserPools"]]
        kept = self.kept_of("AWS::Cognito::UserPool")
        return [pool["Id"] for pool in there if pool["Name"] == self.stack or pool["Id"] in kept]

    def delete_pool(self, pool):
        described = self.cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
        if described.get("DeletionProtection") == "ACTIVE":
            self.cognito.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
        if described.get("Domain"):
            self.cognito.delete_user_pool_domain(UserPoolId=pool, Domain=described["Domain"])
        self.cognito.delete_user_pool(UserPoolId=pool)

    def log_groups(self):
        """The stack's, if they were not deleted, and any that Lambda made anew for a line that came late."""
        prefixes = {f"{self.stack}-", f"/aws/vendedlogs/{self.stack}/", f"/aws/lambda/{self.stack}-", *self.groups}
        pages = self.logs.get_paginator("describe_log_groups")
        there = [
            group["logGroupName"]
            for prefix in prefixes
            for page in pages.paginate(logGroupNamePrefix=prefix)
            for group in page["logGroups"]
        ]
        return sorted({*there, *self.kept_of("AWS::Logs::LogGroup")})

    def bucket(self):
        """SAM's own bucket in this region, if there is one."""
        try:
            (stack,) = self.formation.describe_stacks(StackName="aws-sam-cli-managed-default")["Stacks"]
        except ClientError:
            return None
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        return outputs.get("SourceBucket")

    def objects(self):
        """All versions of what SAM has uploaded for this stack."""
        bucket, there = self.bucket(), []
        if bucket:
            pages = self.cloud.client("s3").get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=bucket, Prefix=f"{self.stack}/"):
                for version in page.get("Versions", []) + page.get("DeleteMarkers", []):
                    there.append({"Key": version["Key"], "VersionId": version["VersionId"]})
        return bucket, there

    def delete_objects(self, bucket, there):
        for start in range(0, len(there), 1000):
            batch = {"Objects": there[start : start + 1000], "Quiet": True}
            self.cloud.client("s3").delete_objects(Bucket=bucket, Delete=batch)

    def left(self):
        commands = []
        if self.status():
            commands.append(f"aws cloudformation delete-stack --stack-name {self.stack}")
        commands += [f"aws dynamodb delete-table --table-name {name}" for name in self.tables()]
        commands += [f"aws cognito-idp delete-user-pool --user-pool-id {pool}" for pool in self.pools()]
        commands += [f"aws logs delete-log-group --log-group-name {name}" for name in self.log_groups()]
        bucket, there = self.objects()
        if there:
            commands.append(f"aws s3 rm --recursive s3://{bucket}/{self.stack}/")
        return commands
