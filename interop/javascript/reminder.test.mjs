// A timer of 30 days in a test, with the AWS SDK for JavaScript: run it with `node --test`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import {
  PollForDecisionTaskCommand,
  RegisterDomainCommand,
  RegisterWorkflowTypeCommand,
  RespondDecisionTaskCompletedCommand,
  StartWorkflowExecutionCommand,
  SWFClient,
} from "@aws-sdk/client-swf";

const domain = "reminders";
const order = { name: "order", version: "1" };
let server, endpoint, swf;

// A call of the service's own API; its operations turn the clock of a domain.
async function own(operation, members) {
  const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `WorkflowSvc.${operation}` };
  const answer = await fetch(endpoint, { method: "POST", headers, body: JSON.stringify(members) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

before(async () => {
  const options = ["serve", "--store", "memory", "--port", "0", "--console-port", "off"];
  server = spawn("workflowsvc", options, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    endpoint = line.match(/API +(http\S+)/)?.[1];
    if (endpoint) {
      break;
    }
  }
  assert.ok(endpoint, "the service did not start");
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  swf = new SWFClient({ endpoint, region: "us-east-1", credentials });
  await swf.send(new RegisterDomainCommand({ name: domain, workflowExecutionRetentionPeriodInDays: "90" }));
  await swf.send(
    new RegisterWorkflowTypeCommand({
      domain,
      ...order,
      defaultTaskList: { name: "deciders" },
      defaultChildPolicy: "TERMINATE",
      defaultTaskStartToCloseTimeout: "300",
      defaultExecutionStartToCloseTimeout: "31536000",
    }),
  );
});

after(() => server.kill());

// The decider under test; true when it has closed a run.
async function decideOnce() {
  const task = await swf.send(new PollForDecisionTaskCommand({ domain, taskList: { name: "deciders" } }));
  const fired = task.events?.findLast((event) => event.eventType === "TimerFired");
  const decisions = fired
    ? [{ decisionType: "CompleteWorkflowExecution" }]
    : [
        {
          decisionType: "StartTimer",
          startTimerDecisionAttributes: { timerId: "patience", startToFireTimeout: "2592000" },
        },
      ];
  if (task.taskToken) {
    await swf.send(new RespondDecisionTaskCompletedCommand({ taskToken: task.taskToken, decisions }));
  }
  return fired && fired.eventTimestamp - task.events[0].eventTimestamp;
}

test("an order is complete after 30 days", async () => {
  await own("SkipClock", { domain });
  await swf.send(new StartWorkflowExecutionCommand({ domain, workflowId: "order-1", workflowType: order }));
  let milliseconds;
  while (!milliseconds) {
    milliseconds = await decideOnce();
  }
  assert.equal(Math.floor(milliseconds / 86_400_000), 30);
  console.log(`30 days passed in ${milliseconds % 86_400_000} ms`);
});
