"""`workflowsvc api-model`: gives AWS's SDKs and the AWS CLI the model of this service's own API.

Owns where the files are written: where `aws configure add-model` writes, so that every program that uses botocore finds
them. Nothing else is read or changed there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.model import own_model

DESCRIPTION = """\
Write the service model of workflowsvc's own API where the AWS CLI and boto3 find it. Then these work:

  aws workflowsvc describe-service --endpoint-url http://127.0.0.1:8888
  boto3.client("workflowsvc", endpoint_url="http://127.0.0.1:8888")

With AWS_ENDPOINT_URL_WORKFLOWSVC set, the endpoint can be left out."""


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--directory",
        metavar="DIR",
        help="where to write [the first of AWS_DATA_PATH, or ~/.aws/models]",
    )
    parser.add_argument("--print", action="store_true", help="print the service model and write nothing")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if arguments.print:
        context.write(own_model.SERVICE_MODEL.read_text(encoding="utf-8"))
        return 0
    folder = _directory(context, arguments.directory) / own_model.SERVICE / own_model.API_VERSION
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in own_model.files():
            (folder / source.name).write_bytes(source.read_bytes())
    except OSError as error:
        raise CommandFailed(f"{folder}: {error.strerror}") from error
    context.write(f"{folder}\n")
    return 0


def _directory(context: CommandContext, given: str | None) -> Path:
    if given:
        return Path(given)
    paths = context.environment.get("AWS_DATA_PATH", "")
    first = paths.partition(":")[0]
    if first:
        return Path(first)
    home = context.environment.get("HOME")
    if not home:
        raise CommandFailed("neither AWS_DATA_PATH nor HOME is set: give --directory")
    return Path(home) / ".aws" / "models"
