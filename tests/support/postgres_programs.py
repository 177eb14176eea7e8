"""Tests that start PostgreSQL are skipped where its programs are not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import postgres


def require_programs(hint: str = "") -> Path:
    """The folder of the programs. Skips the test without them, with the reason and the `hint`."""
    try:
        return postgres.find_programs()
    except postgres.NoPostgres as reason:
        pytest.skip(f"{reason}{hint}")
