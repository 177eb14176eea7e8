"""The environment that a program gets which measures or tests start."""

from __future__ import annotations

import os


def without_settings() -> dict[str, str]:
    """That of this process without the settings of a service, which may be meant for another one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOWSVC_")}
