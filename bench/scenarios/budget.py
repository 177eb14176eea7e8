"""Where the CPU time of one call goes, part by part, in µs: the mean of the seven calls of a workflow."""

from __future__ import annotations

from bench import budget
from bench.report import Result
from bench.scenarios import Bench


async def run(bench: Bench) -> Result:
    """Parts are measured in this process, the lowest of several times; the whole comes from `throughput`."""
    http = min([await budget.seconds_of_http() for _ in range(5)])
    decode = budget.cheapest(budget.seconds_to_decode)
    hand_over = min([await budget.seconds_to_hand_over() for _ in range(5)])
    in_memory = budget.Workflows(None)
    rules = budget.cheapest(in_memory.seconds_a_call)
    with bench.fresh_folder() as folder:
        on_disk = budget.Workflows(str(folder / "bench.db"))
        durable = budget.cheapest(on_disk.seconds_a_call)
        on_disk.store.close()
    result = Result("budget", f"one call, {budget.BATCH} calls to a commit")
    pieces = {
        "HTTP: from the request's bytes to the answer's, without what follows": http - decode,
        "decode and validate the request": decode,
        "to the writer's thread and back": hand_over,
        "rules, unit of work, tokens, events, SQLite in memory": rules - decode,
        "SQLite on disk beside memory: log, checkpoint, sync": durable - rules,
    }
    for what, seconds in pieces.items():
        result.add(what, seconds * 1e6, "µs")
    result.add("together", sum(pieces.values()) * 1e6, "µs")
    whole = bench.earlier("throughput", "server CPU per workflow, user + system")
    if whole is not None:
        rest = whole * 1e3 / budget.CALLS - sum(pieces.values()) * 1e6
        result.add("the whole server, as `throughput` saw it", whole * 1e3 / budget.CALLS, "µs")
        result.add("left over: sockets, the event loop, waiting for the interpreter", rest, "µs")
    return result
