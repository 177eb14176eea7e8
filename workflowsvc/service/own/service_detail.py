"""DescribeService: which service this is, and how it is set up.

Owns what an operator may learn of the settings. No password is among the answers.
"""

from __future__ import annotations

from workflowsvc import __version__
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.options import spell
from workflowsvc.passwords import without_password
from workflowsvc.service.call_context import CallContext
from workflowsvc.settings import LIMIT_NAMES, OPTIONS, Settings
from workflowsvc.store.interface import Reader


def describe_service(
    _reader: Reader, context: CallContext, _request: shapes.DescribeServiceInput
) -> shapes.ServiceDetail:
    settings = context.settings
    return shapes.ServiceDetail(
        changed_settings=changed_settings(settings),
        limits=settings.limits,
        store=without_password(settings.store),
        timestamp=timestamp(context.now),
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
