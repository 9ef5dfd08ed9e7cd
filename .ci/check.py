"""Looks at the stack that deploy.py deployed into ministack with the operator's `check`: what ministack leaves out is told,
once that is mended as it says all is well, and what is then broken, one thing at a time, is found and nothing else.

    check.py ENDPOINT OPERATOR
"""

import json
import os
import subprocess
import sys

from stack import REGION, client

STACK = "user-sessions-ci"


def look(endpoint, operator):
    """What is not well, by things, and all that was found."""
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REGION}
    command = [operator, "--stack", STACK, "check", "--json"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    try:
        findings = json.loads(told.stdout)["findings"]
    except ValueError:
        sys.exit(f"{told.stdout}{told.stderr}\nthe check failed")
    # Tests move sessions to other days and erase users, so that yesterday's figures may differ.
    others = [finding for finding in findings if finding["thing"] != "figures"]
    sick = {finding["thing"]: finding["says"] for finding in others if finding["state"] == "not_well"}
    is_well = all(finding["state"] != "not_well" for finding in findings)
    assert told.returncode == (0 if is_well else 1), told
    return sick, findings


def main():
    endpoint, operator = sys.argv[1:]
    of = lambda service: client(service, endpoint)
    sick, _ = look(endpoint, operator)
    (described,) = of("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    if sick == {"time to live": "off"}:
        print("  LEFT OUT: ministack does not switch on the time to live; the check tells so")
        of("dynamodb").update_time_to_live(
            TableName=outputs["SessionsTableName"],
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "purgeAt"},
        )
        sick, _ = look(endpoint, operator)
    assert not sick, sick

    functions, queues, alarms = of("lambda"), of("sqs"), of("cloudwatch")
    resources = of("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    (mapping,) = functions.list_event_source_mappings(FunctionName=physical["Rollup"])["EventSourceMappings"]
    name = physical["Heartbeat"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    set_variables = lambda change: functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, **change}}
    )
    set_alarm = lambda state: alarms.set_alarm_state(
        AlarmName=physical["RollupIsLate"], StateValue=state, StateReason="as a test"
    )
    queue = physical["RollupFailures"]
    for thing, says, harm, mend in [
        (
            "mapping",
            "Disabled",
            lambda: functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False),
            lambda: functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True),
        ),
        (
            "concurrency",
            f"a reserve of 0 stops {name}",
            lambda: functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0),
            lambda: functions.delete_function_concurrency(FunctionName=name),
        ),
        (
            "environment",
            f"{name} has SESSION_TIMEOUT_SECONDS=60 instead of 3600",
            lambda: set_variables({"SESSION_TIMEOUT_SECONDS": "60"}),
            lambda: set_variables({}),
        ),
        (
            "failures",
            "has 1 messages",
            lambda: queues.send_message(QueueUrl=queue, MessageBody="{}"),
            lambda: queues.purge_queue(QueueUrl=queue),
        ),
        ("alarms", "is on: as a test", lambda: set_alarm("ALARM"), lambda: set_alarm("OK")),
    ]:
        harm()
        sick, _ = look(endpoint, operator)
        mend()
        assert set(sick) == {thing} and says in sick[thing], (thing, sick)
        print(f"  {thing}: {sick[thing]}")
    sick, findings = look(endpoint, operator)
    assert not sick, sick
    for finding in findings:
        print(f"  {finding['state']:13}  {finding['thing']:14}  {finding['says']}")


main()
