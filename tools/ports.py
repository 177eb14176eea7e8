"""Ports for servers that are stopped and started again on the same port.

Owns the range they are taken from. A port that the kernel chooses (port 0) is not safe for that: while its server is
down, the kernel may give it to a connection of any client.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below the range from which the kernel chooses


def free_port() -> int:
    """A port that no process listens on."""
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
