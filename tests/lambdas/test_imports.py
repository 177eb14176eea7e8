"""A server without a map of functions does not pay for their HTTP client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WITHOUT_A_MAP = """
import sys
import workflowsvc.cli, workflowsvc.testing, workflowsvc.http.server, workflowsvc.service.api
import workflowsvc.service.startup_gate, workflowsvc.lambdas.function_map
print("aiohttp" in sys.modules)
"""


def test_the_http_client_of_functions_is_imported_with_the_client_alone() -> None:
    """Its import takes a third of a second and 20 MB."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_MAP],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
