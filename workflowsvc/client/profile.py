"""Where the server is and who asks: read from where AWS's tools read it.

Owns the order of the sources: options, then environment variables, then the profile in `~/.aws/config` and
`~/.aws/credentials`. Keys that stand there are read here; what must be asked for elsewhere (SSO, roles, instance
metadata, processes) is left to botocore, when that is installed.
"""

from __future__ import annotations

import configparser
import importlib
import ipaddress
import re
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workflowsvc.client.problems import WrongProfile
from workflowsvc.client.signing import Credentials

DEFAULT_ENDPOINT = "http://127.0.0.1:8888"  # where `workflowsvc serve` listens when it is not told otherwise
DEFAULT_REGION = "us-east-1"
MADE_UP = Credentials("local", "local")
_AWS_HOST = re.compile(r"swf(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
# What a profile may have in place of keys.
_ASKED_FOR = (
    "role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file", "login_session",
)  # fmt: skip
_ASKED_FOR_VARIABLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class Profile(NamedTuple):
    """A server and the one who asks it."""

    endpoint: str
    endpoint_source: str  # what it was read from, for messages
    region: str
    credentials: Callable[[], Credentials]  # asked before each call: some expire
    ca_bundle: str | None = None


class Options(NamedTuple):
    """What the command line gives."""

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None


def read_profile(environment: Mapping[str, str], options: Options) -> Profile:
    """The server and the credentials for it. WrongProfile when something is missing or cannot be read."""
    name = options.profile or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    settings = _Settings(environment, name)
    endpoint, source = _endpoint(environment, options, settings)
    local = is_loopback(endpoint)
    return Profile(
        endpoint,
        source,
        _region(environment, options, settings, endpoint, local=local),
        _credentials(environment, options, settings, local=local),
        environment.get("AWS_CA_BUNDLE") or settings.get("ca_bundle"),
    )


class _Settings:
    """The settings of a profile in AWS's two files, which may both be missing."""

    def __init__(self, environment: Mapping[str, str], name: str | None) -> None:
        self.name = name or "default"
        home = Path(environment.get("HOME") or "~").expanduser()
        config_file = Path(environment.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
        keys_file = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
        self._config, self.keys = _read_ini(config_file), _read_ini(keys_file).get(self.name, {})
        section = "default" if self.name == "default" else f"profile {self.name}"
        found = self._config.get(section)
        if found is None and self.name == "default":
            found = self._config.get("profile default")
        if name and found is None and not self.keys:
            raise WrongProfile(f"there is no profile {name!r} in {config_file} or {keys_file}")
        self.config = found or {}

    def get(self, key: str) -> str | None:
        return self.config.get(key) or self.keys.get(key)

    def endpoint(self) -> str | None:
        """`endpoint_url` of SWF in the `services` section that the profile names, or that of the profile."""
        services = self._config.get(f"services {self.config.get('services', '')}", {})
        for line in services.get("swf", "").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "endpoint_url":
                return value.strip()
        return self.config.get("endpoint_url")


def _read_ini(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(path.expanduser().read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        reason = str(error).splitlines()[0]
        raise WrongProfile(f"{path} cannot be read: {reason}") from error
    return {
        " ".join(section.replace('"', "").split()): dict(parser.items(section))
        for section in parser.sections()
    }


def _endpoint(environment: Mapping[str, str], options: Options, settings: _Settings) -> tuple[str, str]:
    configured = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true"
    sources = [("--endpoint", options.endpoint)]
    if configured:
        sources += [(name, environment.get(name)) for name in ("AWS_ENDPOINT_URL_SWF", "AWS_ENDPOINT_URL")]
        sources.append((f"the profile {settings.name!r}", settings.endpoint()))
    for source, text in sources:
        if text:
            return checked_endpoint(text, source), source
    return DEFAULT_ENDPOINT, "the default"


def checked_endpoint(text: str, source: str) -> str:
    """The address without a path. WrongProfile when it is none, or has a path, which SWF's calls do not."""
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
    except ValueError:  # a port out of range, brackets that do not match
        parts, port = None, None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise WrongProfile(f"{source}: {text!r} is no http or https address, such as {DEFAULT_ENDPOINT}")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise WrongProfile(
            f"{source}: {text!r} has more than scheme, host and port, such as {DEFAULT_ENDPOINT}"
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(endpoint: str) -> bool:
    """Whether the address is on this machine."""
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _region(
    environment: Mapping[str, str], options: Options, settings: _Settings, endpoint: str, *, local: bool
) -> str:
    named = (
        options.region
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or settings.get("region")
    )
    if named:
        if not re.fullmatch(r"[a-z0-9-]{1,32}", named):
            raise WrongProfile(f"{named!r} is no region, such as {DEFAULT_REGION}")
        return named
    host = _AWS_HOST.fullmatch(urllib.parse.urlsplit(endpoint).hostname or "")
    if host:
        return host[1]
    if local:
        return DEFAULT_REGION
    raise WrongProfile(
        f"{endpoint} needs a region: set AWS_REGION or give --region, such as {DEFAULT_REGION}"
    )


def _credentials(
    environment: Mapping[str, str], options: Options, settings: _Settings, *, local: bool
) -> Callable[[], Credentials]:
    found = None
    if not options.profile:  # a profile that is named on the command line comes before variables
        found = _keys(
            environment.get("AWS_ACCESS_KEY_ID"),
            environment.get("AWS_SECRET_ACCESS_KEY"),
            environment.get("AWS_SESSION_TOKEN"),
            "the environment",
        )
    asked_for = any(settings.get(key) for key in _ASKED_FOR) or any(
        environment.get(name) for name in _ASKED_FOR_VARIABLES
    )
    for values in () if found or asked_for else (settings.keys, settings.config):
        found = found or _keys(
            values.get("aws_access_key_id"),
            values.get("aws_secret_access_key"),
            values.get("aws_session_token"),
            f"the profile {settings.name!r}",
        )
    if found:
        keys = found
        return lambda: keys
    if local:
        return lambda: MADE_UP
    return _of_botocore(settings.name if options.profile or settings.config else None, asked_for=asked_for)


def _keys(access: str | None, secret: str | None, token: str | None, source: str) -> Credentials | None:
    if not access and not secret:
        return None
    if not access or not secret:
        raise WrongProfile(f"{source} has one of access key id and secret access key, and both are needed")
    if not re.fullmatch(r"[\x21-\x2b\x2d\x2e\x30-\x7e]{1,128}", access):
        raise WrongProfile(f"the access key id in {source} is none")
    if token and not (token.isascii() and token.isprintable()):
        raise WrongProfile(f"the session token in {source} is none")
    return Credentials(access, secret, token or None)


def _of_botocore(profile: str | None, *, asked_for: bool) -> Callable[[], Credentials]:
    """Credentials from where only botocore looks. WrongProfile when it is not installed or finds none."""
    try:
        session: Any = importlib.import_module("botocore.session")
    except ImportError as error:
        if asked_for:
            raise WrongProfile(
                "these credentials are asked for elsewhere (SSO, a role, a process), which needs botocore: "
                "pip install botocore"
            ) from error
        raise WrongProfile(_NO_CREDENTIALS) from error
    try:
        source = session.Session(profile=profile).get_credentials()
    except Exception as error:  # botocore has no common class for what can fail there
        raise WrongProfile(f"no credentials: {_one_line(error)}") from error
    if source is None:
        raise WrongProfile(_NO_CREDENTIALS)

    def ask() -> Credentials:
        try:
            frozen = source.get_frozen_credentials()
        except Exception as error:  # as above
            raise WrongProfile(f"no credentials: {_one_line(error)}") from error
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return ask


_NO_CREDENTIALS = (
    "no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws with "
    "AWS_PROFILE or --profile"
)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
