"""The names of archived runs: account/region/domain/YYYY/MM/DD/workflowId,runId.jsonl.gz, by the day of the close.

Owns the spelling. Whatever bytes a workflowId has, its name is one part of a path of at most 255 bytes, which no file
system reads as another one; the same run has the same name each time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

SUFFIX = ".jsonl.gz"
MAX_SPELT = 100  # bytes of a name as it is spelt; a runId has 138 at most, and a file name 255 in all
KEPT = 60  # of a longer one, before the hash that stands for its end
CUT = "~"  # in no name that is spelt in full
_PLAIN = "-_."  # besides letters and digits


class ObjectName(NamedTuple):
    """What a name says. `domain` or `workflow_id` is None when only its beginning is spelt."""

    account: str
    region: str
    domain: str | None
    day: str
    workflow_id: str | None
    run_id: str


def spelt(name: str) -> str:
    """One part of a path for any text; a long one is cut, and ends with a hash of the whole."""
    text = quote(name.encode("utf-8", "surrogatepass"), safe=_PLAIN).replace(CUT, "%7E")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if len(text) <= MAX_SPELT:
        return text
    kept = text[:KEPT]
    broken = kept.rfind("%", KEPT - 2)
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{kept if broken < 0 else kept[:broken]}{CUT}{digest}"


def _read(text: str) -> str | None:
    return None if CUT in text else unquote(text, errors="surrogatepass")


def object_name(account: str, region: str, domain: str, closed_at: int, workflow_id: str, run_id: str) -> str:
    """`closed_at`: ms, by the clock of the domain."""
    return (
        f"{day_prefix(account, region, domain, day_of(closed_at))}{spelt(workflow_id)},{_run(run_id)}{SUFFIX}"
    )


def _run(run_id: str) -> str:
    return quote(run_id, safe=_PLAIN)


def day_of(moment_ms: int) -> str:
    """2026-11-30, in UTC."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d")


def domain_prefix(account: str, region: str, domain: str) -> str:
    """Before the names of all runs of a domain."""
    return f"{account}/{region}/{spelt(domain)}/"


def day_prefix(account: str, region: str, domain: str, day: str) -> str:
    """Before the names of the runs that closed on a day, or in a month or year: 2026-11-30, 2026-11, 2026."""
    return f"{domain_prefix(account, region, domain)}{day.replace('-', '/')}/"


def read_name(name: str) -> ObjectName | None:
    """None for what is no name of an archived run."""
    parts = name.split("/")
    if len(parts) != 7 or not name.endswith(SUFFIX):
        return None
    account, region, domain, year, month, day, file = parts
    workflow_id, comma, run_id = file.removesuffix(SUFFIX).rpartition(",")
    if not (comma and workflow_id and run_id):
        return None
    return ObjectName(
        account, region, _read(domain), f"{year}-{month}-{day}", _read(workflow_id), unquote(run_id)
    )


def is_of(name: str, workflow_id: str) -> bool:
    """Whether the name is that of a run of this workflowId."""
    return name.rpartition("/")[2].startswith(f"{spelt(workflow_id)},")
