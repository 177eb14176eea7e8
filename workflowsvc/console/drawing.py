"""Templates and what they use: forms of moments, spans, numbers and states, links, addresses of static files.

Owns the Jinja2 environment. Everything is escaped: no template may mark a text as safe (QUALITY §5.4).
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

import jinja2
import msgspec
from jinja2.utils import missing

from workflowsvc import __version__
from workflowsvc.console import problem_counts
from workflowsvc.console.compiled_templates import CompiledTemplates
from workflowsvc.console.paths import path, type_path
from workflowsvc.display.history import BAD, GOOD, NEUTRAL, OPEN
from workflowsvc.display.retention import kept
from workflowsvc.display.text import counted, number, printable, span, with_times

if TYPE_CHECKING:
    from workflowsvc.console.page import Data
    from workflowsvc.console.static_files import StaticFiles
    from workflowsvc.console.visit import Visit

TEMPLATES = Path(__file__).parent / "templates"
NOTICES: Mapping[str, str] = {
    "domain-registered": "The domain is registered.",
    "domain-deprecated": "The domain is deprecated: no run can be started in it.",
    "domain-undeprecated": "The domain is registered again.",
    "type-deprecated": "The type is deprecated.",
    "type-undeprecated": "The type is registered again.",
    "type-deleted": "The type is deleted.",
    "batch-started": "The batch is started.",
    "batch-rate": "The batch has a new rate.",
    "run-signaled": "The signal is sent.",
    "run-cancel-requested": "The cancellation is requested.",
    "run-terminated": "The run is terminated.",
    "run-started": "This run was started just now.",
    "history-imported": "The history is stored as this closed run.",
    "batch-stopped": "The batch is stopped. What is done stays done.",
}
"""What the page after a form says, by the parameter `notice`: a link from elsewhere can show no other text."""

_OF_ONE_ANSWER = ("notice", "seen")
"""Parameters that links leave out."""

MAX_ROWS = 3_000  # of open pages: about 3 MB

_OPTIONS: Mapping[str, Any] = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}

_TONES = {"OPEN": OPEN, "COMPLETED": GOOD, "CONTINUED_AS_NEW": NEUTRAL, "CANCELED": NEUTRAL}


class _Absent(jinja2.Undefined):
    """What a template asks for and is not there: a member that an answer may lack is empty, a name is a bug of ours."""

    def _is_name(self) -> bool:
        return self._undefined_obj is missing

    def __str__(self) -> str:
        return self._fail_with_undefined_error() if self._is_name() else ""

    def __bool__(self) -> bool:
        return bool(self._fail_with_undefined_error()) if self._is_name() else False


class Drawing:
    """Draws pages."""

    def __init__(self, static_files: StaticFiles) -> None:
        self._is_prepared = False
        self._rows = _Rows()
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            undefined=_Absent,
            auto_reload=False,
            bytecode_cache=CompiledTemplates(_OPTIONS),
            **_OPTIONS,
        )
        self._environment.filters |= {
            "iso": iso,
            "utc": utc,
            "span": span,
            "number": number,
            "printable": printable,
            "tojson_text": json_text,
        }
        names = cast(
            "dict[str, Any]", self._environment.globals
        )  # its own type knows only what is there at first
        names |= {
            "asset": static_files.address,
            "path": path,
            "type_path": type_path,
            "counted": counted,
            "kept": kept,
            "tone": tone,
            "release": __version__,
        }
        names["m"] = self._environment.get_template("macros.html").module

    def prepare(self) -> None:
        """Has the other templates compiled behind the first page, so that the next ones do not wait for it."""
        if not self._is_prepared:
            self._is_prepared = True
            asyncio.get_running_loop().run_in_executor(None, self._compile)

    def _compile(self) -> None:
        for name in self._environment.list_templates(extensions=("html",)):
            self._environment.get_template(name)

    def page(self, template: str, visit: Visit, data: Mapping[str, Any], *, version: str = "") -> str:
        """The whole page."""
        return self._environment.get_template(template).render(self._context(visit, data, version))

    def block(
        self, template: str, block: str, visit: Visit, data: Mapping[str, Any], *, version: str = ""
    ) -> str:
        """One block of it."""
        found = self._environment.get_template(template)
        context = found.new_context(self._context(visit, data, version, self._rows))
        return "".join(found.blocks[block](context))

    def _context(
        self, visit: Visit, data: Mapping[str, Any], version: str, rows: _Rows | None = None
    ) -> dict[str, Any]:
        return {**data, "data": data, "view": View(visit, version, rows)}


class _Rows:
    """Rows of tables as they were drawn for open pages, which ask for the same ones every second or two."""

    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[str, bytes], str] = OrderedDict()

    def row(self, draw: Callable[[Data], str], address: str, item: Data) -> str:
        key = (address, msgspec.json.encode(item))
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = draw(item)
            if len(self._rows) > MAX_ROWS:
                self._rows.popitem(last=False)
        else:
            self._rows.move_to_end(key)
        return row


class View:
    """What the frame of every page needs beside its data."""

    def __init__(self, visit: Visit, version: str, rows: _Rows | None) -> None:
        self._rows = rows
        self.now = visit.now
        self.path = "/" + quote(visit.request.url.path.lstrip("/"), safe="/:@~")  # `//name` would be a host
        self.form_token = visit.session.form_token
        self.visitor = visit.session.name
        self.is_known = visit.session.is_known
        self._visit = visit
        self.region = visit.session.caller.tenant.region
        self.account = visit.session.caller.tenant.account
        self.version = version
        self.notice = NOTICES.get(visit.query.get("notice", ""), "")
        self._query = visit.query.multi_items()

    def lacks(self, actions: Sequence[str], domain: str = "") -> list[str]:
        """Those that no policy of the visitor allows in the domain: what needs one of them is not offered."""
        return [action for action in actions if self._visit.may(action, domain) is False]

    def problems(self, domain: str) -> int:
        """How many problems of the domain a page has found of late."""
        return len(problem_counts.known(self._visit, domain) or ()) if domain else 0

    def row(self, draw: Callable[[Data], str], item: Data) -> str:
        """What `draw` makes of the item. It must depend on the item and the address of the page alone; ages in it may
        be those of an earlier answer, as an open page counts them itself."""
        return draw(item) if self._rows is None else self._rows.row(draw, self.here, item)

    def given(self, parameter: str) -> str:
        """The value of a parameter of the query, several with commas between them; empty when it is missing."""
        return ", ".join(value for key, value in self._query if key == parameter)

    @property
    def asked_again(self) -> str:
        """The address by which an open page asks for its live part: it says when the page was loaded."""
        first = dict(self._query)
        seen = first.get("seen") or str(round(self.now * 1000))
        return self.with_query(seen=seen)

    @property
    def here(self) -> str:
        """The address of this page."""
        return self.with_query()

    @property
    def json(self) -> str:
        """The address of its data."""
        return self.with_query(_suffix=".json")

    def with_query(self, _suffix: str = "", **changes: object) -> str:
        """The address of this page with other parameters: None takes one away, a list is repeated."""
        left_out = {*changes, *_OF_ONE_ANSWER}
        if changes.get("after", "") is None:
            left_out.add("at")  # a search that begins anew has a moment of its own
        kept = [(key, value) for key, value in self._query if key not in left_out]
        for key, value in changes.items():
            if isinstance(value, list | tuple):
                kept += [(key, str(item)) for item in value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            elif value is not None and value != "":
                kept.append((key, str(value)))
        return f"{self.path}{_suffix}{'?' + urlencode(kept) if kept else ''}"


def json_text(value: object) -> str:
    """A value as people read it: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(with_times(value), ensure_ascii=False)


def tone(status: str) -> str:
    """How a run with this status turned out: open, good, bad or neutral."""
    return _TONES.get(status, BAD)


def _read(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or not -62_000_000_000 < seconds < 253_000_000_000:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def iso(seconds: object) -> str:
    """Seconds since the epoch as ISO 8601 in UTC; empty for None."""
    read = _read(seconds)
    return read.isoformat(timespec="milliseconds") if read else ""


def utc(seconds: object) -> str:
    """Seconds since the epoch as people read them, in UTC, to the second; empty for None."""
    read = _read(seconds)
    return read.strftime("%Y-%m-%d %H:%M:%S") if read else ""
