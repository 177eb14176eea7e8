"""deploy/Containerfile without a builder: its steps are run in a folder, and what they make serves as a stranger.

Owns the reading of the few instructions that the file uses. Where this process is root, the server runs as the user of
the image in a name space in which all but /data can only be read.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.waiting import until
from tests.test_tidy import ROOT, committed
from tools.ports import free_port

FILE = ROOT / "deploy" / "Containerfile"
INSTALLED = "/opt/workflowsvc"
USER = 65532


class Step(NamedTuple):
    """One instruction, such as RUN, and all behind it on one line."""

    name: str
    text: str


def stages() -> list[list[Step]]:
    """The steps of each stage, without its FROM."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[Step]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        else:
            found[-1].append(Step(name, rest.strip()))
    return found


def one(name: str) -> str:
    """The only instruction of that name in the image itself."""
    (step,) = (step for step in stages()[-1] if step.name == name)
    return step.text


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of the root of the build."""
    if not os.environ.get("BUILD_IMAGE"):
        pytest.skip('it is built by `make soak ARGS="image"`: a minute, and a package index, are needed')
    folder = tmp_path_factory.mktemp("image")
    if (
        os.environ.get("PIP_NO_INDEX")
        or subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--dest",
                folder / "seen",
                "msgspec",
            ],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("no package index is within reach")
    build, _ = stages()
    here = folder / "src"
    folder.chmod(0o755)  # as a root is
    for step in build:
        if step.name == "COPY":
            *sources, target = step.text.split()
            copy(sources, here / target, several=target.endswith("/"))
        elif step.name == "RUN":
            run(step.text, folder, here)
        else:
            assert step == Step("WORKDIR", "/src"), f"the test does not know {step}"
            here.mkdir()
    return folder


def copy(sources: list[str], target: Path, *, several: bool) -> None:
    """What is committed of the sources, as an ignore file leaves it."""
    for source in sources:
        for path in committed(source):
            below = path.relative_to(ROOT / source) if (ROOT / source).is_dir() else Path()
            place = target / path.name if several else target / below
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def run(command: str, folder: Path, here: Path) -> None:
    for path in (INSTALLED, "/data"):
        command = re.sub(rf"(?<![\w.]){path}\b", f"{folder}{path}", command)
    command = re.sub(r"^python\b", shlex.quote(sys.executable), command)
    done = subprocess.run(["sh", "-euc", command], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_image_holds_what_runs_and_nothing_that_builds(image: Path) -> None:
    listed = subprocess.run(
        [image / "opt/workflowsvc/bin/python", "-c", INSTALLED_NAMES],
        capture_output=True,
        text=True,
        check=True,
    )
    names = set(json.loads(listed.stdout))
    assert {"workflowsvc", "psycopg", "cryptography", "starlette"} <= names
    assert not names & {"pip", "hatchling", "boto3", "pytest"}
    size = sum(path.stat().st_size for path in (image / "opt").rglob("*") if path.is_file())
    assert size < 120 * 2**20


INSTALLED_NAMES = """
import importlib.metadata as m, json
print(json.dumps(sorted({d.name.lower() for d in m.distributions()})))
"""


@pytest.fixture
def server(image: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The entry point of the image, as its user; and its port."""
    port = free_port()
    assert one("USER") == f"{USER}:{USER}"
    assert json.loads(one("ENTRYPOINT")) == ["workflowsvc"]
    arguments = ["-m", "workflowsvc", *json.loads(one("CMD"))]
    variables = dict(pair.split("=", 1) for pair in shlex.split(one("ENV")))
    variables |= {"WORKFLOWSVC_PORT": str(port), "PATH": os.environ["PATH"], "WORKFLOWSVC_HOST": "127.0.0.1"}
    log = (tmp_path / "log").open("wb")
    if os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv"):
        os.chown(image / "data", USER, USER)
        variables["WORKFLOWSVC_STORE"] = "sqlite:/mnt/data/workflowsvc.db"
        command = ["unshare", "--mount", "sh", "-euc", AS_STRANGER, "sh", str(image), *arguments]
    else:
        variables["WORKFLOWSVC_STORE"] = f"sqlite:{image}/data/workflowsvc.db"
        command = [str(image / "opt/workflowsvc/bin/python"), *arguments]
    process = subprocess.Popen(command, env=variables, cwd="/", stdout=log, stderr=log)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()
        log.close()


AS_STRANGER = f"""
image=$1; shift
mount --make-rprivate /
mount --bind "$image" /mnt
mount --bind "$image/data" /mnt/data
mount -o remount,bind,ro /mnt
mount -o remount,bind,ro /
exec setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs /mnt/opt/workflowsvc/bin/python "$@"
"""


def test_it_serves_as_a_stranger_who_can_write_to_its_data_alone(
    server: tuple[subprocess.Popen[bytes], int], image: Path, tmp_path: Path
) -> None:
    process, port = server
    check = json.loads(one("HEALTHCHECK").partition("CMD ")[2])
    check = [sys.executable, *(word.replace(":8888", f":{port}") for word in check[1:])]

    def is_ready() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    until(is_ready, "the health check of the image succeeds", pause_seconds=0.1)
    assert (image / "data" / "workflowsvc.db").exists()
    if (image / "data").stat().st_uid == USER:
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{USER}" in status
    process.terminate()
    assert process.wait() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_the_lock_of_the_image_is_a_part_of_the_lock_of_development_and_has_all_extras() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return {line.split(" ")[0] for line in text.splitlines() if "==" in line}

    assert pins("container.txt") <= pins("dev.txt")
    assert pins("runtime.txt") <= pins("container.txt")
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {pin.partition("==")[0] for pin in pins("container.txt")}
    for extra in extras.keys() - {"aws"}:  # credentials of people who use the command line
        for wanted in extras[extra]:
            assert re.split(r"[\[>=<]", wanted)[0] in names, f"{wanted} of the extra {extra}"
