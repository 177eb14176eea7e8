"""What goes wrong between a person and a server is said in one line, with what to do, and has an exit status."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interop.server import Server, client_environment
from tests.command_line.conftest import Run
from tests.command_line.shell import Answer, Shop, asking
from workflowsvc.cli import context_of_process
from workflowsvc.commands import COMMANDS, whole_parser


def fault(code: str, message: str = "") -> str:
    return json.dumps({"__type": f"com.amazonaws.swf.base.model#{code}", "message": message})


JSON = "application/x-amz-json-1.0"
THROTTLED: Answer = (400, JSON, fault("ThrottlingException", "Rate exceeded"))
NO_DOMAINS: Answer = (200, JSON, '{"domainInfos": []}')


def require_one_line(err: str, *parts: str) -> None:
    assert len(err.splitlines()) == 1, err
    for part in parts:
        assert part in err


def test_no_server_is_named_with_what_to_do(run_bare: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    ended = run_bare("domains", "--endpoint", f"http://127.0.0.1:{port}")
    assert ended.status == 4
    require_one_line(ended.err, f"no server listens at http://127.0.0.1:{port}", "workflowsvc serve")


@pytest.mark.parametrize(
    ("endpoint", "status", "said"),
    [
        ("localhost:8888", 2, "is no http or https address"),
        ("http://127.0.0.1:99999", 2, "is no http or https address"),
        ("http://127.0.0.1:8888/swf", 2, "has more than scheme, host and port"),
        ("http://no-such-host.invalid", 4, "cannot be reached"),
    ],
)
def test_a_wrong_endpoint_is_named(
    run_bare: Run, bare_environment: pytest.MonkeyPatch, endpoint: str, status: int, said: str
) -> None:
    bare_environment.setenv("AWS_REGION", "us-east-1")
    bare_environment.setenv("AWS_ACCESS_KEY_ID", "key")
    bare_environment.setenv("AWS_SECRET_ACCESS_KEY", "key")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        bare_environment.delenv(name, raising=False)
    ended = run_bare("domains", "--endpoint", endpoint)
    assert ended.status == status
    require_one_line(ended.err, endpoint, said)


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", "<html>It works!</html>"),
        (404, "text/html", "<html>Not found</html>"),
        (200, JSON, "[1, 2]"),
        (200, JSON, '{"something": "else"}'),
        (400, JSON, '{"error": "what?"}'),
        (200, JSON, "[" * 100_000),
    ],
)
def test_a_server_that_is_not_swf_is_named(run_bare: Run, answering: Any, answer: Answer) -> None:
    endpoint, _ = answering(answer)
    ended = run_bare("domains", "--endpoint", endpoint)
    assert ended.status == 4
    require_one_line(ended.err, "not answer as SWF does")


def test_a_server_that_fails_is_named(run_bare: Run, answering: Any) -> None:
    endpoint, _ = answering((500, "text/html", "<html>Internal Server Error</html>"))
    ended = run_bare("cancel", "w", "-d", "d", "--endpoint", endpoint)
    assert ended.status == 4
    require_one_line(ended.err, f"{endpoint} (--endpoint) failed at RequestCancelWorkflowExecution")


def test_a_server_that_does_not_filter_by_workflow_id_has_no_run_of_another_one(
    run_bare: Run, answering: Any
) -> None:
    infos = json.dumps({"executionInfos": [{"execution": {"workflowId": "other", "runId": "r"}}]})
    endpoint, _ = answering((200, JSON, infos))
    ended = run_bare("show", "w", "-d", "d", "--endpoint", endpoint)
    assert ended.status == 3
    require_one_line(ended.err, "there is no run of 'w' in the domain d")


def test_a_peer_that_speaks_no_http_or_no_tls_is_named(run_bare: Run, no_pauses: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        threading.Thread(target=greet, daemon=True).start()
        for scheme in ("http", "https"):
            ended = run_bare("domains", "--endpoint", f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
            assert ended.status == 4
            require_one_line(ended.err, f"{scheme}://127.0.0.1")
        listener.shutdown(socket.SHUT_RDWR)


def test_a_throttled_call_is_sent_again(run_bare: Run, answering: Any, no_pauses: None) -> None:
    endpoint, asked = answering(THROTTLED, THROTTLED, NO_DOMAINS)
    assert run_bare("domains", "--endpoint", endpoint).status == 0
    assert len(asked) == 3


def test_a_call_that_stays_throttled_says_so(run_bare: Run, answering: Any, no_pauses: None) -> None:
    endpoint, asked = answering(THROTTLED)
    ended = run_bare("cancel", "order-1", "-d", "d", "--endpoint", endpoint)
    assert ended.status == 4
    require_one_line(ended.err, "was throttled", "try again later")
    assert len(asked) == 4


def test_a_write_whose_outcome_is_unknown_is_not_sent_again(
    run_bare: Run, answering: Any, no_pauses: None
) -> None:
    failed = (503, JSON, fault("ServiceUnavailable", "the store is away"))
    endpoint, asked = answering(failed)
    assert run_bare("terminate", "order-1", "-d", "d", "--endpoint", endpoint).status == 4
    assert len(asked) == 1
    endpoint, asked = answering(failed, failed, NO_DOMAINS)
    assert run_bare("domains", "--endpoint", endpoint).status == 0
    assert len(asked) == 3


@pytest.mark.parametrize(
    "code", ["InvalidSignatureException", "UnrecognizedClientException", "AccessDeniedException"]
)
def test_refused_credentials_are_named_as_such(run_bare: Run, answering: Any, code: str) -> None:
    endpoint, _ = answering((400, JSON, fault(code, "no")))
    ended = run_bare("domains", "--endpoint", endpoint)
    assert ended.status == 1
    require_one_line(ended.err, code, "are these the credentials and region of")


def test_what_a_server_says_cannot_steer_the_terminal(run_bare: Run, answering: Any) -> None:
    endpoint, _ = answering((400, JSON, fault("OperationNotPermittedFault", "no\x1b[2J\nway")))
    ended = run_bare("cancel", "w", "-d", "d", "--endpoint", endpoint)
    assert ended.status == 1
    require_one_line(ended.err, r"no\x1b[2J way")


@pytest.mark.parametrize(
    "answer",
    [
        (400, JSON, fault("UnknownOperationException")),
        (404, "text/html", "<html>"),
        (500, "text/html", "<html>"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ["list", "--sort", "events"],
        ["count", "--by", "task-list"],
        ["why", "w"],
        ["problems"],
        ["lists"],
        ["rerun", "w"],
        ["delete", "--whole-domain", "--yes"],
        ["batch", "list"],
    ],
)
def test_an_operation_that_the_server_does_not_have_is_named(
    run_bare: Run, answering: Any, words: list[str], answer: Answer
) -> None:
    endpoint, asked = answering(answer)
    ended = run_bare(*words, "-d", "d", "--endpoint", endpoint)
    assert ended.status == 5
    require_one_line(ended.err, "does not have the operation", asked[0].partition(".")[2])
    assert asked[0].startswith("WorkflowSvc.")


def test_missing_credentials_are_named_unless_the_server_is_on_this_machine(
    run_bare: Run, bare_environment: pytest.MonkeyPatch, answering: Any
) -> None:
    bare_environment.setenv("AWS_REGION", "us-east-1")
    ended = run_bare("domains", "--endpoint", "http://192.0.2.1:8888")
    assert ended.status == 2
    require_one_line(ended.err, "no credentials found", "AWS_ACCESS_KEY_ID")
    endpoint, _ = answering(NO_DOMAINS)
    assert run_bare("domains", "--endpoint", endpoint).status == 0


def test_a_refused_request_is_printed_as_the_server_words_it(run: Run, client: Any, domain: str) -> None:
    Shop(client, domain).start("twice")
    ended = run("start", "twice", "--type", "order:1")
    assert ended.status == 1
    require_one_line(ended.err, "StartWorkflowExecution: WorkflowExecutionAlreadyStartedFault")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--started-after", "soon"], "--started-after: 'soon' is no moment"),
        (["list", "--limit", "-1"], "--limit: '-1' is no whole number"),
        (["count", "--min-duration", "long"], "--min-duration: 'long' is no span of time"),
        (["list", "--closed-after", "1d", "--closed-before", "2d"], "--closed-after is later than --closed-before"),
        (["batch", "start", "terminate", "--reason", "r"], "no condition is given: say --all"),
        (["batch", "start", "terminate", "--reason", "r", "--open"], "no condition is given: say --all"),
        (["batch", "start", "signal", "--reason", "r", "--all"], "--signal-name"),
        (["rerun", "w", "--type", "order"], "--type: 'order' is not NAME:VERSION"),
        (["delete", "--whole-domain"], "--whole-domain needs --domain"),
        (["delete"], "name a WORKFLOW_ID"),
        (["export"], "name a WORKFLOW_ID, or give --to"),
        (["follow", "w", "--interval", "0s"], "--interval must be a second or more"),
        (["signal", "w", "s", "--input", "@/no/such/file"], "/no/such/file cannot be read"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(run: Run, client: Any, domain: str, words: list[str], said: str) -> None:
    if words[0] == "follow":
        Shop(client, domain).start("w")
    ended = run(*words)
    assert ended.status == 2, ended
    require_one_line(ended.err, said)


def test_a_misspelt_option_is_said_in_two_lines(run_bare: Run) -> None:
    ended = run_bare("list", "--sort", "size")
    assert ended.status == 2
    usage, error = ended.err.splitlines()
    assert usage == "usage: workflowsvc list [options]"
    assert "invalid choice: 'size'" in error
    ended = run_bare("batch", "start", "signal")
    assert ended.err.splitlines() == [
        "usage: workflowsvc batch start signal|cancel|terminate|rerun|delete --reason TEXT [options]",
        "workflowsvc batch start: error: the following arguments are required: --reason",
    ]


def test_the_only_domain_is_taken_and_several_are_named(run_bare: Run, answering: Any) -> None:
    def infos(*names: str) -> Answer:
        return (200, JSON, json.dumps({"domainInfos": [{"name": name} for name in names]}))

    endpoint, _ = answering(infos("a"), (200, JSON, '{"typeInfos": []}'))
    assert run_bare("types", "--endpoint", endpoint).status == 0
    endpoint, _ = answering(infos("a", "b"))
    ended = run_bare("types", "--endpoint", endpoint)
    assert ended.status == 2
    require_one_line(ended.err, "which domain?", "the server has a, b")


def test_what_cannot_be_undone_is_asked_for(run: Run, domain: str) -> None:
    with open(os.devnull) as nothing:
        sys.stdin, before = nothing, sys.stdin
        try:
            ended = run("delete", "--whole-domain", "--domain", domain)
        finally:
            sys.stdin = before
    assert ended.status == 2
    require_one_line(ended.err, "--yes")


def test_follow_goes_on_when_the_server_is_back(run_bare: Run, answering: Any, no_pauses: None) -> None:
    away: Answer = (503, "text/html", "away")
    started: Answer = (200, JSON, '{"events": [{"eventId": 1, "eventType": "WorkflowExecutionStarted"}]}')
    closed: Answer = (200, JSON, '{"events": [{"eventId": 2, "eventType": "WorkflowExecutionCompleted"}]}')
    endpoint, asked = answering(started, *[away] * 5, closed)
    followed = run_bare("follow", "w", "--run-id", "r", "-d", "d", "--endpoint", endpoint)
    assert followed.status == 0
    assert len(followed.out.splitlines()) == 2
    require_one_line(followed.err, "HTTP status 503", "trying again")
    assert len(asked) == 7
    endpoint, asked = answering(away)
    assert run_bare("follow", "w", "--run-id", "r", "-d", "d", "--endpoint", endpoint).status == 4
    assert len(asked) == 4


def test_a_closed_pipe_and_ctrl_c_end_it_quietly(
    server: Server, client: Any, domain: str, tmp_path: Path
) -> None:
    Shop(client, domain).start("open")
    environment = client_environment(server.endpoint) | {"SWF_DOMAIN": domain}
    command = [sys.executable, "-m", "workflowsvc"]
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as closed:
        ended = subprocess.run(
            [*command, "show", "open", "--full"],
            env=environment, stdout=closed, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, b"")
    following = subprocess.Popen(
        [*command, "follow", "open"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert following.stdout is not None
    assert b"running" in following.stdout.readline()
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert (following.returncode, err) == (130, b"")


@pytest.mark.parametrize(
    "module", ["workflowsvc.cli", "workflowsvc.commands.why", "workflowsvc.client.client"]
)
def test_ctrl_c_while_the_program_is_still_being_imported_prints_nothing(module: str) -> None:
    """The signal arrives exactly when the module is looked for."""
    script = (
        "import os, runpy, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.argv = ['workflowsvc', 'why', 'w', '-d', 'd', '--endpoint', 'http://127.0.0.1:9']\n"
        "runpy.run_module('workflowsvc', run_name='__main__')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("why w -d d --endpoint http://127.0.0.1:9 <&- >&-", 4, "no server listens"),
        ("why w -d d --endpoint http://127.0.0.1:9 2>&-", 4, ""),
        ("domains --endpoint http://127.0.0.1:9 --json >&- 2>&-", 4, ""),
        ("domains --endpoint http://127.0.0.1:9 2>/dev/full", 4, ""),
        ("delete --whole-domain -d d <&-", 2, "Give --yes"),
        ("signal w s --input - -d d --endpoint http://127.0.0.1:9 <&-", 4, "no server listens"),
        ("--version >&-", 0, ""),
    ],
)
def test_closed_standard_streams_are_no_bug(
    bare_environment: pytest.MonkeyPatch, words: str, status: int, said: str
) -> None:
    ended = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m workflowsvc {words}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == (1 if said else 0)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_bytes_that_are_no_text_are_named(bare_environment: pytest.MonkeyPatch, encoding: str) -> None:
    bare_environment.setenv("PYTHONIOENCODING", encoding)
    server = ["-d", "d", "--endpoint", "http://127.0.0.1:9"]
    for words, given, said in (
        (["signal", "w", "s", "--input", "-"], b"\xff", "standard input cannot be read: it is not UTF-8"),
        (["list", "--tag", b"\xff"], b"", "a value holds bytes that are no text in utf-8"),
        (["why", b"\xff"], b"", "a value holds bytes that are no text in utf-8"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "workflowsvc", *words, *server],
            input=given, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert ended.returncode == 2
        require_one_line(ended.stderr.decode(), said)


def test_a_help_is_printed_to_a_terminal_that_lacks_its_letters(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("PYTHONIOENCODING", "ascii")
    ended = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "import", "--help"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"usage: workflowsvc import FILE ? [options]")


# Texts that a history may hold, and an address that is Amazon's own when none is given.
MAY_BE_EMPTY = {"--input", "--reason", "--details", "--archive-endpoint"}


def words_with_an_empty_value() -> Iterator[list[str]]:
    """Each command that asks a server with each of its arguments that take a value, which is empty."""
    top = whole_parser(context_of_process())
    (parsers,) = subparsers_of(top)
    for command in asking(COMMANDS):
        parser = parsers[command.name]
        below = subparsers_of(parser)
        for action, last in (
            [((), parser)] if not below else [((name,), one) for name, one in below[0].items()]
        ):
            if not any("--endpoint" in one.option_strings for one in last._actions):
                continue  # of a command that asks in other actions
            arguments = [one for one in last._actions if one.nargs != 0 and one.choices is None]
            named = [one for one in arguments if not one.option_strings]
            for number in range(len(named)):
                yield [command.name, *action, *["x"] * number, "", *["x"] * (len(named) - number - 1)]
            required = [one.option_strings[-1] for one in arguments if one.required and one.option_strings]
            for one in arguments:
                if one.option_strings and (command.name, one.option_strings[-1]) != ("batch", "--reason"):
                    name = one.option_strings[-1]
                    others = [word for other in required if other != name for word in (other, "x")]
                    yield [command.name, *action, *["x" for _ in named], *others, name, ""]


def subparsers_of(parser: argparse.ArgumentParser) -> list[dict[str, argparse.ArgumentParser]]:
    return [dict(one.choices) for one in parser._actions if isinstance(one, argparse._SubParsersAction)]


def test_an_empty_value_is_refused_and_does_not_widen_what_is_meant(run_bare: Run) -> None:
    """`terminate order-17 --run-id "$RUN"` with an unset variable must not terminate another run of order-17."""
    seen = 0
    for words in words_with_an_empty_value():
        if words[-2] in MAY_BE_EMPTY:
            continue
        ended = run_bare(*words, *["-d", "d", "--endpoint", "http://127.0.0.1:9"] * ("-d" not in words))
        assert ended.status == 2, (words, ended)
        refusals = ("the value is empty", "is neither NAME nor NAME:VERSION", "is no whole number")
        assert any(one in ended.err for one in refusals), words
        seen += 1
    assert seen > 100


def test_a_type_without_a_version_behind_its_colon_is_refused(run_bare: Run) -> None:
    for given in ("order:", ":1", ""):
        ended = run_bare("batch", "start", "terminate", "--reason", "r", "--open", "--type", given)
        assert ended.status == 2
        assert "argument --type" in ended.err
