"""Resolves the locks runtime.txt, demo.txt, container.txt and dev.txt from pyproject.toml and the .in files here.

Run it with `make lock`. It builds a throw-away environment with uv in it, resolves dev.txt for every Python
and platform we support, then the smaller locks with dev.txt as a constraint, so that all of them name
the same versions. No address of an index is written: each machine installs from its own.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OLDEST_PYTHON = "3.11"

HEADER = """\
# Made by `make lock` from {sources}. Do not edit.
# Universal: Python {oldest} and newer; the markers choose.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        uv = f"{folder}/bin/uv"
        upgrade = [] if "--keep" in sys.argv[1:] else ["--upgrade"]
        resolve(uv, "dev", ["pyproject.toml", "requirements/dev.in"], upgrade)
        same = ["--constraint", "requirements/dev.txt"]
        resolve(uv, "demo", ["pyproject.toml", "requirements/demo.in"], same)
        resolve(uv, "container", ["pyproject.toml", "requirements/container.in"], same)
        resolve(uv, "runtime", ["pyproject.toml"], same)


def resolve(uv: str, name: str, sources: list[str], options: list[str]) -> None:
    """Write requirements/<name>.txt."""
    target = HERE / f"{name}.txt"
    universal = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    bare = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
    subprocess.run(
        [uv, "pip", "compile", *universal, *bare, *options, *sources, "--output-file", str(target)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    header = HEADER.format(sources=" and ".join(sources), oldest=OLDEST_PYTHON)
    target.write_text(header + target.read_text())


if __name__ == "__main__":
    main()
