"""What the functions are made of: crates as cargo resolves them for a target, and the npm packages in their pages."""

import base64
import json
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Component:
    """A package that is in what is deployed."""

    kind: str
    name: str
    version: str
    licence: str
    # Where its sources are, if they are on this machine.
    folder: Path | None
    authors: list
    repository: str | None
    hashes: dict
    own: bool
    needs: set = field(default_factory=set)

    @property
    def purl(self):
        return f"pkg:{self.kind}/{self.name}@{self.version}"


def of_functions(source, functions, target):
    """All components by their purls, each with the purls of what it needs."""
    crates = crates_of(source, functions, target)
    packages = packages_of(source)
    own_crate(crates, "pages").needs |= set(packages)
    library = standard_library(source)
    for name in functions:
        own_crate(crates, name).needs.add(library.purl)
    return {**crates, **packages, library.purl: library}


def crates_of(source, functions, target):
    """The crates that are linked. What cargo's metadata has is more: whatever any member of the workspace asks for."""
    known = {(package["name"], package["version"]): package for package in metadata(source, target)["packages"]}
    sums = {
        (package["name"], package["version"]): package.get("checksum")
        for package in tomllib.loads((source / "Cargo.lock").read_text())["package"]
    }
    # Neither tests nor what runs when it is compiled: build scripts and macros.
    command = ["cargo", "tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro"]
    command += ["--prefix", "depth", "--format", " {p}"]
    for name in functions:
        command += ["--package", name]
    found, path = {}, []
    for line in run(command, source).splitlines():
        if not line:
            continue
        depth, name, version = re.match(r"(\d+) (\S+) v(\S+)", line).groups()
        component = component_of(known[name, version], sums[name, version])
        component = found.setdefault(component.purl, component)
        path = path[: int(depth)]
        if path:
            path[-1].needs.add(component.purl)
        path.append(component)
    return found


def component_of(package, checksum):
    return Component(
        kind="cargo",
        name=package["name"],
        version=package["version"],
        # As it was written before there was a grammar for it.
        licence=(package["license"] or "").replace("/", " OR "),
        folder=Path(package["manifest_path"]).parent,
        authors=package["authors"],
        repository=package["repository"],
        hashes={"SHA-256": checksum} if checksum else {},
        own=package["source"] is None,
    )


def packages_of(source):
    """The npm packages in the pages that a deployment serves. The pages' build tells which; see web/pages/build.mjs."""
    lock = json.loads((source / "web/package-lock.json").read_text())["packages"]
    found = {}
    for name in json.loads((source / "web/pages/dist/packages.json").read_text())["pages"]:
        locked = lock[f"node_modules/{name}"]
        folder = source / "web/node_modules" / name
        package = json.loads((folder / "package.json").read_text())
        if package["version"] != locked["version"]:
            raise SystemExit(f"{folder} is not what web/package-lock.json says: `npm ci --prefix web`")
        algorithm, _, digest = locked["integrity"].partition("-")
        author, repository = package.get("author", ""), package.get("repository", "")
        component = Component(
            kind="npm",
            name=name,
            version=locked["version"],
            licence=locked["license"],
            folder=folder,
            authors=[author if isinstance(author, str) else author["name"]],
            repository=repository if isinstance(repository, str) else repository["url"],
            hashes={algorithm.replace("sha", "SHA-"): base64.b64decode(digest).hex()},
            own=False,
        )
        found[component.purl] = component
    return found


def standard_library(source):
    version = run(["rustc", "--version"], source).split()[1]
    repository = "https://github.com/rust-lang/rust"
    return Component("generic", "rust-std", version, "MIT OR Apache-2.0", None, [], repository, {}, own=False)


def own_crate(components, name):
    (found,) = (one for one in components.values() if one.own and one.name == name)
    return found


def metadata(source, target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    return json.loads(run(command, source))


def run(command, folder):
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
