"""Where the master key of access keys comes from: a file, or an environment variable.

Owns the reading and writing of the file, and who else may read it. What the key is for is in access/secrets.py.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from workflowsvc.access.secrets import MasterKey, MasterKeyError, new_master_key
from workflowsvc.access.secrets import read_master_keys as read_text
from workflowsvc.commands.context import CommandFailed
from workflowsvc.options import SettingsError
from workflowsvc.settings import MASTER_KEY_VARIABLE

OTHERS = stat.S_IRWXO
MAX_BYTES = 65_536


def read_master_keys(file: str, environment: Mapping[str, str]) -> tuple[MasterKey, ...]:
    """The keys, the one for new secrets first; none when none is given. SettingsError when one cannot be used."""
    given = environment.get(MASTER_KEY_VARIABLE, "")
    if file and given:
        raise SettingsError(f"--master-key-file and {MASTER_KEY_VARIABLE} are both given: give one of them")
    try:
        if file:
            return read_text(_read_file(file), file)
        return read_text(given, MASTER_KEY_VARIABLE) if given else ()
    except MasterKeyError as error:
        raise SettingsError(str(error)) from error


def _read_file(file: str) -> str:
    try:
        with open(file, "rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if mode & OTHERS:
                raise SettingsError(
                    f"every user of this machine may read or change {file}, which holds the master key: "
                    f"chmod o= {file} (in Kubernetes, defaultMode: 0440 of the secret's volume)"
                )
            return opened.read(MAX_BYTES).decode("ascii")
    except OSError as error:
        raise SettingsError(f"the master key cannot be read from {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is no master key: it holds bytes that are no ASCII") from error


def write_master_key(file: str, before: str | None, random_bytes: Callable[[int], bytes]) -> MasterKey:
    """Makes a file with a new key, which its owner alone may read; `before`: the file whose keys follow behind the new
    one. CommandFailed when the file exists: what it holds may be the only copy of a key."""
    text = new_master_key(random_bytes) + "\n"
    if before is not None:
        old = _read_file(before)
        try:
            read_text(old, before)
        except MasterKeyError as error:
            raise SettingsError(str(error)) from error
        text += old
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with open(descriptor, "w", encoding="ascii") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        folder = os.open(Path(file).absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or a crash may lose the name of a key that is in use by then
        finally:
            os.close(folder)
    except FileExistsError:
        raise CommandFailed(f"{file} exists and may hold a key that is in use: it is not replaced") from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}") from error
    return read_text(text, file)[0]
