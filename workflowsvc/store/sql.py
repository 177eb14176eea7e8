"""The named SQL statements of a database, read from `<dialect>/sql/*.sql`.

Owns the format of these files: a line `-- :name open_run` begins a statement, the comment lines below it name the index
that it relies on, and the rest is SQL. Each dialect lists the names of its statements once, in its `statements.py`. It
must not know what any statement means, nor any database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files


def read(dialect: str) -> dict[str, str]:
    """Name and text of every statement in `<dialect>/sql/*.sql`. Raises ImportError for two of one name."""
    texts: dict[str, str] = {}
    folder = files(__package__).joinpath(dialect, "sql")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for name, text in parse(file.read_text("utf-8")).items():
                if name in texts:
                    raise ImportError(f"{dialect}/sql: two statements are named {name}")
                texts[name] = text
    return texts


def read_file(dialect: str, *path: str) -> dict[str, str]:
    """Name and text of every statement in one file below `<dialect>/sql/`."""
    return parse(files(__package__).joinpath(dialect, "sql", *path).read_text("utf-8"))


def require_names(dialect: str, texts: dict[str, str], names: Iterable[str]) -> None:
    """Raises ImportError unless there is a statement for each of these names, and none besides."""
    wanted = set(names)
    if missing := sorted(wanted - texts.keys()):
        raise ImportError(f"{dialect}/sql: no statement is named {', '.join(missing)}")
    if unknown := sorted(texts.keys() - wanted):
        raise ImportError(f"{dialect}/sql: {dialect}/statements.py does not list {', '.join(unknown)}")


def parse(file: str) -> dict[str, str]:
    """Name and text of every statement in a file, comments left out."""
    _, *pieces = re.split(r"^-- :name (\w+)\n", file, flags=re.MULTILINE)
    statements: dict[str, str] = {}
    for name, piece in zip(pieces[::2], pieces[1::2], strict=True):
        text = re.sub(r"^\s*--.*\n?", "", piece, flags=re.MULTILINE).strip()
        if name in statements:
            raise ImportError(f"two statements are named {name}")
        if not text:
            raise ImportError(f"the statement {name} is empty")
        statements[name] = text
    return statements
