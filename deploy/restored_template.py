#!/usr/bin/env python3
"""Makes the templates by which a stack takes up tables that were restored: see "Backups and restoring" in
docs/operations.md. It calls nothing.

    restored_template.py [--with-tables] TEMPLATE TABLE=DESCRIPTION [TABLE=DESCRIPTION]

TEMPLATE is the stack's own, as `get-template --template-stage Processed` gives it; TABLE the logical id of a table in
it; and DESCRIPTION what `describe-table` says of the restored table that takes its place.

What it prints is that template with the restored table's name and ARNs in the place of each reference to TABLE, and
without TABLE: a stack that is updated with it works on the restored table, and lets go of the old one, which it
retains. With --with-tables TABLE stays in it. That is the same template and one resource more, which is what an import
asks for: the restored table becomes the stack's TABLE.
"""

import copy
import json
import re
import sys


def main():
    arguments = sys.argv[1:]
    with_tables = "--with-tables" in arguments
    arguments = [argument for argument in arguments if argument != "--with-tables"]
    if len(arguments) < 2 or any(argument.count("=") != 1 for argument in arguments[1:]):
        sys.exit(__doc__)
    template = read(arguments[0])
    tables = {}
    for argument in arguments[1:]:
        table, file = argument.split("=")
        tables[table] = attributes(template, table, read(file)["Table"])
    print(json.dumps(restored(template, tables, with_tables), indent=1))


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def attributes(template, table, restored):
    """What references to `table` stand for, if it is the restored one. CloudFormation does not compare what it imports
    with the template, so that is done here, as far as `describe-table` tells of it."""
    definition = template["Resources"].get(table)
    if definition is None or definition["Type"] != "AWS::DynamoDB::Table":
        sys.exit(f"the template has no table {table}")
    if definition.get("DeletionPolicy") != "Retain":
        sys.exit(f"{table} is not retained: the stack would delete the old table")
    wanted, name = definition["Properties"], restored["TableName"]
    if restored["TableStatus"] != "ACTIVE":
        sys.exit(f"{name} is {restored['TableStatus']}: wait for it")
    for what in ("KeySchema", "AttributeDefinitions"):
        if by_name(wanted[what]) != by_name(restored[what]):
            sys.exit(f"{name} has another {what} than {table} in the template")
    indexes = [index["IndexName"] for index in restored.get("LocalSecondaryIndexes", [])]
    if sorted(indexes) != sorted(index["IndexName"] for index in wanted.get("LocalSecondaryIndexes", [])):
        sys.exit(f"{name} has other indexes than {table} in the template")
    view = wanted.get("StreamSpecification", {}).get("StreamViewType")
    stream = restored.get("StreamSpecification", {})
    if view and not (stream.get("StreamEnabled") and stream["StreamViewType"] == view):
        sys.exit(f"{name} has no stream of {view}: switch it on first")
    values = {"Ref": name, "Arn": restored["TableArn"]}
    if view:
        values["StreamArn"] = restored["LatestStreamArn"]
    return values


def by_name(attributes):
    return sorted(attributes, key=lambda attribute: attribute["AttributeName"])


def restored(template, tables, with_tables):
    """The template with values in the place of references to `tables`."""
    definitions = {table: copy.deepcopy(template["Resources"][table]) for table in tables}
    without = {**template, "Resources": {id: it for id, it in template["Resources"].items() if id not in tables}}
    without = replaced(without, tables)
    if with_tables:
        without["Resources"].update(definitions)
    return without


def replaced(value, tables):
    if isinstance(value, list):
        return [replaced(item, tables) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (function, argument), = value.items()
        if function == "Ref" and argument in tables:
            return tables[argument]["Ref"]
        if function == "Fn::GetAtt":
            table, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            if table in tables:
                return tables[table][attribute]
        if function == "Fn::Sub":
            text, *variables = [argument] if isinstance(argument, str) else argument
            own = variables[0] if variables else {}
            text = substituted(text, {table: it for table, it in tables.items() if table not in own})
            return {function: [text, replaced(own, tables)] if variables else text}
    others = {}
    for key, item in value.items():
        if key == "DependsOn":
            item = [id for id in ([item] if isinstance(item, str) else item) if id not in tables]
            if not item:
                continue
        others[key] = replaced(item, tables)
    return others


def substituted(text, tables):
    def value(reference):
        table, _, attribute = reference[1].partition(".")
        return tables[table][attribute or "Ref"] if table in tables else reference[0]

    return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", value, text)


if __name__ == "__main__":
    main()
