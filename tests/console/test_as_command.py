"""Calls as commands: a shell and Python read back what was meant, whatever the values are."""

from __future__ import annotations

import ast
import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.console.hostile import CORPUS
from workflowsvc.cli import context_of_process
from workflowsvc.commands import whole_parser
from workflowsvc.console.as_command import Server, aws_line, boto3_code, own_line, shell_word

SERVER = Server("http://127.0.0.1:8888", "us-east-1")
BASH = shutil.which("bash")
# Programs of these names that print how many arguments they got, the arguments, and what comes in for `--input=-`.
STUBS = r"""
show() {
  printf '%s\0' "$#" "$@"
  case " $* " in *" --input=- "*) base64 -w0 ;; esac
  printf '\0'
}
aws() { show "$@"; }
workflowsvc() { show "$@"; }
"""

pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash")


def in_bash(lines: list[str], folder: Path) -> list[tuple[list[str], str | None]]:
    """The arguments that a program gets from each line, and its standard input where it was to read it."""
    assert BASH is not None
    script = folder / "script"
    script.write_text(STUBS + "\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        [BASH, script], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=120, cwd=folder
    )
    assert done.stderr == b""
    parts = done.stdout.decode("utf-8").split("\0")
    found: list[tuple[list[str], str | None]] = []
    while len(parts) > 1:
        count = int(parts[0])
        piped = parts[count + 1]
        found.append((parts[1 : count + 1], base64.b64decode(piped).decode() if piped else None))
        parts = parts[count + 2 :]
    assert sorted(one.name for one in folder.iterdir()) == ["script"]
    return found


def members_of(words: list[str]) -> dict[str, Any]:
    """The members that the AWS CLI makes of its options."""
    options = dict(zip(words[2::2], words[3::2], strict=True))
    if "--cli-input-json" in options:
        return json.loads(options["--cli-input-json"])
    return {name.removeprefix("--"): value for name, value in options.items()}


def test_the_aws_line_says_what_was_meant_and_reads_no_file(tmp_path: Path) -> None:
    lines = [
        aws_line(SERVER, "SignalWorkflowExecution", {"domain": "d", "signalName": text, "runId": None})
        for text in CORPUS
    ]
    assert all(line.isprintable() for line in lines)
    for text, (words, _) in zip(CORPUS, in_bash(lines, tmp_path), strict=True):
        assert words[:2] == ["swf", "signal-workflow-execution"]
        found = members_of(words)
        assert found.get("signalName", found.get("signal-name")) == text
        if "signal-name" in found:
            assert not text.startswith(("-", "file://", "fileb://", "http://", "https://"))


def test_lists_and_structures_are_json(tmp_path: Path) -> None:
    members = {"taskList": {"name": "é\u202e"}, "tagList": ["--a", "b c"]}
    (one,) = in_bash([aws_line(SERVER, "StartWorkflowExecution", members)], tmp_path)
    found = members_of(one[0])
    assert json.loads(found["task-list"]) == {"name": "é\u202e"}
    assert json.loads(found["tag-list"]) == ["--a", "b c"]


def test_the_program_says_what_was_meant() -> None:
    for text in CORPUS:
        code = boto3_code(SERVER, "SignalWorkflowExecution", {"signalName": text, "input": None})
        assert all(line.isprintable() for line in code.split("\n"))
        call = ast.parse(code).body[-1]
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        assert [(word.arg, ast.literal_eval(word.value)) for word in call.value.keywords] == [
            ("signalName", text)
        ]


def test_our_own_line_says_what_was_meant(tmp_path: Path) -> None:
    lines = [
        own_line(SERVER, "signal", (text, "s"), {"domain": "d", "run-id": "r"}, texts={"input": text})
        for text in CORPUS
    ]
    parser = whole_parser(context_of_process())
    for text, line, (words, piped) in zip(CORPUS, lines, in_bash(lines, tmp_path), strict=True):
        assert line.isprintable()
        arguments = parser.parse_args(words)
        assert (arguments.workflow_id, arguments.signal, arguments.run_id) == (text, "s", "r")
        assert (piped if arguments.input == "-" else arguments.input) == text
        assert arguments.input == "-" or not arguments.input.startswith("@")


def test_a_payload_with_a_zero_letter_goes_through_standard_input(tmp_path: Path) -> None:
    line = own_line(SERVER, "signal", ("w", "s"), {}, texts={"input": "a\0b%\\'"})
    ((_, piped),) = in_bash([line], tmp_path)
    assert piped == "a\0b%\\'"


@pytest.mark.parametrize("text", ["", "plain", "with blank", "it's", "\x1b[31m", "\u202e'\\"])
def test_a_word_stays_one_word(text: str, tmp_path: Path) -> None:
    ((words, _),) = in_bash([f"aws {shell_word(text)}"], tmp_path)
    assert words == [text]
