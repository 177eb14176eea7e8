"""Statements on one SQLite connection, with errors as the interface names them.

Owns sending, and the end: after `end` every use is an error. It must not know what a statement means.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, cast

import apsw

from workflowsvc.store.sqlite.errors import store_error

Row = tuple[Any, ...]  # what apsw gives: the shape is known from the statement alone


def carry_out(connection: apsw.Connection, script: str) -> None:
    """All statements of the script; what they answer is dropped. apsw goes on behind one that answers, such as a pragma
    that tells its new value, only when the answer is taken.
    """
    for _ in connection.execute(script):
        pass


class Queries:
    """On a connection on which the store begins and ends transactions."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def end(self) -> None:
        """After this every use raises AttributeError: nothing is read or written outside a transaction by accident."""
        del self._connection

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, Any] = ()) -> list[Row]:
        try:
            found: Any = self._connection.execute(sql, parameters).fetchall()  # pyright: ignore[reportArgumentType]
            return found  # no `cast`: it is a call, on the way of every batch
        except apsw.Error as error:
            raise store_error(error) from error
        except UnicodeDecodeError:
            return self._rows_with_damaged_text(sql, parameters)

    def _rows_with_damaged_text(self, sql: str, parameters: Sequence[object] | dict[str, Any]) -> list[Row]:
        """The same rows; bytes that are not UTF-8 become surrogates, so that an audit can name the row."""
        try:
            cursor = self._connection.execute(sql, cast(Any, parameters))
            names = [f"c{number}" for number in range(len(cursor.get_description()))]
            cursor.close()
            columns = ", ".join(
                f"typeof({name}) = 'text', iif(typeof({name}) = 'text', cast({name} as blob), {name})"
                for name in names
            )
            wrapped = (
                f"with found ({', '.join(names)}) as ({sql.rstrip().rstrip(';')}) select {columns} from found"
            )
            found = self._connection.execute(wrapped, cast(Any, parameters)).fetchall()
        except apsw.Error as error:
            raise store_error(error) from error
        return [
            tuple(
                value.decode(errors="surrogateescape") if is_text else value
                for is_text, value in zip(row[::2], row[1::2], strict=True)
            )
            for row in cast("list[Any]", found)
        ]

    def rows_of(self, sql: str, keys: list[int]) -> list[Row]:
        """Rows for a list of integer keys, in one statement; SQLite has no empty arrays."""
        return self.rows(sql, (apsw.carray(array("q", keys)),)) if keys else []

    def row(self, sql: str, parameters: Sequence[object]) -> Row | None:
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql: str, parameters: Sequence[object] | dict[str, Any] = ()) -> Any:
        """The only column of the only row."""
        return self.rows(sql, parameters)[0][0]

    def write(self, sql: str, parameters: Sequence[object]) -> None:
        try:
            self._connection.execute(sql, cast(Any, parameters))
        except apsw.Error as error:
            raise store_error(error) from error

    def write_many(self, sql: str, rows: list[Any]) -> None:
        """The statement once for each row."""
        if not rows:
            return
        try:
            self._connection.executemany(sql, rows)
        except apsw.Error as error:
            raise store_error(error) from error

    def total_changes(self) -> int:
        """Rows that this connection has changed since it was opened."""
        return self._connection.total_changes()
