"""Removes passwords from addresses of databases before they are printed or logged. A leaf."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(://[^\s/@:]*:)[^\s/]*(?=@)|(\bpassword=)[^\s&]*")


def without_password(text: str) -> str:
    """The text with an ellipsis in place of each password."""
    return _PASSWORD.sub(r"\1\2…", text)
