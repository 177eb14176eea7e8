"""A World with access control: an administrator who may do everything, and a domain with types."""

from __future__ import annotations

import pytest

from tests.authorization.guarded import Guarded


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


@pytest.fixture
def watched() -> Guarded:
    """With `--auth log`."""
    return Guarded(enforces=False)
