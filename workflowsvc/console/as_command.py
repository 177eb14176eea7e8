"""A call as something to paste: a line for the AWS CLI, Python for boto3, a line of our own command line.

Owns the quoting. Whatever clients have put into names and payloads, a shell or Python takes it as text and nothing
else: letters that a terminal would obey are spelled out, so that what is pasted is also what is seen.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

SERVICE = "swf"
FILE_PREFIXES = ("file://", "fileb://", "http://", "https://")
"""The AWS CLI would put what they lead to in place of a value."""

_UPPER = re.compile(r"(?<!^)(?=[A-Z])")


class Server(NamedTuple):
    """Where the calls go."""

    endpoint: str
    region: str


class Forms(NamedTuple):
    """The same call in three forms; the last one is empty where our command line has no such command."""

    aws: str
    boto3: str
    own: str = ""


def aws_line(server: Server, operation: str, members: Mapping[str, Any]) -> str:
    """A line of the AWS CLI. As options where that is safe to read; as one JSON text where a value begins like an
    option or like the name of a file, or has letters that do not show."""
    words = ["aws", SERVICE, _dashed(operation)]
    words += ["--endpoint-url", shell_word(server.endpoint), "--region", shell_word(server.region)]
    given = {name: value for name, value in members.items() if value is not None}
    if all(map(_is_plain, given.values())):
        for name, value in given.items():
            text = value if isinstance(value, str) else json.dumps(value)
            words += [f"--{_dashed(name)}", shell_word(text)]
    else:
        words += ["--cli-input-json", shlex.quote(json.dumps(given))]  # json.dumps: letters of ASCII alone
    return " ".join(words)


def boto3_code(server: Server, operation: str, members: Mapping[str, Any]) -> str:
    """A program of Python."""
    lines = [
        "import boto3",
        "",
        f"swf = boto3.client({SERVICE!r}, endpoint_url={server.endpoint!r}, region_name={server.region!r})",
        f"swf.{_dashed(operation).replace('-', '_')}(",
        # repr spells out all letters that do not show.
        *(f"    {name}={value!r}," for name, value in members.items() if value is not None),
        ")",
    ]
    return "\n".join(lines)


def own_line(
    server: Server,
    command: str,
    arguments: Iterable[str],
    options: Mapping[str, str | list[str] | None],
    *,
    texts: Mapping[str, str | None] | None = None,
) -> str:
    """A line of `workflowsvc`. `texts`: options that would take `@FILE` and `-` for something to read; such a value
    goes through standard input, as at most one may."""
    piped = ""
    words = ["workflowsvc", command]
    given = {"region": server.region, "endpoint": server.endpoint, **options}
    for name, value in (texts or {}).items():
        if value is not None and (value.startswith("@") or value == "-" or "\0" in value) and not piped:
            piped = f"printf -- {_printf_format(value)} | "
            given[name] = "-"
        else:
            given[name] = value
    for name, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                words.append(shell_word(f"--{name}={one}"))
    arguments = list(arguments)
    if any(argument.startswith("-") for argument in arguments):
        words.append("--")
    return piped + " ".join([*words, *map(shell_word, arguments)])


def shell_word(text: str) -> str:
    """One word of a line for sh, bash and zsh. Where letters do not show, in the form `$'…'` of bash and zsh."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_spelled, text)) + "'"


def _spelled(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return _octal(letter)


def _printf_format(text: str) -> str:
    """The text as the format of printf, which writes it as it was; it may hold any letter."""
    spelled = "".join(
        letter * 2 if letter in "%\\" else letter if letter.isprintable() else _octal(letter)
        for letter in text
    )
    return shlex.quote(spelled)


def _octal(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogatepass"))


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return bool(value) and value.isprintable() and not value.startswith(("-", *FILE_PREFIXES))
    # A text inside a structure is part of JSON, whose dumps are ASCII; it begins with a brace.
    return isinstance(value, Mapping | list)


def _dashed(name: str) -> str:
    """`signalName` and `SignalWorkflowExecution` as the AWS CLI spells them."""
    return _UPPER.sub("-", name).lower()
