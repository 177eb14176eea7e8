"""The workflows of an order shop in a World: some hours of orders, of which some wait, fail or have no worker.

Owns what the pictures of the console show. The clock is moved by hand, so that the same shop, to the millisecond, comes
of it each time. Must not know the console.
"""

from __future__ import annotations

import json
from typing import Any

from workflowsvc.clock import ManualClock
from workflowsvc.testing import World

MORNING_MS = 1_772_438_400_000  # 2026-03-02T08:00:00Z
SHOP = "shop"
ORDER = {"name": "order", "version": "2.3"}
PARCEL = {"name": "parcel", "version": "1.1"}
REPORT = {"name": "nightly-report", "version": "1.0"}
ACTIVITIES = ("charge-card", "reserve-stock", "print-label", "pack-parcel", "send-mail")
OTHER_DOMAINS = (("billing", "Invoices and refunds", "90"), ("warehouse", "Stock and parcels", "30"))
GOODS = ("lamp", "kettle", "desk", "tent", "bicycle", "globe", "teapot")
TAGS = (["web"], ["web", "gift"], ["shop-app"], ["web", "express"])
ON_HALL, ON_PAYMENTS, ON_MAIL = "packing-hall", "payments", "mail"
STOPPED = 1029  # the order that an operator has terminated
DAY = 86_400
DECIDERS = (
    ("order-deciders", "decider-1"),
    ("order-deciders", "decider-2"),
    ("parcel-deciders", "decider-1"),
    ("nightly-report-deciders", "decider-1"),
)
WORKERS = (
    (ON_PAYMENTS, "payments-1"),
    (ON_PAYMENTS, "payments-2"),
    ("stock", "stock-1"),
    ("labels", "printer-3"),
    (ON_MAIL, "mail-1"),
)
RETURN_PERIOD = str(14 * DAY)


def decision(kind: str, **attributes: Any) -> dict[str, Any]:
    """`decision("StartTimer", timerId="t", startToFireTimeout="9")`."""
    return {
        "decisionType": kind,
        f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes,
    }


def activity(name: str, task_list: str, version: str = "1.2", **attributes: Any) -> dict[str, Any]:
    """The decision to schedule one."""
    given = {"activityId": name, "taskList": {"name": task_list}} | attributes
    return decision("ScheduleActivityTask", activityType={"name": name, "version": version}, **given)


COMPLETE = decision("CompleteWorkflowExecution", result='{"state":"delivered"}')


class OrderShop:
    """The shop, from its morning on."""

    def __init__(self) -> None:
        self.world = World(clock=ManualClock(MORNING_MS))
        self.featured: dict[str, str] = {}
        """The run that has one of everything."""

    def open(self) -> OrderShop:
        """Lets everything happen that there is to see."""
        self._register()
        self._report()
        for number in range(1001, 1037):
            self._order(number)
        self._order_without_decider()
        self._featured_order()
        for number in (1039, 1040, 1041):
            self._order_that_waits_for_packing(number)
        self._order_with_a_wrong_activity()
        self._follow_up()
        self._poll()
        return self

    def _call(self, operation: str, **members: Any) -> Any:
        return self.world.call(operation, **members)

    def _in_shop(self, operation: str, **members: Any) -> Any:
        return self.world.call(operation, domain=SHOP, **members)

    def _register(self) -> None:
        for name, description, days in ((SHOP, "Orders of the web shop", "30"), *OTHER_DOMAINS):
            self._call(
                "RegisterDomain",
                name=name,
                description=description,
                workflowExecutionRetentionPeriodInDays=days,
            )
        for named in (ORDER, PARCEL, REPORT):
            self._in_shop(
                "RegisterWorkflowType",
                **named,
                defaultTaskList={"name": f"{named['name']}-deciders"},
                defaultChildPolicy="REQUEST_CANCEL",
                defaultTaskStartToCloseTimeout="30",
                defaultExecutionStartToCloseTimeout=str(30 * DAY),
            )
        for name in ACTIVITIES:
            self._in_shop(
                "RegisterActivityType",
                name=name,
                version="1.2",
                defaultTaskList={"name": name},
                defaultTaskScheduleToStartTimeout="14400",
                defaultTaskScheduleToCloseTimeout="NONE",
                defaultTaskStartToCloseTimeout="3600",
                defaultTaskHeartbeatTimeout="3600",
            )

    # What clients do.

    def _start(self, workflow_id: str, named: dict[str, str], **members: Any) -> dict[str, str]:
        run = self._in_shop("StartWorkflowExecution", workflowId=workflow_id, workflowType=named, **members)
        return {"workflowId": workflow_id, "runId": run["runId"]}

    def _decide(
        self, task_list: str, *decisions: dict[str, Any], after: float = 0.4, identity: str = "decider-1"
    ) -> None:
        task = self._in_shop("PollForDecisionTask", taskList={"name": task_list}, identity=identity)
        self.world.advance(seconds=after)
        self._call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions))

    def _work(self, task_list: str, identity: str, seconds: float, *, failing: str = "") -> None:
        task = self._in_shop("PollForActivityTask", taskList={"name": task_list}, identity=identity)
        self.world.advance(seconds=seconds)
        if failing:
            self._call("RespondActivityTaskFailed", taskToken=task["taskToken"], reason=failing)
        else:
            self._call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result='{"ok":true}')

    # Runs.

    def _order(self, number: int) -> None:
        """One that has ended; most of them well."""
        cents = 900 + number * 37 % 5200
        order = {"order": number, "goods": [GOODS[number % 7]], "cents": cents, "currency": "EUR"}
        run = self._start(f"order-{number}", ORDER, input=json.dumps(order), tagList=TAGS[number % 4])
        decide = "order-deciders"
        if number == STOPPED:
            self.world.advance(seconds=95)
            reason = "ordered twice by mistake"
            self._in_shop("TerminateWorkflowExecution", workflowId=run["workflowId"], reason=reason)
            return
        self._decide(decide, activity("charge-card", ON_PAYMENTS, input=json.dumps({"cents": cents})))
        self.world.advance(seconds=number % 5)
        failing = "CardDeclined" if number % 11 == 0 else ""
        self._work(ON_PAYMENTS, "payments-2", 1.5 + number % 7, failing=failing)
        if failing:
            self._decide(decide, decision("FailWorkflowExecution", reason="CardDeclined", details="{}"))
        elif number % 17 == 0:
            self._decide(decide, decision("CancelWorkflowExecution", details="the customer has left"))
        else:
            self._decide(decide, activity("pack-parcel", "packing"))
            self.world.advance(seconds=20 + number * 13 % 200)
            self._work("packing", "robot-arm", 45 + number * 7 % 90)
            self._decide(decide, COMPLETE)
        self.world.advance(seconds=120 + number * 29 % 150)

    def _report(self) -> None:
        self._start("nightly-report", REPORT, tagList=["reports"])
        for day in ("2026-02-28", "2026-03-01"):
            self._decide(
                "nightly-report-deciders", decision("ContinueAsNewWorkflowExecution", input=f'"{day}"')
            )
            self.world.advance(seconds=2)
        later = decision("StartTimer", timerId="until-midnight", startToFireTimeout="57600")
        self._decide("nightly-report-deciders", later)

    def _order_without_decider(self) -> None:
        """On a task list whose name is misspelt."""
        self._start("order-1037", ORDER, taskList={"name": "order-decider"}, tagList=["web"])
        self.world.advance(seconds=240)

    def _featured_order(self) -> None:
        order = {
            "order": 1038,
            "customer": {"name": "Ada Hart", "city": "Porto"},
            "goods": [{"name": "bicycle", "cents": 64900}, {"name": "lamp", "cents": 2400}],
            "note": "Ring twice, please.",
        }
        run = self._start("order-1038", ORDER, input=json.dumps(order), tagList=["web", "express"])
        self.featured = run
        decide = "order-deciders"
        self._decide(
            decide,
            activity("charge-card", ON_PAYMENTS, input=json.dumps({"cents": 67300})),
            activity("reserve-stock", "stock"),
        )
        self._work("stock", "stock-1", 2.2)
        self._decide(decide, decision("RecordMarker", markerName="stock", details='"aisle 7"'))
        for attempt, failing in enumerate(("GatewayTimeout", "GatewayTimeout", "")):
            self.world.advance(seconds=3)
            self._work(ON_PAYMENTS, "payments-2", 21 + 9 * attempt, failing=failing)
            if failing:
                retry = decision("StartTimer", timerId="retry", startToFireTimeout=str(30 * (attempt + 1)))
                self._decide(decide, retry)
                self.world.advance(seconds=30 * (attempt + 1))
                self._decide(decide, activity("charge-card", ON_PAYMENTS))
        self._decide(
            decide,
            decision(
                "StartChildWorkflowExecution",
                workflowId="parcel-1038",
                workflowType=PARCEL,
                tagList=["parcel"],
            ),
            decision("StartTimer", timerId="return-period", startToFireTimeout=RETURN_PERIOD),
        )
        self._decide("parcel-deciders", activity("print-label", "labels"))
        self._decide(decide, activity("send-mail", ON_MAIL), activity("print-label", "labels"))
        self._work(ON_MAIL, "mail-1", 1.1)
        self._decide(decide)
        self.world.advance(seconds=70)
        self._in_shop(
            "SignalWorkflowExecution",
            workflowId="order-1038",
            signalName="address-changed",
            input='{"city":"Braga","street":"Rua Nova 12"}',
        )
        self._decide(decide, activity("pack-parcel", ON_HALL, input='{"parcels":2}'))

    def _order_that_waits_for_packing(self, number: int) -> None:
        self._start(f"order-{number}", ORDER, tagList=TAGS[number % 4])
        self._decide("order-deciders", activity("charge-card", ON_PAYMENTS))
        self._work(ON_PAYMENTS, "payments-2", 4)
        self._decide("order-deciders", activity("pack-parcel", ON_HALL))
        self.world.advance(seconds=150)

    def _order_with_a_wrong_activity(self) -> None:
        """Its decider schedules an activity of a version that is not registered, again and again."""
        self._start("order-1042", ORDER, tagList=["shop-app"])
        for _ in range(4):
            self._decide("order-deciders", activity("charge-card", ON_PAYMENTS, version="1.3"))
            self.world.advance(seconds=5)

    def _follow_up(self) -> None:
        """The work that is being done when the pictures are taken."""
        for identity, done in (("printer-1", 60), ("printer-2", 35)):
            task = self._in_shop("PollForActivityTask", taskList={"name": "labels"}, identity=identity)
            self.world.advance(seconds=20)
            self._call(
                "RecordActivityTaskHeartbeat",
                taskToken=task["taskToken"],
                details=json.dumps({"percent": done}),
            )
        self.world.advance(seconds=1250)
        for number in (1043, 1044):
            self._start(f"order-{number}", ORDER, tagList=["web"])
            self._decide("order-deciders", activity("charge-card", ON_PAYMENTS), identity="decider-2")
            self._work(ON_PAYMENTS, "payments-1", 5)
            self._decide("order-deciders", activity("send-mail", ON_MAIL), identity="decider-2")
            self._work(ON_MAIL, "mail-1", 1)
            self._decide("order-deciders", activity("pack-parcel", ON_HALL), identity="decider-2")
            self.world.advance(seconds=7)

    def _poll(self) -> None:
        """Clients that wait for work while the pictures are taken."""
        for task_list, identity in DECIDERS:
            self._wait("PollForDecisionTask", task_list, identity)
        for task_list, identity in WORKERS:
            self._wait("PollForActivityTask", task_list, identity)
        self.world.advance(seconds=9)

    def _wait(self, operation: str, task_list: str, identity: str) -> None:
        self.world.poll(operation, domain=SHOP, taskList={"name": task_list}, identity=identity)
