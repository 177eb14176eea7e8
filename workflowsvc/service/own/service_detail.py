"""DescribeService: which service this is, how it is set up, and which nodes it has.

Owns what an operator may learn of the settings. No password is among the answers.
"""

from __future__ import annotations

from workflowsvc import __version__
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.options import spell
from workflowsvc.passwords import without_password
from workflowsvc.service.call_context import CallContext
from workflowsvc.settings import LIMIT_NAMES, OPTIONS, Settings


def describe_service(
    work: UnitOfWork, context: CallContext, request: shapes.DescribeServiceInput
) -> shapes.ServiceDetail:
    settings, state = work.settings, work.state
    nodes = [(state.started_at, state.name, __version__, work.now)]
    nodes += [(peer.started_at, peer.name, peer.version, peer.seen_at) for peer in state.peers.values()]
    return shapes.ServiceDetail(
        changed_settings=changed_settings(settings),
        limits=settings.limits,
        node=state.name,
        nodes=[
            shapes.Node(
                last_seen_timestamp=timestamp(seen_at),
                name=name,
                start_timestamp=timestamp(started_at),
                version=version,
            )
            for started_at, name, version, seen_at in sorted(nodes)
        ],
        store=without_password(settings.store),
        timestamp=timestamp(work.now),
        version=__version__,
    )


def changed_settings(settings: Settings) -> list[shapes.ChangedSetting]:
    """The settings that differ from their defaults, in the order of docs/configuration.md. With `limits` off, that one
    setting stands for all quotas.
    """
    changed: list[shapes.ChangedSetting] = []
    for option in OPTIONS:
        is_quota = option.name in LIMIT_NAMES
        if is_quota and settings.limits == "off":
            continue
        value = getattr(settings.quotas if is_quota else settings, option.name)
        if value != option.default:
            changed.append(
                shapes.ChangedSetting(
                    default_value=spell(option.default),
                    name=option.name,
                    value=without_password(spell(value)),
                )
            )
    return changed
