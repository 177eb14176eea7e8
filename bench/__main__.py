"""`python -m bench [SCENARIO ...]`: runs scenarios in turn, prints tables, saves JSON, draws pictures.

Owns the options and the list of scenarios. The exit status says whether all ran and got the right answers. A goal that
is not met is marked in the table, and is a failure only with --strict.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from bench.database import NAME, Database, database, is_postgres
from bench.load import Plan
from bench.picture import draw_all
from bench.report import Result, machine, print_machine, print_result, save
from bench.scenarios import (
    Bench,
    auth,
    backup,
    budget,
    console,
    everything,
    fanout,
    feed,
    history,
    latency,
    moto,
    nodes,
    polls,
    replay,
    skip,
    snapshot,
    startup,
    stored,
    sweep,
    throughput,
    wakeup,
    watched,
)
from bench.server import ROOT
from workflowsvc.store.errors import StoreUnusable

Scenario = Callable[[Bench], Coroutine[Any, Any, Result]]

RESULTS = ROOT / "bench" / "results"
SCENARIOS: dict[str, tuple[Scenario, str]] = {
    "throughput": (throughput.run, "complete workflows a second, closed loop"),
    "latency": (latency.run, "latency of calls and tasks at half load, fixed rate of arrivals"),
    "budget": (budget.run, "where the CPU time of one call goes, part by part"),
    "auth": (auth.run, "the load with signed requests, with --auth off and --auth enforce in turn"),
    "watched": (
        watched.run,
        "the load with metrics off, with metrics read, and with every call logged, in turn",
    ),
    "feed": (
        feed.run,
        "the load with an event feed off, on and read, and on and pushed, in turn; its delay at half load",
    ),
    "everything": (
        everything.run,
        "the load with everything off, and with metrics, JSON log and feed on, in turn",
    ),
    "moto": (moto.run, "the same workflows on moto_server, and the ratio"),
    "history": (history.run, "appending to a history of 20,000 events and to one of 20; reading all of it"),
    "polls": (polls.run, "10,000 idle long polls: memory and CPU"),
    "replay": (replay.run, "1,000 recordings of 100 events played to one decider with boto3"),
    "skip": (skip.run, "a run of 30 days with 100 timers and 100 activities, in a domain whose clock skips"),
    "startup": (startup.run, "from the start of the process to the first answer"),
    "fanout": (fanout.run, "1,000 activities scheduled together, by 100 workers, against ten at a time"),
    "sweep": (sweep.run, "throughput and latency against load, for the picture"),
    "console": (console.run, "pages of the console, a long history in it, and what open tabs cost the API"),
    "stored": (stored.run, "throughput with 100,000 open and 1,000,000 closed executions in the file"),
    "backup": (backup.run, "throughput and latency while the file of `stored` is backed up"),
}
ON_POSTGRES: dict[str, tuple[Scenario, str]] = {
    "nodes": (nodes.run, "workflows a second and CPU of each, with one, two and four nodes"),
    "wakeup": (wakeup.run, "a poll waits on one node, another node makes its task"),
    "snapshot": (snapshot.run, "a hot queue while a snapshot is held open for a minute"),
}
ON_FILES = (
    "auth",
    "backup",
    "budget",
    "console",
    "moto",
    "history",
    "replay",
    "skip",
    "stored",
)  # measure SQLite files, or no store, whatever the store
STANDARD = ["throughput", "latency", "budget", "moto", "history", "polls", "startup", "fanout"]


def main() -> int:
    """Runs the scenarios that the command line names."""
    options = parse(sys.argv[1:])
    if not is_postgres(options.store):
        return measure(options, None)
    try:
        with database(options.store, distributed=options.distribute is not None) as beside:
            return measure(options, beside)
    except StoreUnusable as reason:
        print(reason, file=sys.stderr)
        return 2


def measure(options: argparse.Namespace, beside: Database | None) -> int:
    """The exit status."""
    bench = Bench(
        plan=Plan(
            open_workflows=options.open,
            pollers=options.pollers,
            payload_bytes=options.payload,
            seconds=options.seconds,
            warmup_seconds=options.warmup,
            rate=options.rate,
        ),
        folder=options.folder,
        store=options.store,
        database=beside,
        executions_open=options.stored_open,
        executions_closed=options.stored_closed,
        console_stored=options.console_stored,
        recordings=options.recordings,
        found={},
    )
    facts = machine(Path(tempfile.gettempdir()) if options.store == NAME else options.folder)
    if beside is not None:
        facts["database"] = beside.version()
    print_machine(facts)
    assert bench.found is not None
    for name in options.scenario:
        run, _ = (SCENARIOS | ON_POSTGRES)[name]
        result = bench.found[name] = uvloop.run(run(bench))
        print_result(result)
        save(
            options.json, facts, bench.found.values()
        )  # after each one, so that a later failure loses nothing
    pictures = draw_all(list(bench.found.values()), facts, options.draw)
    print(f"\nSaved {options.json}" + "".join(f", {picture}" for picture in pictures))
    missed = [figure for result in bench.found.values() for figure in result.figures if figure.met is False]
    return 1 if options.strict and missed else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    plan = Plan()
    described = "\n".join(f"  {name:<11} {what}" for name, (_, what) in SCENARIOS.items())
    shared = "\n".join(f"  {name:<11} {what}" for name, (_, what) in ON_POSTGRES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="What the service costs, measured from outside.",
        epilog=f"scenarios:\n{described}\n\nwithout any: {' '.join(STANDARD)}; `all` for all of them\n\n"
        f"with --store postgres or postgresql://...:\n{shared}\n\nwithout any: these; of the others, all but "
        f"{', '.join(ON_FILES)} can be asked",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO")  # argparse's choices refuse an empty list
    parser.add_argument("--open", type=int, default=plan.open_workflows, help="most open workflows")
    parser.add_argument(
        "--pollers", type=int, default=plan.pollers, help="number of deciders, and of workers"
    )
    parser.add_argument("--payload", type=int, default=plan.payload_bytes, help="bytes of inputs and results")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="seconds of each measurement")
    parser.add_argument(
        "--warmup", type=float, default=plan.warmup_seconds, help="seconds of warm-up before each measurement"
    )
    parser.add_argument(
        "--rate", type=float, help="workflows a second of `latency` (default: half of throughput)"
    )
    parser.add_argument(
        "--store",
        default="sqlite",
        metavar="STORE",
        help="sqlite, memory, postgres (a private durable server), or a postgresql:// address",
    )
    parser.add_argument(
        "--distribute",
        choices=["citus"],
        help="distribute the tables over the servers of a Citus cluster, with a postgresql:// address",
    )
    parser.add_argument("--stored-open", type=int, default=100_000, help="open executions of `stored`")
    parser.add_argument("--stored-closed", type=int, default=1_000_000, help="closed executions of `stored`")
    parser.add_argument("--console-stored", type=int, default=110_000, help="stored executions of `console`")
    parser.add_argument("--recordings", type=int, default=1_000, help="recordings of `replay`")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="folder of the SQLite files")
    parser.add_argument("--json", type=Path, default=RESULTS / time.strftime("%Y%m%dT%H%M%S.json"))
    parser.add_argument("--draw", type=Path, default=RESULTS, help="folder of the pictures")
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a goal is not met")
    options = parser.parse_args(arguments)
    options.folder = options.folder.resolve()
    on_postgres = is_postgres(options.store)
    if not on_postgres and options.store not in ("sqlite", "memory"):
        parser.error(f"no store {options.store!r}; there are sqlite, memory, postgres, postgresql://...")
    if options.distribute and (options.store == NAME or not on_postgres):
        parser.error("--distribute needs the postgresql:// address of a Citus cluster as --store")
    there = SCENARIOS if not on_postgres else {**ON_POSTGRES, **SCENARIOS}
    if unknown := [
        name for name in options.scenario if name not in (*there, "all") or (on_postgres and name in ON_FILES)
    ]:
        parser.error(f"no scenario {unknown[0]!r} for this store; --help lists them")
    if on_postgres:
        options.scenario = (
            list(ON_POSTGRES) if "all" in options.scenario else options.scenario or list(ON_POSTGRES)
        )
    else:
        options.scenario = list(SCENARIOS) if "all" in options.scenario else options.scenario or STANDARD
    return options


if __name__ == "__main__":
    sys.exit(main())
