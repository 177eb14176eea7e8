"""A slice of the requests that `python -m tests.access.fuzz` draws by the hundred thousand."""

from __future__ import annotations

import pytest

from tests.access import fuzz

REQUESTS = 1_500


@pytest.mark.parametrize("seed", [7, 8])
def test_no_mangled_request_is_accepted_or_breaks_the_server(seed: int) -> None:
    report = fuzz.fuzz(REQUESTS, seed)
    assert not report.wrong, "\n".join(report.lines())


def test_the_judge_knows_what_botocore_signed() -> None:
    fuzzer = fuzz.Fuzzer(1)
    drawn = [fuzzer.draw() for _ in range(300)]
    judged = [fuzz.was_signed(each.request) for each in drawn if each.change == "nothing"]
    assert any(judged)
    assert not all(judged)  # keys that cannot sign, wrong secrets
