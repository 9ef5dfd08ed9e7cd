"""Rehearses a release: the archive of its functions is deployed into ministack, a stand-in for AWS on this machine,
from a folder without the sources and by SAM without Rust; the heartbeat that is then there is called.

    release.py deploy ENDPOINT FOLDER

Compiles one function once more, at another place and with another home of Cargo, and compares it byte by byte with the
one that is in the archive.

    release.py repeat FUNCTION FOLDER

FOLDER is what release/build made.
"""

import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
STACK = "user-sessions-ci-release"


def archive_in(folder):
    (archive,) = pathlib.Path(folder).glob("user-sessions-*-x86_64.zip")
    return archive


def deploy_release(endpoint, folder):
    # Not for `repeat`, which needs nothing of AWS.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from stack import client, deploy

    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    for bill in pathlib.Path(folder).glob("*.cdx.json"):
        wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.read_text(encoding="utf-8"))
        assert wrong is None, wrong
        print(f"  {bill.name}: as CycloneDX's schema says")
    with tempfile.TemporaryDirectory() as there:
        # `extractall` gives no modes; SAM and Lambda go by those in the functions' own zips.
        zipfile.ZipFile(archive_in(folder)).extractall(there)
        (unpacked,) = pathlib.Path(there).iterdir()
        tools = pathlib.Path(there, "tools")
        tools.mkdir()
        (tools / "sam").symlink_to(shutil.which("sam"))
        for compiler in ("cargo", "cargo-lambda", "rustc"):
            assert shutil.which(compiler, path=str(tools)) is None
        package(endpoint, unpacked)
        deploy(endpoint, STACK, {"DeletionProtection": "false"}, unpacked / "template.yaml", unpacked, str(tools))
    resources = client("cloudformation", endpoint).describe_stack_resources(StackName=STACK)["StackResources"]
    (heartbeat,) = (one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "Heartbeat")
    event = (ROOT / "events/heartbeat.json").read_bytes()
    answer = client("lambda", endpoint).invoke(FunctionName=heartbeat, Payload=event)
    answer = json.loads(answer["Payload"].read())
    client("cloudformation", endpoint).delete_stack(StackName=STACK)
    print(f"  {heartbeat}: {answer}")
    # Of an id that the empty table does not know, for which a session starts.
    assert answer["statusCode"] == 200 and json.loads(answer["body"])["status"] == "renewed", answer


def package(endpoint, unpacked):
    """The other way to S3: by the AWS CLI, which has to find each function's zip, and to understand the template."""
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint}
    aws = lambda *command: subprocess.run(
        ["aws", *command], cwd=unpacked, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    aws("s3", "mb", "s3://release-ci")
    aws("cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "release-ci",
        "--output-template-file", "packaged.yaml")
    packaged = (unpacked / "packaged.yaml").read_text(encoding="utf-8")
    functions = len(list((unpacked / "functions").iterdir()))
    assert packaged.count("CodeUri: s3://release-ci/") == functions > 0, packaged.count("CodeUri: s3://release-ci/")
    (unpacked / "packaged.yaml").unlink()


def repeat(function, folder):
    sys.path.insert(0, str(ROOT / "release"))
    import functions

    with zipfile.ZipFile(archive_in(folder)) as archive:
        (inner,) = (name for name in archive.namelist() if name.endswith(f"/functions/{function}.zip"))
        shipped = zipfile.ZipFile(io.BytesIO(archive.read(inner))).read("bootstrap")
    with tempfile.TemporaryDirectory(prefix="another place ") as there:
        source, home = pathlib.Path(there, "source"), pathlib.Path(there, "cargo")
        # What git knows, as it is now.
        known = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        for name in known.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, source / name)
        # Crates are not fetched again, but found at another path.
        home.mkdir()
        for entry in functions.cargo_home().iterdir():
            (home / entry.name).symlink_to(entry)
        os.environ["CARGO_HOME"] = str(home)
        binary = functions.compile_for("x86_64", source, only=function)[function].read_bytes()
    digest = lambda content: hashlib.sha256(content).hexdigest()
    print(f"  {function}: {digest(shipped)} as shipped, {digest(binary)} compiled once more")
    assert binary == shipped, "the same sources made another binary at another place"


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    {"deploy": deploy_release, "repeat": repeat}[command](*rest)
