"""The licences of what is in the functions: each package, and each text once.

Alone, prints those of another crate of this checkout, the local server say, for a target:

    notices.py CRATE TARGET
"""

import re
import sys
from pathlib import Path

import components

IS_LICENCE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)

MIT = """\
Copyright (c) {holders}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def notices(found, apache):
    """All notices as one text; `apache` is the Apache License."""
    foreign = sorted((one for one in found.values() if not one.own), key=lambda one: one.purl)
    texts = {}
    for component in foreign:
        for text in texts_of(component, apache):
            # The same words with other line breaks are the same text.
            texts.setdefault(" ".join(text.split()), (text, []))[1].append(component)
    lines = ["What is in this beside User Sessions' own code, and under which licences.\n"]
    lines += [f"{one.name} {one.version}: {one.licence}" for one in foreign]
    for text, those in texts.values():
        lines += ["", "-" * 100, *(f"{one.name} {one.version}" for one in those), "", text]
    return "\n".join(lines) + "\n"


def texts_of(component, apache):
    """The texts in a package; for one without, those of its licence."""
    files = sorted(component.folder.iterdir()) if component.folder else []
    found = [file for file in files if IS_LICENCE.match(file.name) and file.is_file()]
    if found:
        return [file.read_text(encoding="utf-8", errors="replace").strip() for file in found]
    choices = component.licence.split(" OR ")
    if "Apache-2.0" in choices:
        return [apache.strip()]
    if "MIT" in choices:
        holders = ", ".join(component.authors) or f"the authors of {component.name}"
        return [MIT.format(holders=holders).strip()]
    raise SystemExit(f"{component.name} {component.version} has no text of its licence, {component.licence}")


if __name__ == "__main__":
    crate, target = sys.argv[1:]
    root = Path(__file__).resolve().parent.parent
    library = components.standard_library(root)
    linked = {**components.crates_of(root, [crate], target), library.purl: library}
    sys.stdout.write(notices(linked, (root / "LICENSE-APACHE").read_text()))
