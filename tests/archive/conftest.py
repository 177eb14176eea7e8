"""Services and folders for the tests of the archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.own_api.conftest import stage, store
from workflowsvc.archive.folder import Folder

__all__ = ["folder", "stage", "store"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "archive").mkdir()
    return Folder(str(tmp_path / "archive"))
