"""The service model of this service's own API, as files in the form that AWS's SDKs read.

Owns where they are and what their names are. `generate.py` makes `own_shapes.py` of the service model,
`tools/api_page.py` makes docs/api.md of it, and `workflowsvc api-model` hands the files to SDKs. A program can also use
them where they are: AWS_DATA_PATH may name `DATA_PATH`.
"""

from __future__ import annotations

from pathlib import Path

SERVICE = "workflowsvc"
"""As it is given to `boto3.client(…)` and `aws …`."""
API_VERSION = "2026-11-29"

DATA_PATH = Path(__file__).with_name("aws-models")
FOLDER = DATA_PATH / SERVICE / API_VERSION
SERVICE_MODEL = FOLDER / "service-2.json"


def files() -> list[Path]:
    """The files that an SDK reads, the service model among them."""
    return sorted(FOLDER.glob("*.json"))
