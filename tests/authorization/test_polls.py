"""A poll that waits is held against what its caller may do when there is a task (QUALITY §4.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.authorization.guarded import LIST, D, Guarded
from tests.failing_store import FailingStore
from tests.support.access import TENANT, allow, deny
from tests.world_fixture import ACTIVITY, decision
from workflowsvc.access.caller import Caller
from workflowsvc.faults import (
    AccessDeniedException,
    ExpiredTokenException,
    Fault,
    ServiceUnavailable,
    UnrecognizedClientException,
)

POLLS = ("PollForDecisionTask", "PollForActivityTask")
WORKER = allow("swf:Poll*")
SOON_MS = 5_000


def make_task(guarded: Guarded, operation: str) -> None:
    guarded.start()
    if operation == "PollForActivityTask":
        schedule = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY)
        guarded.decide(guarded.decision_task(), schedule)


def withdraw(guarded: Guarded, caller: Caller) -> None:
    guarded.users.give("ann", WORKER, deny("swf:Poll*"))


def switch_off(guarded: Guarded, caller: Caller) -> None:
    guarded.users.change_key(caller, active=False)


def remove(guarded: Guarded, caller: Caller) -> None:
    guarded.users.remove_key(caller)


def replace_user(guarded: Guarded, caller: Caller) -> None:
    """Another user of the same name, who has the same key id."""
    guarded.users.add("ann", WORKER, user_id="AIDAANOTHER")


def expire(guarded: Guarded, caller: Caller) -> None:
    guarded.users.change_key(caller, expires_at=guarded.clock.now_ms())


def poll_elsewhere(guarded: Guarded, operation: str, caller: Caller) -> None:
    """From now on it is known what the policies say of this caller's polls: they are not judged each time."""
    for _ in range(2):
        guarded.world.poll(operation, caller, domain="d", taskList={"name": "elsewhere"})


@pytest.mark.parametrize("is_known", [False, True], ids=["first poll", "later poll"])
@pytest.mark.parametrize("operation", POLLS)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (withdraw, AccessDeniedException),
        (switch_off, UnrecognizedClientException),
        (remove, UnrecognizedClientException),
        (replace_user, UnrecognizedClientException),
        (expire, ExpiredTokenException),
    ],
)
def test_a_poll_whose_caller_has_lost_access_gets_no_task_and_another_one_does(
    matching: Guarded,
    operation: str,
    change: Callable[[Guarded, Caller], None],
    fault: type[Fault],
    is_known: bool,
) -> None:
    caller = matching.user(WORKER)
    if is_known:
        poll_elsewhere(matching, operation, caller)
    lost = matching.poll(operation, caller)
    other = matching.poll(operation, matching.user(WORKER, name="bob"))
    assert not lost.done
    change(matching, caller)
    make_task(matching, operation)
    with pytest.raises(fault):
        lost.result()
    assert other.result()["taskToken"]


def test_a_task_waits_when_no_poll_may_have_it(matching: Guarded) -> None:
    caller = matching.user(WORKER)
    lost = matching.poll("PollForDecisionTask", caller)
    switch_off(matching, caller)
    matching.start()
    with pytest.raises(UnrecognizedClientException):
        lost.result()
    assert matching.decision_task()["taskToken"]


@pytest.mark.parametrize("is_known", [False, True], ids=["first poll", "later poll"])
def test_a_poll_that_expires_by_the_time_alone_gets_no_task(matching: Guarded, is_known: bool) -> None:
    """No book has changed: neither the key nor the policy was touched."""
    ann = matching.user(WORKER, expires_at=matching.clock.now_ms() + SOON_MS)
    until = {"DateLessThan": {"aws:CurrentTime": "2012-01-25T00:00:04Z"}}
    bob = matching.user(allow("swf:Poll*", **until), name="bob")
    if is_known:
        poll_elsewhere(matching, "PollForDecisionTask", ann)
        poll_elsewhere(matching, "PollForDecisionTask", bob)
    by_key = matching.poll("PollForDecisionTask", ann)
    by_policy = matching.poll("PollForDecisionTask", bob)
    matching.world.advance(ms=SOON_MS)
    matching.start()
    for poll, fault in ((by_key, ExpiredTokenException), (by_policy, AccessDeniedException)):
        with pytest.raises(fault):
            poll.result()


@pytest.mark.parametrize("is_known", [False, True], ids=["first poll", "later poll"])
def test_a_poll_gets_no_task_of_a_domain_that_has_lost_the_tag_its_caller_needs(
    matching: Guarded, is_known: bool
) -> None:
    """No book has changed: what is stored has."""
    of_team = {"StringEquals": {"aws:ResourceTag/Team": "orders"}}
    caller = matching.user(allow("swf:Poll*", **of_team))
    if is_known:
        poll_elsewhere(matching, "PollForDecisionTask", caller)
    lost = matching.poll("PollForDecisionTask", caller)
    matching.call("UntagResource", resourceArn=D, tagKeys=["Team"])
    matching.start()
    with pytest.raises(AccessDeniedException):
        lost.result()


def test_a_poll_gets_no_task_while_it_is_not_known_who_may_do_what(matching: Guarded) -> None:
    """It is answered 503, which SDKs repeat, and the task waits."""
    matching.start()
    timer = decision("StartTimer", timerId="t", startToFireTimeout="5")
    matching.decide(matching.decision_task(), timer)
    waits = matching.poll("PollForDecisionTask", matching.user(WORKER))
    matching.users.failure = ServiceUnavailable()
    matching.world.advance(ms=SOON_MS)
    with pytest.raises(ServiceUnavailable):
        waits.result()
    matching.users.failure = None
    assert matching.decision_task()["taskToken"]


def test_a_refused_poll_of_a_batch_that_is_not_committed_waits_on() -> None:
    """Nothing that the batch has answered leaves; the poll is refused when there is a task again."""
    store = FailingStore()
    guarded = Guarded(store=store)
    caller = guarded.user(WORKER)
    waits = guarded.poll("PollForDecisionTask", caller)
    other = guarded.poll("PollForDecisionTask", guarded.user(WORKER, name="bob"))
    switch_off(guarded, caller)
    store.refusals = 1
    with pytest.raises(ServiceUnavailable):
        guarded.start()
    assert not waits.done
    assert not other.done
    guarded.start()
    with pytest.raises(UnrecognizedClientException):
        waits.result()
    assert other.result()["taskToken"]


def test_a_change_before_the_writer_loop_carries_a_call_out_refuses_it(guarded: Guarded) -> None:
    """It was judged when it came, and waited in a queue."""
    caller = guarded.user(allow("swf:*"))
    queued = guarded.world.submit("DeprecateDomain", caller, name="d")
    guarded.users.give("ann")
    guarded.world.run()
    with pytest.raises(AccessDeniedException):
        queued.result()
    assert guarded.call("DescribeDomain", name="d")["domainInfo"]["status"] == "REGISTERED"


def test_a_poll_of_another_list_is_refused_and_so_is_a_page_of_its_task(guarded: Guarded) -> None:
    mine = guarded.user(allow("swf:*", StringEquals={"swf:taskList.name": "mine"}), name="bob")
    guarded.denied("PollForDecisionTask", mine, domain="d", taskList=LIST)
    guarded.start()
    first = guarded.call("PollForDecisionTask", domain="d", taskList=LIST, maximumPageSize=1)
    page = {"domain": "d", "nextPageToken": first["nextPageToken"], "maximumPageSize": 1}
    text = guarded.denied("PollForDecisionTask", mine, taskList={"name": "mine"}, **page)
    assert TENANT.domain_arn("d") in text
    assert guarded.call("PollForDecisionTask", taskList=LIST, **page)["events"]


def test_with_auth_log_a_poll_that_waits_gets_its_task(watched: Guarded) -> None:
    caller = watched.user(WORKER)
    waits = watched.poll("PollForDecisionTask", caller)
    withdraw(watched, caller)
    watched.start()
    assert waits.result()["taskToken"]
