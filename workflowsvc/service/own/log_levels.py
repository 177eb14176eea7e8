"""ListLogLevels and SetLogLevel: what a node logs, changed while it runs.

Both need no store, so that they work while it fails: they are steps that take none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

from workflowsvc import log_parts
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.steps import Steps

log = logging.getLogger("workflowsvc.api")

Now = Callable[[], int]


def list_log_levels(context: CallContext, request: shapes.ListLogLevelsInput, now: Now) -> Steps:
    yield from ()
    return _levels()


def set_log_level(context: CallContext, request: shapes.SetLogLevelInput, now: Now) -> Steps:
    log_parts.set_level(request.part.lower(), request.level and request.level.lower())
    log.warning(
        "the level of %s is %s now, as request %s asked for",
        request.part.lower(),
        (request.level or "that of the start").lower(),
        context.request_id or "-",
    )
    yield from ()
    return _levels()


def _levels() -> shapes.LogLevels:
    return shapes.LogLevels(
        levels=[
            shapes.PartLogLevel(
                is_own=level.own,
                level=cast("shapes.LogLevel", level.level.upper()),
                part=cast("shapes.LogPart", level.part.upper()),
            )
            for level in log_parts.levels()
        ]
    )
