"""The account and region that scope every name (SWF §1.3.5). A leaf."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


class Tenant(NamedTuple):
    """An account of 12 digits in a region."""

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION

    @property
    def key(self) -> str:
        """The form in which stores keep it: `account/region`."""
        return f"{self.account}/{self.region}"

    def domain_arn(self, name: str) -> str:
        """`arn:aws:swf:<region>:<account>:/domain/<name>` (SWF §1.3.4)."""
        return f"arn:aws:swf:{self.region}:{self.account}:/domain/{name}"
