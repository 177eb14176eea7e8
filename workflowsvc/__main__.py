"""The first code of a process: `python -m workflowsvc`, and the program `workflowsvc`.

Owns what must hold while the rest is still being imported, and when all is done: Ctrl-C prints no traceback, and the
standard streams exist, also when they were closed by the caller (`2>&-`). It must not import what takes time.
"""

import io
import os
import sys

INTERRUPTED = 130  # as in commands/statuses.py, which may not have been imported yet


def main() -> int:
    """Runs the command of this process; its exit status."""
    try:
        open_streams()
        from workflowsvc.cli import main as run_command

        return run_command()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        ignore_interrupts()


def open_streams() -> None:
    """Opens those that were closed, which are None, on the null device, before a file or socket gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A help with a letter that the terminal lacks is still a help.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportUnknownMemberType]


def ignore_interrupts() -> None:
    """Nothing is left to end: Python would print a traceback of its own shutdown."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
