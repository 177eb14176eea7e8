"""Every setting of the service and every quota of SWF: its name, type, range, unit, default and help text, once.

Command-line options, environment variables, the messages for bad values and docs/configuration.md are all derived from
the fields below. A leaf: it knows neither where a value is used nor which stores exist.

The field `long_poll_seconds` is the option `--long-poll-seconds` and the variable `WORKFLOWSVC_LONG_POLL_SECONDS`.
Options win over variables, variables over defaults.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from workflowsvc.options import ENVIRONMENT_PREFIX, Option, SettingsError, Value, setting
from workflowsvc.tenant import DEFAULT_ACCOUNT, DEFAULT_REGION

ChildPolicyRule = Literal["any-close", "documented"]
LimitsProfile = Literal["structural", "aws", "off"]
EmptyPollToken = Literal["omitted", "empty"]
BackupAudit = Literal["full", "quick", "none"]
DomainClocks = Literal["on", "off"]
AuthMode = Literal["off", "log", "enforce"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_PORTS = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"

MASTER_KEY_VARIABLE = "WORKFLOWSVC_MASTER_KEY"
"""No setting: an option could be read in the list of processes, and the values of settings are answered."""


def _quota(help: str, *, unit: str, minimum: int = 1, maximum: float = 10**12) -> dict[str, Any]:
    return setting(help, group="Quotas of SWF", unit=unit, minimum=minimum, maximum=maximum)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """SWF's structural quotas (SWF §12.1)."""

    max_events: int = field(
        default=25_000,
        metadata=_quota("events in one history; the run is terminated there", unit="events", minimum=10),
    )
    max_open_activities: int = field(
        default=1_000, metadata=_quota("open activity tasks of one run", unit="tasks")
    )
    max_open_timers: int = field(default=1_000, metadata=_quota("open timers of one run", unit="timers"))
    max_open_children: int = field(
        default=1_000, metadata=_quota("open child executions of one run", unit="executions")
    )
    # AWS publishes no number for Lambda tasks; SWF §12.1 assumes the same as for activities.
    max_open_lambdas: int = field(
        default=1_000, metadata=_quota("open Lambda tasks of one run", unit="tasks")
    )
    max_open_executions: int = field(
        default=100_000,
        metadata=_quota("open executions of one domain, children included", unit="executions"),
    )
    max_workflow_types: int = field(
        default=10_000,
        metadata=_quota("workflow types of one domain, deprecated ones included", unit="types"),
    )
    max_activity_types: int = field(
        default=10_000,
        metadata=_quota("activity types of one domain, deprecated ones included", unit="types"),
    )
    max_domains: int = field(
        default=100,
        metadata=_quota("domains of one account and region, deprecated ones included", unit="domains"),
    )
    max_pollers_per_list: int = field(
        default=1_000, metadata=_quota("polls waiting on one task list", unit="polls")
    )
    max_execution_seconds: int = field(
        default=31_536_000, metadata=_quota("time that a run may stay open", unit="seconds")
    )
    max_resource_tags: int = field(default=50, metadata=_quota("resource tags of one domain", unit="tags"))
    max_data_characters: int = field(
        default=32_768,
        metadata=_quota(
            "an input, result, details, control or executionContext; the API itself admits no more than 32768",
            unit="characters",
            maximum=32_768,
        ),
    )


NO_LIMITS = Limits(**{quota.name: 2**31 - 1 for quota in dataclasses.fields(Limits)})
"""The quotas of `--limits off`: numbers that no installation reaches."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of `workflowsvc serve`."""

    host: str = field(
        default="127.0.0.1",
        metadata=setting(
            "address to listen on; anything but a loopback address also needs --auth enforce or "
            "--insecure-allow-remote",
            group="Server",
            pattern=r"[^\s/]{1,255}",
            shape="a host name or an IP address",
        ),
    )
    port: int = field(
        default=8888,
        metadata=setting("port to listen on; 0 takes a free one", group="Server", maximum=65_535),
    )
    console_port: str = field(
        default="auto",
        metadata=setting(
            "port of the console, which other machines reach only where people sign in to it by TLS: a number, 0 for a "
            "free one; auto, the one behind the API's, or none where that is taken; off, no console",
            group="Server",
            pattern=f"auto|off|{_PORTS}",
            shape="a port, auto or off",
        ),
    )
    insecure_allow_remote: bool = field(
        default=False,
        metadata=setting(
            "accept requests from other machines although --auth refuses none: any client may do everything",
            group="Server",
        ),
    )
    allowed_hosts: str = field(
        default="",
        metadata=setting(
            "further names, with commas between them, by which requests may call a server that listens on a loopback "
            "address and refuses none by --auth; its machine's own names are always allowed",
            group="Server",
            pattern=r"([^\s,/:\[\]]{1,255}(,[^\s,/:\[\]]{1,255})*)?",
            shape="a list of host names without ports, with commas between them",
        ),
    )
    store: str = field(
        default="sqlite:workflowsvc.db",
        metadata=setting(
            "where data is kept: sqlite:FILE; postgresql://USER@HOST/DATABASE, which any number of servers may "
            "share; or memory (gone when the server stops)",
            group="Server",
            pattern=r"memory|sqlite:[^\x00]{1,4096}|postgres(ql)?://[^\x00]{0,4096}",
            shape="sqlite:FILE, postgresql://… or memory",
        ),
    )
    log_level: LogLevel = field(
        default="info", metadata=setting("lowest severity that is written to standard error", group="Server")
    )
    log_format: LogFormat = field(
        default="text",
        metadata=setting(
            "form of the log: text for people, or json, an object on one line for each entry",
            group="Watching it",
        ),
    )
    access_log: bool = field(
        default=False, metadata=setting("log every call that was answered, on one line", group="Watching it")
    )
    # Half of all calls take a few milliseconds, and what takes a second is felt by a program that waits for it.
    slow_call_ms: float = field(
        default=1_000.0,
        metadata=setting(
            "log calls that take at least this long, and where the time went; of a poll without its wait for a task; "
            "0: none",
            group="Watching it",
            unit="milliseconds",
            maximum=3_600_000,
        ),
    )
    linger_ms: float = field(
        default=0.0,
        metadata=setting(
            "how long a batch of several calls is followed by a wait for more, so that they share one commit; a call "
            "that is alone never waits; 0: not at all",
            group="Server",
            unit="milliseconds",
            maximum=100,
        ),
    )
    max_cache_bytes: int = field(
        default=201_326_592,
        metadata=setting(
            "memory for executions, open or closed, that are kept between calls, a third of it for their events; those "
            "used least recently leave first and are read from the store when they are asked for",
            group="Server",
            unit="bytes",
        ),
    )
    metrics_port: str = field(
        default="off",
        metadata=setting(
            "port of GET /metrics, for Prometheus: a number, 0 for a free one; off, nothing is measured for it",
            group="Watching it",
            pattern=f"off|{_PORTS}",
            shape="a port or off",
        ),
    )
    metrics_host: str = field(
        default="127.0.0.1",
        metadata=setting(
            "address of that port; anything but a loopback address also needs --metrics-token-file or "
            "--insecure-allow-remote",
            group="Watching it",
            pattern=r"[^\s/]{1,255}",
            shape="a host name or an IP address",
        ),
    )
    metrics_token_file: str = field(
        default="",
        metadata=setting(
            "file with a token of 16 characters or more that readers of /metrics give as `Authorization: Bearer`; read "
            "at the start",
            group="Watching it",
            pattern=r"[^\x00]{0,4096}",
            shape="a path",
        ),
    )
    # A type has up to 56 series, a list 6: with 80 of each kind, about 10,000 in all (QUALITY §6.5).
    metrics_max_types: int = field(
        default=80,
        metadata=setting(
            "workflow types, activity types and task lists that are measured apart, of each this number; further types "
            "are measured together, as `other`",
            group="Watching it",
            minimum=1,
            maximum=10_000,
        ),
    )
    trace_to: str = field(
        default="",
        metadata=setting(
            "address of OTLP over HTTP that gets the spans of calls, such as http://127.0.0.1:4318; without one, that "
            "of OTEL_EXPORTER_OTLP_ENDPOINT, if it is set; off, none in any case",
            group="Watching it",
            pattern=r"off|(https?://[\x21-\x7e]{1,2048})?",
            shape="an http or https address, or off",
        ),
    )
    trace_ratio: float = field(
        default=1.0,
        metadata=setting(
            "how many of the calls are traced that come without a trace of their caller's, from 0 (none) to 1 (all); a "
            "caller's own trace is followed if it is sampled",
            group="Watching it",
            maximum=1.0,
        ),
    )
    min_free_disk_bytes: int = field(
        default=268_435_456,
        metadata=setting(
            "a server whose data is in a file is not ready while its disk has less free than this and less than a "
            "twentieth; 0: however little is free",
            group="Watching it",
            unit="bytes",
        ),
    )
    drain_seconds: float = field(
        default=10.0,
        metadata=setting(
            "time that running requests have to finish after SIGTERM",
            group="Server",
            unit="seconds",
            maximum=3_600,
        ),
    )

    auth: AuthMode = field(
        default="off",
        metadata=setting(
            "whether calls are held against access keys and policies: off; log, all are served, and the log has those "
            "that would have been refused; enforce",
            group="Access",
        ),
    )
    regions: str = field(
        default="",
        metadata=setting(
            "regions for which signatures are accepted, with commas between them; without any, the one of --region",
            group="Access",
            pattern=r"([a-z0-9-]{1,32}(,[a-z0-9-]{1,32})*)?",
            shape="a list of region names with commas between them",
        ),
    )
    # Amazon's services allow 5 or 15 minutes (QUALITY §3.2, step 6). A captured request can be repeated for as long.
    signature_window_seconds: int = field(
        default=300,
        metadata=setting(
            "how far the date of a signature may be from the server's clock",
            group="Access",
            unit="seconds",
            minimum=1,
            maximum=900,
        ),
    )
    tls_certificate: str = field(
        default="",
        metadata=setting(
            "PEM file with the server's certificate and those between it and its authority; with it, only HTTPS is "
            "served",
            group="Access",
            pattern=r"[^\x00]{0,4096}",
            shape="a path",
        ),
    )
    tls_key: str = field(
        default="",
        metadata=setting(
            "PEM file with the key of --tls-certificate, not encrypted; without it, the key is in that file too",
            group="Access",
            pattern=r"[^\x00]{0,4096}",
            shape="a path",
        ),
    )
    trusted_proxies: str = field(
        default="",
        metadata=setting(
            "addresses and networks of proxies, with commas between them, whose X-Forwarded-For and "
            "X-Forwarded-Proto are believed",
            group="Access",
            pattern=r"([0-9A-Fa-f:./]{1,64}(,[0-9A-Fa-f:./]{1,64})*)?",
            shape="a list of addresses and networks with commas between them",
        ),
    )

    account: str = field(
        default=DEFAULT_ACCOUNT,
        metadata=setting(
            "account of requests whose access key id is not itself an account number",
            group="Behaviour",
            pattern="[0-9]{12}",
            shape="an account number of 12 digits",
        ),
    )
    region: str = field(
        default=DEFAULT_REGION,
        metadata=setting(
            "region of requests that do not name one in their credential scope",
            group="Behaviour",
            pattern="[a-z0-9-]{1,32}",
            shape="a region name",
        ),
    )
    long_poll_seconds: float = field(
        default=60.0,
        metadata=setting(
            "time that a poll waits for a task before it is answered empty (60 in SWF)",
            group="Behaviour",
            unit="seconds",
            maximum=3_600,
        ),
    )
    # Recorded answers have no taskToken, and official Java Flow depends on that (SWF §1.5.2, §1.5.3, §15.2).
    empty_poll_token: EmptyPollToken = field(
        default="omitted",
        metadata=setting(
            "taskToken of a poll that found no task: left out, as recorded, or an empty text, as documented, for "
            "clients that read it without asking whether it is there",
            group="Behaviour",
        ),
    )
    child_policy_applies: ChildPolicyRule = field(
        default="any-close",
        metadata=setting(
            "closings of a parent that apply its child policy: all but continue-as-new, as live tests saw, "
            "or, as documented, only termination and time-out",
            group="Behaviour",
        ),
    )
    limits: LimitsProfile = field(
        default="structural",
        metadata=setting(
            "which of SWF's limits apply: structural, the quotas below; aws, those and AWS's request rates; off, none",
            group="Behaviour",
        ),
    )
    # Documented: not at all. But live tests of a client, in a domain with NONE, read the history right after the close
    # (SWF §15.22).
    min_retention_seconds: float = field(
        default=60.0,
        metadata=setting(
            "time that closed runs can still be read where the retention of their domain is NONE or 0 days",
            group="Behaviour",
            unit="seconds",
            maximum=86_400,  # one day: a longer retention is the domain's own
        ),
    )
    domain_clocks: DomainClocks = field(
        default="on",
        metadata=setting(
            "whether the clock of a domain may be turned, for tests: on; off, every domain lives in real time",
            group="Behaviour",
        ),
    )
    # Ten years: more than any test needs, and a loop of daily timers ends after a few seconds.
    skip_at_most: float = field(
        default=315_360_000.0,
        metadata=setting(
            "the most that the clock of a domain may jump in all after SkipClock, where that asks for no less",
            group="Behaviour",
            unit="seconds",
            maximum=10**11,
        ),
    )
    # 100 although AWS's documents say 1000: three reports asked for more, and none got more (SWF §2, §15.28).
    max_page_size: int = field(
        default=100,
        metadata=setting(
            "largest page of a list or history, and its size when the request gives none (seen in SWF: 100; "
            "documented: 1000)",
            group="Behaviour",
            unit="items",
            minimum=1,
            maximum=1_000,
        ),
    )

    archive: str = field(
        default="",
        metadata=setting(
            "folder, or s3://BUCKET/PREFIX, where the history of a closed run is kept when the run is deleted because "
            "of its age; off: runs are deleted without that, also where they were archived before",
            group="Archive",
            pattern=r"[^\x00]{0,4096}",
            shape="a folder, s3://BUCKET/PREFIX or off",
        ),
    )
    archive_endpoint: str = field(
        default="",
        metadata=setting(
            "address of the S3-compatible service that has the bucket; without it, Amazon's in the region of the "
            "environment",
            group="Archive",
            pattern=r"(https?://[^\x00\s]{1,2048})?",
            shape="a URL",
        ),
    )

    webhook_targets: str = field(
        default="auto",
        metadata=setting(
            "hosts that webhooks of feeds may call: off, public (addresses of the internet), any, or a list of names, "
            "*.domains and networks with commas between; auto: public with --auth enforce, else any",
            group="Webhooks",
            pattern=r"[^\x00\s]{1,4096}",
            shape="auto, off, public, any or a list of hosts",
        ),
    )

    backup_to: str = field(
        default="",
        metadata=setting(
            "folder in which a process of its own makes backups of the SQLite store; without it, none are made",
            group="Backups",
            pattern=r"[^\x00]{0,4096}",
            shape="a path",
        ),
    )
    backup_every_minutes: float = field(
        default=60.0,
        metadata=setting(
            "time from one backup to the next", group="Backups", unit="minutes", minimum=0.01, maximum=525_600
        ),
    )
    backup_keep: int = field(
        default=24,
        metadata=setting(
            "backups that are kept in the folder, the newest ones",
            group="Backups",
            unit="backups",
            minimum=1,
            maximum=100_000,
        ),
    )
    backup_mib_per_second: float = field(
        default=50.0,
        metadata=setting(
            "how fast a backup is copied; 0: as fast as the disk allows",
            group="Backups",
            unit="MiB",
            maximum=100_000,
        ),
    )
    backup_audit: BackupAudit = field(
        default="quick",
        metadata=setting(
            "audit of each backup: full, as by workflowsvc fsck; quick, as by fsck --quick; none",
            group="Backups",
        ),
    )

    master_key_file: str = field(
        default="",
        metadata=setting(
            "file with the master key that the secrets of access keys are encrypted with, for which "
            f"{MASTER_KEY_VARIABLE} may hold the key itself; `workflowsvc access master-key` makes one",
            group="Access",
            pattern=r"[^\x00]{0,4096}",
            shape="a path",
        ),
    )

    lambda_functions: str = field(
        default="",
        metadata=setting(
            "JSON or TOML file that maps Lambda functions to URLs; without it, none can be invoked",
            group="Lambda",
            pattern=r"[^\x00]{0,4096}",
            shape="a path",
        ),
    )
    lambda_concurrency: int = field(
        default=50,
        metadata=setting(
            "Lambda functions that run at the same time, those of one account and region in at most three quarters of "
            "the places; further ones wait, and their time-out runs meanwhile",
            group="Lambda",
            unit="functions",
            minimum=1,
            maximum=1_000,
        ),
    )

    # SWF refuses requests over 1 MB, headers included (SWF §1.1.15).
    max_body_bytes: int = field(
        default=1_048_576,
        metadata=setting(
            "largest request body", group="Connections", unit="bytes", minimum=1_024, maximum=2**30
        ),
    )
    max_pending_bytes: int = field(
        default=268_435_456,
        metadata=setting(
            "request bodies in memory, of all connections; further requests are answered 503. The same amount again of "
            "unread answers; beyond it the connections with most of them are closed",
            group="Connections",
            unit="bytes",
            minimum=1_024,
        ),
    )
    max_header_bytes: int = field(
        default=16_384,
        metadata=setting(
            "largest request line and headers together",
            group="Connections",
            unit="bytes",
            minimum=1_024,
            maximum=2**20,
        ),
    )
    max_header_fields: int = field(
        default=100,
        metadata=setting(
            "headers in one request", group="Connections", unit="headers", minimum=10, maximum=10_000
        ),
    )
    header_deadline_seconds: float = field(
        default=10.0,
        metadata=setting(
            "a connection whose request line and headers take longer to arrive is closed",
            group="Connections",
            unit="seconds",
            minimum=0.05,
            maximum=3_600,
        ),
    )
    body_deadline_seconds: float = field(
        default=30.0,
        metadata=setting(
            "a connection whose request body takes longer to arrive is closed",
            group="Connections",
            unit="seconds",
            minimum=0.05,
            maximum=3_600,
        ),
    )
    answer_deadline_seconds: float = field(
        default=60.0,
        metadata=setting(
            "a connection whose client reads nothing of an answer for this time is closed",
            group="Connections",
            unit="seconds",
            minimum=0.05,
            maximum=3_600,
        ),
    )
    keep_alive_seconds: float = field(
        default=75.0,
        metadata=setting(
            "an idle connection is closed after this time",
            group="Connections",
            unit="seconds",
            minimum=0.05,
            maximum=86_400,
        ),
    )
    max_connections: int = field(
        default=15_000,
        metadata=setting(
            "open connections; further ones are answered 503 and closed",
            group="Connections",
            unit="connections",
            minimum=1,
        ),
    )
    max_connections_per_address: int = field(
        default=0,
        metadata=setting(
            "open connections from one address, or from one /64 of IPv6; 0 for three quarters of those that are "
            "possible, so that no address takes all of them",
            group="Connections",
            unit="connections",
        ),
    )

    quotas: Limits = field(default_factory=Limits)

    @property
    def signed_regions(self) -> tuple[str, ...]:
        """The regions for which signatures are accepted."""
        return tuple(self.regions.split(",")) if self.regions else (self.region,)

    @property
    def min_retention_ms(self) -> int:
        return round(self.min_retention_seconds * 1000)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], overrides: Mapping[str, str | Value | None] | None = None
    ) -> Settings:
        """Settings from defaults, variables and overrides; the later win. An override goes by the name of its option,
        as text or typed; None stands for one that is not given. SettingsError when a value cannot be used."""
        given = overrides or {}
        unknown = sorted(given.keys() - {option.name for option in OPTIONS})
        if unknown:
            raise SettingsError(f"there is no setting named {', '.join(unknown)}")
        values: dict[str, Value] = {}
        for option in OPTIONS:
            override = given.get(option.name)
            if isinstance(override, str):
                values[option.name] = option.parse(override, option.flag)
            elif override is not None:
                values[option.name] = option.check(override, option.flag)
            elif environ.get(option.variable):  # an empty variable counts as not set
                values[option.name] = option.parse(environ[option.variable], option.variable)
        limits = {name: values.pop(name) for name in LIMIT_NAMES & values.keys()}
        quotas = NO_LIMITS if values.get("limits") == "off" else Limits(**cast("dict[str, Any]", limits))
        return cls(**cast("dict[str, Any]", values), quotas=quotas)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that are no setting: most likely misspelt."""
    known = {option.variable for option in OPTIONS} | {MASTER_KEY_VARIABLE}
    return sorted(name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)


def _options_of(owner: type) -> tuple[Option, ...]:
    types = typing.get_type_hints(owner)
    options: list[Option] = []
    for item in dataclasses.fields(owner):
        if not item.metadata:
            continue  # `quotas`, whose fields are options of their own
        kind = types[item.name]
        choices = typing.get_args(kind)
        options.append(
            Option(
                name=item.name,
                type=str if choices else kind,
                default=cast("Value", item.default),
                choices=choices,
                **item.metadata,
            )
        )
    return tuple(options)


OPTIONS: tuple[Option, ...] = _options_of(Settings) + _options_of(Limits)
LIMIT_NAMES = frozenset(item.name for item in dataclasses.fields(Limits))
