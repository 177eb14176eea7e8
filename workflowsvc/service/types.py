"""The defaults of registered types, decoded once: types are immutable."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from workflowsvc.model.shapes import ActivityTypeConfiguration, WorkflowTypeConfiguration

_workflow = msgspec.json.Decoder(WorkflowTypeConfiguration).decode
_activity = msgspec.json.Decoder(ActivityTypeConfiguration).decode


@lru_cache(maxsize=4096)
def workflow_defaults(defaults: bytes) -> WorkflowTypeConfiguration:
    return _workflow(defaults)


@lru_cache(maxsize=4096)
def activity_defaults(defaults: bytes) -> ActivityTypeConfiguration:
    return _activity(defaults)
