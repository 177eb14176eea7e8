"""Who calls, when, and with what: the part of a call that every operation needs beside its input."""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.service.buckets import Buckets
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant


class CallContext(NamedTuple):
    """`now` is the moment the call arrived, in milliseconds; what changes an execution uses the session's
    clock instead.
    """

    tenant: Tenant
    now: int
    tokens: Tokens
    settings: Settings
    buckets: Buckets
