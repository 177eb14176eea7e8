"""Every rule that the checker knows, as one sentence with its source in the specification.

Owns the codes. H, D, A, T, C and W are the groups of the invariants (QUALITY §2.5.H1 to §2.5.H8, §2.5.D1 to
§2.5.D3, §2.5.D5 to §2.5.D7, §2.5.A1 to §2.5.A6, §2.5.T, §2.5.C, §2.5.W). A code has the number of its
invariant, if that has one; L is A's twin for Lambda tasks.
"""

__all__ = ["RULES"]

_TEXT = """
H1 event ids are 1, 2, 3 … without gap or repetition (SWF §1.3.3)
H2 the first event is WorkflowExecutionStarted, and only the first (SWF §6.2)
H3 timestamps are whole milliseconds and never go back (SWF §1.2.6, §4.4)
H4 an event has its one attributes member, with the members the model knows and requires, of the right type,
    and ids that name an earlier event of the right type (SWF §6.1)
H5 nothing follows the closing event (SWF §6.1, §8.8)
H6 25,000 events are the end, and EVENT_LIMIT_EXCEEDED is no excuse before that (SWF §8.11)
H7 texts, durations, priorities and tags keep to the model's limits (SWF §3.3, §3.5)
H8 a history only grows: an earlier reading is the beginning of a later one (SWF §1.3.3)
H9 a closing event says what the execution's own settings say, and no execution times out early (SWF §6.2, §8.10)
D1 a decision task is started once, after the task before it has ended (SWF §4.1)
D2 a decision task is closed by naming its own scheduled and started events, and never times out early (SWF §4.7)
D3 no decision task is scheduled while another one waits to be started (SWF §4.1)
D5 the events of a completion's decisions stand directly behind it and carry its timestamp (SWF §4.4)
D6 a decision task is scheduled directly behind each event that needs one, with the same timestamp, if none
    is waiting; after a batch once, at its end; and for no other reason (SWF §4.2, §4.5)
D7 a closing decision fails with UNHANDLED_DECISION if, and only if, the decider has not seen everything
    (SWF §4.5)
D9 a closing decision is the last of its batch and not in company of ScheduleActivityTask, StartTimer or
    ScheduleLambdaFunction (SWF §4.6)
D10 a decision task shows the list, timeouts and priority that are in force (SWF §4.3, §4.8)
A1 no two open activities have the same activityId (SWF §5.2)
A2 an activity is started at most once and closed at most once, by naming its own events (SWF §7.1)
A3 cancel requests name open activities, end unstarted ones at once, and the last one is named by
    ActivityTaskCanceled (SWF §5.3, §7.4)
A4 an activity times out for a timeout it has, never early, with heartbeat details only if started (SWF §7.2)
A5 what a failed activity decision gives as cause is true (SWF §5.2, §5.3)
A6 at most 1,000 activities are open (SWF §12.1)
L1 a Lambda task is started at most once and closed at most once, by naming its own events (SWF §9.2)
L2 a Lambda task never times out early (SWF §9.2)
L3 what a failed Lambda decision gives as cause is true, and at most 1,000 Lambda tasks are open (SWF §9.2, §12.1)
T1 no two open timers have the same timerId (SWF §5.9)
T2 a timer is fired or canceled at most once, by naming its own event (SWF §8.1)
T3 a timer never fires early (SWF §8.1)
T4 what a failed timer decision gives as cause is true (SWF §5.9, §5.10)
T5 at most 1,000 timers are open (SWF §12.1)
C1 a child initiated is answered at most once, started or failed, under its own names (SWF §5.13, §8.5)
C2 a started child is closed at most once, by naming its own events (SWF §8.5)
C3 a child that could not start names its Initiated event for WORKFLOW_ALREADY_RUNNING and 0 for all other
    causes, and the cause is true (SWF §5.13)
C4 at most 1,000 children are open (SWF §12.1)
C5 a signal to another execution is answered at most once, under its own names (SWF §5.11)
C6 a cancel request to another execution is answered at most once, under its own names (SWF §5.12)
C7 links to other executions are whole: sender and event together, or neither; child policy only for a
    child, and once (SWF §6.2, §8.6)
C8 parent and child name each other, and the child runs with the settings of its Initiated event (SWF §5.13, §8.5)
C9 the parent records once how the child ended, with the child's own words (SWF §6.7, §8.5)
C10 child policy is applied by the parent's close, once, as the parent's policy says (SWF §8.6)
C11 a signal said to be delivered is in the target's history once, and no other signal claims to come from
    an execution (SWF §5.11)
C12 a cancel request said to be delivered is in the target's history once, and no other one claims to come
    from an execution (SWF §5.12)
C13 continued executions name each other, and the new one runs with the settings decided for it (SWF §8.7)
W1 status, close status and times of the execution are those of its history (SWF §10.3)
W2 open counts are those of the history, frozen at the close (SWF §10.4)
W3 configuration, type, tags and parent are those of the first event (SWF §10.4)
W4 cancelRequested is true in an open execution that was asked to cancel, else false (SWF §8.4)
W5 latestActivityTaskTimestamp is the time of the newest activity event (SWF §10.4)
W6 latestExecutionContext is the last one a decider sent (SWF §10.4)
W8 at most one execution of a workflowId is open at a time (SWF §8.12)
"""

RULES = {
    code: sentence
    for code, _, sentence in (
        line.partition(" ") for line in _TEXT.replace("\n    ", " ").strip().splitlines()
    )
}
"""Code -> the sentence, in the order of reading."""
