"""The operator's file that says where each Lambda function is: the only source of addresses that are called.

Owns the file's form and its mistakes, and `Target`. JSON or TOML, one entry per function name, ARN or `*` pattern:

    {"resize":   "http://127.0.0.1:9000/resize",
     "report-*": {"lambda": "http://127.0.0.1:3001"},
     "index":    {"lambda": "http://127.0.0.1:9001", "name": "function"}}

A string is a URL that is posted to unchanged; `lambda` is the endpoint of a Lambda Invoke API, and `name` is the
function's name there, if it differs.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from workflowsvc.lambdas.names import FunctionNames
from workflowsvc.options import SettingsError
from workflowsvc.outgoing.urls import authority, read_url

INVOKE = "/2015-03-31/functions/{}/invocations"  # the Lambda API, operation Invoke


class Target(NamedTuple):
    """An entry of the map."""

    secure: bool
    host: str
    port: int
    path: str
    """The request target, or for an Invoke API the prefix of its own path."""
    invoke_api: bool = False
    named: str | None = None

    @property
    def authority(self) -> str:
        """The Host header."""
        return authority(self.secure, self.host, self.port)

    def path_for(self, name: str) -> str | None:
        """The request target for this function; None for a name that would change the path."""
        if not self.invoke_api:
            return self.path
        called = self.named or name
        if called in (".", ".."):
            return None
        return self.path + INVOKE.format(quote(called, safe=""))


class FunctionMap(NamedTuple):
    """The content of the file."""

    names: FunctionNames[Target]
    size: int


def read(path: str) -> FunctionMap:
    """The map in this file. Raises SettingsError, which says what is wrong with the file."""
    try:
        entries = _decode(Path(path))
        if not isinstance(entries, dict):
            raise _Mistake("it is not a map of function names to URLs")
        targets = {name: _target(name, entry) for name, entry in cast("dict[str, object]", entries).items()}
    except OSError as error:
        raise SettingsError(f"--lambda-functions: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"--lambda-functions: {path}: {error}") from None
    return FunctionMap(FunctionNames(targets), len(targets))


class _Mistake(ValueError):
    """A mistake in the file, as a sentence."""


def _decode(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return json.loads(text, object_pairs_hook=_no_key_twice)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Mistake("a name stands there twice")
    return found


def _target(name: str, entry: object) -> Target:
    try:
        if isinstance(entry, str):
            return _url(entry)
        if isinstance(entry, dict):
            return _invoke_api(cast("Mapping[str, object]", entry))
        raise _Mistake("it is neither a URL nor a table")
    except ValueError as error:
        raise _Mistake(f"{name!r}: {error}") from None


def _invoke_api(entry: Mapping[str, object]) -> Target:
    url, named = entry.get("lambda"), entry.get("name")
    if not isinstance(url, str) or not isinstance(named, str | None) or entry.keys() - {"lambda", "name"}:
        raise _Mistake('a table has "lambda", the URL of an Invoke API, and may have "name"; both are texts')
    target = _url(url)
    if "?" in target.path:
        raise _Mistake(f"{url} is the endpoint of an Invoke API and cannot have a query")
    return target._replace(path=target.path.rstrip("/"), invoke_api=True, named=named or None)


def _url(text: str) -> Target:
    return Target(*read_url(text))
