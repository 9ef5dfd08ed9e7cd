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
import urllib.parse
import urllib.request

from stack import REGION, Stack, client, complete, deploy, get, roll_up, source

STACK = "user-sessions-ci"


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
