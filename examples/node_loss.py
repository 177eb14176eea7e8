"""The parcel of `crash.py` on several nodes, one of which is killed; the part of `cluster.py` that uses boto3.

The node that dies gave the worker its task, perhaps the decider too. This time the service stays reachable: calls go to
the other nodes, so the worker's heartbeats continue, and both answer with the task tokens that they have.

`cluster.py` is the starter; `node_loss.py --role decider` and `--role worker` are the other two roles.
"""

from __future__ import annotations

import os
from pathlib import Path

from crash import TASK_LIST, decide, heard, is_about_address, register, say, short, swf
from support import activity_tasks, decision_tasks, play, wait_until

NODE_IS_GONE = "NODE_IS_GONE"  # environment variable with a path; the file is made when the node is dead


def node_is_gone() -> bool:
    return Path(os.environ[NODE_IS_GONE]).exists()


def decider() -> None:
    """Decides as in `crash.py`, and works on the new address until the node is dead."""
    for task in decision_tasks(swf, TASK_LIST):
        if is_about_address(task):
            say("decider", f"works on the new address, with task token {short(task)}")
            wait_until(node_is_gone, "a node is gone")
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(task["events"]))
        if is_about_address(task):
            say("decider", f"has answered, with task token {short(task)}")


def worker() -> None:
    """Packs one parcel, with heartbeats all the time."""
    task = next(activity_tasks(swf, TASK_LIST))
    say("worker", f"packs the parcel, with task token {short(task)}")
    beats = {True: 0, False: 0}

    def beat_until_node_is_gone() -> bool:
        beats[heard(swf.record_activity_task_heartbeat, taskToken=task["taskToken"], details="packing")] += 1
        return node_is_gone()

    wait_until(beat_until_node_is_gone, "a node is gone")
    swf.record_activity_task_heartbeat(taskToken=task["taskToken"], details="packed")
    cut = f", {beats[False]} were lost with the node" if beats[False] else ""
    say("worker", f"{beats[True]} heartbeats were accepted{cut}")
    swf.respond_activity_task_completed(taskToken=task["taskToken"], result="packed")
    say("worker", f"has reported success, with task token {short(task)}")


if __name__ == "__main__":
    play(register=register, starter=lambda: None, decider=decider, worker=worker)
