"""The cursor of a feed: where a reader goes on, as text.

Owns its form: the domain and a place, which means the same after a restart, a copy or a restore, and never grows old by
itself. It says nothing that its reader may not know, so it bears no proof of who made it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error, b2a_base64
from struct import Struct
from struct import error as StructError

from workflowsvc.faults import ValidationException
from workflowsvc.store.rows import FeedPlace

_FORM = Struct(">BqqqqI")  # version, domain, generation, place, run, event id
_VERSION = 1
# As `urlsafe_b64encode` has it, which takes twice as long, for each entry of a page.
_SAFE = bytes.maketrans(b"+/", b"-_")
_MAX_EVENT_ID = (1 << 32) - 1


def cursor_of(domain: int, position: FeedPlace) -> str:
    """50 characters that fit into a URL and a header."""
    generation, place, run, event_id = position
    packed = _FORM.pack(_VERSION, domain, generation, place, run, min(event_id, _MAX_EVENT_ID))
    return b2a_base64(packed, newline=False).translate(_SAFE).rstrip(b"=").decode("ascii")


def place_of(domain: int, cursor: str) -> FeedPlace:
    """ValidationException for what is no cursor of the feed of this domain."""
    try:
        raw = cursor.encode("ascii")
        version, of, *position = _FORM.unpack(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
    except (Error, ValueError, StructError):
        raise ValidationException("Invalid cursor", detail="Invalid cursor") from None
    if version != _VERSION or min(position) < 0:
        raise ValidationException("Invalid cursor")
    if of != domain:
        raise ValidationException("Invalid cursor: it is of the feed of another domain")
    return FeedPlace._make(position)
