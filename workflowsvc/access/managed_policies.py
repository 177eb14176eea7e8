"""The policies that every installation has: whole roles of programs and people, for any domain.

Owns their texts. Of the service's own operations each role gets those that show or change no more than the calls of SWF
it has; none gets the administration of access. Copy one and name your domain in it to give less.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflowsvc.access.policy_text import Policy, parse_policy

_TEXTS = {
    "SwfFullAccess": """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "EverythingOfSwf",
      "Effect": "Allow",
      "Action": "swf:*",
      "Resource": "*"
    },
    {
      "Sid": "OwnOperations",
      "Effect": "Allow",
      "Action": [
        "workflowsvc:AdvanceClock",
        "workflowsvc:CountExecutions",
        "workflowsvc:DeleteDomain",
        "workflowsvc:DeleteExecution",
        "workflowsvc:DeleteRetentionRule",
        "workflowsvc:DescribeBatch",
        "workflowsvc:DescribeClock",
        "workflowsvc:DescribeExecutionState",
        "workflowsvc:DescribeFeed",
        "workflowsvc:DescribeRetention",
        "workflowsvc:DescribeService",
        "workflowsvc:DescribeTaskList",
        "workflowsvc:ExplainDomain",
        "workflowsvc:ExplainExecution",
        "workflowsvc:FreezeClock",
        "workflowsvc:ImportHistory",
        "workflowsvc:ListBatches",
        "workflowsvc:ListTaskLists",
        "workflowsvc:PutRetentionRule",
        "workflowsvc:ReadFeed",
        "workflowsvc:RerunExecution",
        "workflowsvc:RunClock",
        "workflowsvc:SearchExecutions",
        "workflowsvc:SetFeed",
        "workflowsvc:SkipClock",
        "workflowsvc:StartBatch",
        "workflowsvc:StopBatch",
        "workflowsvc:UpdateBatch"
      ],
      "Resource": "*"
    }
  ]
}
""",
    "SwfReadOnly": """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Read",
      "Effect": "Allow",
      "Action": [
        "swf:Count*",
        "swf:Describe*",
        "swf:Get*",
        "swf:List*",
        "workflowsvc:CountExecutions",
        "workflowsvc:DescribeBatch",
        "workflowsvc:DescribeClock",
        "workflowsvc:DescribeExecutionState",
        "workflowsvc:DescribeFeed",
        "workflowsvc:DescribeRetention",
        "workflowsvc:DescribeService",
        "workflowsvc:DescribeTaskList",
        "workflowsvc:ExplainDomain",
        "workflowsvc:ExplainExecution",
        "workflowsvc:ListBatches",
        "workflowsvc:ListTaskLists",
        "workflowsvc:ReadFeed",
        "workflowsvc:SearchExecutions"
      ],
      "Resource": "*"
    }
  ]
}
""",
    "SwfWorker": """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "WorkOnActivityTasks",
      "Effect": "Allow",
      "Action": [
        "swf:PollForActivityTask",
        "swf:RecordActivityTaskHeartbeat",
        "swf:RespondActivityTaskCanceled",
        "swf:RespondActivityTaskCompleted",
        "swf:RespondActivityTaskFailed"
      ],
      "Resource": "*"
    }
  ]
}
""",
    "SwfDecider": """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "WorkOnDecisionTasks",
      "Effect": "Allow",
      "Action": [
        "swf:GetWorkflowExecutionHistory",
        "swf:PollForDecisionTask",
        "swf:RespondDecisionTaskCompleted"
      ],
      "Resource": "*"
    },
    {
      "Sid": "AllDecisions",
      "Effect": "Allow",
      "Action": [
        "swf:CancelTimer",
        "swf:CancelWorkflowExecution",
        "swf:CompleteWorkflowExecution",
        "swf:ContinueAsNewWorkflowExecution",
        "swf:FailWorkflowExecution",
        "swf:RecordMarker",
        "swf:RequestCancelActivityTask",
        "swf:RequestCancelExternalWorkflowExecution",
        "swf:ScheduleActivityTask",
        "swf:SignalExternalWorkflowExecution",
        "swf:StartChildWorkflowExecution",
        "swf:StartTimer"
      ],
      "Resource": "*"
    }
  ]
}
""",
    "SwfStarter": """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "StartAndFollow",
      "Effect": "Allow",
      "Action": [
        "swf:CountClosedWorkflowExecutions",
        "swf:CountOpenWorkflowExecutions",
        "swf:DescribeWorkflowExecution",
        "swf:GetWorkflowExecutionHistory",
        "swf:RequestCancelWorkflowExecution",
        "swf:SignalWorkflowExecution",
        "swf:StartWorkflowExecution",
        "workflowsvc:CountExecutions",
        "workflowsvc:DescribeExecutionState"
      ],
      "Resource": "*"
    }
  ]
}
""",
}

MANAGED: Mapping[str, Policy] = {name: parse_policy(text) for name, text in _TEXTS.items()}
"""Name -> policy; its text is `.text`."""
