"""Workflow and activity types of a domain: runs by status, defaults, and their life: deprecate, undeprecate, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from workflowsvc.console import counting
from workflowsvc.console.as_command import Forms, aws_line, boto3_code
from workflowsvc.console.page import Action, Data, Form, Page
from workflowsvc.console.paths import path
from workflowsvc.console.visit import NoSuchPage

if TYPE_CHECKING:
    from workflowsvc.console.lookups import Publish
    from workflowsvc.console.visit import Visit


class Kind(NamedTuple):
    """How SWF's operations name types of one kind."""

    listed: str
    noun: str
    member: str


KINDS = {
    "workflow": Kind("ListWorkflowTypes", "WorkflowType", "workflowType"),
    "activity": Kind("ListActivityTypes", "ActivityType", "activityType"),
}
STATUSES = ("REGISTERED", "DEPRECATED")
PAGE_SIZE = 50
# action -> the verb of the operation, what will happen, notice; deleting is for deprecated types alone (SWF §3)
LIFE = {
    "deprecate": (
        "Deprecate",
        "No run or activity of it can be started any more, until it is undeprecated. Those that are open go on.",
        "type-deprecated",
    ),
    "undeprecate": (
        "Undeprecate",
        "It can be used again. No run is told of that: one whose decider was refused the type, and which has nothing "
        "pending since, goes on when it gets a signal.",
        "type-undeprecated",
    ),
    "delete": (
        "Delete",
        "It is gone for good. One of the same name and version may be registered later, with other defaults.",
        "type-deleted",
    ),
}


async def gather_all(visit: Visit) -> Data:
    """Those of one kind and status, by name."""
    kind, status = visit.chosen("kind", tuple(KINDS)), visit.chosen("status", STATUSES)
    name = visit.one("name") or None
    page = await visit.swf(
        KINDS[kind].listed,
        domain=visit.domain,
        registrationStatus=status,
        name=name,
        maximumPageSize=PAGE_SIZE,
        nextPageToken=visit.one("after") or None,
    )
    infos = page["typeInfos"]
    counts: Data = {}
    if kind == "workflow":
        counts = await _counts(visit, [info["workflowType"] for info in infos])
    return {
        "domain": visit.domain,
        "kind": kind,
        "registrationStatus": status,
        "name": name,
        "types": [
            {**info, "type": (named := info[KINDS[kind].member]), "runs": counts.get(_key(named))}
            for info in infos
        ],
        "nextPageToken": page.get("nextPageToken"),
    }


async def _counts(visit: Visit, types: list[dict[str, str]]) -> Data:
    """Runs of these types by status, as far as they are counted."""

    async def work(publish: Publish) -> Data:
        found: Data = {}
        for named in types:
            page = await visit.own(
                "CountExecutions", domain=visit.domain, filter={"workflowType": named}, groupBy="STATUS"
            )
            found[_key(named)] = {group["key"]: group["count"] for group in page.get("groups", ())}
            publish(dict(found))
        return found

    found = await visit.look(
        "counts of types",
        *map(_key, types),
        needs="workflowsvc:CountExecutions",
        domains=[visit.domain],
        work=work,
    )
    return found.value or {}


def _key(named: dict[str, str]) -> str:
    return f"{named['name']}\0{named['version']}"


async def gather_one(visit: Visit) -> Data:
    """One with its defaults and, of a workflow type, its runs by status."""
    kind, named = _named(visit)
    detail = await visit.swf(
        f"Describe{KINDS[kind].noun}", domain=visit.domain, **{KINDS[kind].member: named}
    )
    runs = None
    if kind == "workflow":
        runs = await counting.counts(visit, visit.domain, {"workflowType": named})
    return {"domain": visit.domain, "kind": kind, "type": named, **detail, "runs": runs}


async def ask(visit: Visit) -> Data:
    """The page that says what deprecating, undeprecating or deleting means."""
    kind, named = _named(visit)
    action = visit.name("action")
    if action not in LIFE:
        raise NoSuchPage(f"{action[:40]!r} is nothing that can be done to a type")
    verb, meaning, _ = LIFE[action]
    operation = f"{verb}{KINDS[kind].noun}"
    members = {"domain": visit.domain, KINDS[kind].member: named}
    place = ("domains", visit.domain, "types", kind, named["name"], named["version"])
    return {
        "domain": visit.domain,
        "tab": "types",
        "heading": f"{verb} the {kind} type {named['name']}, version {named['version']}?",
        "meaning": meaning,
        "address": path(*place, action, "do"),
        "back": path(*place),
        "verb": verb,
        "needs": [f"swf:{operation}"],
        "commands": Forms(
            aws_line(visit.server, operation, members), boto3_code(visit.server, operation, members)
        )._asdict(),
        "isDangerous": action == "delete",
    }


async def do(visit: Visit, form: Form) -> str:
    """Deprecates, undeprecates or deletes the type."""
    kind, named = _named(visit)
    action = visit.name("action")
    if action not in LIFE:
        raise NoSuchPage(f"{action[:40]!r} is nothing that can be done to a type")
    verb, _, notice = LIFE[action]
    await visit.swf(f"{verb}{KINDS[kind].noun}", domain=visit.domain, **{KINDS[kind].member: named})
    if action == "delete":
        return path("domains", visit.domain, "types", kind=kind, status="DEPRECATED", notice=notice)
    return path("domains", visit.domain, "types", kind, named["name"], named["version"], notice=notice)


def _named(visit: Visit) -> tuple[str, dict[str, Any]]:
    kind = visit.name("kind")
    if kind not in KINDS:
        raise NoSuchPage(f"{kind[:40]!r} is no kind of types")
    return kind, {"name": visit.name("type"), "version": visit.name("version")}


_ONE = "/domains/{domain}/types/{kind}/{type}/{version}"
PAGES = (
    Page("/domains/{domain}/types", "types.html", gather_all),
    Page(_ONE, "type.html", gather_one),
    Page(f"{_ONE}/{{action}}", "confirm.html", ask),
    Action(f"{_ONE}/{{action}}/do", do),
)
