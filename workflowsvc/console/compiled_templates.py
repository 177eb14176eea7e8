"""Compiled templates, kept where Python keeps compiled modules: compiling those of one page takes a tenth of a second.

Owns where they are kept, and which are out of date. What cannot be read or written is compiled again in each process.
Must not know what templates show.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from jinja2.bccache import Bucket

if TYPE_CHECKING:
    from types import CodeType

_CHECKSUM_BYTES = 32


class CompiledTemplates(jinja2.BytecodeCache):
    """In `__pycache__` beside each template, or below PYTHONPYCACHEPREFIX."""

    def __init__(self, options: object) -> None:
        """`options`: of the environment, which decide how templates are compiled."""
        self._compiler = f"{jinja2.__version__} {MAGIC_NUMBER!r} {options!r}"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        assert filename is not None, "templates are files"
        return cache_from_source(filename)

    def get_source_checksum(self, source: str) -> str:
        return f"{self._compiler}\n{source}"

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            data = Path(bucket.key).read_bytes()
            if data.startswith(_checksum(bucket)):
                code: CodeType = marshal.loads(data[_CHECKSUM_BYTES:])
                bucket.code = code
        except (OSError, EOFError, ValueError, TypeError):
            bucket.reset()  # a part of the file is missing, for example after a loss of power

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode or bucket.code is None:
            return
        part = Path(f"{bucket.key}.{os.getpid()}")  # replaced in one step: another process may be reading
        with suppress(OSError):
            part.parent.mkdir(exist_ok=True, parents=True)
            part.write_bytes(_checksum(bucket) + marshal.dumps(bucket.code))
            part.replace(bucket.key)


def _checksum(bucket: Bucket) -> bytes:
    return hashlib.blake2b(bucket.checksum.encode(), digest_size=_CHECKSUM_BYTES).digest()
