"""Imported first, by `demo.py` and `cluster.py`: Ctrl-C ends a program that still loads boto3 quietly, without a
traceback out of an import. Once it has children, `children.leave_at_signals` takes over.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)
