"""The whole of workflowsvc in half a minute: three samples, then a run that outlives `kill -9` of its server.

    make demo

Starts the service on a free port with a fresh SQLite file in a temporary folder. Takes both away at the end,
also when something fails or Ctrl-C is pressed. The exit status is 0 only if everything happened as told.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from service import Service
from story import EXAMPLES, SAMPLES, chapter, point_clients_at, run_samples, stop, tell, tell_story
from support import Surprise, company, history_of, print_history, wait_until_closed

FAREWELL = """Now with your own code:

    make serve                                            # the service, kept in ./workflowsvc.db
    export AWS_ENDPOINT_URL_SWF=http://127.0.0.1:8888     # all that your deciders and workers need"""


def story(afterwards: ExitStack) -> None:
    folder = Path(afterwards.enter_context(tempfile.TemporaryDirectory(prefix="workflowsvc-demo-")))
    file = folder / "demo.db"
    service = Service(f"sqlite:{file}", log=folder / "demo.log")
    afterwards.callback(service.stop)
    service.start()
    point_clients_at(service.url)
    chapter(1, f"The service is up at {service.url}, everything it knows is in {file}.")
    run_samples(2)
    chapter(len(SAMPLES) + 2, "A run that outlives its server.  (examples/crash.py)")
    crash(service)
    stop(service)


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


if __name__ == "__main__":
    tell_story("demo", story, FAREWELL)
