"""What the commands that ask a server share: their options, the connection, the domain, the run that is meant.

Owns these, so that every command has the same options for the same things. It must not know a command.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.client.client import OWN, SWF, Client
from workflowsvc.client.problems import CallFailed, NoRun
from workflowsvc.client.profile import Options, read_profile
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.display.text import json_line, printable, read_moment, read_span
from workflowsvc.options import SettingsError

if TYPE_CHECKING:
    from workflowsvc.display.screen import Screen

DOMAIN_VARIABLE = "SWF_DOMAIN"


def add_arguments(
    parser: argparse.ArgumentParser, description: str, examples: Sequence[str], *, domain: bool = True
) -> None:
    """The description, the examples, and the options that all these commands have."""
    describe(parser, description, examples)
    add_server(parser, domain=domain)


def describe(parser: argparse.ArgumentParser, description: str, examples: Sequence[str]) -> None:
    """The description and the examples in the help of a command."""
    parser.description = description
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    listed = "\n".join(f"  workflowsvc {example}" for example in examples)
    parser.epilog = f"examples:\n{listed}" if len(examples) > 1 else f"example:\n{listed}"


def add_server(parser: argparse.ArgumentParser, *, domain: bool = True, json: bool = True) -> None:
    """The options that name a server, and --json, unless the parser has it."""
    group = parser.add_argument_group("the server")
    if domain:
        group.add_argument(
            "-d",
            "--domain",
            metavar="D",
            type=filled,
            help=f"the domain [{DOMAIN_VARIABLE}, or the only one that is registered]",
        )
    group.add_argument(
        "--endpoint",
        metavar="URL",
        type=filled,
        help="where it is [AWS_ENDPOINT_URL_SWF, or http://127.0.0.1:8888]",
    )
    group.add_argument(
        "--region", metavar="R", type=filled, help="the region [AWS_REGION, or that of the profile]"
    )
    group.add_argument("--profile", metavar="P", type=filled, help="the profile in ~/.aws [AWS_PROFILE]")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def filled(given: str) -> str:
    """The value of an option that must not be empty: `--run-id "$RUN"` with an unset variable names no run at all, and
    the command would take another one. For `type=`."""
    if not given:
        raise argparse.ArgumentTypeError("the value is empty")
    return given


def type_name_and_version(given: str) -> dict[str, str]:
    """NAME or NAME:VERSION, neither of them empty, as a condition on runs. For `type=`."""
    name, colon, version = given.partition(":")
    if not name or (colon and not version):
        raise argparse.ArgumentTypeError(f"{given!r} is neither NAME nor NAME:VERSION")
    return {"name": name} | ({"version": version} if version else {})


def add_run(parser: argparse.ArgumentParser, *, newest: str = "the open run, or else the newest") -> None:
    """WORKFLOW_ID and --run-id."""
    parser.add_argument("workflow_id", metavar="WORKFLOW_ID", type=filled, help="the workflowId of the run")
    parser.add_argument("--run-id", metavar="R", type=filled, help=f"which run of it [{newest}]")


class Speaking:
    """One command at work: where it prints, and for whom."""

    def __init__(self, context: CommandContext, arguments: argparse.Namespace) -> None:
        self.context = context
        self.arguments = arguments
        self.json = bool(arguments.json)

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.context.clock.now_ms() / 1000

    @cached_property
    def screen(self) -> Screen:
        from workflowsvc.display.screen import Screen

        return Screen(self.context)

    def print_json(self, value: Mapping[str, Any]) -> None:
        self.context.write(json_line(value))

    def print_list(self, found: list[Object], as_table: Callable[[Self, list[Object]], None]) -> None:
        """Rows: as JSON, one a line, or as a table for people."""
        if self.json:
            for row in found:
                self.print_json(row)
        else:
            as_table(self, found)

    def say(self, line: str) -> None:
        """One line for people; left out with --json."""
        if not self.json:
            self.context.write(f"{printable(line)}\n")

    def note(self, line: str) -> None:
        """One line on standard error."""
        self.context.stderr.write(f"workflowsvc {self.arguments.command}: {printable(line)}\n")

    def confirm(self, question: str) -> None:
        """Asks the person at the terminal, unless --yes is given. CommandFailed when the answer is not yes."""
        if self.arguments.yes:
            return
        if not self.context.stdin.isatty():
            raise SettingsError(f"{question} Give --yes to say so without a terminal.")
        self.context.stderr.write(f"{printable(question)} [y/N] ")
        self.context.stderr.flush()
        if self.context.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandFailed("nothing was done")


class Asking(Speaking):
    """A command that asks a server, about one domain."""

    def __init__(self, context: CommandContext, arguments: argparse.Namespace) -> None:
        super().__init__(context, arguments)
        options = Options(arguments.endpoint, arguments.region, arguments.profile)
        profile = read_profile(context.environment, options)
        self.client = Client(profile, context.clock, context.environment)

    @cached_property
    def domain(self) -> str:
        """The domain that is meant. SettingsError when that is not clear."""
        named = self.arguments.domain or self.context.environment.get(DOMAIN_VARIABLE)
        if named:
            return str(named)
        answer = self.client.swf("ListDomains", {"registrationStatus": "REGISTERED", "maximumPageSize": 10})
        names = [text(info, "name") for info in rows(answer, "domainInfos")]
        if len(names) == 1:
            return names[0]
        there = f"the server has {', '.join(names)}{' and more' if len(names) == 10 else ''}"
        raise SettingsError(
            f"which domain? Give --domain or set {DOMAIN_VARIABLE}; {there if names else 'the server has none yet'}"
        )

    def swf(self, operation: str, /, **members: Any) -> Object:
        """The answer of an action of SWF in the domain."""
        return self.client.swf(operation, {"domain": self.domain, **members})

    def own(self, operation: str, /, **members: Any) -> Object:
        """The answer of an operation of the service's own API in the domain."""
        return self.client.own(operation, {"domain": self.domain, **members})

    def swf_pages(self, operation: str, /, **members: Any) -> Iterator[Object]:
        return self.client.pages(SWF, operation, {"domain": self.domain, **members})

    def own_pages(self, operation: str, /, **members: Any) -> Iterator[Object]:
        return self.client.pages(OWN, operation, {"domain": self.domain, **members})

    def clock(self, domain: str) -> Object | None:
        """What DescribeClock answers of a domain whose time is not real; None for all others, and where that is not
        known.
        """
        found = self.known("DescribeClock", domain)
        return None if found is None or found.get("mode") == "REAL" else found

    def known(self, operation: str, domain: str) -> Object | None:
        """What an operation of the service's own API answers of a domain; None where that is not known: at Amazon's
        service, or at one that does not say it to this caller.
        """
        try:
            return self.client.own(operation, {"domain": domain})
        except CallFailed:
            return None

    def reference(self) -> dict[str, str]:
        """The run that the arguments name, as the service's own API takes it."""
        named = {"workflowId": str(self.arguments.workflow_id)}
        return named | ({"runId": str(self.arguments.run_id)} if self.arguments.run_id else {})

    def run(self) -> dict[str, str]:
        """The run that the arguments name: the open one of its workflowId, or else the newest. NotFound if none."""
        workflow_id = str(self.arguments.workflow_id)
        if self.arguments.run_id:
            return {"workflowId": workflow_id, "runId": str(self.arguments.run_id)}
        for operation in ("ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"):
            answer = self.swf(
                operation,
                startTimeFilter={"oldestDate": 0},
                executionFilter={"workflowId": workflow_id},
                maximumPageSize=1,
            )
            for info in rows(answer, "executionInfos"):
                run_id = text(part(info, "execution"), "runId")
                if run_id and text(part(info, "execution"), "workflowId") == workflow_id:
                    return {"workflowId": workflow_id, "runId": run_id}
        raise NoRun(f"there is no run of {workflow_id!r} in the domain {self.domain}")


def read_text(context: CommandContext, given: str | None) -> str | None:
    """The text of an option: as it is, from a file after `@`, or from standard input for `-`."""
    if given is None or not (given == "-" or given.startswith("@")):
        return given
    try:
        if given == "-":
            read = context.stdin.read()
            read.encode()  # Python may have read bytes that are no text as halves of pairs, which is no text either
            return read
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        name = "standard input" if given == "-" else given[1:]
        raise SettingsError(f"{name} cannot be read: {reason}") from error


def moment_of(option: str, given: str, now: float) -> float:
    """The moment that an option names. SettingsError when it names none."""
    found = read_moment(given, now)
    if found is None:
        raise SettingsError(
            f"{option}: {given!r} is no moment, such as 2h (ago), 2026-11-29, 2026-11-29T08:30 or 1795941000"
        )
    return found


def span_of(option: str, given: str) -> int:
    """The whole seconds that an option names. SettingsError when it names none."""
    found = float(given) if given.isdecimal() else read_span(given)
    if found is None:
        raise SettingsError(f"{option}: {given!r} is no span of time, such as 90, 90s, 15m, 2h or 1d")
    return round(found)


def whole(option: str, given: str, *, minimum: int = 0) -> int:
    """The whole number that an option gives. SettingsError when it gives none."""
    if not (given.isascii() and given.isdecimal() and minimum <= int(given) <= 2_147_483_647):
        raise SettingsError(f"{option}: {given!r} is no whole number from {minimum} on")
    return int(given)


def type_of(option: str, given: str) -> dict[str, str]:
    """The name and version of a type, given as NAME:VERSION. SettingsError when it is not."""
    name, colon, version = given.partition(":")
    if not (name and colon and version):
        raise SettingsError(f"{option}: {given!r} is not NAME:VERSION")
    return {"name": name, "version": version}
