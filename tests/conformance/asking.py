"""Requests as bytes on a socket, for what no SDK would send; answers as bytes and as JSON."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

from tests.conformance.fixtures import ME
from tests.scenario.over_http import Server
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.tenant import Tenant


class Asked(NamedTuple):
    """One answer."""

    status: int
    body: bytes
    headers: set[str]  # their names, in lower case

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """The fault, as SDKs read it (SWF §1.4.8); empty when there is none."""
        return "" if self.status == 200 else self.json["__type"].rpartition("#")[2]


class Line:
    """A connection that is kept."""

    def __init__(self, server: Server, tenant: Tenant = ME) -> None:
        scope = f"{tenant.account}/20120125/{tenant.region}/swf/aws4_request"
        self._headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, operation: str, body: bytes | dict[str, Any]) -> Asked:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        target = {"X-Amz-Target": f"SimpleWorkflowService.{operation}"}
        self._connection.request("POST", "/", sent, self._headers | target)
        response = self._connection.getresponse()
        return Asked(response.status, response.read(), {name.lower() for name, _ in response.getheaders()})


def ask(server: Server, operation: str, members: dict[str, Any], tenant: Tenant = ME) -> Asked:
    """One question on a connection of its own."""
    with Line(server, tenant) as line:
        return line.ask(operation, members)
