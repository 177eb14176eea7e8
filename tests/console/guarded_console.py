"""The console of a World with access control, and browsers of people who sign in to it.

Owns how a test signs in. What a person may see is the test's.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.authorization.guarded import Guarded
from tests.console.browsing import ORIGIN, Browser, ServiceOfUsers, Shown
from tests.support.access import TENANT, Statement, allow

if TYPE_CHECKING:
    from collections.abc import Generator

    from workflowsvc.access.caller import Caller

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EVERYTHING = allow("swf:*", "workflowsvc:*")
READING = allow("swf:List*", "swf:Describe*", "swf:Get*", "swf:Count*", "workflowsvc:*Execution*",
                "workflowsvc:Explain*", "workflowsvc:Describe*", "workflowsvc:List*")  # fmt: skip
SAME_SITE = {
    "content-type": "application/x-www-form-urlencoded",
    "origin": "null",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "navigate",
}


class GuardedConsole:
    """One console; its users have `SECRET`."""

    def __init__(self, **settings: Any) -> None:
        self.guarded = Guarded()
        self.users = self.guarded.users
        self.service = ServiceOfUsers(self.guarded.world, self.users, self.guarded.authorization)
        self._settings = replace(
            self.guarded.world.settings, auth="enforce", region=TENANT.region, **settings
        )
        self._first = Browser(self.guarded.world, self._settings, self.service)

    def close(self) -> None:
        self._first.__exit__()

    def person(self, name: str, *statements: Statement, **key: Any) -> Caller:
        caller = self.users.add(name, *(statements or (EVERYTHING,)))
        self.users.change_key(caller, **({"secret": SECRET.encode()} | key))
        return caller

    @contextmanager
    def browser(self, origin: str = ORIGIN, client: str = "127.0.0.1") -> Generator[Browser]:
        """Another browser, at this address, that looks at the console by this name."""
        with self._first.beside(origin, client) as browser:
            yield browser


def sign_in(browser: Browser, name: str, secret: str = SECRET, /, **fields: str) -> Shown:
    """The answer to the form; what it leads to is not asked for."""
    form = browser.get("/sign-in").form("/sign-in")
    data = dict(form.fields) | {"key-id": f"AKIA{name.upper()}", "secret": secret} | fields
    return browser.request("POST", "/sign-in", data=data, headers=SAME_SITE)
