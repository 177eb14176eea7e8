"""Every test runs under the same conditions: the same examples each time, and a judge for every history.

Owns the hypothesis profiles and the `judge` fixture. Time limits and the traceback of a hanging test are set
in pyproject.toml. Fixtures of one subject live beside its tests.

What a history must be, whichever test made it, is in `tests/judges.py`: add rules there, and every test that
hands its histories to `judge` is held to them.
"""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests import judges

# ci: the same examples on every run, so that a red build is a fact about the change. explore: new ones each
# time, for whoever looks for bugs (HYPOTHESIS_PROFILE=explore make test). No deadlines: a slow machine is not
# a failure.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def judge() -> judges.Judge:
    """`judge(history)`: fails the test when a history (wire form, a list of events) is not a legal one."""
    return judges.judge
