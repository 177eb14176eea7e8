"""Rules deliberately broken, one at a time: each is a mistake that a developer could make in this code.

Owns the list. A mutation names a piece of source that stands there exactly once, and what is put in its place; the
families of tests that must notice it are named with it.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    what: str  # what is wrong then, in words
    path: str  # in the package
    old: str
    new: str
    caught_by: tuple[str, ...]


MUTATIONS = (
    # the rules
    Mutation(
        "deaf",
        "a decider does not hear that a timer fired",
        "core/rules.py",
        '        "TimerFired",\n',
        "",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "hasty",
        "an execution closes although its decider has not seen everything",
        "core/workflow.py",
        "return execution.scheduled_task is not None or execution.needs_decision",
        "return execution.needs_decision",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "impatient",
        "an activity at work times out because it had not been started in time",
        "core/activities.py",
        "return activity is not None and activity.started_id == 0",
        "return activity is not None",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "backwards",
        "events take the time of the clock, also when it was set back",
        "core/execution.py",
        "max(at_ms, self.last_at)",
        "at_ms",
        ("scenarios", "simulation"),
    ),
    Mutation(
        "heartless",
        "a heartbeat does not start its clock anew",
        "core/activities.py",
        "    activity.heartbeat_details = details\n    _expect_heartbeat(execution, activity, scheduled_id, at_ms)\n",
        "    activity.heartbeat_details = details\n",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "inherited",
        "the children of a run that continues as new are terminated",
        "core/messages.py",
        '    if closing_type == "WorkflowExecutionContinuedAsNew":\n        return "ABANDON"\n',
        "",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "twice started",
        "a parent may record twice that its child was started",
        "core/children.py",
        "return child is not None and child.started_id == 0",
        "return child is not None",
        ("core",),
    ),
    Mutation(
        "poll of a lost task",
        "previousStartedEventId counts a decision task that timed out",
        "core/decision_tasks.py",
        "        task, execution.started_task = execution.started_task, None\n",
        "        task, execution.started_task = execution.started_task, None\n"
        "        execution.previous_started_id = attributes.started_event_id\n",
        ("scenarios", "model", "simulation"),
    ),
    # what follows from events
    Mutation(
        "orphans",
        "the tasks of an execution stay on their lists when it closes",
        "core/outcome.py",
        "            task.scheduled_id for task in _all_waiting(execution) if task.scheduled_id < first_id\n",
        "            task.scheduled_id for task in _all_waiting(execution) if task.scheduled_id < 0\n",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "locked in",
        "a decision task behind a started one is never given out",
        "core/outcome.py",
        "    elif ready and started_ended:\n",
        "    elif ready and started_ended and False:\n",
        ("scenarios", "model", "simulation"),
    ),
    # the engine
    Mutation(
        "tell first",
        "callers are answered before the commit",
        "engine/writer_loop.py",
        "                work.flush()\n                batch.is_flushed = True\n",
        "                work.flush()\n                self.deliver(work.answers)\n"
        "                work.answers = []\n                batch.is_flushed = True\n",
        ("simulation",),
    ),
    Mutation(
        "once more",
        "a batch runs again when something fails after its commit",
        "engine/writer_loop.py",
        "                batch.is_flushed = True\n",
        "",
        ("engine",),
    ),
    Mutation(
        "hoarder",
        "executions leave memory only when their batch fails",
        "engine/execution_cache.py",
        "while self.size > self._max_bytes and self.executions:",
        "while False:",
        ("engine",),
    ),
    Mutation(
        "twice delivered",
        "a message stays in the outbox when it was delivered",
        "engine/outbox_relay.py",
        "    work.tx.delete_messages([row.id])\n",
        "    quarantine.messages.add(row.id)\n",
        ("restarts", "simulation"),
    ),
    Mutation(
        "wishful memory",
        "memory keeps what a transaction did that was rolled back",
        "engine/unit_of_work.py",
        "            for run in self._seen:\n                cache.forget(run)\n",
        "            pass\n",
        ("engine", "simulation"),
    ),
    Mutation(
        "lost poll",
        "a poll whose task was rolled back is forgotten",
        "engine/matching.py",
        "(*reversed(self._released), *reversed(self._matched))",
        "reversed(self._released)",
        ("engine", "simulation"),
    ),
    Mutation(
        "sleepless",
        "after deadlines have passed the next ones are not looked for",
        "engine/duties.py",
        "        agenda.wake_at = work.tx.next_wake_at()\n",
        "        agenda.wake_at = None\n",
        ("scenarios", "model", "simulation"),
    ),
    Mutation(
        "stale heartbeat",
        "the last heartbeat of an activity is kept when it has ended",
        "engine/writes.py",
        "            tx.delete_heartbeats(rows.heartbeats_over)\n",
        "            pass\n",
        ("model", "simulation"),
    ),
    Mutation(
        "open door",
        "the task token of one tenant works for another",
        "service/tokens.py",
        'self._open(tenant.key.encode() + b"\\0task", text)',
        'self._open(b"000000000000/us-east-1" + b"\\0task", text)',
        ("scenarios", "simulation"),
    ),
    # retention
    Mutation(
        "unsynced",
        "a run is deleted although the archive could not sync it",
        "archive/archiver.py",
        "                self._failed(each.row, error)\n            return []\n",
        "                self._failed(each.row, error)\n",
        ("simulation",),
    ),
    Mutation(
        "vague",
        "the rule for a type holds before that for its version",
        "core/retention.py",
        "                rule.type_version is None,\n                rule.type_name is None,\n",
        "                rule.type_name is None,\n                rule.type_version is not None,\n",
        ("simulation",),
    ),
    Mutation(
        "fleeting",
        "what a rule keeps for ever is deleted",
        "engine/retention.py",
        "return moment is not None and moment <= now_in(work, row.domain)",
        "return moment is None or moment <= now_in(work, row.domain)",
        ("simulation",),
    ),
    # the store
    Mutation(
        "no priority",
        "task lists are first come, first served, whatever the priority",
        "store/sqlite/sql/tasks.sql",
        "order by priority desc, position\n",
        "order by position\n",
        ("contract tests", "scenarios", "model", "simulation"),
    ),
    Mutation(
        "overwritten",
        "an event may be written over another one",
        "store/sqlite/sql/history.sql",
        "insert into events (run, event_id, body)",
        "insert or replace into events (run, event_id, body)",
        ("contract tests",),
    ),
    Mutation(
        "half committed",
        "a transaction that fails keeps what it had written so far",
        "store/sqlite/store.py",
        '                self._writer.execute("rollback")\n',
        '                self._writer.execute("commit")\n',
        ("contract tests", "simulation"),
    ),
    Mutation(
        "old tags",
        "a closed run is still listed among the open ones of its tags",
        "store/sqlite/writes.py",
        "            tagged = self._delete_tags([change.run for change in closing])\n",
        "            tagged = [change.run for change in closing]\n",
        ("contract tests", "simulation"),
    ),
    Mutation(
        "ghosts",
        "purging a run leaves its tags behind",
        "store/sqlite/writes.py",
        "        self._delete_tags([run])\n",
        "",
        ("contract tests", "simulation"),
    ),
    Mutation(
        "unheld",
        "a node takes a task although another one is at work on its execution",
        "store/postgres/sql/claims.sql",
        "where shard = (walked.run & 255) and run = walked.run for update skip locked",
        "where shard = (walked.run & 255) and run = walked.run",
        ("nodes",),
    ),
    Mutation(
        "hidden",
        "what another node puts on a list a moment ago is looked for half a second later",
        "store/postgres/low_watermarks.py",
        "COMMIT_MS = 250 ",
        "COMMIT_MS = -600_000 ",
        ("nodes",),
    ),
    Mutation(
        "hopeful",
        "a commit whose answer was lost is believed",
        "store/postgres/store.py",
        'if found == "unknown":',
        'if found == "hopeless":',
        ("nodes",),
    ),
    Mutation(
        "unconfirmed",
        "a commit that no standby has confirmed is believed",
        "store/postgres/outcome.py",
        'return "committed" if _log_is_replicated(wire) else "unknown"',
        'return "committed"',
        ("nodes",),
    ),
    Mutation(
        "old primary",
        "a node goes back to an old primary when the new one is down",
        "store/postgres/primary.py",
        "    if timeline and timeline < lineage.newest:\n",
        "    if False:\n",
        ("nodes",),
    ),
    Mutation(
        "silence",
        "a node waits for a primary that hangs, although its standby was promoted",
        "store/postgres/wire.py",
        "                if self.server.timeline < self._lineage.newest:\n",
        "                if False:\n",
        ("nodes",),
    ),
)
