"""Deploys the built template into ministack, a stand-in for AWS on this machine, and compares what is then there with
the template. Prints the variables with which `cargo test --test api` calls the deployed API.

    deploy.py deploy ENDPOINT ISSUER AUDIENCE

Feeds the stream of the deployed sessions table to the deployed rollup, as an event source mapping with a tumbling window
does, which ministack does not know; and compares the metrics that the API then tells with the sessions.

    deploy.py rollup ENDPOINT ISSUER

Deploys a second stack with nothing but the template's defaults, as in a first deployment, and looks at its user pool;
then it gives the stack a domain name.

    deploy.py defaults ENDPOINT

What ministack leaves out of the API is made of the template: see stack.py.
"""

import datetime
import json
import re
import sys
import tomllib
import urllib.parse
import urllib.request

import openapi_spec_validator
from stack import REGION, Stack, client, complete, deploy, get, roll_up, source

STACK = "user-sessions-ci"


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
        assert document["servers"] == [{"url": "/"}], document["servers"]
        endpoint = document["x-amazon-apigateway-endpoint-configuration"]
        assert endpoint == {"disableExecuteApiEndpoint": bool(parameters)}, endpoint
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


def compare(stack, api_id, gateway, dynamodb):
    """What is there against what the source template says: each table whole, and each route with its authorizer."""
    for name, wanted in stack.of_type("AWS::DynamoDB::Table"):
        table = dynamodb.describe_table(TableName=stack.physical[name])["Table"]
        assert table["KeySchema"] == wanted["KeySchema"], name
        by_name = lambda attribute: attribute["AttributeName"]
        assert sorted(table["AttributeDefinitions"], key=by_name) == sorted(wanted["AttributeDefinitions"], key=by_name)
        there = [
            {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
            for index in table.get("LocalSecondaryIndexes", [])
        ]
        assert there == wanted.get("LocalSecondaryIndexes", []), (name, there)
        stream = table.get("StreamSpecification", {}).get("StreamViewType")
        assert stream == wanted.get("StreamSpecification", {}).get("StreamViewType"), (name, stream)
        expiry = dynamodb.describe_time_to_live(TableName=stack.physical[name])["TimeToLiveDescription"]
        attribute = wanted.get("TimeToLiveSpecification", {}).get("AttributeName")
        if attribute and expiry["TimeToLiveStatus"] == "DISABLED":
            # The rest of the suite does not need it: nothing depends on deletions.
            print(f"  LEFT OUT: ministack does not switch on the time to live of {name}", file=sys.stderr)
        else:
            assert expiry.get("AttributeName") == attribute, (name, expiry)
        print(f"  table {name}: keys, indexes and stream are as the template says", file=sys.stderr)
    events = []
    for resource in source()["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        for event in (resource["Properties"].get("Events") or {}).values():
            events.append(f"{event['Properties']['Method']} {event['Properties']['Path']}")
    routes = {route["RouteKey"]: route for route in gateway.get_routes(ApiId=api_id)["Items"]}
    assert sorted(routes) == sorted(events), (sorted(routes), sorted(events))
    (authorizer,) = gateway.get_authorizers(ApiId=api_id)["Items"]
    assert authorizer["AuthorizerType"] == "JWT"
    configuration = {key.lower(): value for key, value in authorizer["JwtConfiguration"].items()}
    assert configuration["issuer"] == stack.parameters["JwtIssuer"], configuration
    assert configuration["audience"] == stack.parameters["JwtAudience"], configuration
    for key, route in routes.items():
        assert route["AuthorizationType"] == "JWT" and route["AuthorizerId"] == authorizer["AuthorizerId"], key
    print(f"  {len(routes)} routes: all have the JWT authorizer of the template's issuer", file=sys.stderr)
    # What ministack takes without acting on it, so that nothing here shows whether it is right.
    for left_out in ("the stage's throttling", "access logs", "the mapping's tumbling window", "alarms", "Rules", "IAM"):
        print(f"  LEFT OUT: ministack does not act on {left_out}", file=sys.stderr)


def check_pages(stack, url, gateway):
    """The API of the pages: its routes as the template says, for anybody; each page, and what it is told."""
    wanted = sorted(route["RouteKey"] for _, route in stack.of_type("AWS::ApiGatewayV2::Route"))
    routes = gateway.get_routes(ApiId=stack.physical["PagesApi"])["Items"]
    assert sorted(route["RouteKey"] for route in routes) == wanted, routes
    settings = json.loads(get(f"{url}/settings.json")[0])
    assert settings["issuer"] == stack.parameters["JwtIssuer"], settings
    assert settings["clientId"] == stack.parameters["PagesClientId"], settings
    for page in ("dashboard", "docs"):
        html, headers = get(f"{url}/{page}")
        assert headers["content-security-policy"].startswith("default-src 'none'"), headers
        assets = re.findall(r'"(assets/[^"]+)"', html)
        assert assets, html
        for asset in assets:
            assert "immutable" in get(f"{url}/{asset}")[1]["cache-control"], asset
    print(f"  {len(wanted)} routes of pages: for anybody, with their policy; settings {settings}", file=sys.stderr)


def sessions_in_metrics(api_url, issuer):
    """How many sessions the deployed API tells of, on all days up to today."""
    form = {"grant_type": "password", "username": "ci", "password": "x", "permissions": "metrics:read"}
    with urllib.request.urlopen(f"{issuer}/oauth2/token", urllib.parse.urlencode(form).encode()) as answer:
        token = json.load(answer)["access_token"]
    today = datetime.datetime.now(datetime.timezone.utc).date()
    first = today - datetime.timedelta(days=1_000)
    url = urllib.parse.urlsplit(f"{api_url}/metrics/sessions?startDate={first}&endDate={today}")
    request = urllib.request.Request(
        f"http://127.0.0.1:{url.port}{url.path}?{url.query}",
        headers={"Host": url.netloc, "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]["totalSessions"]


def check_user_pool(outputs, cognito):
    """The user pool that a stack makes where no issuer is given."""
    for name in ("ApiUrl", "Issuer", "ClientId", "SignInUrl", "UserPoolId", "SessionsTableName", "MetricsTableName"):
        assert outputs.get(name), (name, outputs)
    pool_id = outputs["UserPoolId"]
    assert outputs["Issuer"] == f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}", outputs
    pool = cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], pool
    client = cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=outputs["ClientId"])["UserPoolClient"]
    assert client["AllowedOAuthFlows"] == ["code"] and not client.get("ClientSecret"), client
    groups = [group["GroupName"] for group in cognito.list_groups(UserPoolId=pool_id)["Groups"]]
    assert groups == ["metrics:read"], groups


def check_domain(endpoint, name):
    """An update gives the stack a domain name: outputs, pages and their policy follow."""
    certificate = f"arn:aws:acm:{REGION}:000000000000:certificate/x"
    deploy(endpoint, name, {"DomainName": "sessions.example.com", "DomainCertificateArn": certificate})
    cloudformation = client("cloudformation", endpoint)
    outputs = outputs_of(cloudformation, name)
    assert outputs["ApiUrl"] == "https://sessions.example.com" and outputs["DomainTarget"], outputs
    settings = json.loads(get(outputs["DashboardUrl"].replace("/dashboard", "/settings.json"))[0])
    assert settings["apiUrl"] == outputs["ApiUrl"], settings
    policy = get(outputs["DashboardUrl"])[1]["content-security-policy"]
    assert re.search(r"connect-src [^;]*https://sessions\.example\.com", policy), policy
    print(f"  with a domain: {outputs['ApiUrl']}, which is an alias of {outputs['DomainTarget']}")


def outputs_of(cloudformation, name):
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def main():
    command, endpoint, *rest = sys.argv[1:]
    of = lambda service: client(service, endpoint)
    if command == "defaults":
        name = f"{STACK}-defaults"
        deploy(endpoint, name, {})
        outputs = outputs_of(of("cloudformation"), name)
        check_user_pool(outputs, of("cognito-idp"))
        print(f"  {outputs}")
        check_domain(endpoint, name)
        return
    issuer, *rest = rest
    parameters = {
        "JwtIssuer": issuer,
        "JwtAudience": "user-sessions",
        "PagesClientId": "user-sessions",
        "DeletionProtection": "false",
    }
    if command == "rollup":
        stack = Stack.deployed(of("cloudformation"), STACK, parameters)
        started = roll_up(stack, of("dynamodb"), of("dynamodbstreams"), of("lambda"))
        port = urllib.parse.urlsplit(endpoint).port
        api_url = f"http://{stack.physical['Api']}.execute-api.localhost:{port}"
        told = sessions_in_metrics(api_url, issuer)
        assert told == started > 0, (told, started)
        print(f"  {told} sessions in the metrics, as many as the stream has seen start")
        return
    (parameters["JwtAudience"],) = rest
    check_cors()
    check_document()
    check_names()
    check_configurations()
    deploy(endpoint, STACK, parameters)
    stack = Stack.deployed(of("cloudformation"), STACK, parameters)
    gateway = of("apigatewayv2")
    api_id = complete(stack, gateway, of("lambda"))
    compare(stack, api_id, gateway, of("dynamodb"))
    port = urllib.parse.urlsplit(endpoint).port
    pages_url = f"http://{stack.physical['PagesApi']}.execute-api.localhost:{port}"
    check_pages(stack, pages_url, gateway)
    print(f"TEST_PAGES_URL={pages_url}")
    print(f"TEST_API_URL=http://{api_id}.execute-api.localhost:{port}")
    print(f"TEST_DYNAMODB_URL={endpoint}")
    print(f"TEST_ISSUER={issuer}")
    print(f"TEST_SESSIONS_TABLE={stack.physical['SessionsTable']}")
    print(f"TEST_METRICS_TABLE={stack.physical['MetricsTable']}")


main()
