"""The template of a release: template.yaml with functions that are compiled, so that it deploys without Rust.

It is changed as text, so that its comments stay; what is changed must be there exactly as often as it should.
"""

import re

BUILT = re.compile(r"^( *)Metadata:\n\1  BuildMethod: rust-cargolambda\n((?:\1  .*\n)*)", re.MULTILINE)
CODE = re.compile(r"^( +CodeUri: functions/)([a-z-]+)$", re.MULTILINE)
PARAMETER = re.compile(r"^  Architecture:\n(?:    .*\n)+", re.MULTILINE)


class Unexpected(Exception):
    """The template is another than this can change."""


def packaged(text, functions, version, architecture):
    """The template in which each of `functions` is its zip, for the one processor for which those are."""
    named = sorted(name for _, name in CODE.findall(text))
    if named != sorted(functions):
        raise Unexpected(f"each of {sorted(functions)} has one CodeUri; those of the template are {named}")
    if len(BUILT.findall(text)) != len(functions):
        raise Unexpected("each function says by its Metadata how it is built")
    text = BUILT.sub(metadata, text)
    if "BuildMethod" in text:
        raise Unexpected("something says how it is built, and is no function of the release")
    text = CODE.sub(r"\1\2.zip", text)
    parameter = once(PARAMETER, text)
    changed = replaced(r"^    Default: .*$", f"    Default: {architecture}", parameter)
    changed = replaced(r"^    AllowedValues: .*$", f"    AllowedValues: [{architecture}]", changed)
    text = text.replace(parameter, changed)
    # Whoever looks at a stack sees what it was made of.
    name = f"Description: User Sessions {version} ({architecture}) - "
    return replaced(r"^Description: User Sessions - ", name, text)


def metadata(match):
    """The metadata without the build's: what else it has stays."""
    indent, other = match[1], match[2]
    return f"{indent}Metadata:\n{other}" if other else ""


def configuration(text):
    """samconfig.toml for a release, of which nothing is built, and whose processor is its template's."""
    sections = re.split(r"(?m)^(?=\[)", text)
    kept = [section for section in sections if not re.match(r"\[\w+\.build\.parameters\]", section)]
    text = "".join(kept)
    text = re.sub(r"sam build(?: --config-env \w+)? && ", "", text)
    return re.sub(r'(?m)^ *"Architecture=\w+",\n', "", text)


def replaced(pattern, replacement, text):
    pattern = re.compile(pattern, re.MULTILINE)
    once(pattern, text)
    return pattern.sub(lambda _: replacement, text)


def once(pattern, text):
    found = [match[0] for match in pattern.finditer(text)]
    if len(found) != 1:
        raise Unexpected(f"{pattern.pattern!r} is {len(found)} times in the template, and should be once")
    return found[0]
