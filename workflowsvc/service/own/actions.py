"""The table of the actions of the service's own API: one row for each, as `service/actions.py` has them for SWF.

Owns which function carries an action out, and how. Importing fails when an operation of the model has no row, so that
the model, and docs/api.md, which is made of it, promise nothing that is not there.
"""

from __future__ import annotations

from workflowsvc.model.own_shapes import OPERATIONS
from workflowsvc.service.action import Action
from workflowsvc.service.own import (
    access_exchange,
    access_keys,
    access_policies,
    access_simulation,
    batches,
    clocks,
    count,
    dead_letters,
    deletion,
    domain_explanation,
    domain_policies,
    execution_state,
    explanations,
    feed,
    groups,
    imports,
    log_levels,
    rerun,
    retention,
    runs,
    search,
    service_detail,
    task_lists,
    temporary_keys,
    users,
    webhooks,
)
from workflowsvc.service.service_model import ServiceModel

TARGET_PREFIX = "WorkflowSvc"
"""`targetPrefix` of the service model."""

# Reading the state of a run is a write although it changes nothing: the state in memory is the writer thread's.
_ROWS = (
    Action(OPERATIONS["DescribeService"], "write", service_detail.describe_service),
    Action(OPERATIONS["ListLogLevels"], "steps", log_levels.list_log_levels),
    Action(OPERATIONS["SetLogLevel"], "steps", log_levels.set_log_level),
    Action(
        OPERATIONS["DescribeExecutionState"],
        "write",
        execution_state.describe_execution_state,
        execution_ref=runs.execution_ref,
    ),
    Action(
        OPERATIONS["ExplainExecution"],
        "write",
        explanations.explain_execution,
        execution_ref=runs.execution_ref,
    ),
    Action(OPERATIONS["RerunExecution"], "write", rerun.rerun_execution, execution_ref=runs.execution_ref),
    Action(
        OPERATIONS["DeleteExecution"],
        "write",
        deletion.delete_execution,
        execution_ref=runs.named_execution_ref,
    ),
    Action(OPERATIONS["DeleteDomain"], "steps", deletion.delete_domain),
    Action(OPERATIONS["ImportHistory"], "steps", imports.import_history),
    Action(OPERATIONS["StartBatch"], "steps", batches.start_batch),
    Action(OPERATIONS["DescribeBatch"], "read", batches.describe_batch),
    Action(OPERATIONS["ListBatches"], "read", batches.list_batches),
    Action(OPERATIONS["UpdateBatch"], "write", batches.update_batch),
    Action(OPERATIONS["StopBatch"], "write", batches.stop_batch),
    Action(OPERATIONS["ExplainDomain"], "steps", domain_explanation.explain_domain),
    Action(OPERATIONS["SearchExecutions"], "steps", search.search_executions),
    Action(OPERATIONS["CountExecutions"], "steps", count.count_executions),
    Action(OPERATIONS["ListTaskLists"], "steps", task_lists.list_task_lists),
    Action(OPERATIONS["DescribeTaskList"], "steps", task_lists.describe_task_list),
    Action(OPERATIONS["DescribeClock"], "read", clocks.describe_clock),
    Action(OPERATIONS["AdvanceClock"], "steps", clocks.advance_clock),
    Action(OPERATIONS["FreezeClock"], "write", clocks.freeze_clock),
    Action(OPERATIONS["RunClock"], "write", clocks.run_clock),
    Action(OPERATIONS["SkipClock"], "write", clocks.skip_clock),
    Action(OPERATIONS["SetFeed"], "write", feed.set_feed),
    Action(OPERATIONS["DescribeFeed"], "read", feed.describe_feed),
    Action(OPERATIONS["ReadFeed"], "steps", feed.read_feed, waits=True),
    Action(OPERATIONS["CreateWebhook"], "write", webhooks.create_webhook),
    Action(OPERATIONS["DeleteWebhook"], "write", webhooks.delete_webhook),
    Action(OPERATIONS["ListWebhooks"], "read", webhooks.list_webhooks),
    Action(OPERATIONS["TestWebhook"], "steps", webhooks.test_webhook),
    Action(OPERATIONS["ListDeadLetters"], "read", dead_letters.list_dead_letters),
    Action(OPERATIONS["ResendDeadLetters"], "write", dead_letters.resend_dead_letters),
    Action(OPERATIONS["DeleteDeadLetters"], "write", dead_letters.delete_dead_letters),
    Action(OPERATIONS["CreateUser"], "write", users.create_user),
    Action(OPERATIONS["DescribeUser"], "read", users.describe_user),
    Action(OPERATIONS["ListUsers"], "read", users.list_users),
    Action(OPERATIONS["DeleteUser"], "write", users.delete_user),
    Action(OPERATIONS["TagUser"], "write", users.tag_user),
    Action(OPERATIONS["UntagUser"], "write", users.untag_user),
    Action(OPERATIONS["CreateAccessKey"], "write", access_keys.create_access_key),
    Action(OPERATIONS["UpdateAccessKey"], "write", access_keys.update_access_key),
    Action(OPERATIONS["DeleteAccessKey"], "write", access_keys.delete_access_key),
    Action(OPERATIONS["ListAccessKeys"], "read", access_keys.list_access_keys),
    Action(OPERATIONS["IssueTemporaryKey"], "write", temporary_keys.issue_temporary_key),
    Action(OPERATIONS["CreateGroup"], "write", groups.create_group),
    Action(OPERATIONS["DescribeGroup"], "read", groups.describe_group),
    Action(OPERATIONS["ListGroups"], "read", groups.list_groups),
    Action(OPERATIONS["DeleteGroup"], "write", groups.delete_group),
    Action(OPERATIONS["AddUserToGroup"], "write", groups.add_user_to_group),
    Action(OPERATIONS["RemoveUserFromGroup"], "write", groups.remove_user_from_group),
    Action(OPERATIONS["PutPolicy"], "write", access_policies.put_policy),
    Action(OPERATIONS["DescribePolicy"], "read", access_policies.describe_policy),
    Action(OPERATIONS["ListPolicies"], "read", access_policies.list_policies),
    Action(OPERATIONS["DeletePolicy"], "write", access_policies.delete_policy),
    Action(OPERATIONS["AttachPolicy"], "write", access_policies.attach_policy),
    Action(OPERATIONS["DetachPolicy"], "write", access_policies.detach_policy),
    Action(OPERATIONS["PutRetentionRule"], "write", retention.put_retention_rule),
    Action(OPERATIONS["DeleteRetentionRule"], "write", retention.delete_retention_rule),
    Action(OPERATIONS["DescribeRetention"], "read", retention.describe_retention),
    Action(OPERATIONS["PutDomainPolicy"], "write", domain_policies.put_domain_policy),
    Action(OPERATIONS["DescribeDomainPolicy"], "read", domain_policies.describe_domain_policy),
    Action(OPERATIONS["DeleteDomainPolicy"], "write", domain_policies.delete_domain_policy),
    Action(OPERATIONS["SimulateAccess"], "read", access_simulation.simulate_access),
    Action(OPERATIONS["ExportAccess"], "read", access_exchange.export_access),
    Action(OPERATIONS["ImportAccess"], "steps", access_exchange.import_access),
)

OWN = ServiceModel((TARGET_PREFIX,), _ROWS)

assert OWN.actions.keys() == OPERATIONS.keys()
