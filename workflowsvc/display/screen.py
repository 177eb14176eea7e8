"""The terminal: tables, trees and coloured text on standard output, what is under way on standard error.

Owns the use of rich, which is imported here alone and only by commands that print for people. Texts of clients come in
as they are and are made harmless here. A terminal gets colour and its width; a file or pipe gets plain text, which is
never cut or wrapped.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from workflowsvc.clock import Clock
from workflowsvc.display import history
from workflowsvc.display.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress

BAR_SECONDS = 0.1
LINE_SECONDS = 10.0  # an hour of work leaves 360 lines in a log
_GAP = 2  # columns between two columns of a table
_MIN_WIDTH = 12  # a narrower column has a word in each line
_UNLIMITED = 100_000  # columns: what is not a terminal has no edge
TONES = {
    history.OPEN: "cyan",
    history.GOOD: "green",
    history.BAD: "red",
    history.NEUTRAL: "yellow",
    "CRITICAL": "bold red",
    "WARNING": "yellow",
    "INFO": "green",
    "dim": "dim",
    "bold": "bold",
    "": "",
}


class Output(Protocol):
    """Where a command writes."""

    @property
    def stdout(self) -> TextIO: ...
    @property
    def stderr(self) -> TextIO: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    def write(self, text: str) -> None: ...


class Column(NamedTuple):
    """One column of a table."""

    title: str
    right: bool = False
    wraps: bool = False  # goes on in the next line when the terminal is too narrow
    cut: bool = False  # is cut when the terminal is too narrow


class Toned(NamedTuple):
    """A text with one of the TONES."""

    text: str
    tone: str


Cell = str | Toned


class Branch(NamedTuple):
    """A line with what hangs below it."""

    text: Sequence[Cell]
    below: Sequence[Branch]


class _Paper(io.StringIO):
    """Receives what rich writes; says which letters the real stream can write."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


class Screen:
    """What one command shows."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._is_terminal = output.stdout.isatty()
        self.shows_progress = output.stderr.isatty()

    def line(self, *cells: Cell) -> None:
        """One line of text in several tones."""
        self._print(_text(cells), wrap=True)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        """A table without lines, as wide as it needs to be or as the terminal is."""
        texts = [[_text([cell]) for cell in row] for row in rows]
        widths = [
            max([len(column.title), *(row[index].cell_len for row in texts)])
            for index, column in enumerate(columns)
        ]
        if self._is_terminal:
            _narrow(widths, columns, self._width())
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for column, width in zip(columns, widths, strict=True):
            table.add_column(
                Text(column.title),
                justify="right" if column.right else "left",
                width=width,
                no_wrap=not column.wraps,
                overflow="fold" if column.wraps else "ellipsis",
            )
        for row in texts:
            table.add_row(*row)
        self._print(table, least_width=sum(widths) + _GAP * len(widths))

    def tree(self, root: Branch) -> None:
        """Lines below each other, with guides."""
        self._print(_tree(root))

    def _print(self, what: RenderableType, *, wrap: bool = False, least_width: int = 0) -> None:
        paper = _Paper(self._output.stdout.encoding or "utf-8")
        console = Console(
            file=paper,
            force_terminal=self._is_terminal,
            width=max(self._width(), least_width) if self._is_terminal else _UNLIMITED,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            _environ=self._output.environment,
        )
        console.print(what, soft_wrap=wrap)
        text = paper.getvalue()
        if not self._is_terminal:
            text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        self._output.write(text)
        self._output.stdout.flush()

    def _width(self) -> int:
        given = self._output.environment.get("COLUMNS", "")
        if given.isdecimal() and int(given) > 0:
            return int(given)
        try:
            return os.get_terminal_size(self._output.stdout.fileno()).columns or 80
        except (OSError, ValueError):
            return shutil.get_terminal_size().columns

    @contextmanager
    def status(self, text: str) -> Generator[_Note]:
        """A line on standard error that says what is under way and goes away; nothing when that is no terminal."""
        if not self.shows_progress:
            yield _Note(None)
            return
        console = Console(file=self._output.stderr, highlight=False, _environ=self._output.environment)
        with console.status(Text(text)) as status:
            yield _Note(status.update)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Generator[Bar]:
        """A bar on standard error; where that is no terminal, a line from time to time."""
        if not self.shows_progress:
            yield _Lines(self._output, what, total)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(file=self._output.stderr, highlight=False, _environ=self._output.environment)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        bar = Progress(*columns, console=console, transient=True, redirect_stdout=self._is_terminal)
        with bar as progress:
            yield _RichBar(progress, what, total, self._output.clock)


class Bar(Protocol):
    """How far long work has come."""

    def advance_to(self, done: int, total: int | None = None) -> None:
        """So much is done, of this total if it is known better now."""
        ...


class _Update(Protocol):
    def __call__(self, status: RenderableType) -> None: ...


class _Note:
    """The line of a `status`."""

    def __init__(self, update: _Update | None) -> None:
        self._update = update

    def say(self, text: str) -> None:
        if self._update is not None:
            self._update(Text(printable(text)))


class _RichBar:
    """The bar of a terminal. It is moved ten times a second at most: work may have a million small steps."""

    def __init__(self, progress: Progress, what: str, total: int | None, clock: Clock) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)
        self._clock = clock
        self._last = 0.0

    def advance_to(self, done: int, total: int | None = None) -> None:
        now = self._clock.monotonic()
        if now - self._last >= BAR_SECONDS:
            self._last = now
            self._progress.update(self._task, completed=done, total=total)


class _Lines:
    """Lines in a log: short work leaves none, long work one every LINE_SECONDS."""

    def __init__(self, output: Output, what: str, total: int | None) -> None:
        self._output = output
        self._what = what
        self._total = total
        self._last = output.clock.monotonic()

    def advance_to(self, done: int, total: int | None = None) -> None:
        self._total = self._total if total is None else total
        now = self._output.clock.monotonic()
        if now - self._last < LINE_SECONDS:
            return
        self._last = now
        of = "" if self._total is None else f" of {self._total:,}"
        self._output.stderr.write(f"{self._what}: {done:,}{of}\n")
        self._output.stderr.flush()


def _narrow(widths: list[int], columns: Sequence[Column], available: int) -> None:
    """Makes the widest of the columns that may be narrowed narrower, until all fit or none is left."""
    narrowed = [index for index, column in enumerate(columns) if column.wraps or column.cut]
    while sum(widths) + _GAP * (len(widths) - 1) > available:
        widest = max(narrowed, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= _MIN_WIDTH:
            return
        widths[widest] -= 1


def _text(cells: Sequence[Cell]) -> Text:
    text = Text()
    for cell in cells:
        if isinstance(cell, Toned):
            text.append(printable(cell.text), Style.parse(TONES.get(cell.tone, "")) if cell.tone else None)
        else:
            text.append(printable(cell))
    return text


def _tree(branch: Branch) -> Tree:
    tree = Tree(_text(branch.text), guide_style="dim")
    waiting = [(tree, branch.below)]
    while waiting:  # not recursive: a chain of children may be long
        parent, below = waiting.pop()
        for child in below:
            waiting.append((parent.add(_text(child.text), guide_style="dim"), child.below))
    return tree
