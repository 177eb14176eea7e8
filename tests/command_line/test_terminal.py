"""On a terminal there is colour and the terminal's width; elsewhere there is plain text that is never cut."""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interop.server import Server, client_environment, running_server
from tests.command_line.conftest import Run
from tests.command_line.shell import Shop, asking
from workflowsvc import cli
from workflowsvc.cli import context_of_process
from workflowsvc.clock import ManualClock
from workflowsvc.commands import split_program, whole_parser
from workflowsvc.display.screen import Screen

LONG = "order-" + "x" * 150


def on_a_terminal(environment: dict[str, str], *words: str) -> str:
    """What the command writes to a terminal, standard error included."""
    return output_on_a_terminal(environment, "-m", "workflowsvc", *words)


def output_on_a_terminal(environment: dict[str, str], *words: str) -> str:
    """What Python with these arguments writes to a terminal."""
    reading, writing = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdin=writing,
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    written = b""
    while True:
        try:
            part = os.read(reading, 65_536)
        except OSError:  # the last writer has closed it
            break
        if not part:
            break
        written += part
    os.close(reading)
    process.wait(60)
    return written.decode()


@pytest.fixture
def environment(server: Server, client: Any, domain: str) -> dict[str, str]:
    Shop(client, domain).start(LONG, input="y" * 500)
    return client_environment(server.endpoint) | {
        "SWF_DOMAIN": domain,
        "TERM": "xterm-256color",
        "COLUMNS": "80",
    }


def test_a_terminal_gets_colour_its_width_and_what_is_under_way(environment: dict[str, str]) -> None:
    written = on_a_terminal(environment, "problems")
    assert "\x1b[1;31mCRITICAL" in written
    assert "Looking at the open runs" in written
    shown = on_a_terminal(environment, "show", "--decisions", LONG)
    assert "…" in shown


def test_audits_and_copies_have_a_bar(environment: dict[str, str], server: Server, tmp_path: Path) -> None:
    assert "runs audited" in on_a_terminal(
        environment, "fsck", "--store", f"sqlite:{server.folder / 'interop.db'}"
    )
    with running_server(tmp_path):  # only a store that was served is copied
        pass
    source, target = (f"sqlite:{tmp_path / name}" for name in ("interop.db", "target.db"))
    copied = on_a_terminal(environment, "copy", "--from", source, "--to", target)
    for bar in ("runs of the source audited", "runs copied", "runs compared", "runs of the copy audited"):
        assert f"{bar} \x1b" in copied


def test_no_color_is_obeyed(environment: dict[str, str]) -> None:
    assert "\x1b[1;31m" not in on_a_terminal(environment | {"NO_COLOR": "1"}, "problems")


def test_a_pipe_gets_plain_text_that_is_not_cut(run: Run, client: Any, domain: str) -> None:
    Shop(client, domain).start(LONG)
    ended = run("problems")
    assert LONG in ended.out
    assert "\x1b" not in ended.out + ended.err
    assert ended.err == ""


def test_json_needs_no_library_for_people() -> None:
    """Scripts do not wait for the import of rich, nor does anything wait for stores and rules."""
    script = (
        "import sys; from workflowsvc import cli; "
        "status = cli.main(['why', 'w', '-d', 'd', '--json', '--endpoint', 'http://127.0.0.1:9']); "
        "assert status == 4, status; "
        "loaded = {'rich', 'shtab', 'botocore', 'msgspec', 'apsw', 'asyncio'} & set(sys.modules); "
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_every_command_that_asks_has_json_an_example_and_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    names = [command.name for command in asking(cli.COMMANDS)]
    assert names[0] == "list"
    assert names[-1] == "access"
    with_actions = {"batch": ["start"], "clock": ["show"], "access": ["user", "list"], "trace": ["export"]}
    with_actions |= {"archive": ["import"], "feed": ["read"], "retention": ["show"]}
    with_actions |= {"webhook": ["add"]}
    for name in names:
        words = [name, *with_actions.get(name, []), "--help"]
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        said = capsys.readouterr().out
        assert ended.value.code == 0
        assert "--json" in said
        assert "--endpoint" in said
        assert f"  workflowsvc {name}" in said.partition("example")[2]


def test_every_example_is_one_that_the_command_takes() -> None:
    parser = whole_parser(context_of_process())
    seen = 0
    for found in re.findall(r"^  workflowsvc (.*)$", helps_of(parser), re.MULTILINE):
        words = list(shlex.shlex(found, posix=True, punctuation_chars=True))
        end = min((words.index(sign) for sign in ("|", ">", "&&") if sign in words), default=len(words))
        own, _ = split_program(shlex.split(found)[:end])
        parser.parse_args(own)
        seen += 1
    assert seen > 50


def helps_of(parser: argparse.ArgumentParser) -> str:
    """The help of the parser and of all commands below it."""
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return parser.format_help() + "".join(helps_of(inner) for one in below for inner in one.choices.values())


def complete(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "completion", "bash"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    line = " ".join(f"'{word}'" for word in words)
    ask = f'COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _shtab_workflowsvc; printf "%s\\n" "${{COMPREPLY[@]}}"'
    asked = f"{script}\n{ask}"
    done = subprocess.run(["bash", "-c", asked], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.split()


def test_bash_completes_commands_options_and_choices() -> None:
    assert {"list", "lists"} <= set(complete("workflowsvc", "li"))
    assert "--signal-name" in complete("workflowsvc", "batch", "start", "--si")
    assert complete("workflowsvc", "list", "--sort", "d") == ["duration"]


def test_bash_completes_names_of_files_where_one_is_named() -> None:
    script = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "completion", "bash"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for option in ("export__o_COMPGEN=_shtab_compgen_files", "export___to_COMPGEN=_shtab_compgen_dirs"):
        assert option in script


def test_long_work_leaves_lines_in_a_log_and_short_work_none() -> None:
    clock = ManualClock()
    context = dataclasses.replace(cli.context_of_process(), clock=clock, stderr=io.StringIO())
    with Screen(context).progress("histories", 30) as bar:
        for done in range(1, 31):
            bar.advance_to(done)
            clock.advance(1000)
    assert context.stderr.getvalue() == "histories: 11 of 30\nhistories: 21 of 30\n"  # type: ignore[attr-defined]


def test_zsh_gets_a_script_with_every_command() -> None:
    script = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "completion", "zsh"], check=True, capture_output=True, text=True
    ).stdout
    assert script.startswith("#compdef workflowsvc")
    assert [
        command.name
        for command in cli.COMMANDS
        if f"_shtab_workflowsvc_{command.name.replace('-', '_')}" not in script
    ] == []
