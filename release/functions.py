"""The functions: compiled by cargo-lambda, without a path of the machine that compiles them.

Alone, prints the variable CARGO_ENCODED_RUSTFLAGS with which a checkout is compiled: other flags compile all once more.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Of each name that Lambda gives a processor, the one that Rust gives it.
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
# What cargo-lambda compiles for by itself, which flags of the environment would do away with: smaller and quicker.
PROCESSORS = {"x86_64": "haswell", "arm64": "neoverse-n1"}


class Missing(Exception):
    """What this machine lacks, and how to get it."""


def names(source):
    """The functions of a checkout, which are its crates in `functions`."""
    return sorted(folder.name for folder in (source / "functions").iterdir() if (folder / "Cargo.toml").exists())


def rustflags(source, architecture):
    """For which processor, and what makes paths the same wherever something is compiled. Panics tell the places in which they happen."""
    replaced = {source: "/user-sessions"}
    for registry in sorted((cargo_home() / "registry" / "src").glob("*")):
        replaced[registry] = "/crates"
    library = Path(output("rustc", "--print", "sysroot", folder=source)) / "lib/rustlib/src/rust"
    # Where the standard library's sources are installed, rustc names them in the place of its own builders'.
    replaced[library] = f"/rustc/{commit_of_rustc(source)}"
    remapped = [f"--remap-path-prefix={path}={stands}" for path, stands in replaced.items()]
    return [f"-Ctarget-cpu={PROCESSORS[architecture]}", *remapped]


def environment(source, architecture="x86_64"):
    # The folder of the crates is named only once it is there.
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=source, check=True)
    # Not RUSTFLAGS, which is cut at spaces; and this one is the one that counts where both are set.
    return {**os.environ, "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rustflags(source, architecture))}


def compile_for(architecture, source, only=None):
    """Compiles all functions, or the one that is named, and returns the binary of each."""
    target = TARGETS[architecture]
    library = output("rustc", "--print", "target-libdir", "--target", target, folder=source)
    if not Path(library).is_dir():
        raise Missing(
            f"this machine cannot compile for {architecture}: Rust has no standard library of {target} here. "
            f"`rustup target add {target}` gets it"
        )
    if not shutil.which("cargo-lambda"):
        raise Missing("cargo-lambda compiles the functions: `pip install cargo-lambda` gets it, and zig with it")
    folder = Path("target", "lambda" if architecture == "x86_64" else f"lambda-{architecture}")
    command = ["cargo", "lambda", "build", "--release", "--locked", "--target", target, "--lambda-dir", str(folder)]
    # All are named even where one is wanted: features are those that all of them ask for.
    for name in names(source):
        command += ["--package", name]
    if only:
        command += ["--bin", only]
    subprocess.run(command, cwd=source, env=environment(source, architecture), check=True)
    binaries = {name: source / folder / name / "bootstrap" for name in ([only] if only else names(source))}
    for binary in binaries.values():
        find_paths(binary, source)
    return binaries


def find_paths(binary, source):
    """Fails if a binary tells where it was compiled."""
    content = binary.read_bytes()
    for path in (source, cargo_home(), Path.home()):
        # In a container, the home of root may be `/`.
        if len(path.parts) > 1 and os.fsencode(f"{path}/") in content:
            raise SystemExit(f"{binary} has the path {path} in it")


def cargo_home():
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")


def commit_of_rustc(source):
    lines = output("rustc", "--version", "--verbose", folder=source).splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)["commit-hash"]


def output(*command, folder):
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    sys.stdout.write(environment(Path.cwd())["CARGO_ENCODED_RUSTFLAGS"])
