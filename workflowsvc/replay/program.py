"""The decider's program: started with the endpoint in its environment, and ended with the replay.

Owns the process group. What the program prints goes to standard error, since standard output is the report's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

STOP_SECONDS = 10.0  # between SIGTERM and SIGKILL
STANDARD_ERROR = 2  # the descriptor
REGION = "us-east-1"


class CannotStart(Exception):
    """There is no such program, or it may not be run; the text says why."""


def environment_for(endpoint: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with SWF's endpoint in it, and credentials and a region where there are none."""
    found = dict(environment)
    found.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
    if not any(found.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")):
        found |= {"AWS_ACCESS_KEY_ID": "replay", "AWS_SECRET_ACCESS_KEY": "replay"}
    region = found.get("AWS_REGION") or found.get("AWS_DEFAULT_REGION") or REGION
    return found | {"AWS_ENDPOINT_URL_SWF": endpoint, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}


class Program:
    """One that runs."""

    def __init__(self, words: Sequence[str], process: asyncio.subprocess.Process) -> None:
        self.name = words[0]
        self._process = process

    @classmethod
    async def started(cls, words: Sequence[str], environment: Mapping[str, str]) -> Program:
        """CannotStart when there is no such program."""
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=STANDARD_ERROR,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"{words[0]} cannot be started: {error.strerror}") from error
        return cls(words, process)

    async def ended(self) -> int:
        """Its exit status, when it ends by itself; negative for a signal."""
        return await self._process.wait()

    def terminate(self) -> None:
        """Asks it, and what it has started, to end."""
        self._signal(signal.SIGTERM)

    async def stopped(self) -> None:
        """Returns when it has ended; kills what is left after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        self._signal(signal.SIGKILL)  # what is left of the group
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
