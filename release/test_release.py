"""What makes a release, without compiling: `python3 -m unittest discover release`."""

import difflib
import json
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

import archive
import changelog
import components
import functions
import notices
import sbom
import template

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")
NAMES = functions.names(ROOT)


class Template(unittest.TestCase):
    def packaged(self, text=TEMPLATE, names=NAMES):
        return template.packaged(text, names, "1.2.3", "arm64")

    def test_each_function_is_its_zip_and_nothing_else_is_changed(self):
        changes = difflib.ndiff(TEMPLATE.splitlines(), self.packaged().splitlines())
        gone, new = [], []
        for line in changes:
            if line[0] in "-+":
                (gone if line[0] == "-" else new).append(line[2:].strip())
        (default,) = [line for line in TEMPLATE.split("\n  Architecture:\n")[1].splitlines() if "Default: " in line][:1]
        expected = [f"CodeUri: functions/{name}" for name in NAMES]
        expected += ["Metadata:", "BuildMethod: rust-cargolambda"] * len(NAMES)
        expected += ["AllowedValues: [arm64, x86_64]", default.strip()]
        expected += [line for line in TEMPLATE.splitlines() if line.startswith("Description: ")]
        self.assertEqual(sorted(gone), sorted(expected))
        expected = [f"CodeUri: functions/{name}.zip" for name in NAMES]
        expected += ["Default: arm64", "AllowedValues: [arm64]"]
        expected += [line for line in new if line.startswith("Description: User Sessions 1.2.3 (arm64) - ")]
        self.assertEqual(sorted(new), sorted(expected))
        self.assertEqual(len(expected), len(NAMES) + 3)

    def test_a_function_too_few_too_many_or_twice_is_refused(self):
        first = f"CodeUri: functions/{NAMES[0]}\n"
        for text, names in [
            (TEMPLATE, NAMES[1:]),
            (TEMPLATE, [*NAMES, "another"]),
            (TEMPLATE.replace(first, "CodeUri: elsewhere\n"), NAMES),
            (TEMPLATE + f"    X:\n      {first}", NAMES),
            (TEMPLATE.replace("BuildMethod: rust-cargolambda", "BuildMethod: makefile", 1), NAMES),
            (TEMPLATE.replace("  Architecture:\n", "  Processor:\n"), NAMES),
        ]:
            with self.assertRaises(template.Unexpected):
                self.packaged(text, names)

    def test_other_metadata_of_a_function_stays(self):
        built = "    Metadata:\n      BuildMethod: rust-cargolambda\n"
        text = TEMPLATE.replace(built, f"{built}      Other: stays\n", 1)
        self.assertEqual(self.packaged(text).count("    Metadata:\n      Other: stays\n"), 1)

    def test_the_configuration_builds_nothing_and_names_no_processor(self):
        text = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
        made = template.configuration(text)
        for word in ("build", "Architecture"):
            self.assertIn(word, text)
            self.assertNotIn(word, made)
        sections = lambda text: [line for line in text.splitlines() if line.startswith("[") and "build" not in line]
        self.assertEqual(sections(made), sections(text))


class Archive(unittest.TestCase):
    def test_the_same_files_are_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            one, other = Path(folder, "one.zip"), Path(folder, "other.zip")
            archive.pack(one, {"bootstrap": (b"x", True), "a": (b"y" * 1000, False)})
            archive.pack(other, {"a": (b"y" * 1000, False), "bootstrap": (b"x", True)})
            self.assertEqual(one.read_bytes(), other.read_bytes())
            modes = {entry.filename: entry.external_attr >> 16 for entry in zipfile.ZipFile(one).infolist()}
            self.assertEqual(modes, {"a": 0o100644, "bootstrap": 0o100755})

    def test_sums_are_what_sha256sum_checks(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ("b.zip", "a.zip")]
            for file in files:
                file.write_text(file.name)
            Path(folder, "SHA256SUMS").write_text(archive.sums(files))
            check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
            self.assertEqual(subprocess.run(check, cwd=folder).returncode, 0)
            files[0].write_text("another")
            self.assertNotEqual(subprocess.run(check, cwd=folder, capture_output=True).returncode, 0)


class Changelog(unittest.TestCase):
    TEXT = """# Changelog

## Unreleased

## [1.1.0] - 2026-02-01

- See [this](docs/a.md#b), [that](https://x/y).

## 1.0.0

Old.
"""

    def test_a_version_has_its_own_part(self):
        self.assertEqual(changelog.notes(self.TEXT, "1.0.0"), "Old.\n")
        self.assertNotIn("Old", changelog.notes(self.TEXT, "1.1.0"))

    def test_links_lead_to_the_repository(self):
        told = changelog.notes(self.TEXT, "1.1.0", "https://h/r")
        self.assertEqual(told, "- See [this](https://h/r/docs/a.md#b), [that](https://x/y).\n")

    def test_a_version_of_which_nothing_is_said_is_no_release(self):
        for version in ("Unreleased", "2.0.0", "1.1"):
            with self.assertRaises(SystemExit):
                changelog.notes(self.TEXT, version)


class Components(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        target = functions.TARGETS["x86_64"]
        cls.found = components.crates_of(ROOT, NAMES, target)

    def test_what_is_linked_is_there_and_nothing_else(self):
        names = {component.name for component in self.found.values()}
        self.assertLessEqual({*NAMES, "shared", "aws-sdk-dynamodb", "ring", "tokio"}, names)
        # A macro, a tool of builds, what tests need, what the local server alone needs.
        self.assertTrue(names.isdisjoint({"serde_derive", "cc", "proptest", "axum", "rusqlite", "rsa", "clap"}))

    def test_all_needs_are_components_and_foreign_ones_have_sums_and_licences(self):
        for component in self.found.values():
            self.assertLessEqual(component.needs, set(self.found))
            self.assertTrue(component.licence, component.purl)
            self.assertEqual(bool(component.hashes), not component.own, component.purl)
        login = components.own_crate(self.found, "login")
        self.assertIn(components.own_crate(self.found, "shared").purl, login.needs)

    def test_the_bill_is_the_same_each_time_and_every_reference_is_in_it(self):
        bill = sbom.bill(self.found, NAMES, "1.2.3", 0)
        self.assertEqual(bill, sbom.bill(dict(reversed(self.found.items())), NAMES, "1.2.3", 0))
        told = json.loads(bill)
        known = {component["bom-ref"] for component in told["components"]}
        for dependency in told["dependencies"]:
            self.assertLessEqual(set(dependency["dependsOn"]), known)
        self.assertEqual(len(told["dependencies"][0]["dependsOn"]), len(NAMES))

    def test_each_foreign_component_is_in_the_notices_with_a_text(self):
        apache = (ROOT / "LICENSE-APACHE").read_text()
        text = notices.notices(self.found, apache)
        for component in self.found.values():
            times = text.splitlines().count(f"{component.name} {component.version}")
            self.assertEqual(times > 0, not component.own, component.purl)

    def test_a_package_without_a_text_needs_a_licence_whose_text_is_known(self):
        with tempfile.TemporaryDirectory() as folder:
            one = components.Component("cargo", "x", "1.0.0", "MIT", Path(folder), ["Ann"], None, {}, own=False)
            self.assertIn("Copyright (c) Ann", notices.texts_of(one, "")[0])
            one.licence = "ISC"
            with self.assertRaises(SystemExit):
                notices.texts_of(one, "")


class Functions(unittest.TestCase):
    def test_a_binary_with_a_path_of_this_machine_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            source, binary = Path(folder, "source"), Path(folder, "bootstrap")
            binary.write_bytes(b"\0/user-sessions/shared/src/lib.rs\0")
            functions.find_paths(binary, source)
            binary.write_bytes(b"\0%s/shared/src/lib.rs\0" % bytes(source))
            with self.assertRaises(SystemExit):
                functions.find_paths(binary, source)


if __name__ == "__main__":
    unittest.main()
