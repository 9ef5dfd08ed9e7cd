"""A stack that SAM deployed into ministack, a stand-in for AWS on this machine: its template as CloudFormation has it,
what its references stand for, and what ministack leaves to be made of it.

ministack does not read the OpenAPI body that SAM makes of the routes, so routes, integrations and authorizer are made
here, from that very body, as CloudFormation would make them.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest.mock
import urllib.parse
import urllib.request

import boto3
import samcli.yamlhelper
import samtranslator.translator.transform

REGION = "us-east-1"
NO_VALUE = "AWS::NoValue"
BUILT = ".aws-sam/build/template.yaml"


def client(service, endpoint):
    """A client of a service of ministack."""
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION)


def translated(parameters):
    """The template as AWS's own transform makes it of SAM's."""
    return translated_from(source(), parameters)


def translated_from(template, parameters):
    """The same of another template, which is changed."""
    for resource in template["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            # The transform wants code that was uploaded; where to makes no difference here.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    loader = unittest.mock.Mock()
    loader.load.return_value = {}
    return samtranslator.translator.transform.transform(template, parameters, loader)


def source():
    """template.yaml itself, as a person wrote it."""
    with open("template.yaml", encoding="utf-8") as file:
        return samcli.yamlhelper.yaml_parse(file.read())


class Stack:
    """The stack as CloudFormation has it: its transformed template, and what its references stand for."""

    def __init__(self, parameters, resources=()):
        self.physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        self.parameters = {}
        for name, parameter in source()["Parameters"].items():
            value = parameters.get(name, parameter.get("Default"))
            is_list = parameter["Type"] == "CommaDelimitedList"
            self.parameters[name] = [item.strip() for item in value.split(",")] if is_list else value
        self.template = translated(self.parameters)

    @classmethod
    def deployed(cls, cloudformation, name, parameters):
        return cls(parameters, cloudformation.describe_stack_resources(StackName=name)["StackResources"])

    def holds(self, condition):
        (function, argument), = condition.items()
        if function == "Condition":
            return self.holds(self.template["Conditions"][argument])
        if function == "Fn::Equals":
            one, other = (str(self.resolve(value)) for value in argument)
            return one == other
        if function == "Fn::Contains":
            values, value = (self.resolve(part) for part in argument)
            return value in values
        if function == "Fn::EachMemberEquals":
            values, value = (self.resolve(part) for part in argument)
            return all(member == value for member in values)
        results = [self.holds(value) for value in argument]
        return {"Fn::Not": not results[0], "Fn::And": all(results), "Fn::Or": any(results)}[function]

    def refused(self):
        """What CloudFormation refuses the parameters for, before it makes anything: in the words of the template."""
        for name, parameter in source()["Parameters"].items():
            values = self.parameters[name]
            for value in values if isinstance(values, list) else [values]:
                if not re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)):
                    yield f"{name} {parameter.get('ConstraintDescription', parameter.get('AllowedPattern'))}"
        for rule in self.template["Rules"].values():
            if "RuleCondition" not in rule or self.holds(rule["RuleCondition"]):
                for assertion in rule["Assertions"]:
                    if not self.holds(assertion["Assert"]):
                        yield assertion["AssertDescription"]

    def resolve(self, value):
        """The value without intrinsic functions; an attribute stands as `Resource.Attribute`."""
        if isinstance(value, list):
            return [resolved for resolved in map(self.resolve, value) if resolved != NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), = value.items()
            if function == "Ref":
                if argument in self.parameters:
                    return self.parameters[argument]
                return self.physical.get(argument, argument)
            if function == "Fn::GetAtt":
                return argument if isinstance(argument, str) else ".".join(argument)
            if function == "Fn::If":
                condition, then, otherwise = argument
                return self.resolve(then if self.holds({"Condition": condition}) else otherwise)
            if function == "Fn::Join":
                return self.resolve(argument[0]).join(self.resolve(argument[1]))
            if function == "Fn::Split":
                return self.resolve(argument[1]).split(argument[0])
            if function == "Fn::Sub":
                text, own = (argument, {}) if isinstance(argument, str) else argument
                for name, part in own.items():
                    text = text.replace(f"${{{name}}}", self.resolve(part))
                return self.substitute(text)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item != NO_VALUE}

    def substitute(self, text):
        """A text with the region, parameters and resources that it names; all else in it stays as it is."""
        known = {"AWS::Region": REGION, **self.parameters, **self.physical}
        return re.sub(r"\$\{([\w:]+)\}", lambda name: str(known.get(name[1], name[0])), text)

    def api(self):
        """The properties of the API of the sessions, which is not the only one."""
        return dict(self.of_type("AWS::ApiGatewayV2::Api"))["Api"]

    def of_type(self, type_name):
        for name, resource in self.template["Resources"].items():
            condition = resource.get("Condition")
            if resource["Type"] == type_name and (condition is None or self.holds({"Condition": condition})):
                yield name, self.resolve(resource.get("Properties", {}))


def variant(built, name, change):
    """A built template that is changed by a function, in a file beside it: both name the functions by their folders."""
    built = pathlib.Path(built)
    template = samcli.yamlhelper.yaml_parse(built.read_text(encoding="utf-8"))
    change(template)
    path = built.with_name(name)
    path.write_text(samcli.yamlhelper.yaml_dump(template), encoding="utf-8")
    return str(path)


def deployable(built):
    """A built template as ministack takes it: it refuses a stack with an alarm of several metrics."""

    def leave_out_alarms(template):
        for name, resource in list(template["Resources"].items()):
            if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
                print(f"  LEFT OUT: ministack knows no alarms of several metrics: {name}", file=sys.stderr)
                del template["Resources"][name]

    return variant(built, "ministack.yaml", leave_out_alarms)


def deploy(endpoint, stack, parameters, template=BUILT, folder=".", path=None):
    """Deploys a built or packaged template, from a folder, and with the programs in `path` alone if that is given."""
    command = ["sam", "deploy", "--stack-name", stack, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    command += ["--template-file", deployable(template)]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    if parameters:
        command += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "PATH": path or os.environ["PATH"]}
    # A file, not a pipe: SAM's progress fills it, and it is read only if something goes wrong.
    name = f"target/deploy-{stack}.log"
    with open(name, "w", encoding="utf-8") as log:
        told = {"stdout": log, "stderr": subprocess.STDOUT}
        if subprocess.run(command, cwd=folder, env=environment, check=False, **told).returncode:
            sys.exit(open(name, encoding="utf-8").read() + "\nsam deploy failed")


def complete(stack, gateway, functions):
    """Makes the authorizer, the integrations and the routes that the API's body describes; returns the API's id."""
    body, api_id = stack.api()["Body"], stack.physical["Api"]
    cors = {key[0].lower() + key[1:]: value for key, value in body.get("x-amazon-apigateway-cors", {}).items()}
    gateway.update_api(ApiId=api_id, CorsConfiguration={key[0].upper() + key[1:]: value for key, value in cors.items()})
    authorizers = {}
    for name, scheme in body["components"]["securitySchemes"].items():
        described = scheme["x-amazon-apigateway-authorizer"]
        assert described["type"] == "jwt", described
        made = gateway.create_authorizer(
            ApiId=api_id,
            Name=name,
            AuthorizerType="JWT",
            IdentitySource=[described["identitySource"]],
            JwtConfiguration={
                "Issuer": described["jwtConfiguration"]["issuer"],
                "Audience": described["jwtConfiguration"]["audience"],
            },
        )
        authorizers[name] = made["AuthorizerId"]
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            function = re.search(r"functions/\$\{(\w+)\.Arn\}", integration["uri"])[1]
            arn = functions.get_function(FunctionName=stack.physical[function])["Configuration"]["FunctionArn"]
            made = gateway.create_integration(
                ApiId=api_id,
                IntegrationType="AWS_PROXY",
                IntegrationUri=arn,
                PayloadFormatVersion=integration["payloadFormatVersion"],
            )
            (scheme, scopes), = operation["security"][0].items()
            gateway.create_route(
                ApiId=api_id,
                RouteKey=f"{method.upper()} {path}",
                Target=f"integrations/{made['IntegrationId']}",
                AuthorizationType="JWT",
                AuthorizerId=authorizers[scheme],
                AuthorizationScopes=scopes,
            )
    return api_id


def get(url):
    """What is at a URL of a deployed API: the body and the headers."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(f"http://127.0.0.1:{parts.port}{parts.path}", headers={"Host": parts.netloc})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode(), answer.headers


def roll_up(stack, dynamodb, streams, functions):
    """Delivers every record of the stream, shard by shard, each batch twice; returns how many sessions they start."""
    stream = dynamodb.describe_table(TableName=stack.physical["SessionsTable"])["Table"]["LatestStreamArn"]
    started = 0
    for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = streams.get_records(ShardIterator=iterator, Limit=1000)
            records, iterator = page["Records"], page.get("NextShardIterator")
            if not records:
                break
            for record in records:
                change = record["dynamodb"]
                change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
                started += record["eventName"] == "INSERT" and "startTime" in change["NewImage"]
            event = {"Records": records, "shardId": shard["ShardId"], "state": {}, "eventSourceARN": stream}
            for _ in range(2):
                answer = functions.invoke(FunctionName=stack.physical["Rollup"], Payload=json.dumps(event))
                reply = json.loads(answer["Payload"].read())
                assert reply == {"state": {}, "batchItemFailures": []}, reply
    return started
