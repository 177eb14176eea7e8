"""Ports for servers that must be found where they were after they were gone for a while.

Owns the range they are taken from. A port that the kernel gives (port 0) may be given to any client's connection as
soon as its server is dead, or before it was started.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below those that the kernel hands out by itself


def free_port() -> int:
    """A port that nobody listens on."""
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
