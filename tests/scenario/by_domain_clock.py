"""The service behind a real socket, in which time passes by the clocks of the scenario's domains alone.

The clock of the process stands still. Each domain is frozen when it is registered, and `advance` turns all of them by
calls of the service's own API.
"""

from __future__ import annotations

import http.client
import json
from typing import Any

from tests.scenario.over_http import OverHttp, Server
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.clock import ManualClock
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant


class ByDomainClock(OverHttp):
    """A `workflowsvc.testing.scenarios.service.Service`, but for the commands that are about the process's clock."""

    def __init__(self, server: Server, settings: Settings, *, functions_answer: bool = False) -> None:
        self._now_ms = ManualClock.DEFAULT_START_MS
        self._domains: list[tuple[Tenant, str]] = []
        super().__init__(server, settings, functions_answer=functions_answer)

    @property
    def now_ms(self) -> int:
        return self._now_ms

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        answer = super().call(operation, tenant, members)
        if operation == "RegisterDomain":
            self._domains.append((tenant, members["name"]))
            self._own(tenant, "FreezeClock", domain=members["name"])
            self._own(tenant, "AdvanceClock", domain=members["name"], to=self._now_ms / 1000)
        return answer

    def advance(self, ms: int) -> None:
        self._now_ms += ms
        for tenant, name in self._domains:
            self._own(tenant, "AdvanceClock", domain=name, to=self._now_ms / 1000)
        self._settle()

    def set_clock(self, ms: int) -> None:
        raise NotImplementedError("it is the process's clock")

    def sleep(self, ms: int) -> None:
        if ms:
            raise NotImplementedError("time does not pass by itself")
        super().sleep(0)

    def _own(self, tenant: Tenant, operation: str, **members: Any) -> None:
        scope = f"{tenant.account}/20120125/{tenant.region}/swf/aws4_request"
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE_SECONDS)
        connection.request(
            "POST",
            "/",
            json.dumps(members).encode(),
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"WorkflowSvc.{operation}",
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            },
        )
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert response.status == 200, body

    def _settle(self) -> int | None:
        """Everything that can be done now is done."""
        while True:
            waiting, look_at = self._server.do(
                self._submit(lambda work: (work.state.agenda.messages_waiting, work.state.agenda.clocks_at))
            )
            if not waiting and (look_at is None or look_at > self._clock.now_ms()):
                return None
