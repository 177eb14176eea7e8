"""Addresses of databases as they may be shown and logged: without the password in them. A leaf."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(://[^\s/@:]*:)[^\s/]*(?=@)|(\bpassword=)[^\s&]*")


def without_password(text: str) -> str:
    """The same text, with dots for the password of each address in it."""
    return _PASSWORD.sub(r"\1\2…", text)
