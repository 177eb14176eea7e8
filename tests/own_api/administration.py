"""Short forms of the operations on users, groups, keys and policies, for their tests."""

from __future__ import annotations

import json
from typing import Any

from workflowsvc.access.secrets import MasterKey
from workflowsvc.store.interface import Store
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

MASTER_KEY = MasterKey(b"m" * 32)


def statement(action: str, resource: str = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


LISTS = policy(statement("swf:List*"))
OF_DOMAIN = policy(statement("swf:*", effect="Deny", Principal={"AWS": "arn:aws:iam::000000000000:user/ann"}))


class Office:
    """A service with a master key, asked about access alone."""

    def __init__(
        self, store: Store, *, master_keys: tuple[MasterKey, ...] = (MASTER_KEY,), seed: int = 0
    ) -> None:
        self.world = World(store=store, seed=seed)
        self.world.state.access.master_keys = master_keys

    def ask(self, operation: str, /, tenant: Tenant | None = None, **members: Any) -> Any:
        return self.world.call(f"WorkflowSvc.{operation}", tenant, **members)

    def user(self, name: str, *policies: str, **members: Any) -> dict[str, Any]:
        """A new user to whom policies are attached; a text that is none's name is put first."""
        answer = self.ask("CreateUser", name=name, **members)
        for given in policies:
            self.ask("AttachPolicy", userName=name, policyName=given)
        return answer

    def names(self, operation: str, member: str, **members: Any) -> list[str]:
        """The names in a list, over all its pages."""
        found: list[str] = []
        token: str | None = ""
        while token is not None:
            page = self.ask(operation, **members, **({"nextPageToken": token} if token else {}))
            found += [row["name"] if isinstance(row, dict) else row for row in page[member]]
            token = page.get("nextPageToken")
        return found
