"""A blocking client of one server, on one connection: an answer, a fault, or NoAnswer."""

from __future__ import annotations

import http.client
import json
from typing import Any

from tests.support.client import fault_of
from tests.support.waiting import PATIENCE_SECONDS

HOST = "127.0.0.1"


class NoAnswer(Exception):
    """The connection ended before the answer."""


class Refused(Exception):
    """An answer with a status other than 200; the text is the name of the fault."""


class Peer:
    """A connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, action: str, members: dict[str, Any]) -> None:
        headers = {
            "X-Amz-Target": f"SimpleWorkflowService.{action}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        try:
            self._connection.request("POST", "/", json.dumps(members), headers)
        except OSError as error:
            raise NoAnswer from error

    def answer(self) -> Any:
        try:
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer from error
        if response.status != 200:
            raise Refused(fault_of(body))
        return json.loads(body) if body else None

    def call(self, action: str, /, **members: Any) -> Any:
        self.send(action, members)
        return self.answer()
