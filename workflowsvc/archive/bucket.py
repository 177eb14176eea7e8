"""A bucket of Amazon S3, or of a service that speaks like it, which holds archived runs, one object each.

Owns the calls, and what their failures say. The bytes of an object are on a local disk before they are sent, so that a
history is never in memory as a whole; S3 confirms the MD5 of what has arrived.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, BinaryIO, cast

from workflowsvc.archive.place import S3, Found, NoObject, PlaceFailed
from workflowsvc.options import SettingsError

CONNECT_SECONDS = 5
READ_SECONDS = 60
ATTEMPTS = 3  # of a call, by botocore; a run is tried again later besides
BLOCK = 1 << 20  # bytes
PAGE = 1_000  # names in an answer, the most of S3
LACKING = "botocore is not installed: the extra `s3` of workflowsvc has it"


class Bucket:
    """A `Place`."""

    workers = 8  # each waits for the network most of the time

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """`prefix`: empty, or with a slash at its end."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def of(cls, address: str, endpoint: str) -> Bucket:
        """The bucket at s3://BUCKET/PREFIX. Credentials and region are found where AWS's tools find them. SettingsError
        when they are not found, or the address names no bucket.
        """
        bucket, _, prefix = address.removeprefix(S3).partition("/")
        prefix = prefix.strip("/")
        if not bucket:
            raise SettingsError(f"{address} names no bucket: it must be {S3}BUCKET or {S3}BUCKET/PREFIX")
        return cls(_client(endpoint), bucket, f"{prefix}/" if prefix else "")

    def describe(self) -> str:
        return f"{S3}{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        try:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        except OSError as error:
            raise PlaceFailed(f"a temporary file: {error.strerror or error}") from error
        with file:
            try:
                write(cast(BinaryIO, file))
                size = file.tell()
                file.seek(0)
                digest = hashlib.md5(usedforsecurity=False)
                while block := file.read(BLOCK):
                    digest.update(block)
                file.seek(0)
            except OSError as error:
                raise PlaceFailed(f"a temporary file: {error.strerror or error}") from error
            self._ask(
                "put_object",
                name,
                Body=file,
                ContentLength=size,
                ContentMD5=base64.b64encode(digest.digest()).decode(),
                ContentType="application/gzip",
            )
        return size

    def sync(self, names: list[str]) -> None:
        """An object is durable when S3 has answered."""

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, _Body(self._ask("get_object", name)["Body"], f"{self.describe()}/{name}"))

    def list(self, prefix: str) -> Iterator[Found]:
        for page in self._pages(prefix):
            for found in page.get("Contents", []):
                yield Found(str(found["Key"]).removeprefix(self._prefix), int(found["Size"]))

    def folders(self, prefix: str) -> list[str]:
        below: list[str] = []
        for page in self._pages(prefix, Delimiter="/"):
            below += [str(each["Prefix"]) for each in page.get("CommonPrefixes", [])]
        return sorted(each.removeprefix(f"{self._prefix}{prefix}").rstrip("/") for each in below)

    def _pages(self, prefix: str, **members: str) -> Iterator[dict[str, Any]]:
        while True:
            try:
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}", MaxKeys=PAGE, **members
                )
            except Exception as error:
                raise self._failure(error, prefix) from error
            yield page
            if not page.get("IsTruncated"):
                return
            members["ContinuationToken"] = page["NextContinuationToken"]

    def _ask(self, operation: str, name: str, **members: Any) -> Any:
        try:
            return getattr(self._client, operation)(
                Bucket=self._bucket, Key=f"{self._prefix}{name}", **members
            )
        except Exception as error:
            raise self._failure(error, name) from error

    def _failure(self, error: Exception, name: str) -> PlaceFailed:
        """botocore's own errors, and whatever an endpoint that is no S3 makes of its parsers."""
        code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404"):
            return NoObject(f"there is no {self.describe()}/{name}")
        return PlaceFailed(f"{self.describe()}: {' '.join(str(error).split()) or type(error).__name__}")


class _Body:
    """The stream of an answer, whose failures are those of a place."""

    def __init__(self, body: Any, name: str) -> None:
        self._body = body
        self._name = name

    def read(self, size: int = -1) -> bytes:
        try:
            return self._body.read(None if size < 0 else size)
        except Exception as error:  # of botocore or of its HTTP client
            raise PlaceFailed(f"{self._name}: {' '.join(str(error).split())}") from error

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _client(endpoint: str) -> Any:
    try:
        sessions: Any = import_module("botocore.session")
        exceptions: Any = import_module("botocore.exceptions")
        configs: Any = import_module("botocore.config")
    except ModuleNotFoundError as error:
        raise SettingsError(LACKING) from error
    session = sessions.get_session()
    region = session.get_config_variable("region")
    # Checksums that only newer services know are sent where they are needed; the MD5 is known to all.
    config = configs.Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if endpoint else {},
        max_pool_connections=Bucket.workers,
    )
    try:
        if session.get_credentials() is None:
            raise SettingsError(
                "there are no credentials for the bucket: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
            )
        return session.create_client(
            "s3", endpoint_url=endpoint or None, region_name=region or "us-east-1", config=config
        )
    except (exceptions.BotoCoreError, ValueError) as error:
        raise SettingsError(f"the bucket cannot be used: {error}") from error
