"""The whole of workflowsvc in half a minute: three samples, then a run that outlives `kill -9` of its server.

    make demo

Starts the service on a free port with a fresh SQLite file in a temporary folder. Takes both away at the end,
also when something fails or Ctrl-C is pressed. The exit status is 0 only if everything happened as told.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from service import Service
from support import PATIENCE_SECONDS, Surprise, company, history_of, print_history, wait_until_closed

EXAMPLES = Path(__file__).parent
SAMPLES = {
    "simple.py": "A customer's order: verify the card, then complete.",
    "timeouts.py": "Every kind of timeout, one execution for each, all at the same time.",
    "terminate.py": "An execution stopped abruptly, and what the tokens of its tasks answer afterwards.",
}


def main() -> None:
    """Tells the story, and cleans up behind it whatever happens."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # several processes write to one pipe
    began = time.monotonic()
    try:
        with ExitStack() as afterwards:
            folder = Path(afterwards.enter_context(tempfile.TemporaryDirectory(prefix="workflowsvc-demo-")))
            service = Service(folder / "demo.db")
            afterwards.callback(service.stop)
            service.start()
            point_clients_at(service)
            chapter(1, f"The service is up at {service.url}, everything it knows is in {service.file}.")
            for number, (sample, what) in enumerate(SAMPLES.items(), start=2):
                chapter(number, f"{what}  (examples/{sample})")
                run_sample(sample)
            chapter(len(SAMPLES) + 2, "A run that outlives its server.  (examples/crash.py)")
            crash(service)
            stop(service)
    except (Surprise, ChildProcessError) as surprise:
        sys.exit(f"\nThe demo has failed: {surprise}")
    except KeyboardInterrupt:
        sys.exit("\nStopped; nothing was left behind.")
    print(
        f"\nAll of it happened as it should, in {time.monotonic() - began:.0f} s. Now with your own code:\n"
    )
    print("    make serve                                            # the service, kept in ./workflowsvc.db")
    print(
        "    export AWS_ENDPOINT_URL_SWF=http://127.0.0.1:8888     # all that your deciders and workers need"
    )


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def chapter(number: int, text: str) -> None:
    print(f"\n{'─' * 112}\n{number}. {text}")


def tell(text: str) -> None:
    print(f"  {text}")


def point_clients_at(service: Service) -> None:
    """The one setting that existing SWF programs need, and keys because boto3 wants some."""
    os.environ["AWS_ENDPOINT_URL_SWF"] = service.url
    os.environ.update(
        AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="us-east-1"
    )


def run_sample(name: str) -> None:
    """The sample as a program of its own; a Surprise when it is not content."""
    with subprocess.Popen([sys.executable, EXAMPLES / name], process_group=0) as sample:
        try:
            status = sample.wait(3 * PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Surprise(f"{name} did not finish") from None
        finally:
            if sample.poll() is None:
                sample.terminate()  # it takes its decider and its worker with it
                sample.wait()
    if status:
        raise Surprise(f"{name} ended with exit status {status}")


def crash(service: Service) -> None:
    """Kills the server while an activity, a decision and a timer are open; shows that none is lost."""
    import crash as parcel  # not before AWS_ENDPOINT_URL_SWF is set: it connects when imported

    parcel.register()
    with company(str(EXAMPLES / "crash.py"), "decider", "worker"):
        execution, before = parcel.start_until_all_is_in_flight()
        tell(f"{execution['workflowId']} has an activity, a decision and a timer open. Nobody expects evil.")
        pid = service.pid
        service.kill()
        if service.listens():
            raise Surprise(f"something still listens at {service.url}")
        tell(f"kill -9 {pid}: the server is gone in the middle of it all.")
        parcel.wait_until_timer_is_due(before)
        tell("The timer came due while nobody was there to notice.")
        service.start()
        tell(f"A new server, process {service.pid}, on the same file and port.")
        try:
            wait_until_closed(parcel.swf, execution)
        finally:
            after = history_of(parcel.swf, execution)
            print_history(
                f"{execution['workflowId']}, across the crash",
                after,
                line_after=len(before),
                line=" here the server was killed, and another one started on the same file ",
            )
    parcel.expect_survival(before, after)
    tell("")
    tell(f"Events 1 to {len(before)} are what they were. The timer fired at once. The worker and the decider")
    tell("have answered with the task tokens that they got from the server that is dead. Nothing was lost.")


def stop(service: Service) -> None:
    status = service.stop()
    if status != 0:
        raise Surprise(f"told to stop, the service ended with exit status {status}")


if __name__ == "__main__":
    main()
