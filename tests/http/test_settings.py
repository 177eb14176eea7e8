"""Every setting is described once; options win over variables, those over defaults; bad values are explained."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from workflowsvc.clock import ManualClock, SystemClock
from workflowsvc.options import SettingsError, spell
from workflowsvc.settings import OPTIONS, Limits, Settings, unknown_variables


def test_the_defaults_are_amazons_where_amazon_has_one() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.long_poll_seconds == 60
    assert settings.max_body_bytes == 1_048_576
    assert settings.quotas == Limits()
    assert settings.quotas.max_events == 25_000


def test_options_win_over_variables_and_variables_over_defaults() -> None:
    environ = {"WORKFLOWSVC_PORT": "1", "WORKFLOWSVC_HOST": "::1", "WORKFLOWSVC_MAX_EVENTS": "50"}
    settings = Settings.from_environment(environ, {"port": "2", "max_domains": "3", "host": None})
    assert (settings.port, settings.host) == (2, "::1")
    assert (settings.quotas.max_events, settings.quotas.max_domains) == (50, 3)


def test_values_may_be_given_typed() -> None:
    settings = Settings.from_environment(
        {}, {"port": 2, "long_poll_seconds": 1, "insecure_allow_remote": True}
    )
    assert (settings.port, settings.long_poll_seconds, settings.insecure_allow_remote) == (2, 1.0, True)


def test_an_empty_variable_is_none() -> None:
    assert Settings.from_environment({"WORKFLOWSVC_PORT": ""}).port == 8888


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "on"])
def test_booleans_are_words(word: str) -> None:
    assert Settings.from_environment({"WORKFLOWSVC_INSECURE_ALLOW_REMOTE": word}).insecure_allow_remote


@pytest.mark.parametrize("knob", OPTIONS, ids=lambda option: option.name)
def test_every_default_can_be_written_down_and_read_again(option: Any) -> None:
    assert option.parse(spell(option.default), option.variable) == option.default
    assert option.help
    assert option.group
    assert option.name.rpartition("_")[2] != "seconds" or option.unit == "seconds"
    assert option.name.rpartition("_")[2] != "bytes" or option.unit == "bytes"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("PORT", "x", "WORKFLOWSVC_PORT: 'x' is not a whole number"),
        ("PORT", "-1", "WORKFLOWSVC_PORT: '-1' is not a whole number"),
        ("PORT", " 80", "WORKFLOWSVC_PORT: ' 80' is not a whole number"),
        ("PORT", "3_0", "WORKFLOWSVC_PORT: '3_0' is not a whole number"),
        ("PORT", "٣٠٠", "WORKFLOWSVC_PORT: '٣٠٠' is not a whole number"),
        ("PORT", "70000", "WORKFLOWSVC_PORT: 70000 is not between 0 and 65535"),
        ("PORT", "9" * 5_000, "is not a whole number"),
        ("LONG_POLL_SECONDS", "1e3", "WORKFLOWSVC_LONG_POLL_SECONDS: '1e3' is not a number"),
        ("LONG_POLL_SECONDS", "nan", "is not a number"),
        ("LONG_POLL_SECONDS", "3601", "is not between 0 and 3600 seconds"),
        ("INSECURE_ALLOW_REMOTE", "maybe", "'maybe' is neither true nor false"),
        ("LOG_LEVEL", "loud", "'loud' is not one of debug, info, warning, error"),
        ("ACCOUNT", "12", "'12' is not an account number of 12 digits"),
        ("STORE", "redis", "WORKFLOWSVC_STORE: 'redis' is not sqlite:FILE, postgresql://… or memory"),
        ("STORE", "sqlite:", "is not sqlite:FILE, postgresql://… or memory"),
        ("HOST", "http://x", "is not a host name or an IP address"),
        ("MAX_EVENTS", "0", "WORKFLOWSVC_MAX_EVENTS: 0 is not between 10 and"),
    ],
)
def test_a_bad_value_is_explained(name: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({f"WORKFLOWSVC_{name}": text})
    assert message in str(caught.value)


@pytest.mark.parametrize("overrides", [{"port": "x"}, {"port": 1.5}, {"port": True}, {"prot": 1}])
def test_a_bad_option_is_explained_by_its_own_name(overrides: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"--port|prot"):
        Settings.from_environment({}, overrides)


def test_misspelt_variables_are_found() -> None:
    assert unknown_variables({"WORKFLOWSVC_PROT": "1", "WORKFLOWSVC_PORT": "1", "HOME": "/"}) == [
        "WORKFLOWSVC_PROT"
    ]


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_a_clock_turned_by_hand_moves_when_it_is_told_to() -> None:
    clock = ManualClock(1_000)
    assert (clock.now_ms(), clock.monotonic()) == (1_000, 0.0)
    assert clock.advance(250) == 1_250
    assert clock.advance_to(1_500) == 1_500
    assert clock.advance_to(1_000) == 1_500
    assert clock.monotonic() == 0.5
    assert clock.step(-1_000) == 500
    assert clock.monotonic() == 0.5
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_the_machines_clock_tells_milliseconds_and_never_runs_back() -> None:
    clock = SystemClock()
    assert clock.now_ms() > 1_700_000_000_000
    assert clock.monotonic() <= clock.monotonic()
