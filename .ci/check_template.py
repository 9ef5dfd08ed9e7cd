"""What of the template only an account would show otherwise: the API's document as API Gateway gets it, names that would
clash, rights beyond the boundary, circles, and parameters that CloudFormation refuses. It calls nothing.
"""

import copy
import graphlib
import json
import re
import sys
import tomllib

import openapi_spec_validator
import samcli.yamlhelper
from stack import REGION, Stack, source, translated_from


def check_cors():
    """What pages may do, as the translated template has it: SAM drops some of it if it is written in another way."""
    own = ["authorization", "content-type", "idempotency-key", "x-session-id"]
    origin = "https://app.example.com"
    pages = "PagesApi.ApiEndpoint"
    for parameters, origins, credentials, headers in [
        ({}, ["*"], False, own),
        ({"AllowedOrigins": origin}, [origin, pages], False, own),
        ({"AllowedHeaders": "X-User-ID"}, ["*"], False, [*own, "X-User-ID"]),
        (
            {
                "AllowedHeaders": "X-User-ID, x-tenant",
                "AllowCredentials": "true",
                "AllowedOrigins": origin,
                "Pages": "false",
            },
            [origin],
            True,
            [*own, "X-User-ID", "x-tenant"],
        ),
    ]:
        api = Stack(parameters).api()
        expected = {
            "allowOrigins": origins,
            "allowCredentials": credentials,
            "allowHeaders": headers,
            "allowMethods": ["GET", "POST", "PATCH"],
            "exposeHeaders": ["retry-after", "x-request-id"],
            "maxAge": 7200,
        }
        assert api["Body"]["x-amazon-apigateway-cors"] == expected, api["Body"]["x-amazon-apigateway-cors"]


def check_document():
    """The API's document, as SAM makes it of the template, is one that API Gateway has no reason to refuse."""
    domain = {
        "DomainName": "sessions.example.com",
        "DomainCertificateArn": f"arn:aws:acm:{REGION}:000000000000:certificate/x",
        "DisableExecuteApiEndpoint": "true",
    }
    for parameters in ({}, domain):
        stack = Stack(parameters)
        assert list(stack.refused()) == [], list(stack.refused())
        document = stack.api()["Body"]
        (scheme,) = document["components"]["securitySchemes"].values()
        assert scheme["type"] == "oauth2" and scheme["x-amazon-apigateway-authorizer"]["type"] == "jwt", scheme
        # API Gateway's own form of a JWT authorizer is an OAuth scheme without the flows that OpenAPI asks for.
        scheme["flows"] = {}
        openapi_spec_validator.validate(document, cls=openapi_spec_validator.OpenAPIV30SpecValidator)
        # There, and not at the top, API Gateway looks for it in OpenAPI 3.
        (server,) = document["servers"]
        endpoint = server["x-amazon-apigateway-endpoint-configuration"]
        assert server["url"] == "/" and endpoint == {"disableExecuteApiEndpoint": bool(parameters)}, server
        # The logs of the API say what they should, whatever is stored of addresses.
        for kept, has_address in (("full", True), ("truncated", False), ("none", False)):
            stages = dict(Stack({**parameters, "StoredIpAddress": kept}).of_type("AWS::ApiGatewayV2::Stage"))
            for stage in stages.values():
                line = json.loads(stage["AccessLogSettings"]["Format"])
                assert ("ip" in line) == has_address and line["requestId"] == "$context.requestId", line
    print("  the API's document is valid OpenAPI 3.0, with and without a domain of its own", file=sys.stderr)


def check_names():
    """Nothing has a name that a second stack, or the same one in another region, would have too."""
    per_region = {"AWS::Logs::LogGroup": "LogGroupName"}
    per_account = {"AWS::CloudWatch::Dashboard": "DashboardName"}
    # Names that need not be unique, or are so within something that is.
    free = {
        "AWS::ApiGatewayV2::Api": {"Name"},
        "AWS::ApiGatewayV2::ApiMapping": {"DomainName"},
        "AWS::ApiGatewayV2::DomainName": {"DomainName"},
        "AWS::ApiGatewayV2::Stage": {"StageName"},
        "AWS::CloudWatch::Alarm": {"MetricName"},
        "AWS::Cognito::UserPool": {"UserPoolName"},
        "AWS::Cognito::UserPoolGroup": {"GroupName"},
        "AWS::Lambda::EventSourceMapping": {"FunctionName"},
        "AWS::Lambda::Permission": {"FunctionName"},
        "AWS::Logs::MetricFilter": {"LogGroupName"},
    }
    for name, resource in Stack({}).template["Resources"].items():
        properties, kind = resource.get("Properties", {}), resource["Type"]
        for key in {key for key in properties if key.endswith("Name")} - free.get(kind, set()):
            text = json.dumps(properties[key])
            assert key in (per_region.get(kind), per_account.get(kind)), f"{name} has a name of its own: {text}"
            assert "AWS::StackName" in text, (name, text)
            assert kind not in per_account or "AWS::Region" in text, (name, text)
    print("  nothing has a name that another stack or region would have too", file=sys.stderr)


def check_boundary():
    """What the functions' roles grant by themselves is within their boundary, and so is what SAM's policies are for: the one
    log group, and traces where they are on. Nothing else is: IAM is nothing that ministack acts on."""
    for tracing in ("PassThrough", "Active"):
        stack = Stack({"Tracing": tracing})
        boundary = rights(dict(stack.of_type("AWS::IAM::ManagedPolicy"))["FunctionBoundary"]["PolicyDocument"])
        granted = {("logs:CreateLogStream", "FunctionLogs.Arn"), ("logs:PutLogEvents", "FunctionLogs.Arn")}
        if tracing == "Active":
            granted |= {("xray:PutTelemetryRecords", "*"), ("xray:PutTraceSegments", "*")}
        for name, role in stack.of_type("AWS::IAM::Role"):
            assert role["PermissionsBoundary"] == "FunctionBoundary", name
            for policy in role.get("Policies", []):
                granted |= rights(policy["PolicyDocument"])
        assert boundary == granted, boundary ^ granted
    print("  the boundary is what the functions' roles grant, with their log and traces", file=sys.stderr)


def rights(document):
    """Each action of a policy with each resource."""
    several = lambda value: value if isinstance(value, list) else [value]
    return {
        (action, resource)
        for statement in document["Statement"]
        for action in several(statement["Action"])
        for resource in several(statement["Resource"])
    }


def check_circles():
    """No resource waits for itself: in the template as it is, and with the canary of docs/deploy.md."""
    template = source()
    with open("docs/deploy.md", encoding="utf-8") as file:
        (recipe,) = re.findall(r"`(DeploymentPreference: \{.*?\})`", " ".join(file.read().split()))
    canary = {"AutoPublishAlias": "live", **samcli.yamlhelper.yaml_parse(recipe)}
    changed = copy.deepcopy(template)
    changed["Globals"]["Function"].update(canary)
    # One that has to be found: the API waits for the aliases, and they for the alarm.
    circle = copy.deepcopy(changed)
    circle["Globals"]["Function"]["DeploymentPreference"]["Alarms"] = [{"Ref": "ApiFails"}]
    for one, is_circle in ((template, False), (changed, False), (circle, True)):
        resources = translated_from(one, {})["Resources"]
        try:
            list(graphlib.TopologicalSorter({name: waits_for(resources[name], resources) for name in resources}).static_order())
            assert not is_circle, "a circle was not seen"
        except graphlib.CycleError as cause:
            assert is_circle, cause
    print("  no resource waits for itself, with the canary of docs/deploy.md neither", file=sys.stderr)


def waits_for(value, resources):
    """The resources that a part of the template names."""
    if isinstance(value, list):
        return set().union(*(waits_for(item, resources) for item in value))
    if not isinstance(value, dict):
        return set()
    named = set()
    for key, part in value.items():
        if key in ("Ref", "DependsOn"):
            named |= {part} if isinstance(part, str) else set(part)
        elif key == "Fn::GetAtt":
            named.add((part if isinstance(part, list) else part.split("."))[0])
        elif key == "Fn::Sub":
            text = part if isinstance(part, str) else part[0]
            named |= {name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text)}
        named |= waits_for(part, resources)
    return named & resources.keys()


def check_recipes():
    """The parameters of the recipes in docs/deploy.md are ones with which CloudFormation makes a stack."""
    with open("docs/deploy.md", encoding="utf-8") as file:
        text = file.read()
    section = text[text.index("\n## From a release\n") : text.index("\n## A first user and a first call\n")]
    named = "|".join(source()["Parameters"])
    blocks = [block for block in re.findall(r"```\w+\n(.*?)```", section, re.S) if "AllowedOrigins" in block]
    for block in blocks:
        found = re.findall(rf'\b({named})\s*[=:]\s*"?([^\s",]+)', block)
        assert len(found) == 3 and list(Stack(dict(found)).refused()) == [], (found, list(Stack(dict(found)).refused()))
    assert len(blocks) == 3, blocks
    print("  the recipes' parameters are ones that the template takes", file=sys.stderr)


def check_configurations():
    """The configurations of samconfig.toml: which can be deployed as they are, and what the others are refused for."""
    with open("samconfig.toml", "rb") as file:
        configurations = tomllib.load(file)
    refused = {}
    for name in ("default", "staging", "production"):
        overrides = configurations[name]["deploy"]["parameters"].get("parameter_overrides", [])
        parameters = dict(override.split("=", 1) for override in overrides)
        refused[name] = list(Stack(parameters).refused())
        # With an origin of one's own in the place of each placeholder, there is nothing left to refuse.
        mine = {key: re.sub("<.*>", "https://app.example.com", value) for key, value in parameters.items()}
        assert list(Stack(mine).refused()) == [], (name, list(Stack(mine).refused()))
    assert refused["default"] == refused["staging"] == [], refused
    assert [reason.split()[0] for reason in refused["production"]] == ["SignInCallbackUrls", "AllowedOrigins"], refused
    own = {"Environment": "production", "AllowedOrigins": "https://app.example.com"}
    signs_in = {"SignInCallbackUrls": "https://app.example.com/"}
    certificate = {"DomainCertificateArn": f"arn:aws:acm:{REGION}:000000000000:certificate/x"}
    for parameters, reason in [
        ({"Environment": "production", **signs_in}, "In production, name the origins in AllowedOrigins"),
        (own, "In production, name your own pages in SignInCallbackUrls"),
        ({"JwtIssuer": "https://id.example.com"}, "Give both JwtIssuer and JwtAudience, or neither for a Cognito user pool"),
        ({"AllowCredentials": "true"}, "With AllowCredentials, name the origins in AllowedOrigins"),
        (certificate, "Give both DomainName and DomainCertificateArn, or neither"),
        (
            {"DisableExecuteApiEndpoint": "true"},
            "Without a DomainName, DisableExecuteApiEndpoint would leave the API no address",
        ),
    ]:
        assert list(Stack(parameters).refused()) == [reason], (parameters, list(Stack(parameters).refused()))
    assert list(Stack({**own, **signs_in}).refused()) == []
    print("  staging deploys as it is, production is refused while its placeholders are there", file=sys.stderr)


check_cors()
check_document()
check_names()
check_boundary()
check_circles()
check_recipes()
check_configurations()
