"""The table of the actions of the service's own API: one row for each, as `service/actions.py` has them for SWF.

Owns which function carries an action out, and how. Importing fails when an operation of the model has no row, so that
the model, and docs/api.md, which is made of it, promise nothing that is not there.
"""

from __future__ import annotations

from workflowsvc.model.own_shapes import OPERATIONS
from workflowsvc.service.action import Action
from workflowsvc.service.own import (
    batches,
    count,
    deletion,
    domain_explanation,
    execution_state,
    explanations,
    imports,
    rerun,
    runs,
    search,
    service_detail,
    task_lists,
)
from workflowsvc.service.service_model import ServiceModel

TARGET_PREFIX = "WorkflowSvc"
"""`targetPrefix` of the service model."""

# Reading the state of a run is a write although it changes nothing: the state in memory is the writer thread's.
_ROWS = (
    Action(OPERATIONS["DescribeService"], "write", service_detail.describe_service),
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
)

OWN = ServiceModel((TARGET_PREFIX,), _ROWS)

assert OWN.actions.keys() == OPERATIONS.keys()
