"""The tenant of a request, by the credential scope of its Authorization header.

Owns reading `AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/swf/aws4_request, …` (SWF §1.1.7). It checks
nothing: requests are not authenticated, and the scope only selects the tenant whose names are meant (SWF §1.3.5). A key
id of 12 digits is itself the account; every other one belongs to the default account.
"""

from __future__ import annotations

import re

from workflowsvc.tenant import Tenant

# The parts are separated by a comma, with or without a blank, and come in any order.
_SCOPE = re.compile(
    rb"AWS4-HMAC-SHA256 (?:[^=, ]+=[^, ]*[, ]+)*?"
    rb"Credential=([\x21-\x2b\x2d\x2e\x30-\x7e]{1,128})"  # a key id: visible, without comma and slash
    rb"/[0-9]{8}/([a-z0-9-]{1,32})/swf/aws4_request *(?:,|$)"
)
_ACCOUNT = re.compile(rb"[0-9]{12}")

# A client's scope changes once a day, and an installation has few clients; a client that sends more scopes than this
# makes them up.
MAX_REMEMBERED = 1_024


class Tenants:
    """Authorization header -> tenant."""

    def __init__(self, account: str, region: str) -> None:
        self.default = Tenant(account, region)
        self._known: dict[bytes, Tenant] = {}

    def of(self, authorization: bytes | None) -> Tenant:
        """The tenant of a request; the default one when the header is missing or of another scheme."""
        if not authorization:
            return self.default
        # In nearly all requests the scope comes first and has been seen before.
        first = authorization.partition(b",")[0]
        known = self._known.get(first)
        if known is not None:
            return known
        tenant = self._read(authorization)
        if _SCOPE.fullmatch(first):
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[first] = tenant
        return tenant

    def _read(self, authorization: bytes) -> Tenant:
        scope = _SCOPE.match(authorization)
        if scope is None:
            return self.default
        account = scope[1].decode() if _ACCOUNT.fullmatch(scope[1]) else self.default.account
        return Tenant(account, scope[2].decode())
