"""Endpoint, region and credentials are read from where AWS's tools read them, in their order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workflowsvc.client.problems import WrongProfile
from workflowsvc.client.profile import MADE_UP, Options, Profile, read_profile
from workflowsvc.client.signing import Credentials

CONFIG = """\
[default]
region = eu-west-1

[profile shop]
region = eu-central-1
services = shop-services
aws_access_key_id = config-key
aws_secret_access_key = config-secret

[profile "two words"]
endpoint_url = http://10.0.0.2:8888

[profile sso]
sso_session = corp
region = us-west-2

[services shop-services]
swf =
  endpoint_url = http://10.0.0.1:8888
s3 =
  endpoint_url = http://10.0.0.9:9000
"""
KEYS = """\
[default]
aws_access_key_id = default-key
aws_secret_access_key = default-secret
aws_session_token = token
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The environment that names AWS's two files."""
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(KEYS)
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def read(environment: dict[str, str], **options: str) -> Profile:
    return read_profile(environment, Options(**options))


def test_without_any_setting_a_server_on_this_machine_is_asked_with_made_up_credentials() -> None:
    found = read(NO_FILES)
    assert found.endpoint == "http://127.0.0.1:8888"
    assert (found.region, found.credentials()) == ("us-east-1", MADE_UP)


def test_an_option_comes_before_variables_and_those_before_the_profile(files: dict[str, str]) -> None:
    profile = files | {"AWS_PROFILE": "shop"}
    assert read(profile).endpoint == "http://10.0.0.1:8888"
    all_services = profile | {"AWS_ENDPOINT_URL": "http://10.0.0.3"}
    assert read(all_services).endpoint == "http://10.0.0.3"
    assert read(all_services | {"AWS_ENDPOINT_URL_SWF": "http://10.0.0.4/"}).endpoint == "http://10.0.0.4"
    assert read(all_services, endpoint="http://10.0.0.5:1").endpoint == "http://10.0.0.5:1"
    assert read(profile).region == "eu-central-1"
    assert read(profile | {"AWS_DEFAULT_REGION": "a"}).region == "a"
    assert read(profile | {"AWS_DEFAULT_REGION": "a", "AWS_REGION": "b"}).region == "b"
    assert read(profile | {"AWS_REGION": "b"}, region="c").region == "c"


def test_configured_endpoints_can_be_ignored(files: dict[str, str]) -> None:
    ignored = files | {"AWS_PROFILE": "shop", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert read(ignored).endpoint == "http://127.0.0.1:8888"


def test_keys_are_read_from_variables_then_from_the_profile(files: dict[str, str]) -> None:
    variables = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert read(files).credentials() == Credentials("default-key", "default-secret", "token")
    assert read(files | {"AWS_PROFILE": "shop"}).credentials() == Credentials("config-key", "config-secret")
    assert read(files | variables).credentials() == Credentials("key", "secret")
    named = read(files | variables, profile="shop")
    assert named.credentials() == Credentials("config-key", "config-secret")


def test_a_profile_may_have_spaces_in_its_name(files: dict[str, str]) -> None:
    found = read(files | {"AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"} | {
        "AWS_PROFILE": "two words"
    })  # fmt: skip
    assert found.endpoint == "http://10.0.0.2:8888"


def test_the_region_follows_from_an_address_of_aws() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert read(NO_FILES | keys, endpoint="https://swf.eu-north-1.amazonaws.com").region == "eu-north-1"


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"AWS_PROFILE": "none"}, {}, "there is no profile 'none'"),
        ({"AWS_ACCESS_KEY_ID": "key"}, {}, "both are needed"),
        ({"AWS_ACCESS_KEY_ID": "a b", "AWS_SECRET_ACCESS_KEY": "s"}, {}, "access key id in the environment is none"),
        ({"AWS_REGION": "EU WEST"}, {}, "'EU WEST' is no region"),
        ({}, {"endpoint": "http://10.0.0.1"}, "needs a region"),
        ({}, {"endpoint": "ftp://10.0.0.1"}, "is no http or https address"),
        ({"AWS_ENDPOINT_URL_SWF": "http://[::1"}, {}, "AWS_ENDPOINT_URL_SWF: 'http://[::1' is no http"),
    ],
)  # fmt: skip
def test_what_is_missing_or_cannot_be_read_is_named(
    environment: dict[str, str], options: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongProfile) as raised:
        read(NO_FILES | environment, **options)
    assert said in str(raised.value)


def test_a_file_that_is_no_ini_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("what is this?")
    with pytest.raises(WrongProfile, match="config cannot be read"):
        read(NO_FILES | {"AWS_CONFIG_FILE": str(tmp_path / "config")})


def test_credentials_that_are_asked_for_elsewhere_need_botocore(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    with pytest.raises(WrongProfile, match=r"pip install botocore"):
        read(files, profile="sso", endpoint="http://10.0.0.1:8888")
    assert read(files, profile="sso", endpoint="http://localhost:8888").credentials() == MADE_UP


def test_botocore_is_asked_for_credentials_of_other_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = '{"Version": 1, "AccessKeyId": "process-key", "SecretAccessKey": "process-secret"}'
    (tmp_path / "config").write_text(f"[profile p]\nregion = r\ncredential_process = echo '{keys}'\n")
    environment = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)  # botocore reads the environment of the process
    found = read(environment, profile="p", endpoint="http://10.0.0.1:8888")
    assert found.credentials() == Credentials("process-key", "process-secret")
