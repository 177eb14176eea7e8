"""Clients of boto3 for tests. boto3 is the user's: it is imported when the first client is made.

Owns how a client is made, and that it is told when its test is over. Credentials and settings of the machine are not
used: a test must not reach AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

REGION = "us-east-1"
ANY_KEY = "local"
POLL_SECONDS = 75  # longer than a poll is held, which botocore's own limit is not
CONNECTIONS = 50  # one for each loop that uses the client


class MissingBoto3(ImportError):
    """boto3 is not installed."""


@cache
def session() -> Any:
    """The boto3 session of all clients, whose models are read once; MissingBoto3 when there is no boto3."""
    try:
        import boto3  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError as error:
        if error.name != "boto3":
            raise
        raise MissingBoto3(
            "boto3 is not installed, and clients of SWF are made with it: install it, or make calls with the"
            " `call` of the domain, which needs no client"
        ) from error
    made: Any = boto3.Session(aws_access_key_id=ANY_KEY, aws_secret_access_key=ANY_KEY, region_name=REGION)
    return made


def boto3_client(url: str, before_request: Callable[[], None] | None, **options: Any) -> Any:
    """A client of SWF at this address; `options` are those of `botocore.config.Config`. `before_request` is called in
    the thread that makes a request, and may raise."""
    made = session()
    from botocore.config import Config as UntypedConfig  # pyright: ignore[reportMissingTypeStubs]

    Config: Any = UntypedConfig
    config = Config(
        read_timeout=POLL_SECONDS,
        max_pool_connections=CONNECTIONS,
        proxies={},
        retries={"total_max_attempts": 1},
    ).merge(Config(**options))
    client = made.client("swf", endpoint_url=url, config=config)
    if before_request is not None:
        client.meta.events.register_first("before-send.swf", partial(_before_request, before_request))
    return client


def _before_request(call: Callable[[], None], **_: Any) -> None:
    call()
