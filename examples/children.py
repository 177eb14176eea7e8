"""The processes that the samples and the demo start: none of them outlives the process that started it.

Each is in a process group of its own, so that Ctrl-C reaches only the process in front, which stops the others. On
Linux the kernel ends them even when that process is killed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import Any

STOP_SECONDS = 10.0  # from SIGTERM to SIGKILL
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
LIBC = ctypes.CDLL(None)  # loaded here: after a fork of a process with threads that might wait for ever

_children: list[subprocess.Popen[bytes]] = []


def start(command: list[Any], **more: Any) -> subprocess.Popen[bytes]:
    """Runs the command. To be called by the main thread: the kernel watches the thread, not the process."""
    parent = os.getpid()
    child = subprocess.Popen(command, process_group=0, preexec_fn=lambda: _end_with(parent), **more)
    _children.append(child)
    return child


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        LIBC.prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended meanwhile
            os._exit(1)


def stop(child: subprocess.Popen[bytes]) -> int:
    """Stops a child with SIGTERM, or with SIGKILL when it does not end soon; its exit status."""
    child.terminate()
    try:
        return child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def leave_at_signals(*numbers: int) -> None:
    """At the first of these signals the children are told to stop, so that they print no more, and this process leaves:
    with KeyboardInterrupt after Ctrl-C, else with SystemExit. Later ones change nothing: cleaning up takes seconds."""
    for number in numbers:
        signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    for child in _children:
        child.terminate()  # without effect on one that has ended
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
