//! The decider and the worker: each polls for ever and returns only with an error.

use crate::{DOMAIN, Done, charge, list, parcel, require};
use aws_sdk_swf::Client;
use aws_sdk_swf::error::BuildError;
use aws_sdk_swf::operation::poll_for_activity_task::PollForActivityTaskOutput;
use aws_sdk_swf::types::{
    CompleteWorkflowExecutionDecisionAttributes, Decision, DecisionType, EventType, HistoryEvent,
    RecordMarkerDecisionAttributes, ScheduleActivityTaskDecisionAttributes,
    StartChildWorkflowExecutionDecisionAttributes, StartTimerDecisionAttributes,
};

/// What to do next, from the history alone.
pub fn decide(type_name: &str, events: &[HistoryEvent]) -> Result<Vec<Decision>, BuildError> {
    let count = |kind: EventType| {
        events
            .iter()
            .filter(|event| *event.event_type() == kind)
            .count()
    };
    if count(EventType::WorkflowExecutionCancelRequested) > 0 {
        return Ok(vec![
            Decision::builder()
                .decision_type(DecisionType::CancelWorkflowExecution)
                .build()?,
        ]);
    }
    if type_name == parcel()?.name() {
        return Ok(vec![complete("delivered")?]);
    }
    let child = events
        .iter()
        .find_map(HistoryEvent::child_workflow_execution_completed_event_attributes);
    if let Some(child) = child {
        return Ok(vec![complete(child.result().unwrap_or_default())?]);
    }
    if count(EventType::StartChildWorkflowExecutionInitiated) > 0 {
        return Ok(vec![]);
    }
    if count(EventType::TimerFired) > 0 && count(EventType::WorkflowExecutionSignaled) > 0 {
        let started = events[0].workflow_execution_started_event_attributes();
        return Ok(vec![start_child(
            started.and_then(|said| said.input()).unwrap_or_default(),
        )?]);
    }
    if count(EventType::TimerStarted) > 0 {
        return Ok(vec![]);
    }
    if count(EventType::ActivityTaskCompleted) > 0 {
        return Ok(vec![start_timer("pause", "1")?, marker("charged")?]);
    }
    let failures = count(EventType::ActivityTaskFailed);
    if count(EventType::ActivityTaskScheduled) == failures {
        return Ok(vec![schedule(failures + 1)?]);
    }
    Ok(vec![])
}

pub fn complete(result: &str) -> Result<Decision, BuildError> {
    Decision::builder()
        .decision_type(DecisionType::CompleteWorkflowExecution)
        .complete_workflow_execution_decision_attributes(
            CompleteWorkflowExecutionDecisionAttributes::builder()
                .result(result)
                .build(),
        )
        .build()
}

fn start_timer(timer_id: &str, seconds: &str) -> Result<Decision, BuildError> {
    let timer = StartTimerDecisionAttributes::builder()
        .timer_id(timer_id)
        .start_to_fire_timeout(seconds)
        .build()?;
    Decision::builder()
        .decision_type(DecisionType::StartTimer)
        .start_timer_decision_attributes(timer)
        .build()
}

fn marker(name: &str) -> Result<Decision, BuildError> {
    let marker = RecordMarkerDecisionAttributes::builder()
        .marker_name(name)
        .details("é ✓ 𝄞")
        .build()?;
    Decision::builder()
        .decision_type(DecisionType::RecordMarker)
        .record_marker_decision_attributes(marker)
        .build()
}

fn start_child(input: &str) -> Result<Decision, BuildError> {
    let child = StartChildWorkflowExecutionDecisionAttributes::builder()
        .workflow_id(format!("parcel of {input}"))
        .workflow_type(parcel()?)
        .build()?;
    Decision::builder()
        .decision_type(DecisionType::StartChildWorkflowExecution)
        .start_child_workflow_execution_decision_attributes(child)
        .build()
}

fn schedule(number: usize) -> Result<Decision, BuildError> {
    let activity = ScheduleActivityTaskDecisionAttributes::builder()
        .activity_id(format!("charge-{number}"))
        .activity_type(charge()?)
        .input(number.to_string())
        .build()?;
    Decision::builder()
        .decision_type(DecisionType::ScheduleActivityTask)
        .schedule_activity_task_decision_attributes(activity)
        .build()
}

/// The paginator fetches the rest of a long history; the token of a poll that found nothing is empty in this SDK.
pub async fn deciding(client: &Client) -> Done<()> {
    loop {
        let mut pages = client
            .poll_for_decision_task()
            .domain(DOMAIN)
            .task_list(list("decisions")?)
            .into_paginator()
            .page_size(5)
            .send();
        let Some(mut task) = pages.next().await.transpose()? else {
            return Err("a poll had no page".into());
        };
        while let Some(page) = pages.next().await.transpose()? {
            task.events.extend(page.events);
        }
        if task.task_token().is_empty() {
            continue;
        }
        require_numbered(task.events())?;
        let type_name = task
            .workflow_type()
            .map(|kind| kind.name())
            .unwrap_or_default();
        answer(client, task.task_token(), decide(type_name, task.events())?).await?;
    }
}

pub async fn answer(client: &Client, token: &str, decisions: Vec<Decision>) -> Done<()> {
    client
        .respond_decision_task_completed()
        .task_token(token)
        .set_decisions(Some(decisions))
        .execution_context("rust")
        .send()
        .await?;
    Ok(())
}

/// Requires that the events are 1, 2, 3 … with a time each.
pub fn require_numbered(events: &[HistoryEvent]) -> Done<()> {
    require(!events.is_empty(), "there are no events")?;
    for (event, number) in events.iter().zip(1..) {
        require(
            event.event_id() == number,
            format!("event {number} has the id {}", event.event_id()),
        )?;
        require(
            event.event_timestamp().secs() > 0,
            format!("event {number} has no time"),
        )?;
    }
    Ok(())
}

pub async fn working(client: &Client) -> Done<()> {
    loop {
        let task = client
            .poll_for_activity_task()
            .domain(DOMAIN)
            .task_list(list("work")?)
            .send()
            .await?;
        if !task.task_token().is_empty() {
            work(client, &task).await?;
        }
    }
}

/// The first attempt fails, the second succeeds after a heartbeat.
async fn work(client: &Client, task: &PollForActivityTaskOutput) -> Done<()> {
    let token = task.task_token();
    if task.input() == Some("1") {
        client
            .respond_activity_task_failed()
            .task_token(token)
            .reason("declined")
            .details("try again")
            .send()
            .await?;
        return Ok(());
    }
    let beat = client
        .record_activity_task_heartbeat()
        .task_token(token)
        .details("half")
        .send()
        .await?;
    require(
        !beat.cancel_requested(),
        "a heartbeat says that the task is to be canceled",
    )?;
    client
        .respond_activity_task_completed()
        .task_token(token)
        .result("charged")
        .send()
        .await?;
    Ok(())
}
