"""The header `traceparent`, the ids that follow from a runId, and addresses of collectors."""

from __future__ import annotations

import pytest

from workflowsvc.traces import context
from workflowsvc.traces.context import SpanContext, read_traceparent
from workflowsvc.traces.endpoint import BadEndpoint, headers_of, traces_url

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f" 00-{TRACE}-{SPAN}-01\t", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_header_names_a_span(header: str, sampled: bool) -> None:
    assert read_traceparent(header) == SpanContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-01\n",
        "٠٠" + f"-{TRACE}-{SPAN}-01",
    ],
)
def test_a_malformed_header_names_none(header: str) -> None:
    assert read_traceparent(header) is None


def test_a_header_is_written_as_it_is_read() -> None:
    for sampled in (True, False):
        written = SpanContext(TRACE, SPAN, sampled)
        assert read_traceparent(written.traceparent()) == written


def test_the_ids_of_a_run_follow_from_its_run_id_in_every_release() -> None:
    run_id = "22G2On3ICEnRNA74zEgTXZUoCU6OmitzpG4EUKoplB4/g="
    assert context.of_event(run_id, 1) == ("68544bdd116e16a6f918a8f2d5f8bbcf", "858790e9b50a97f5", True)
    of_events = {context.span_of_event(run_id, event_id) for event_id in range(1, 1_000)}
    assert len(of_events | {context.span_of_event(run_id, 1, "queued")}) == 1_000


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector", "https://collector/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ("http://tempo:4318/v1/traces", "http://tempo:4318/v1/traces"),
        ("https://example.test/otlp/v1/traces", "https://example.test/otlp/v1/traces"),
    ],
)
def test_an_address_without_a_path_gets_that_of_otlp(given: str, url: str) -> None:
    assert traces_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            "collector:4318",
            "ftp://collector",
            "http://",
            "http://h:0",
            "http://h:99999",
            "http://h/?a=b",
        ),
        *(
            "http://h/#a",
            "http://user:secret@h:4318",
            "http://[::1",
            "http://h/a b",
            "http://h/\n",
            "http://ö",
        ),
    ],
)
def test_what_is_no_address_is_refused_without_its_password(given: str) -> None:
    with pytest.raises(BadEndpoint) as refused:
        traces_url(given)
    assert "secret" not in str(refused.value)


def test_headers_are_read_from_the_variables_of_opentelemetry() -> None:
    variables = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc, x-scope = shop,"}
    assert headers_of(variables) == {"authorization": "Bearer abc", "x-scope": "shop"}
    assert headers_of({**variables, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b"}) == {"a": "b"}
    assert headers_of({}) == {}


@pytest.mark.parametrize("value", ["secret", "a b=secret", "=secret", "a=secret%0d%0ab: c", "a=secret%C3%B6"])
def test_a_wrong_header_is_refused_without_its_value(value: str) -> None:
    with pytest.raises(BadEndpoint) as refused:
        headers_of({"OTEL_EXPORTER_OTLP_HEADERS": value})
    assert "secret" not in str(refused.value)
