"""`workflowsvc replay`: plays recorded histories to a real decider, and says where it would decide differently.

Owns the options, the exit statuses and what is printed. The replay itself is `workflowsvc.replay`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from workflowsvc.commands.asking import Speaking, describe, filled, span_of, type_name_and_version, whole
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.log_lines import log_to
from workflowsvc.commands.statuses import DONE, INTERRUPTED, NO_ANSWER, WRONG_ARGUMENTS
from workflowsvc.options import SettingsError
from workflowsvc.settings import LIMIT_NAMES, OPTIONS, Settings

if TYPE_CHECKING:
    from workflowsvc.replay.player import Ending, Plan, Player
    from workflowsvc.replay.verdict import Verdict

DESCRIPTION = """\
Play recorded histories to your own decider before you release it. The decider polls the address that this command
prints, as it polls SWF; for each decision of a recording it gets the history up to there, and what it decides is
compared with what was decided then. Nothing is executed.

HISTORY is a file as `workflowsvc export` or `aws swf get-workflow-execution-history` writes it, a file with one history
or event a line, a folder of such files, or - for standard input. The decider is started by you, or by the words
behind --, with AWS_ENDPOINT_URL_SWF in its environment.

Exit status: 0, all decisions are the same; 1, one is not; 2, wrong arguments, or a recording cannot be replayed; 4, the
decider did not answer."""
EXAMPLES = (
    "replay order-17.json --task-list deciders --port 9797",
    "replay recordings/ --task-list deciders --junit replay.xml -- python decider.py",
    "replay recordings/ --ignore '*.control' --pattern 'ScheduleActivityTask.activityId=.*-[0-9a-f]{32}'",
    "replay order-17.json --from 42 -- python decider.py",
)
DIFFERS = 1
MAX_PARALLEL = 10_000
MIN_SECONDS, MAX_SECONDS = 1, 86_400
# The settings of a server that hold for a replay, too, where they are in the environment: those of its address, and the
# quotas under which histories were recorded.
VARIABLES = tuple(
    option.variable
    for option in OPTIONS
    if option.name in LIMIT_NAMES
    or option.name
    in {
        "host",
        "allowed_hosts",
        "insecure_allow_remote",
        "empty_poll_token",
        "max_page_size",
        "log_level",
        "region",
    }
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    describe(parser, DESCRIPTION, EXAMPLES)
    parser.usage = "%(prog)s HISTORY … [options] [-- PROGRAM …]"
    parser.add_argument(
        "history", nargs="+", metavar="HISTORY", type=filled, help="a recording, or a folder of them"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    parser.add_argument(
        "--junit", metavar="FILE", type=filled, help="write the report for a build server there, too"
    )
    decider = parser.add_argument_group("the decider")
    decider.add_argument(
        "--task-list", metavar="L", type=filled, help="the list that it polls [that of each recording]"
    )
    decider.add_argument("-d", "--domain", metavar="D", type=filled, help="the only domain it may name [any]")
    decider.add_argument("--port", metavar="P", default="0", help="port to listen on [a free one]")
    decider.add_argument(
        "--timeout",
        metavar="SPAN",
        default="30s",
        help="time for each answer, and until the first poll [30s]",
    )
    decider.add_argument(
        "--parallel", metavar="N", default="100", help="recordings that are open at a time [100]"
    )
    _add_comparison(parser)


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    """The options that say what is compared."""
    compared = parser.add_argument_group("what is compared")
    compared.add_argument(
        "--type",
        metavar="NAME[:VERSION]",
        type=type_name_and_version,
        help="refuse recordings of another workflow type",
    )
    compared.add_argument(
        "--from",
        dest="from_event",
        metavar="EVENT",
        help="what if: hand out the one decision task that was started or completed with this event, and print what is "
        "decided now",
    )
    compared.add_argument(
        "--ignore",
        metavar="NAME",
        action="append",
        default=[],
        type=filled,
        help="a member that may differ: ScheduleActivityTask.control, *.input, control; may be repeated",
    )
    compared.add_argument(
        "--pattern",
        metavar="NAME=REGEX",
        action="append",
        default=[],
        type=filled,
        help="a member that may differ if both values match as a whole; may be repeated",
    )
    compared.add_argument(
        "--execution-context",
        action="store_true",
        help="compare the executionContext of the answers as well",
    )
    compared.add_argument(
        "--json-equal",
        action="store_true",
        help="take texts for equal that are the same JSON, spelt differently",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Speaking(context, arguments)
    plan = _plan(context, arguments)
    settings = _settings(context, arguments)
    log_to(context.stderr, settings.log_level)
    with _junit_file(arguments.junit) as junit:
        return _replay(at_work, plan, settings, junit)


def _plan(context: CommandContext, arguments: argparse.Namespace) -> Plan:
    from workflowsvc.replay.comparison import Rules
    from workflowsvc.replay.player import Plan

    seconds = span_of("--timeout", arguments.timeout)
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise SettingsError(f"--timeout must be from {MIN_SECONDS} s to {MAX_SECONDS} s")
    parallel = whole("--parallel", arguments.parallel, minimum=1)
    if parallel > MAX_PARALLEL:
        raise SettingsError(f"--parallel must be at most {MAX_PARALLEL}")
    from_event = None
    if arguments.from_event is not None:
        from_event = whole("--from", arguments.from_event, minimum=1)
        if len(arguments.history) > 1:
            raise SettingsError("--from is about one decision: name one HISTORY")
    return Plan(
        rules=Rules(
            arguments.ignore,
            arguments.pattern,
            json_equal=arguments.json_equal,
            context=arguments.execution_context,
        ),
        task_list=arguments.task_list,
        domain=arguments.domain,
        of_type=arguments.type,
        from_event=from_event,
        parallel=parallel,
        answer_seconds=seconds,
        program=arguments.program,
        environment=context.environment,
    )


def _settings(context: CommandContext, arguments: argparse.Namespace) -> Settings:
    from workflowsvc.commands.serve import require_reach
    from workflowsvc.http.hosts import is_loopback

    given = {name: context.environment[name] for name in VARIABLES if name in context.environment}
    settings = Settings.from_environment(given, {"port": arguments.port, "drain_seconds": 2.0})
    require_reach(settings, local=is_loopback(settings.host), has_proxies=False)
    return settings


@contextlib.contextmanager
def _junit_file(name: str | None) -> Generator[IO[bytes] | None]:
    """The file, opened before anything else happens."""
    if name is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open("wb"))
        except OSError as error:
            raise SettingsError(f"--junit: {name} cannot be written: {error.strerror}") from error
        yield file


def _replay(at_work: Speaking, plan: Plan, settings: Settings, junit: IO[bytes] | None) -> int:
    from workflowsvc.http.hosts import CannotListen
    from workflowsvc.replay import report
    from workflowsvc.replay.player import Player
    from workflowsvc.replay.program import CannotStart
    from workflowsvc.replay.recording import Unusable, find_files, read_sources

    context = at_work.context
    verdicts: list[Verdict] = []
    try:
        files = find_files(at_work.arguments.history)
        sources = read_sources(files, context.stdin.buffer)
        with at_work.screen.progress("recordings", len(files)) as bar:

            def told(verdict: Verdict) -> None:
                verdicts.append(verdict)
                bar.advance_to(len(verdicts), max(len(files), len(verdicts)))
                _print(at_work, verdict)

            player = Player(plan, sources, settings, context.clock, context.random_bytes, told)
            ending = _play(at_work, player)
    except (Unusable, CannotListen, CannotStart) as error:
        raise SettingsError(str(error)) from error
    if ending is None:
        return INTERRUPTED
    if junit is not None:
        junit.write(report.as_junit(verdicts))
    for note in report.notes_of(ending):
        at_work.note(note)
    if at_work.json:
        at_work.print_json(report.summary_object(verdicts, ending))
    at_work.say(report.summary_of(verdicts))
    return _status(at_work, verdicts)


def _play(at_work: Speaking, player: Player) -> Ending | None:
    """How it ended; None when a signal ended it. The decider's program ends with it in any case."""

    def announce(url: str) -> None:
        at_work.note(f"the decider's endpoint is {url}: export AWS_ENDPOINT_URL_SWF={url}")
        at_work.context.stderr.flush()

    async def play() -> Ending:
        playing = asyncio.current_task()
        assert playing is not None
        loop = asyncio.get_running_loop()
        is_stopping = False

        def stop() -> None:
            nonlocal is_stopping
            if (
                not is_stopping
            ):  # `timeout` and `make` send a signal twice, and the end must not be interrupted
                is_stopping = True
                playing.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        return await player.play(announce)

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(play())
        except asyncio.CancelledError:
            return None


def _status(at_work: Speaking, verdicts: list[Verdict]) -> int:
    statuses: Mapping[str, int] = {verdict.status: 1 for verdict in verdicts}
    if "DIFFERS" in statuses:
        return DIFFERS
    if "NO_ANSWER" in statuses:
        return NO_ANSWER
    if "UNUSABLE" in statuses:
        return WRONG_ARGUMENTS
    if not any(verdict.compared or verdict.status == "ANSWERED" for verdict in verdicts):
        at_work.note("no recording has a decision: nothing was compared")
        return WRONG_ARGUMENTS
    return DONE


def _print(at_work: Speaking, verdict: Verdict) -> None:
    from workflowsvc.replay import report

    if at_work.json:
        at_work.print_json(report.as_object(verdict))
        return
    what_if = at_work.arguments.from_event is not None
    if verdict.status == "SAME" and not what_if:
        return
    _print_head(at_work, verdict)
    if verdict.status == "DIFFERS":
        _print_lists(at_work, verdict)
    if what_if and verdict.status in ("SAME", "DIFFERS", "ANSWERED"):
        at_work.say("  decided now:")
        for line in report.decided_now(verdict):
            at_work.say(f"    {line}")


def _print_head(at_work: Speaking, verdict: Verdict) -> None:
    from workflowsvc.display.screen import Toned
    from workflowsvc.replay import report

    tone = {"SAME": "green", "ANSWERED": "green", "DIFFERS": "red", "NO_ANSWER": "red"}.get(
        verdict.status, "yellow"
    )
    run = (
        f"{verdict.workflow_id}, run {verdict.run_id}, {verdict.workflow_type} in "
        if verdict.workflow_id
        else ""
    )
    at_work.screen.line(Toned(verdict.status, _TONES[tone]), f" {run}{verdict.name}")
    place = report.place_of(verdict)
    if place:
        at_work.say(f"  {place}")
    if verdict.message:
        at_work.say(f"  {verdict.message}")


_TONES = {"green": "INFO", "red": "CRITICAL", "yellow": "WARNING"}


def _print_lists(at_work: Speaking, verdict: Verdict) -> None:
    from workflowsvc.display.screen import Column, Toned
    from workflowsvc.replay import report

    def cell(text: str, differs: bool) -> str | Toned:
        return Toned(text, "WARNING") if differs else text

    at_work.screen.table(
        [Column(" "), Column("recorded", wraps=True), Column("now", wraps=True)],
        [
            ("*" if row.differs else " ", cell(row.then, row.differs), cell(row.now, row.differs))
            for row in report.side_by_side(verdict)
        ],
    )
