"""Reads the history to be judged from a file, from standard input, or from a service over HTTP.

Owns the forms that histories come in and the messages about unusable input. Speaks AWS JSON 1.0 by hand, so that
it needs neither the service's code nor an SDK; requests are not signed.
"""

import gzip
import json
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from workflowsvc.lint.history import as_object

__all__ = ["LoadedHistory", "Unusable", "fetch", "parse_answer", "parse_execution", "read_file"]

_TIMEOUT_SECONDS = 30
_GZIP = b"\x1f\x8b"
_ARCHIVED = b'{"archive":'
_ATTEMPTS = 5  # readings of a running execution, to find two that agree


class Unusable(Exception):
    """The input is no history; the text says why."""


class LoadedHistory(NamedTuple):
    """A history as it was read, and what is known about it."""

    events: list[object]
    complete: bool
    execution: Mapping[str, object] | None = None
    name: str = ""


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _load(data: bytes, name: str) -> object:
    try:
        # `json` detects the encoding: a redirect in PowerShell writes UTF-16.
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{name} is no JSON: {error}") from error


def _events_in(data: bytes, name: str) -> object:
    """The answer or list in a file, as it is or made of an archived run: gzip of a line about the run, and one for each
    event."""
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise Unusable(f"{name} is damaged: {error}") from error
    if not data.startswith(_ARCHIVED):
        return _load(data, name)
    first, *lines = data.removesuffix(b"\n").split(b"\n")
    expected = as_object(_load(first, name)).get("events")
    if len(lines) != expected:
        raise Unusable(f"{name} has {len(lines)} events, and its first line says {expected}")
    return {"events": [_load(line, name) for line in lines]}


def read_file(path: str, standard_input: BinaryIO) -> bytes:
    """The bytes of this file, or of standard input for `-`."""
    if path == "-":
        return standard_input.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror or error}") from error


def _with_times(value: object) -> object:
    """The object with its ISO 8601 times, as the AWS CLI prints them, turned into datetimes."""
    if not isinstance(value, dict):
        return value
    return {
        name: _read_time(inner) if name.endswith("Timestamp") and isinstance(inner, str) else inner
        for name, inner in as_object(cast("object", value)).items()
    }


def _read_time(text: str) -> object:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text  # reported by the rule about timestamps


def parse_answer(data: bytes, name: str, *, partial: bool = False) -> LoadedHistory:
    """The history in an answer of GetWorkflowExecutionHistory or PollForDecisionTask, in a bare list, or archived."""
    answer = _events_in(data, name)
    outer = as_object(answer)
    events = outer.get("events") if outer else answer
    if not isinstance(events, list):
        raise Unusable(f'{name} holds no history: expected {{"events": […]}} or a list of events')
    found = [_with_times(event) for event in cast("list[object]", events)]
    if not found:
        raise Unusable(f"{name} holds no events")
    if _id_of(found[0]) > _id_of(found[-1]):
        found.reverse()  # newest first, as with reverseOrder
    if _id_of(found[0]) > 1:
        raise Unusable(f"{name} begins with event {_id_of(found[0])}: the page before it is missing")
    more = any(outer.get(token) for token in ("nextPageToken", "NextToken"))
    return LoadedHistory(found, complete=not (more or partial), name=name)


def _id_of(event: object) -> int:
    event_id = as_object(event).get("eventId")
    return event_id if isinstance(event_id, int) else 0


def parse_execution(data: bytes, name: str) -> Mapping[str, object]:
    """The answer of DescribeWorkflowExecution in this file."""
    answer = as_object(_with_times(_load(data, name)))
    if "executionInfo" not in answer:
        raise Unusable(f"{name} holds no DescribeWorkflowExecution answer: executionInfo is missing")
    return {**answer, "executionInfo": _with_times(answer["executionInfo"])}


class _Endpoint(NamedTuple):
    """A service and a domain in it."""

    url: str
    domain: str

    def call(self, operation: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """The answer to one call."""
        request = urllib.request.Request(
            self.url,
            data=json.dumps({"domain": self.domain, **arguments}).encode(),
            headers={
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"SimpleWorkflowService.{operation}",
            },
            method="POST",
        )
        try:
            with _opener(self.url).open(request, timeout=_TIMEOUT_SECONDS) as response:
                return as_object(_load(response.read(), f"the answer to {operation}"))
        except urllib.error.HTTPError as error:
            raise Unusable(f"{operation}: {_explain(error)}") from error
        except (OSError, ValueError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise Unusable(f"{self.url} does not answer: {reason}") from error

    def history(self, execution: Mapping[str, object]) -> list[object]:
        """All events of this execution, page by page."""
        events: list[object] = []
        token: object = None
        while True:
            page = {"nextPageToken": token} if token else {}
            answer = self.call("GetWorkflowExecutionHistory", {"execution": execution, **page})
            found = answer.get("events")
            if not isinstance(found, list):
                raise Unusable(f"{self.url} answered GetWorkflowExecutionHistory without events")
            events += cast("list[object]", found)
            token = answer.get("nextPageToken")
            if not token or not found:
                return events

    def newest_run(self, workflow_id: str) -> str:
        """The run of this workflowId that is open, or else the one that started last."""
        arguments = {
            "startTimeFilter": {"oldestDate": 0},
            "executionFilter": {"workflowId": workflow_id},
            "maximumPageSize": 1,
        }
        for operation in ("ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"):
            infos = self.call(operation, arguments).get("executionInfos")
            for info in cast("list[object]", infos) if isinstance(infos, list) else []:
                run_id = as_object(as_object(info).get("execution")).get("runId")
                if isinstance(run_id, str):
                    return run_id
        raise Unusable(f"there is no execution {workflow_id!r} in domain {self.domain!r}")


def _explain(error: urllib.error.HTTPError) -> str:
    try:
        answer = json.loads(error.read())
    except (OSError, ValueError, RecursionError):
        answer = None
    body = as_object(answer)
    code = str(body.get("__type") or "").rpartition("#")[2] or f"HTTP status {error.code}"
    return f"{code}: {body['message']}" if "message" in body else code


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Opens URLs; connections to this machine bypass the proxy that the environment names."""
    host = urllib.parse.urlsplit(url).hostname or ""
    local = host in ("localhost", "::1") or host.startswith("127.")
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))


def _read_url(text: str) -> str:
    try:
        parts = urllib.parse.urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts._replace(path=parts.path or "/", query="", fragment="").geturl()
    except ValueError:  # a port out of range, brackets that do not match
        pass
    raise Unusable(f"{text!r} is no http or https address")


def fetch(url: str, domain: str, workflow_id: str, run_id: str | None) -> LoadedHistory:
    """The history of an execution and what DescribeWorkflowExecution says about it, read at one moment.

    A running execution is read until two readings of its history agree; if it never rests, the description is
    left out.
    """
    endpoint = _Endpoint(_read_url(url), domain)
    execution = {"workflowId": workflow_id, "runId": run_id or endpoint.newest_run(workflow_id)}
    name = f"{workflow_id} {execution['runId']}"
    events = endpoint.history(execution)
    for _ in range(_ATTEMPTS):
        description = endpoint.call("DescribeWorkflowExecution", {"execution": execution})
        again = endpoint.history(execution)
        if len(again) == len(events):
            return LoadedHistory(again, complete=True, execution=description, name=name)
        events = again
    return LoadedHistory(events, complete=True, name=name)
