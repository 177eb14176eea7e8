"""What every place of archived runs does: a folder, and a bucket of a server that speaks like Amazon S3."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.archive.s3_server import BUCKET, s3_server
from workflowsvc.archive import bucket
from workflowsvc.archive.finding import Wanted, find
from workflowsvc.archive.folder import INCOMING, STALE_SECONDS, Folder
from workflowsvc.archive.names import object_name
from workflowsvc.archive.place import NoObject, Place, PlaceFailed, open_place
from workflowsvc.options import SettingsError

MOMENT = 1_795_982_340_999
DAY_MS = 86_400_000


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["folder", "bucket", "bucket without a prefix"])
def place(request: pytest.FixtureRequest, tmp_path: Path, credentials: None) -> Iterator[Place]:
    if request.param == "folder":
        yield open_place(str(tmp_path))
        return
    prefix = "/swf/prod/" if request.param == "bucket" else ""
    with s3_server() as (address, _):
        yield open_place(f"s3://{BUCKET}{prefix}", address)


def put(place: Place, name: str, data: bytes = b"data") -> None:
    def write(target: BinaryIO) -> None:
        target.write(data)

    assert place.put(name, write) == len(data)
    place.sync([name])


def read(place: Place, name: str) -> bytes:
    with place.open(name) as source:
        return source.read()


def test_an_object_is_read_as_it_was_written_and_replaced(place: Place) -> None:
    put(place, "a/b/c,1.jsonl.gz", b"one")
    assert read(place, "a/b/c,1.jsonl.gz") == b"one"
    put(place, "a/b/c,1.jsonl.gz", large := os.urandom(3_000_000))
    assert read(place, "a/b/c,1.jsonl.gz") == large
    with place.open("a/b/c,1.jsonl.gz") as source:
        assert source.read(10) == large[:10]
    with pytest.raises(NoObject, match="there is no"):
        place.open("a/b/d,1.jsonl.gz")


def test_objects_are_listed_by_name_below_a_prefix(place: Place) -> None:
    names = ["a/b/%2Fx,1", "a/b/c%7E,1", "a/b/c,1", "a/bb/c,1", "a/b/c.d,1", "b/x,1"]
    for name in names:
        put(place, name)
    assert [found.name for found in place.list("")] == sorted(names)
    assert {found.size for found in place.list("")} == {4}
    assert [found.name for found in place.list("a/b/")] == sorted(
        name for name in names if name.startswith("a/b/")
    )
    assert [found.name for found in place.list("a/b/c,")] == ["a/b/c,1"]
    assert [found.name for found in place.list("a/b")] == sorted(
        name for name in names if name.startswith("a/b")
    )
    assert list(place.list("none/")) == []
    assert place.folders("") == ["a", "b"]
    assert place.folders("a/") == ["b", "bb"]
    assert place.folders("none/") == []


def test_more_objects_than_a_page_holds_are_listed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "PAGE", 3)
    names = sorted(f"a/{number}" for number in range(10))
    for name in names:
        place.put(name, lambda target: None)
    assert [found.name for found in place.list("a/")] == names
    assert place.folders("") == ["a"]


def test_what_fails_while_it_is_written_makes_no_object(place: Place) -> None:
    class Broken(Exception):
        pass

    def fail(target: BinaryIO) -> None:
        target.write(b"a part")
        raise Broken

    def full(target: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    put(place, "a/kept", b"as before")
    for name in ("a/new", "a/kept"):
        with pytest.raises(Broken):
            place.put(name, fail)
        with pytest.raises(PlaceFailed, match="No space left on device"):
            place.put(name, full)
    assert [found.name for found in place.list("")] == ["a/kept"]
    assert read(place, "a/kept") == b"as before"


def test_runs_are_found_by_what_their_names_say(place: Place) -> None:
    made = [
        (account, region, domain, day, workflow_id)
        for account, region in (("1", "eu"), ("1", "us"), ("2", "eu"))
        for domain in ("shop", "sho/p")
        for day in (0, 1, 40)
        for workflow_id in ("w", "w,x", "x" * 256)
    ]
    for account, region, domain, day, workflow_id in made:
        put(place, object_name(account, region, domain, MOMENT + day * DAY_MS, workflow_id, f"run{day}"))

    def count(**wanted: str) -> int:
        return len(list(find(place, Wanted(**wanted))))

    assert count() == len(made) == 54
    assert count(account="1") == 36
    assert count(region="us") == 18
    assert count(domain="shop") == 27
    assert count(domain="sho/p", account="2") == 9
    assert count(day="2026-11-29") == 18
    assert count(day="2026-11") == 36
    assert count(day="2026", domain="shop") == 18
    assert count(day="2027") == 18
    assert count(workflow_id="w") == 18
    assert count(workflow_id="x" * 256, day="2026-11-29", domain="shop", account="1") == 2
    assert count(workflow_id="x" * 255) == 0
    assert count(run_id="run40") == 18
    assert count(domain="shop", account="3") == 0


# --- a folder ---


def test_files_are_for_their_owner_alone_and_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.prepare(now := 1_795_982_340.0)
    put(folder, "a/b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o600
    old, new = (tmp_path / INCOMING / name for name in ("old.partial", "new.partial"))
    for file, at in ((old, now - STALE_SECONDS - 1), (new, now)):
        file.write_text("")
        os.utime(file, (at, at))
    folder.prepare(now)
    assert (old.exists(), new.exists()) == (False, True)
    assert [found.name for found in folder.list("")] == ["a/b"]


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    """It may be a disk that is not mounted."""
    folder = Folder(str(tmp_path / "gone"))
    for ask in (
        lambda: folder.prepare(0.0),
        lambda: folder.put("a/b", lambda target: None),
        lambda: list(folder.list("")),
        lambda: folder.folders(""),
    ):
        with pytest.raises(PlaceFailed, match="is no folder"):
            ask()
    assert not (tmp_path / "gone").exists()


def test_a_file_where_a_folder_should_be_is_said(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    (tmp_path / "a").write_text("")
    with pytest.raises(PlaceFailed, match="File exists"):
        folder.put("a/b/c", lambda target: None)
    assert os.listdir(tmp_path / INCOMING) == []


# --- a bucket ---


def test_a_bucket_that_there_is_not_and_a_server_that_does_not_answer(credentials: None) -> None:
    with s3_server() as (address, _):
        place = open_place("s3://other/swf", address)
        for ask in (lambda: place.put("a", lambda target: None), lambda: list(place.list(""))):
            with pytest.raises(PlaceFailed, match=r"s3://other/swf: .*NoSuchBucket"):
                ask()
    with pytest.raises(PlaceFailed, match="Could not connect"):
        place.put("a", lambda target: None)
    with pytest.raises(PlaceFailed):
        place.open("a")


@pytest.mark.parametrize(
    ("address", "endpoint", "said"),
    [
        ("s3://", "", "names no bucket"),
        ("s3:///prefix", "", "names no bucket"),
        ("s3://b", "nowhere", "cannot be used"),
        ("gs://b", "", "neither a folder nor s3://"),
        ("/tmp", "http://127.0.0.1:9000", "is a folder"),
    ],
)
def test_addresses_that_name_no_place(credentials: None, address: str, endpoint: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        open_place(address, endpoint)


def test_without_credentials_there_is_no_bucket(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match="no credentials"):
        open_place("s3://b")


def test_without_botocore_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['botocore'] = None\n"
        "from workflowsvc.archive.place import open_place\n"
        "try:\n    open_place('s3://b')\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "SettingsError botocore is not installed: the extra `s3` of workflowsvc has it"
    )
