"""One question each. A scenario is `async def run(bench: Bench) -> Result`, listed in `bench/__main__.py`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.database import Database
from bench.load import Plan
from bench.report import Result
from bench.server import ROOT, Server, workflowsvc
from bench.swf import Unexpected


@dataclass
class Bench:
    """The shared context of all scenarios of one invocation."""

    plan: Plan
    folder: Path  # of SQLite files, on the measured disk
    code: Path = ROOT  # folder with the measured package
    store: str = "sqlite"  # or "memory", to show the cost of durability, or as in bench/database.py
    database: Database | None = None  # when the store is PostgreSQL
    executions_open: int = 100_000  # for `stored` and `startup`
    executions_closed: int = 1_000_000
    console_stored: int = 110_000  # for `console`
    recordings: int = 1_000  # for `replay`
    found: dict[str, Result] | None = None  # results of earlier scenarios, by name

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        """An empty folder, removed afterwards."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="bench-") as folder:
            yield Path(folder)

    @contextmanager
    def fresh_store(self) -> Iterator[str]:
        """The --store of a new server, removed afterwards."""
        if self.database is not None:
            with self.database.fresh_schema() as store:
                yield store
            return
        with self.fresh_folder() as folder:
            yield "memory" if self.store == "memory" else f"sqlite:{folder}/bench.db"

    def open_server(self, opened: ExitStack) -> Server:
        """A server on a fresh store, until the stack is closed."""
        return opened.enter_context(workflowsvc(opened.enter_context(self.fresh_store()), code=self.code))

    @contextmanager
    def nodes(self, store: str, defects: Sequence[str]) -> Iterator[list[Server]]:
        """One node for each; "" for one without an defect, others as in tests/cluster/faulty_node.py."""
        with ExitStack() as started:
            yield [
                started.enter_context(
                    workflowsvc(
                        store,
                        code=self.code,
                        program=("tests.cluster.faulty_node", defect) if defect else ("workflowsvc",),
                    )
                )
                for defect in defects
            ]

    def require_database(self) -> Database:
        """The shared database. Unexpected without one."""
        if self.database is None:
            raise Unexpected("several nodes need --store postgres, or --store postgresql://...")
        return self.database

    def earlier(self, scenario: str, what: str) -> float | None:
        """A figure from an earlier scenario of this invocation, None without it."""
        result = (self.found or {}).get(scenario)
        figures = result.figures if result else []
        return next((figure.value for figure in figures if figure.what == what), None)
