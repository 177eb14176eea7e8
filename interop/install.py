"""Installs a client in a place of its own, from locked versions, or says why it cannot be tried.

Owns one virtual environment per Python client, `node_modules`, and the `target` of Maven, Go and Rust; all are ignored
by git and reused while their lock is unchanged. Downloads land in the caches of pip, npm, Maven, Go and Cargo.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from interop.outcome import Failed, Skipped, say

HERE = Path(__file__).parent
INSTALL_SECONDS = 600  # a first download of the Java SDK took 60 s here, a first build of the Rust SDK 90 s

# How Maven says that something could not be fetched, as opposed to compiled.
NOT_OURS = re.compile(r"[Cc]ould not (be resolved|resolve|transfer|find)|Failure to find|nothing for")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def python_environment(name: str, requirements: Path) -> Path:
    """The `bin` folder of a virtual environment that holds exactly the hashes of `requirements`."""
    environment = HERE / f".venv-{name}"
    if not fresh(environment, requirements):
        shutil.rmtree(environment, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(environment)], f"make a virtual environment for {name}")
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--require-hashes", "-r", str(requirements)]
        run(pip, f"install {name} from the Python package index")
        stamp(environment, requirements)
    return environment / "bin"


def node_modules(folder: Path) -> Path:
    """The `node_modules` of a folder, exactly as its package-lock.json says."""
    modules, lock = folder / "node_modules", folder / "package-lock.json"
    program("node")
    if not fresh(modules, lock):
        command = [program("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        run(command, f"install {folder.name} from the npm registry", folder)
        stamp(modules, lock)
    return modules


def maven_class_path(folder: Path) -> str:
    """The class path of a Maven project after compiling it, its dependencies included."""
    target = folder / "target"
    sources = [folder / "pom.xml", *sorted(folder.glob("src/**/*.java"))]
    program("java")
    if not fresh(target, *sources):
        shutil.rmtree(target, ignore_errors=True)
        command = [program("mvn"), "--batch-mode", "--quiet", "process-classes"]
        try:
            run(command, f"install and compile {folder.name} with Maven", folder)
        except Skipped as reason:
            if NOT_OURS.search(str(reason)):
                raise
            raise Failed(str(reason)) from None  # everything was there, so our program does not compile
        stamp(target, *sources)
    return f"{target / 'classes'}:{(target / 'class-path.txt').read_text().strip()}"


def go_program(folder: Path) -> Path:
    """The program of a Go module, built from exactly the packages of its go.sum."""
    target = folder / "target"
    sources = [folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))]
    needed = stated(r"^go (\S+)$", folder / "go.mod")
    require_version("Go", [program("go"), "env", "GOVERSION"], needed)
    if not fresh(target, *sources):
        run([program("go"), "mod", "download"], f"install {folder.name} from the Go module proxy", folder)
        # All that it needs is there now: if our program does not compile, the client has failed.
        command = [program("go"), "build", "-mod=readonly", "-o", "target/orders", "."]
        run(command, f"build {folder.name}", folder, otherwise=Failed)
        stamp(target, *sources)
    return target / "orders"


def rust_program(folder: Path) -> Path:
    """The program of a Rust package, built from exactly the packages of its Cargo.lock.in."""
    target = folder / "target"
    lock = folder / "Cargo.lock.in"
    sources = [folder / "Cargo.toml", lock, *sorted(folder.glob("src/*.rs"))]
    for tool in ("rustc", "cc"):  # it links with the C compiler
        program(tool)
    needed = stated(r'^rust-version = "(\S+)"', folder / "Cargo.toml")
    require_version("Rust", [program("cargo"), "--version"], needed)
    if not fresh(target, *sources):
        package = target / "package"  # a copy, because Cargo wants the lock beside Cargo.toml
        shutil.rmtree(package, ignore_errors=True)
        shutil.copytree(folder / "src", package / "src")
        shutil.copy(folder / "Cargo.toml", package)
        # Cargo names its registry in a lock that it makes itself.
        run([program("cargo"), "generate-lockfile"], "ask Cargo for the name of its registry", package)
        registry = stated(r'^source = "(.+)"$', package / "Cargo.lock")
        (package / "Cargo.lock").write_text(lock.read_text().replace("THE DEFAULT REGISTRY", registry))
        run([program("cargo"), "fetch", "--locked"], f"install {folder.name} with Cargo", package)
        command = [program("cargo"), "build", "--locked", "--offline", "--target-dir", str(target)]
        run(command, f"build {folder.name}", package, otherwise=Failed)
        stamp(target, *sources)
    return target / "debug" / "orders"


def require_version(name: str, command: list[str], needed: str) -> None:
    """Skip the client where the tool that makes it is older than its sources need."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    if found is None:
        raise Skipped(f"{name} does not say its version: {error_lines(done.stdout + done.stderr)}")
    if numbers(found[0]) < numbers(needed):
        raise Skipped(f"{name} {found[0]} is on this machine; the SDK needs {needed}")


def numbers(version: str) -> list[int]:
    """The parts of a version such as 1.94.1, to be compared."""
    return [int(part) for part in version.split(".")]


def stated(pattern: str, file: Path) -> str:
    """What the group of a pattern matches in a file that has it."""
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    if found is None:
        raise Failed(f"{file} has no line {pattern}")
    return found[1]


def program(name: str) -> str:
    """The path of a program of the machine; without it the client is skipped."""
    found = shutil.which(name)
    if found is None:
        raise Skipped(f"{name} is not on this machine")
    return found


def run(
    command: list[str], aim: str, folder: Path | None = None, *, otherwise: type[Skipped | Failed] = Skipped
) -> None:
    """Carry out one step of an installation; if it fails the client is skipped with the reason, or has failed. One
    that takes too long is skipped in any case."""
    say(f"  {aim}")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Skipped(f"could not {aim}: nothing for {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        raise otherwise(f"could not {aim}: {error_lines(done.stdout + done.stderr)}")


def error_lines(output: str) -> str:
    """The first lines of a program's output that speak of an error, else its last ones, on one line."""
    lines = [line.strip() for line in COLOUR.sub("", output).splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    return " / ".join(errors[:3] or lines[-3:])[:600]


def fresh(place: Path, *locks: Path) -> bool:
    """Whether `place` was installed from exactly these files."""
    mark = place / ".installed-from"
    return mark.exists() and mark.read_text() == digest(*locks)


def stamp(place: Path, *locks: Path) -> None:
    """Remember what `place` was installed from."""
    (place / ".installed-from").write_text(digest(*locks))


def digest(*locks: Path) -> str:
    """One fingerprint of all the files that decide what is installed, and of the Python that installs."""
    total = hashlib.sha256(sys.version.encode())
    for lock in locks:
        total.update(lock.read_bytes())
    return total.hexdigest()
