"""Secrets: made in AWS's forms, sealed for one key, and opened by the right master key alone."""

from __future__ import annotations

import builtins
import random
import re
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from workflowsvc.access import secrets
from workflowsvc.access.secrets import MasterKey, MasterKeyError, read_master_key

CHANCE = random.Random(1).randbytes
ONE, OTHER = MasterKey(b"1" * 32), MasterKey(b"2" * 32)
ACCOUNT, KEY_ID = "000000000000", "AKIAEXAMPLE"


def test_ids_and_secrets_have_the_forms_of_aws() -> None:
    assert re.fullmatch("AKIA[A-Z2-7]{16}", secrets.new_key_id(CHANCE))
    assert re.fullmatch("ASIA[A-Z2-7]{16}", secrets.new_temporary_key_id(CHANCE))
    assert re.fullmatch("AIDA[A-Z2-7]{16}", secrets.new_user_id(CHANCE))
    assert re.fullmatch("[A-Za-z0-9+/]{40}", secrets.new_secret(CHANCE))
    assert secrets.new_secret(CHANCE) != secrets.new_secret(CHANCE)


def test_a_sealed_secret_is_opened_for_its_account_and_key_alone() -> None:
    sealed = ONE.seal(b"secret", ACCOUNT, KEY_ID, CHANCE)
    assert b"secret" not in sealed.text
    assert ONE.open(sealed, ACCOUNT, KEY_ID) == b"secret"
    for account, key_id in ((ACCOUNT, "AKIAOTHER"), ("111111111111", KEY_ID)):
        with pytest.raises(MasterKeyError, match="was changed or belongs to another key"):
            ONE.open(sealed, account, key_id)


@pytest.mark.parametrize("text", [b"", b"short", b"x" * 100])
def test_a_changed_secret_is_not_opened(text: bytes) -> None:
    sealed = ONE.seal(b"secret", ACCOUNT, KEY_ID, CHANCE)
    for changed in (
        msgspec.structs.replace(sealed, text=text),
        msgspec.structs.replace(sealed, nonce=text),
        msgspec.structs.replace(sealed, text=bytes([sealed.text[0] ^ 1]) + sealed.text[1:]),
    ):
        with pytest.raises(MasterKeyError):
            ONE.open(changed, ACCOUNT, KEY_ID)


def test_another_master_key_is_told_by_its_id() -> None:
    sealed = ONE.seal(b"secret", ACCOUNT, KEY_ID, CHANCE)
    with pytest.raises(MasterKeyError, match=f"{ONE.id}, not with {OTHER.id}"):
        OTHER.open(sealed, ACCOUNT, KEY_ID)


def test_two_seals_of_one_secret_differ() -> None:
    assert ONE.seal(b"s", ACCOUNT, KEY_ID, CHANCE) != ONE.seal(b"s", ACCOUNT, KEY_ID, CHANCE)


def test_a_master_key_is_read_as_it_is_written_and_shown_nowhere() -> None:
    text = secrets.new_master_key(CHANCE)
    key = read_master_key(f" {text}\n", "FILE")
    assert key.id in repr(key)
    assert text not in repr(key)


@pytest.mark.parametrize("text", ["", "not base64!", b64encode(b"x" * 31).decode(), "ü"])
def test_what_is_no_master_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(MasterKeyError, match=r"FILE.*access master-key") as caught:
        read_master_key(text, "FILE")
    assert not text or text not in str(caught.value)


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "cryptography":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(MasterKeyError, match=r"pip install cryptography"):
        MasterKey(b"3" * 32).seal(b"s", ACCOUNT, KEY_ID, CHANCE)
