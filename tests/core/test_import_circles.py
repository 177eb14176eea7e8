"""Files of the core import each other in one circle only, imports for type checkers counted."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import workflowsvc.core

CORE = Path(workflowsvc.core.__file__).parent
PREFIX = "workflowsvc.core."
ALLOWED = frozenset({("rules", "execution")})
"""(importing file, imported file): the registries name the type of the execution that their functions change."""


def imported_by(file: Path) -> set[str]:
    """The other files of the core that this one imports anywhere in its text."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module == "workflowsvc.core":
                found.update(name.name for name in node.names)
            elif node.module.startswith(PREFIX):
                found.add(node.module.removeprefix(PREFIX))
        elif isinstance(node, ast.Import):
            found.update(
                name.name.removeprefix(PREFIX) for name in node.names if name.name.startswith(PREFIX)
            )
    return found


def test_only_the_registries_and_the_execution_import_each_other() -> None:
    graph = {file.stem: imported_by(file) for file in CORE.glob("*.py") if file.stem != "__init__"}
    for importing, imported in ALLOWED:
        assert imported in graph[importing], "no longer needed: remove it from ALLOWED"
        graph[importing].remove(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"these files import each other in a circle: {error.args[1]}") from None
