"""Shared code of `demo.py` and `cluster.py`: chapters, samples run as programs, and cleaning up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import children
from service import Service
from support import PATIENCE_SECONDS, Surprise

EXAMPLES = Path(__file__).parent
SAMPLES = {
    "simple.py": "A customer's order: verify the card, then complete.",
    "timeouts.py": "Every kind of timeout, one execution for each, all at the same time.",
    "terminate.py": "An execution that is terminated, and the faults that its open tasks get afterwards.",
}


def tell_story(name: str, story: Callable[[ExitStack], None], farewell: str) -> None:
    """Runs the story and cleans up, also after a failure. Exit status 0 only if all of it succeeded."""
    children.leave_at_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # several processes write to one pipe
    began = time.monotonic()
    try:
        with ExitStack() as afterwards:
            story(afterwards)
    except (Surprise, ChildProcessError) as surprise:
        sys.exit(f"\nThe {name} has failed: {surprise}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. All processes and files are removed.")
    print(f"\nEverything happened as expected, in {time.monotonic() - began:.0f} s. {farewell}")


def chapter(number: int, text: str) -> None:
    print(f"\n{'─' * 112}\n{number}. {text}")


def tell(text: str) -> None:
    print(f"  {text}")


def point_clients_at(url: str) -> None:
    """Sets the address that existing SWF programs need, and keys, because boto3 requires some."""
    os.environ["AWS_ENDPOINT_URL_SWF"] = url
    os.environ.update(
        AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="us-east-1"
    )


def run_samples(first_chapter: int) -> None:
    """Runs all samples, each as a chapter."""
    for number, (sample, what) in enumerate(SAMPLES.items(), start=first_chapter):
        chapter(number, f"{what}  (examples/{sample})")
        run_sample(sample)


def run_sample(name: str) -> None:
    """Runs the sample as a program of its own. Surprise when it fails."""
    sample = children.start([sys.executable, EXAMPLES / name])
    try:
        status = sample.wait(2 * PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Surprise(f"{name} did not finish") from None
    finally:
        children.stop(sample)  # which stops its decider and its worker; nothing to do when it has ended
    if status:
        raise Surprise(f"{name} ended with exit status {status}")


def stop(service: Service) -> None:
    """Stops the service with SIGTERM. Surprise unless its exit status is 0."""
    status = service.stop()
    if status != 0:
        raise Surprise(f"after SIGTERM the service ended with exit status {status}")
