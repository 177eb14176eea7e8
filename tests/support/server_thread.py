"""A server of the standard library in a thread of its own, for tests that stand in for a service.

Owns the thread, and how often it looks whether it should end: the library looks twice a second, for which each test
would wait at its end.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.01


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[None]:
    """The server answers within the block, and is closed at its end."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
