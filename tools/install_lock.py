"""`python tools/install_lock.py -r LOCK`: pip, with how far it is: a bar on a terminal, lines in a log.

Owns what is shown while `make` fills .venv. It must not import what is about to be installed. What pip says is printed
only when it fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

PIP = ("-m", "pip", "--disable-pip-version-check", "--require-virtualenv", "install", "--progress-bar", "off")
LINE_SECONDS = 5.0  # between two lines in a log
BAR_WIDTH = 24  # letters

_PACKAGE = re.compile(r"\s*(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
_LOCKED = re.compile(r"^[A-Za-z0-9._-]+(\[[^]]*\])?==", re.MULTILINE)


class Progress:
    """On standard error, how many packages of a lock pip has got."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._is_terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def show(self, done: int, name: str) -> None:
        said = f"{min(done, self._total)} of {self._total} packages: {name}"
        if self._is_terminal:
            full = BAR_WIDTH * min(done, self._total) // max(self._total, 1)
            line = f"  [{'#' * full}{'-' * (BAR_WIDTH - full)}] {said}"
            sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        elif time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            sys.stderr.write(f"  {said}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """The exit status of pip."""
    locks = [Path(word) for before, word in pairwise(arguments) if before == "-r"]
    progress = Progress(sum(len(_LOCKED.findall(lock.read_text(encoding="utf-8"))) for lock in locks))
    said: list[str] = []
    done = 0
    with subprocess.Popen(
        [sys.executable, *PIP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            if found := _PACKAGE.match(line):
                done += 1
                progress.show(done, found[1])
            elif line.startswith("Installing collected packages"):
                progress.show(done, "unpacking")
    progress.clear()
    if pip.returncode:
        sys.stderr.writelines(said)
    return pip.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
