"""The house rules that a machine can check: imports between layers, what the core may use, what docstrings say.

Reads the source with `ast` and runs nothing of it but the registries. Owns the table of layers: a new top-level module
or package of workflowsvc gets a line there, or the first test fails. What documents must say is in `test_docs.py`, how
prose is written in `test_prose.py`; layout, likely bugs and sources of time and random numbers (TID251) are ruff's.
"""

from __future__ import annotations

import ast
import functools
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.project_files import project_files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "workflowsvc"

# From the bottom up. On one height a module may import its own package, and a leaf another leaf.
LEAVES = 0
LAYERS: dict[str, int] = {
    "faults": LEAVES,
    "settings": LEAVES,
    "options": LEAVES,
    "tenant": LEAVES,
    "passwords": LEAVES,
    "clock": LEAVES,
    "fair_queue": LEAVES,
    "histogram": LEAVES,
    "log_parts": LEAVES,
    "model": 1,
    "outgoing": 1,  # calls of other hosts: which addresses, and connections to them
    "client": 2,  # asks any server of SWF, and knows nothing of this one
    "display": 2,  # what people see of answers and histories
    "lint": 2,  # judges histories without the rules that made them
    "access": 2,  # judges signatures and policies, of any caller
    "core": 2,
    "store": 3,
    "traces": 3,  # spans of histories, as people see them in a viewer; knows no OpenTelemetry
    "engine": 4,
    "service": 5,
    "archive": 5,  # writes runs to a folder or bucket; commands of the engine delete them then
    "lambdas": 5,  # calls functions over HTTP; the engine hands it invocations
    "fsck": 5,  # knows the rules and the rows, not the engine that writes them
    "webhooks": 6,  # pushes feeds; what the service tells of them and how it waits is the service's
    "http": 6,
    "copying": 6,
    "backups": 6,
    "stores": 6,
    "node": 7,
    "metrics": 7,  # reads what the parts below have counted
    "otel": 7,  # spans of what the parts below do; the only one that imports OpenTelemetry
    "console": 7,  # pages about the service, which it asks as a client does
    "replay": 7,  # stands where the service stands behind HTTP
    "testing": 8,  # the service in this process, for tests of workflows
    "commands": 8,
    "cli": 9,
    "__main__": 10,
}

# All layers above the store use its interface alone. `stores` opens the one that was asked for, `testing` makes one in
# memory, and these two commands are about one kind of database each.
STORE_INTERFACE = ("store.interface", "store.rows", "store.row_types", "store.errors", "store.meta")
MAY_NAME_A_STORE = {"store", "stores", "testing", "commands.migrate", "commands.doctor"}
MAY_READ_THE_CLOCK = {
    "client",
    "display",
    "engine",
    "fsck",
    "lambdas",
    "webhooks",
    "http",
    "metrics",
    "otel",
    "console",
    "replay",
    "testing",
    "node",
    "commands",
    "cli",
}

# core is a function of its arguments: modules that could make it wait, write or read from outside.
NOT_IN_CORE = {
    *(
        "asyncio",
        "concurrent",
        "threading",
        "multiprocessing",
        "queue",
        "select",
        "selectors",
        "signal",
        "sched",
    ),
    *("io", "os", "pathlib", "shutil", "tempfile", "glob", "fileinput", "mmap", "subprocess", "sys"),
    *("socket", "ssl", "http", "urllib", "ftplib", "smtplib", "email", "httptools", "uvloop", "aiohttp"),
    *("logging", "warnings", "sqlite3", "apsw", "psycopg", "datetime", "locale", "ctypes"),
}
CALLS_NOT_IN_CORE = {"open", "print", "input", "exec", "eval"}
SYNCHRONOUS = ("model", "core", "store")

# A longer file or function has a second subject in it, or a line here that names its one subject.
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50
# file -> its one subject
LONG_FILES = {
    "engine/writer_loop.py": "a batch from its commands to its answers, and what becomes of one that fails",
    "engine/unit_of_work.py": "one transaction's view of executions",
    "store/interface.py": "what a store can do",
    "settings.py": "the table of all settings, one field each",
}
# (file, function) -> its one subject
LONG_FUNCTIONS: dict[tuple[str, str], str] = {}


class Source(typing.NamedTuple):
    """One Python file of the project."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its path from the root: `tests/test_tidy.py`."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def inside(self) -> str:
        """Its path in the package: `store/sqlite/store.py`."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def module(self) -> str:
        """Its dotted name without `workflowsvc.`: `store.sqlite`; empty for the package itself."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def layer(self) -> str:
        return self.module.split(".")[0]


def committed(*patterns: str) -> list[Path]:
    """The files of the repository, committed ones only; those of an unpacked source distribution likewise."""
    return project_files(ROOT, *patterns)


@functools.cache
def package() -> tuple[Source, ...]:
    return tuple(read(path) for path in sorted(PACKAGE.rglob("*.py")))


def read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path, text, ast.parse(text, filename=str(path)))


@functools.cache
def imports(source: Source) -> tuple[tuple[str, int], ...]:
    """Every module that a file imports, anywhere in it, as an absolute dotted name, with its line."""
    return tuple(_imports(source))


def _imports(source: Source) -> Iterator[tuple[str, int]]:
    here = ["workflowsvc", *source.module.split(".")] if source.module else ["workflowsvc"]
    if source.path.name != "__init__.py":
        here = here[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            target = ".".join([*base, node.module] if node.module else base)
            for alias in node.names:
                yield f"{target}.{alias.name}" if is_module(f"{target}.{alias.name}") else target, node.lineno


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path.is_dir() and any(path.glob("*.py")))


def ours(source: Source) -> Iterator[tuple[str, int]]:
    """What a file imports of this package, without the leading `workflowsvc.`."""
    for name, line in imports(source):
        if name.startswith("workflowsvc."):
            yield name.removeprefix("workflowsvc."), line


def test_every_top_level_module_has_a_layer() -> None:
    names = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/*.py")
    }
    assert names - {"__init__"} <= LAYERS.keys(), "give it a line in LAYERS"


def test_imports_only_go_down() -> None:
    wrong: list[str] = []
    for source in package():
        if not source.module:
            continue
        mine = LAYERS[source.layer]
        for name, line in ours(source):
            other = name.split(".")[0]
            down = LAYERS[other] < mine
            same = other == source.layer or LAYERS[other] == mine == LEAVES
            if not (down or same):
                wrong.append(
                    f"{source.name}:{line} imports {name}, which stands above or beside {source.layer}"
                )
    assert not wrong, "\n".join(wrong)


def test_the_engine_has_no_import_circle() -> None:
    """Imports for the type checker count: files that need each other's types cannot be understood apart."""
    graph = {
        source.module: {name for name, _ in ours(source)} for source in package() if source.layer == "engine"
    }
    left = dict(graph)
    while free := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"these import each other, or what does: {sorted(left)}"


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    root = read(PACKAGE / "__init__.py")
    assert not list(ours(root)), "importing workflowsvc must stay free of its parts"


def test_only_those_who_wire_the_parts_together_name_a_store() -> None:
    wrong = [
        f"{source.name}:{line} imports {name}; speak to one of {STORE_INTERFACE}"
        for source in package()
        if not {source.layer, source.module} & MAY_NAME_A_STORE
        for name, line in ours(source)
        if name.split(".")[0] == "store" and name not in STORE_INTERFACE
    ]
    assert not wrong, "\n".join(wrong)


def test_the_clock_is_only_seen_at_the_edges() -> None:
    wrong = [
        f"{source.name}:{line} imports the clock; take the moment as an argument"
        for source in package()
        if source.layer not in MAY_READ_THE_CLOCK
        for name, line in ours(source)
        if name.split(".")[0] == "clock"
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_is_a_function_of_its_arguments() -> None:
    wrong: list[str] = []
    for source in package():
        if source.layer != "core":
            continue
        wrong += [
            f"{source.name}:{line} imports {name}"
            for name, line in imports(source)
            if name.split(".")[0] in NOT_IN_CORE
        ]
        wrong += [
            f"{source.name}:{node.lineno} calls {node.func.id}"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in CALLS_NOT_IN_CORE
        ]
    assert not wrong, "\n".join(wrong)


def test_async_ends_at_the_queue() -> None:
    colour = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    wrong = [
        f"{source.name}:{node.lineno} is asynchronous"
        for source in package()
        if source.layer in SYNCHRONOUS
        for node in ast.walk(source.tree)
        if isinstance(node, colour)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_model_names_everything_that_swf_has() -> None:
    shapes = pytest.importorskip("workflowsvc.model.shapes")
    assert len(shapes.OPERATIONS) == 39
    assert len(shapes.EVENTS) == 54
    assert len(shapes.DECISIONS) == 13
    attributes = {name for name in vars(shapes) if name.endswith("EventAttributes")}
    assert attributes == {shape.attributes.__name__ for shape in shapes.EVENTS.values()}
    attributes = {name for name in vars(shapes) if name.endswith("DecisionAttributes")}
    assert attributes == {shape.attributes.__name__ for shape in shapes.DECISIONS.values()}
    assert {shape.attributes: kind for kind, shape in shapes.EVENTS.items()} == shapes.EVENT_TYPE_OF
    assert set(typing.get_args(shapes.EventType)) == shapes.EVENTS.keys()
    assert set(typing.get_args(shapes.DecisionType)) == shapes.DECISIONS.keys()


def test_every_event_decision_and_deadline_has_a_rule() -> None:
    shapes = pytest.importorskip("workflowsvc.model.shapes")
    rules = pytest.importorskip("workflowsvc.core").rules
    rules.require_complete()
    assert rules.APPLY.keys() == shapes.EVENTS.keys()
    assert rules.DECIDE.keys() == shapes.DECISIONS.keys()
    assert rules.EXPIRE.keys() == set(rules.Deadline)


def test_every_operation_is_answered() -> None:
    shapes = pytest.importorskip("workflowsvc.model.shapes")
    actions = pytest.importorskip("workflowsvc.service.actions")
    assert actions.SWF.actions.keys() == shapes.OPERATIONS.keys()


def test_every_file_says_what_it_is() -> None:
    wrong: list[str] = []
    for path in committed("*.py"):
        source = read(path)
        doc = ast.get_docstring(source.tree)
        if not doc or len(doc.splitlines()[0]) < 15:
            wrong.append(f"{source.name} does not open with a sentence on what it is about")
    assert not wrong, "\n".join(wrong)


def test_files_and_functions_are_about_one_subject() -> None:
    wrong: list[str] = []
    long: set[str | tuple[str, str]] = set()
    for source in package():
        if "GENERATED" in source.text[:600]:
            continue
        lines = source.text.count("\n")
        if lines > LINES_OF_A_FILE:
            long.add(source.inside)
            if source.inside not in LONG_FILES:
                wrong.append(
                    f"{source.name} has {lines} lines: split it, or name its one subject in LONG_FILES"
                )
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                length, key = node.end_lineno - node.lineno + 1, (source.inside, node.name)
                if length > LINES_OF_A_FUNCTION:
                    long.add(key)
                    if key not in LONG_FUNCTIONS:
                        wrong.append(
                            f"{source.name}:{node.lineno} {node.name} has {length} lines: split it, or name its one "
                            "subject in LONG_FUNCTIONS"
                        )
    assert not wrong, "\n".join(wrong)
    unneeded = {*LONG_FILES, *LONG_FUNCTIONS} - long
    assert not unneeded, f"no longer needed: {unneeded}"


def test_nothing_is_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3 + ":", "HA" + "CK:")
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in committed("*.py", "*.sql", "Makefile", "*.md", "*.js", "*.java", "*.html", "*.css")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if any(mark in line for mark in marks)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_file_names_a_package_index() -> None:
    """An installation uses the index that is configured on its machine."""
    hosts = ["pypi." + "org", "python" + "hosted", "npmjs." + "org", "npmjs." + "com", "yarn" + "pkg"]
    hosts += [
        "maven." + "org",
        "maven." + "apache",
        "crates." + "io",
        "--index" + "-url",
        "--extra-index" + "-url",
    ]
    wrong = [
        f"{path.relative_to(ROOT)} names {host}"
        for path in committed()
        for host in hosts
        if host.encode() in path.read_bytes()
    ]
    assert not wrong, "\n".join(wrong)
