// Leads runs from registration to close with the AWS SDK for JavaScript: a decider loop and a worker loop side by
// side, a timer, a signal, a child, a failed activity, a canceled run, and the faults a program branches on.
//
// Prints what it does; exits with 1 at the first thing that is not as SWF's. The endpoint and the credentials come
// from the environment alone (AWS_ENDPOINT_URL_SWF). `life_cycle.mjs decide` is the decider loop alone. The driver, interop/javascript_client.py, reads the histories.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import {
  CountClosedWorkflowExecutionsCommand,
  DescribeWorkflowExecutionCommand,
  DomainAlreadyExistsFault,
  ListDomainsCommand,
  PollForActivityTaskCommand,
  PollForDecisionTaskCommand,
  RecordActivityTaskHeartbeatCommand,
  RegisterActivityTypeCommand,
  RegisterDomainCommand,
  RegisterWorkflowTypeCommand,
  RequestCancelWorkflowExecutionCommand,
  RespondActivityTaskCompletedCommand,
  RespondActivityTaskFailedCommand,
  RespondDecisionTaskCompletedCommand,
  SignalWorkflowExecutionCommand,
  StartWorkflowExecutionCommand,
  SWFClient,
  UnknownResourceFault,
  WorkflowExecutionAlreadyStartedFault,
  paginateGetWorkflowExecutionHistory,
  paginateListClosedWorkflowExecutions,
  paginatePollForDecisionTask,
} from "@aws-sdk/client-swf";

const domain = "javascript";
const order = { name: "order", version: "1" };
const parcel = { name: "parcel", version: "1" };
const charge = { name: "charge", version: "1" };
const client = new SWFClient({ maxAttempts: 1 });
const send = (command) => client.send(command);
const say = (text) => console.log(text);
const idle = new AbortController(); // ends the loops that would poll for ever

async function register() {
  await send(new RegisterDomainCommand({ name: domain, workflowExecutionRetentionPeriodInDays: "1" }));
  for (const type of [order, parcel]) {
    await send(
      new RegisterWorkflowTypeCommand({
        domain,
        ...type,
        defaultTaskList: { name: "decisions" },
        defaultChildPolicy: "TERMINATE",
        defaultTaskStartToCloseTimeout: "30",
        defaultExecutionStartToCloseTimeout: "300",
      }),
    );
  }
  await send(
    new RegisterActivityTypeCommand({
      domain,
      ...charge,
      defaultTaskList: { name: "work" },
      defaultTaskStartToCloseTimeout: "30",
      defaultTaskScheduleToStartTimeout: "30",
      defaultTaskScheduleToCloseTimeout: "60",
      defaultTaskHeartbeatTimeout: "NONE",
    }),
  );
  const listed = await send(new ListDomainsCommand({ registrationStatus: "REGISTERED" }));
  assert.ok(listed.domainInfos.some((info) => info.name === domain), "the domain is not listed");
  say("registered a domain, two workflow types and an activity type");
}

// The decider: what to do next follows from the history alone.

function decide(type, events) {
  const count = (eventType) => events.filter((event) => event.eventType === eventType).length;
  if (count("WorkflowExecutionCancelRequested")) {
    return [{ decisionType: "CancelWorkflowExecution" }];
  }
  if (type.name === parcel.name) {
    return [complete("delivered")];
  }
  if (count("ChildWorkflowExecutionCompleted")) {
    const child = events.find((event) => event.eventType === "ChildWorkflowExecutionCompleted");
    return [complete(child.childWorkflowExecutionCompletedEventAttributes.result)];
  }
  if (count("StartChildWorkflowExecutionInitiated")) {
    return [];
  }
  if (count("TimerFired") && count("WorkflowExecutionSignaled")) {
    return [startChild(events[0].workflowExecutionStartedEventAttributes.input)];
  }
  if (count("TimerStarted")) {
    return [];
  }
  if (count("ActivityTaskCompleted")) {
    return [startTimer("pause", "1"), marker("charged")];
  }
  if (count("ActivityTaskScheduled") === count("ActivityTaskFailed")) {
    return [schedule(count("ActivityTaskFailed") + 1)];
  }
  return [];
}

const complete = (result) => ({
  decisionType: "CompleteWorkflowExecution",
  completeWorkflowExecutionDecisionAttributes: { result },
});
const startTimer = (timerId, startToFireTimeout) => ({
  decisionType: "StartTimer",
  startTimerDecisionAttributes: { timerId, startToFireTimeout },
});
const marker = (markerName) => ({
  decisionType: "RecordMarker",
  recordMarkerDecisionAttributes: { markerName, details: "é ✓ 𝄞" },
});
const startChild = (input) => ({
  decisionType: "StartChildWorkflowExecution",
  startChildWorkflowExecutionDecisionAttributes: { workflowId: `parcel of ${input}`, workflowType: parcel },
});
const schedule = (number) => ({
  decisionType: "ScheduleActivityTask",
  scheduleActivityTaskDecisionAttributes: {
    activityId: `charge-${number}`,
    activityType: charge,
    input: String(number),
  },
});

// What a decider decides that has changed; CHANGED in the environment says how.

const CHANGES = {
  order: (decisions) => decisions.toReversed(),
  missing: (decisions) => decisions.filter((decision) => decision.decisionType !== "ScheduleActivityTask"),
  input: (decisions) =>
    decisions.map((decision) => {
      const attributes = decision.scheduleActivityTaskDecisionAttributes;
      return attributes ? { ...decision, scheduleActivityTaskDecisionAttributes: { ...attributes, input: "9" } } : decision;
    }),
};
const changed = CHANGES[process.env.CHANGED] ?? ((decisions) => decisions);

async function deciding() {
  // The paginator fetches the rest of a long history by itself; a poll that found nothing has no token.
  const config = { client, pageSize: 5 };
  while (!idle.signal.aborted) {
    const pages = [];
    for await (const page of paginatePollForDecisionTask(config, { domain, taskList: { name: "decisions" } })) {
      pages.push(page);
    }
    const events = pages.flatMap((page) => page.events ?? []);
    const { taskToken, workflowType } = pages[0];
    if (!taskToken) {
      continue;
    }
    assert.deepEqual(events.map((event) => event.eventId), events.map((_, index) => index + 1));
    assert.ok(events[0].eventTimestamp instanceof Date, "eventTimestamp is not a Date");
    const decisions = changed(decide(workflowType, events));
    await send(new RespondDecisionTaskCompletedCommand({ taskToken, decisions, executionContext: "js" }));
  }
}

// The worker: the first attempt fails, the second succeeds after a heartbeat.

async function working() {
  while (!idle.signal.aborted) {
    const task = await send(new PollForActivityTaskCommand({ domain, taskList: { name: "work" } }));
    const { taskToken, input } = task;
    if (!taskToken) {
      continue;
    }
    if (input === "1") {
      await send(new RespondActivityTaskFailedCommand({ taskToken, reason: "declined", details: "try again" }));
      continue;
    }
    const beat = await send(new RecordActivityTaskHeartbeatCommand({ taskToken, details: "half" }));
    assert.equal(beat.cancelRequested, false);
    await send(new RespondActivityTaskCompletedCommand({ taskToken, result: "charged" }));
  }
}

// The person who orders.

async function start(workflowId, more = {}) {
  const started = await send(
    new StartWorkflowExecutionCommand({ domain, workflowId, workflowType: order, input: workflowId, ...more }),
  );
  return { workflowId, runId: started.runId };
}

async function closed(execution) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { executionInfo } = await send(new DescribeWorkflowExecutionCommand({ domain, execution }));
    if (executionInfo.executionStatus === "CLOSED") {
      return executionInfo;
    }
    assert.ok(Date.now() < deadline, `${execution.workflowId} did not close within a minute`);
    await pause(100);
  }
}

async function orderIsDelivered() {
  const execution = await start("order-1", { tagList: ["interop", "javascript"] });
  await send(new SignalWorkflowExecutionCommand({ domain, workflowId: "order-1", signalName: "go", input: "now" }));
  const info = await closed(execution);
  assert.equal(info.closeStatus, "COMPLETED");
  assert.deepEqual(info.tagList, ["interop", "javascript"]);
  const types = [];
  const input = { domain, execution };
  for await (const page of paginateGetWorkflowExecutionHistory({ client, pageSize: 4 }, input)) {
    types.push(...page.events.map((event) => event.eventType));
  }
  assert.equal(types.at(-1), "WorkflowExecutionCompleted");
  say(`order-1 was delivered after ${types.length} events`);
}

async function orderIsCanceled() {
  const execution = await start("order-2", { taskList: { name: "quiet" } });
  await send(new RequestCancelWorkflowExecutionCommand({ domain, ...execution }));
  const task = await send(new PollForDecisionTaskCommand({ domain, taskList: { name: "quiet" } }));
  const decisions = decide(task.workflowType, task.events);
  await send(new RespondDecisionTaskCompletedCommand({ taskToken: task.taskToken, decisions }));
  assert.equal((await closed(execution)).closeStatus, "CANCELED");
  say("order-2 was canceled");
}

async function faultsHaveTheirClasses() {
  await assert.rejects(
    send(new RegisterDomainCommand({ name: domain, workflowExecutionRetentionPeriodInDays: "1" })),
    (fault) => fault instanceof DomainAlreadyExistsFault && fault.message === domain,
  );
  await assert.rejects(
    send(new SignalWorkflowExecutionCommand({ domain, workflowId: "ghost", signalName: "boo" })),
    (fault) =>
      fault instanceof UnknownResourceFault && fault.message === "Unknown execution, workflowId = ghost",
  );
  const execution = await start("order-3", { taskList: { name: "quiet" } });
  await assert.rejects(
    start("order-3", { taskList: { name: "quiet" } }),
    (fault) => fault instanceof WorkflowExecutionAlreadyStartedFault,
  );
  await assert.rejects(
    start("x\u0001y"),
    (fault) => fault.name === "ValidationException" && fault.$metadata.httpStatusCode === 400,
  );
  await send(new RequestCancelWorkflowExecutionCommand({ domain, ...execution }));
  const task = await send(new PollForDecisionTaskCommand({ domain, taskList: { name: "quiet" } }));
  const decisions = [complete("enough")];
  await send(new RespondDecisionTaskCompletedCommand({ taskToken: task.taskToken, decisions }));
  say("four faults had their classes");
}

async function anAbandonedPollTakesNoTask() {
  const leaving = new AbortController();
  const poll = new PollForDecisionTaskCommand({ domain, taskList: { name: "left" } });
  const abandoned = client.send(poll, { abortSignal: leaving.signal });
  setTimeout(() => leaving.abort(), 300); // long enough to reach the service; sooner would be as good
  await assert.rejects(abandoned, (error) => error.name === "AbortError");
  await start("order-4", { taskList: { name: "left" } });
  const task = await send(poll);
  assert.equal(task.startedEventId, 3, "the task went to the poll that was abandoned");
  const decisions = [complete("found")];
  await send(new RespondDecisionTaskCompletedCommand({ taskToken: task.taskToken, decisions }));
  say("a task found the poll that was still there");
}

async function closedOnesAreListed() {
  const everything = { domain, startTimeFilter: { oldestDate: new Date(0) } };
  const ids = [];
  for await (const page of paginateListClosedWorkflowExecutions({ client, pageSize: 1 }, everything)) {
    ids.push(...page.executionInfos.map((info) => info.execution.workflowId));
  }
  assert.deepEqual(ids.sort(), ["order-1", "order-2", "order-3", "order-4", "parcel of order-1"]);
  const counted = await send(new CountClosedWorkflowExecutionsCommand(everything));
  assert.equal(counted.count, 5);
  say("five closed runs were listed and counted");
}

if (process.argv[2] === "decide") {
  await deciding(); // until it is ended
}
await register();
const loops = Promise.all([deciding(), working()]); // a failure in a loop fails the race below
await Promise.race([
  loops,
  (async () => {
    await orderIsDelivered();
    await orderIsCanceled();
    await faultsHaveTheirClasses();
    await anAbandonedPollTakesNoTask();
    await closedOnesAreListed();
  })(),
]);
idle.abort();
process.exit(0); // the loops are still waiting in their last long polls
