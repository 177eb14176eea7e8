"""Who makes a call, as far as that was verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from workflowsvc.access.book import AccessKey
    from workflowsvc.tenant import Tenant


class Caller(Struct, frozen=True):
    """`key` is None with `--auth off`, and with `--auth log` when the signature was not valid."""

    tenant: Tenant
    key: AccessKey | None = None
    source_ip: str = ""
    """The client's address; what a named proxy says it is, when one stands between."""
    user_agent: str = ""
    is_secure: bool = False
    """Whether the request came by TLS, as far as this server or a named proxy has seen it."""
    is_server: bool = False
    """The server asks itself, as for `/readyz`: nothing is checked."""
