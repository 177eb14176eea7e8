"""What a valid policy says that its author may not have meant.

Owns the warnings. A warning refuses nothing: AWS accepts such policies.
What a policy means is in `policy_text.py` and `evaluation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflowsvc.access.capabilities import NOT_OF_DECISIONS, can_have
from workflowsvc.access.conditions import Condition, parts_of_operator
from workflowsvc.access.known_names import SWF_DECISIONS, find_key
from workflowsvc.access.policy_text import VERSIONS, Policy, Statement


def warnings(policy: Policy) -> list[str]:
    """Sentences, each with its position in the policy; empty for most policies."""
    found: list[str] = []
    if policy.version == VERSIONS[0] and "${" in policy.text:
        found.append(f'Version: "${{…}}" is plain text in {VERSIONS[0]}; variables need {VERSIONS[1]}')
    for statement in policy.statements:
        found += _of_statement(statement)
    return found


_CALLS_ONLY = {key.lower() for key in NOT_OF_DECISIONS}
_DECISIONS = {action.lower() for action in SWF_DECISIONS}


def _of_statement(statement: Statement) -> Iterator[str]:
    position = statement.position
    if statement.allows and statement.all_but_actions:
        yield (
            f"{position}.NotAction: allows all other actions, those that change who may do what among them, "
            "and those of later releases"
        )
    principals = statement.principals
    if principals is not None and statement.allows and principals.accounts:
        yield (
            f"{position}.Principal: an account gives its users nothing by itself, since their own policies must allow; "
            'write the users, or "*"'
        )
    for condition in statement.conditions:
        yield from _of_condition(statement, condition)


def _of_condition(statement: Statement, condition: Condition) -> Iterator[str]:
    key = condition.key
    position = f"{statement.position}.Condition.{condition.operator}.{key}"
    set_operator, name, if_exists = parts_of_operator(condition.operator, position)
    if name == "Null":
        return
    kind = find_key(key)
    if set_operator and kind is not None and not kind.many:
        yield f"{position}: {key} has one value, so {set_operator} says nothing but what an absent key means"
    if set_operator == "ForAllValues" and statement.allows and not if_exists:
        yield f"{position}: is true without any value; add a Null condition if the key must be there"
    if not any(can_have(action, key) for action in statement.actions):
        yield f"{position}: no action of this statement ever has {key}"
    elif key.lower() in _CALLS_ONLY and not statement.actions.isdisjoint(_DECISIONS):
        if statement.allows and not condition.holds_without_key:
            yield f"{position}: decisions never have {key}, so this statement allows none of them"
        if not statement.allows and condition.holds_without_key and not _needs(statement, key):
            yield (
                f"{position}: decisions never have {key}, so this statement may refuse all of them; "
                f'"Null": {{"{key}": "false"}} leaves them out'
            )


def _needs(statement: Statement, key: str) -> bool:
    """Whether another condition of the statement is false when the key is absent."""
    return any(not each.holds_without_key for each in statement.conditions if each.key.lower() == key.lower())
