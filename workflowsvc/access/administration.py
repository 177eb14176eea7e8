"""What each operation on users, groups, keys and policies is about, for access policies: an ARN as in IAM.

Owns the table. An operation on a key is about its user, and one that attaches a policy is about whom it is attached to;
what lists all of them is about the account as a whole. Must not know whether something of a name exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflowsvc.access.names import group_arn, policy_arn, user_arn
from workflowsvc.tenant import Tenant

About = Callable[[Tenant, Any], str]
"""(tenant, request) -> ARN."""


def _account(tenant: Tenant, request: Any) -> str:
    return tenant.domain_arn("*")


def _everything(tenant: Tenant, request: Any) -> str:
    """Policies among it, so that a statement about domains never gives it."""
    return policy_arn(tenant.account, "*")


def _user(tenant: Tenant, request: Any) -> str:
    return user_arn(tenant.account, request.name)


def _user_of_key(tenant: Tenant, request: Any) -> str:
    return user_arn(tenant.account, request.user_name)


def _group(tenant: Tenant, request: Any) -> str:
    return group_arn(tenant.account, request.name)


def _group_of_user(tenant: Tenant, request: Any) -> str:
    return group_arn(tenant.account, request.group_name)


def _policy(tenant: Tenant, request: Any) -> str:
    return policy_arn(tenant.account, request.name)


def _holder(tenant: Tenant, request: Any) -> str:
    """The user, or else the group; a request that names neither, or both, is refused later."""
    if request.user_name is not None:
        return user_arn(tenant.account, request.user_name)
    return group_arn(tenant.account, request.group_name or "")


ADMINISTRATION: Mapping[str, About] = {
    "CreateUser": _user,
    "DescribeUser": _user,
    "ListUsers": _account,
    "DeleteUser": _user,
    "TagUser": _user,
    "UntagUser": _user,
    "CreateAccessKey": _user_of_key,
    "UpdateAccessKey": _user_of_key,
    "DeleteAccessKey": _user_of_key,
    "ListAccessKeys": _user_of_key,
    "IssueTemporaryKey": _user_of_key,
    "CreateGroup": _group,
    "DescribeGroup": _group,
    "ListGroups": _account,
    "DeleteGroup": _group,
    "AddUserToGroup": _group_of_user,
    "RemoveUserFromGroup": _group_of_user,
    "PutPolicy": _policy,
    "DescribePolicy": _policy,
    "ListPolicies": _account,
    "DeletePolicy": _policy,
    "AttachPolicy": _holder,
    "DetachPolicy": _holder,
    "SimulateAccess": _user_of_key,
    "ExportAccess": _everything,
    "ImportAccess": _everything,
}
"""Without the operations on the policy of a domain, which are about the domain."""
