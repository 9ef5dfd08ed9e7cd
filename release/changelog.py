"""A release's notes, which are the part of CHANGELOG.md that has its version."""

import re


def notes(changelog, version, address=None):
    """What is under the version's heading. Links to files lead to `address`, where a release has no files beside it."""
    for part in re.split(r"(?m)^## ", changelog)[1:]:
        heading, _, text = part.partition("\n")
        if heading.split(" ")[0].strip("[]") == version:
            break
    else:
        raise SystemExit(f"CHANGELOG.md has no part `## {version}`")
    if not text.strip():
        raise SystemExit(f"CHANGELOG.md says nothing of {version}")
    if address:
        text = re.sub(r"\]\((?!\w+:|#)", f"]({address}/", text)
    return text.strip() + "\n"
