"""Every test runs under the same conditions: generated examples are the same each time.

Owns the hypothesis profiles. Time limits and the traceback of a hanging test are set in pyproject.toml.
Fixtures of one subject live beside its tests.
"""

from __future__ import annotations

import os

import hypothesis

# ci: the same examples on every run, so that a red build is a fact about the change. explore: new ones each
# time, for whoever looks for bugs (HYPOTHESIS_PROFILE=explore make test). No deadlines: a slow machine is not
# a failure.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
