"""The moment at which a request was signed, by its X-Amz-Date or Date header (QUALITY §3.2, step 4).

Owns the two spellings that clients use. Must not know what time it is.
"""

from __future__ import annotations

import calendar
import functools
import re
from datetime import UTC, datetime

from workflowsvc.faults import IncompleteSignatureException

_BASIC = re.compile(rb"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
# The standard's spelling of Date, which botocore signs when its caller has set that header.
_RFC_1123 = re.compile(
    rb"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|[+-]0000)"
)
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_SHOWN = 64  # characters of a wrong date in a message

# Requests of one second have the same date: reading it would be a tenth of a verification.
_MAX_REMEMBERED = 64


@functools.lru_cache(_MAX_REMEMBERED)
def signed_date(amz_date: bytes | None, date: bytes | None) -> tuple[str, int]:
    """The moment as `20150830T123600Z` and in seconds since 1970. X-Amz-Date wins.

    IncompleteSignatureException when the one that counts is no date.
    """
    text = (amz_date if amz_date is not None else date or b"").strip()
    found = _BASIC.fullmatch(text)
    try:
        if found is not None:
            year, month, day, hour, minute, second = map(int, found.groups())
        elif amz_date is None and (found := _RFC_1123.fullmatch(text)) is not None:
            month = _MONTHS.index(found[2]) + 1
            day, year, hour, minute, second = (int(found[index]) for index in (1, 3, 4, 5, 6))
        else:
            raise ValueError
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        wrong = "Date must be in ISO-8601 'basic format'."
        raise IncompleteSignatureException(
            f"{wrong} Got '{text[:_SHOWN].decode('latin-1')}'. See http://en.wikipedia.org/wiki/ISO_8601",
            detail=wrong,
        ) from None
    return _basic(moment), calendar.timegm(moment.timetuple())


def spelled(seconds: int) -> str:
    """A moment in seconds since 1970 as `20150830T123600Z`."""
    return _basic(datetime.fromtimestamp(seconds, UTC))


def _basic(moment: datetime) -> str:
    return (
        f"{moment.year:04}{moment.month:02}{moment.day:02}"
        f"T{moment.hour:02}{moment.minute:02}{moment.second:02}Z"
    )
