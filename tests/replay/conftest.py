"""Recordings of the order, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replay.playing import Recorder, write


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three runs of the order. Lint has judged them when they were read."""
    recorder, folder = Recorder(), tmp_path_factory.mktemp("recordings")
    return [write(folder, name, *recorder.order(name)) for name in ("order-1", "order-2", "order-3")]
