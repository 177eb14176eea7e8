"""The life cycle of a workflow through the AWS CLI, one `aws swf …` process per call.

Owns the program and what the commands must print. The CLI comes with the project's own environment; where it
is missing the client is skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from interop.outcome import Failed, Skipped, require, require_equal, say
from interop.server import Server

FLOW = "name=order,version=1"
WORK = "name=charge,version=1"
CALL_SECONDS = 90  # a long poll lasts 60


def program() -> str:
    """The `aws` command beside this Python, else the one on the path."""
    beside = Path(sys.executable).with_name("aws")
    found = str(beside) if beside.exists() else shutil.which("aws")
    if found is None:
        raise Skipped("no aws command: run `make venv`")
    return found


def run(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    """Carry out one `aws swf …` command against the server."""
    return subprocess.run(
        [program(), "--output", "json", "swf", *words],
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=CALL_SECONDS,
    )


class Cli:
    """The AWS CLI bound to one server and one domain: call it with a command and its options."""

    def __init__(self, server: Server, domain: str) -> None:
        self.server = server
        self.domain = domain
        self.calls = 0

    def __call__(self, command: str, *words: str, **options: str) -> dict[str, Any]:
        """The answer of a command in this domain; an empty answer is an empty dict."""
        return self.bare(command, "--domain", self.domain, *words, **options)

    def bare(self, command: str, *words: str, **options: str) -> dict[str, Any]:
        """The answer of a command that takes no domain."""
        done = self.run(command, *words, **options)
        require_equal(done.returncode, 0, f"exit code of aws swf {command}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def refused(self, code: str, command: str, *words: str, **options: str) -> str:
        """The message with which a command in this domain is refused with this fault."""
        done = self.run(command, "--domain", self.domain, *words, **options)
        spoken = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation: ?(.*)", done.stderr)
        require(spoken, f"aws swf {command} was not refused: {done.stdout}{done.stderr}")
        if spoken is None:
            raise Failed("unreachable")
        require_equal(spoken[1], code, f"fault of aws swf {command}")
        return spoken[2]

    def run(self, command: str, *words: str, **options: str) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        flags = [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), value)]
        return run(self.server, command, *words, *flags)


def prepare() -> None:
    """Nothing to install: the CLI belongs to the project's environment."""
    version = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    say(f"  {version.stdout.strip()}")


def drive(server: Server) -> str:
    """Run the life cycle in one domain."""
    return life_cycle(server, "cli")


def life_cycle(server: Server, domain: str) -> str:
    """Use a domain, its types and its runs from registration to deprecation."""
    aws = Cli(server, domain)
    register(aws)
    run_id = complete_one(aws)
    look_at_closed(aws, run_id)
    signal_and_terminate(aws)
    deprecate_and_delete(aws)
    tag(aws)
    retire(aws)
    return f"{aws.calls} commands"


def register(aws: Cli) -> None:
    """Register the domain and its types, and find them in the lists."""
    days = {"workflow_execution_retention_period_in_days": "1"}
    aws.bare("register-domain", name=aws.domain, description="interop", **days)
    aws(
        "register-workflow-type",
        name="order",
        workflow_version="1",
        default_task_start_to_close_timeout="60",
        default_execution_start_to_close_timeout="600",
        default_task_list="name=decisions",
        default_child_policy="TERMINATE",
    )
    aws(
        "register-activity-type",
        name="charge",
        activity_version="1",
        default_task_start_to_close_timeout="60",
        default_task_heartbeat_timeout="NONE",
        default_task_schedule_to_start_timeout="60",
        default_task_schedule_to_close_timeout="120",
        default_task_list="name=work",
    )
    described = aws.bare("describe-domain", name=aws.domain)
    require_equal(described["domainInfo"]["status"], "REGISTERED", "status of the new domain")
    domains = aws.bare("list-domains", registration_status="REGISTERED")["domainInfos"]
    require(aws.domain in [info["name"] for info in domains], "the new domain is not listed")
    flows = aws("list-workflow-types", registration_status="REGISTERED")["typeInfos"]
    require_equal([info["workflowType"] for info in flows], [{"name": "order", "version": "1"}], "flow types")
    works = aws("list-activity-types", registration_status="REGISTERED")["typeInfos"]
    require_equal(
        [info["activityType"] for info in works], [{"name": "charge", "version": "1"}], "work types"
    )


def complete_one(aws: Cli) -> str:
    """Lead one run with one activity to its end; returns its run id."""
    started = aws("start-workflow-execution", "--tag-list", "a", "b", workflow_id="first", workflow_type=FLOW)
    opened = aws("count-open-workflow-executions", start_time_filter="oldestDate=0")
    require_equal(opened, {"count": 1, "truncated": False}, "open runs")
    waiting = aws("count-pending-decision-tasks", task_list="name=decisions")
    require_equal(waiting, {"count": 1, "truncated": False}, "pending decision tasks")
    attributes = {"activityId": "1", "activityType": {"name": "charge", "version": "1"}, "input": "42"}
    decide(aws, "ScheduleActivityTask", scheduleActivityTaskDecisionAttributes=attributes)
    waiting = aws("count-pending-activity-tasks", task_list="name=work")
    require_equal(waiting, {"count": 1, "truncated": False}, "pending activity tasks")
    work = aws("poll-for-activity-task", task_list="name=work", identity="cli")
    require_equal(work["input"], "42", "input of the activity task")
    beat = aws.bare("record-activity-task-heartbeat", task_token=work["taskToken"], details="half")
    require_equal(beat, {"cancelRequested": False}, "answer to a heartbeat")
    aws.bare("respond-activity-task-completed", task_token=work["taskToken"], result="charged")
    decide(aws, "CompleteWorkflowExecution", completeWorkflowExecutionDecisionAttributes={"result": "ok"})
    return started["runId"]


def decide(aws: Cli, kind: str, **attributes: Any) -> None:
    """Take the next decision task and answer it with one decision."""
    task = aws("poll-for-decision-task", task_list="name=decisions", identity="cli")
    require("taskToken" in task, f"no decision task: {task}")
    decisions = json.dumps([{"decisionType": kind, **attributes}])
    aws.bare("respond-decision-task-completed", task_token=task["taskToken"], decisions=decisions)


def look_at_closed(aws: Cli, run_id: str) -> None:
    """See the closed run in its description, its history in small pages, the list and the count."""
    execution = f"workflowId=first,runId={run_id}"
    described = aws("describe-workflow-execution", execution=execution)
    require_equal(described["executionInfo"]["closeStatus"], "COMPLETED", "closeStatus")
    # The CLI pages by itself; --page-size makes several calls of it.
    history = aws("get-workflow-execution-history", "--page-size", "4", execution=execution)
    types = [event["eventType"] for event in history["events"]]
    require_equal(types, HISTORY, "history of the completed run")
    by_tag = aws("list-closed-workflow-executions", start_time_filter="oldestDate=0", tag_filter="tag=b")
    require_equal([info["execution"]["runId"] for info in by_tag["executionInfos"]], [run_id], "found by tag")
    counted = aws(
        "count-closed-workflow-executions",
        close_time_filter="oldestDate=0",
        close_status_filter="status=COMPLETED",
    )
    require_equal(counted, {"count": 1, "truncated": False}, "completed runs")


HISTORY = [
    "WorkflowExecutionStarted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskCompleted",
    "ActivityTaskScheduled",
    "ActivityTaskStarted",
    "ActivityTaskCompleted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskCompleted",
    "WorkflowExecutionCompleted",
]


def signal_and_terminate(aws: Cli) -> None:
    """Signal an open run, ask it to cancel, terminate it; a second start of its id is refused meanwhile."""
    run_id = aws("start-workflow-execution", workflow_id="second", workflow_type=FLOW)["runId"]
    code = "WorkflowExecutionAlreadyStartedFault"
    aws.refused(code, "start-workflow-execution", workflow_id="second", workflow_type=FLOW)
    aws("signal-workflow-execution", workflow_id="second", signal_name="hurry", input="please")
    aws("request-cancel-workflow-execution", workflow_id="second", run_id=run_id)
    opened = aws("list-open-workflow-executions", start_time_filter="oldestDate=0")["executionInfos"]
    require_equal([info["execution"]["workflowId"] for info in opened], ["second"], "open runs")
    require_equal(opened[0]["cancelRequested"], True, "cancelRequested of the open run")
    aws("terminate-workflow-execution", workflow_id="second", reason="enough", child_policy="TERMINATE")
    message = aws.refused("UnknownResourceFault", "terminate-workflow-execution", workflow_id="second")
    require_equal(message, "Unknown execution, workflowId = second", "message of the fault")


def deprecate_and_delete(aws: Cli) -> None:
    """Deprecate both types, bring one back, delete the other."""
    aws("deprecate-activity-type", activity_type=WORK)
    described = aws("describe-activity-type", activity_type=WORK)
    require_equal(described["typeInfo"]["status"], "DEPRECATED", "status of the activity type")
    aws("delete-activity-type", activity_type=WORK)
    message = aws.refused("UnknownResourceFault", "describe-activity-type", activity_type=WORK)
    require_equal(message, "Unknown type: ActivityType=[name=charge, version=1]", "message of the fault")
    aws("deprecate-workflow-type", workflow_type=FLOW)
    aws.refused("TypeDeprecatedFault", "start-workflow-execution", workflow_id="third", workflow_type=FLOW)
    aws("undeprecate-workflow-type", workflow_type=FLOW)
    described = aws("describe-workflow-type", workflow_type=FLOW)
    require_equal(described["typeInfo"]["status"], "REGISTERED", "status of the workflow type")


def tag(aws: Cli) -> None:
    """Tag the domain by its ARN and take one tag away again."""
    arn = aws.bare("describe-domain", name=aws.domain)["domainInfo"]["arn"]
    aws.bare("tag-resource", "--tags", "key=team,value=a", "key=cost,value=1", resource_arn=arn)
    aws.bare("untag-resource", "--tag-keys", "cost", resource_arn=arn)
    tags = aws.bare("list-tags-for-resource", resource_arn=arn)
    require_equal(tags, {"tags": [{"key": "team", "value": "a"}]}, "tags of the domain")


def retire(aws: Cli) -> None:
    """Deprecate the domain, see that nothing starts in it, and bring it back."""
    aws.bare("deprecate-domain", name=aws.domain)
    code = "DomainDeprecatedFault"
    message = aws.refused(code, "start-workflow-execution", workflow_id="fourth", workflow_type=FLOW)
    require_equal(message, aws.domain, "message of the fault")
    aws.bare("undeprecate-domain", name=aws.domain)
