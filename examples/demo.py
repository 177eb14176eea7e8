"""workflowsvc in half a minute: three samples, then an execution that survives `kill -9` of its server.

    make demo

Starts the service on a free port with a new SQLite file in a temporary folder, and removes both at the end, also after
a failure or Ctrl-C. The exit status is 0 only if everything happened as expected.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import quiet  # noqa: F401
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
    chapter(1, f"The service is up at {service.url}. All its data is in {file}.")
    run_samples(2)
    chapter(len(SAMPLES) + 2, "An execution that survives a crash of its server.  (examples/crash.py)")
    crash(service)
    stop(service)


def crash(service: Service) -> None:
    """Kills the server while an activity task, a decision task and a timer are open; shows that none is lost."""
    import crash as parcel  # imported late: it makes its client from AWS_ENDPOINT_URL_SWF

    parcel.register()
    with company(str(EXAMPLES / "crash.py"), "decider", "worker"):
        execution, before = parcel.start_until_all_is_in_flight()
        tell(f"{execution['workflowId']} has an open activity task, an open decision task and an open timer.")
        pid = service.pid
        service.kill()
        if service.listens():
            raise Surprise(f"something still listens at {service.url}")
        tell(f"kill -9 {pid}: the server is dead. All three are still open.")
        parcel.wait_until_timer_is_due(before)
        tell("The timer came due while no server was running.")
        service.start()
        tell(f"A new server is started on the same file and port: process {service.pid}.")
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
    tell(
        f"Events 1 to {len(before)} are unchanged. The new server fired the timer immediately. The worker and the"
    )
    tell("decider answered with the task tokens that the dead server had given them. Nothing was lost.")


if __name__ == "__main__":
    tell_story("demo", story, FAREWELL)
