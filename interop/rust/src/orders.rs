//! The person who orders: starts runs, watches them, and meets the faults.

use crate::loops::{answer, complete, decide, require_numbered};
use crate::{DOMAIN, Done, list, order, require};
use aws_sdk_swf::Client;
use aws_sdk_swf::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_swf::operation::poll_for_decision_task::PollForDecisionTaskOutput;
use aws_sdk_swf::operation::register_domain::RegisterDomainError;
use aws_sdk_swf::operation::signal_workflow_execution::SignalWorkflowExecutionError;
use aws_sdk_swf::operation::start_workflow_execution::StartWorkflowExecutionError;
use aws_sdk_swf::primitives::DateTime;
use aws_sdk_swf::types::{
    CloseStatus, EventType, ExecutionStatus, ExecutionTimeFilter, WorkflowExecution,
    WorkflowExecutionInfo,
};
use std::error::Error;
use std::time::{Duration, Instant};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub async fn all(client: &Client) -> Done<()> {
    order_is_delivered(client).await?;
    order_is_canceled(client).await?;
    faults_have_their_types(client).await?;
    an_abandoned_poll_takes_no_task(client).await?;
    closed_runs_are_listed(client).await
}

/// Starts a run; without a task list it gets the default of its type.
async fn start(
    client: &Client,
    id: &str,
    task_list: Option<&str>,
) -> Result<WorkflowExecution, SdkError<StartWorkflowExecutionError>> {
    let started = client
        .start_workflow_execution()
        .domain(DOMAIN)
        .workflow_id(id)
        .workflow_type(order().map_err(SdkError::construction_failure)?)
        .input(id)
        .set_task_list(
            task_list
                .map(list)
                .transpose()
                .map_err(SdkError::construction_failure)?,
        )
        .tag_list("interop")
        .tag_list(DOMAIN)
        .send()
        .await?;
    WorkflowExecution::builder()
        .workflow_id(id)
        .run_id(started.run_id().unwrap_or_default())
        .build()
        .map_err(SdkError::construction_failure)
}

async fn closed(client: &Client, execution: &WorkflowExecution) -> Done<WorkflowExecutionInfo> {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    while Instant::now() < deadline {
        let described = client
            .describe_workflow_execution()
            .domain(DOMAIN)
            .execution(execution.clone())
            .send()
            .await?;
        if let Some(info) = described.execution_info
            && info.execution_status == ExecutionStatus::Closed
        {
            return Ok(info);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err(format!(
        "{} did not close within {CLOSE_TIMEOUT:?}",
        execution.workflow_id()
    )
    .into())
}

async fn order_is_delivered(client: &Client) -> Done<()> {
    let execution = start(client, "order-1", None).await?;
    client
        .signal_workflow_execution()
        .domain(DOMAIN)
        .workflow_id("order-1")
        .signal_name("go")
        .input("now")
        .send()
        .await?;
    let info = closed(client, &execution).await?;
    require_closed_as(&info, CloseStatus::Completed)?;
    require(
        info.tag_list() == ["interop", DOMAIN],
        format!("tags: {:?}", info.tag_list()),
    )?;
    let mut pages = client
        .get_workflow_execution_history()
        .domain(DOMAIN)
        .execution(execution)
        .into_paginator()
        .page_size(4)
        .send();
    let mut events = vec![];
    while let Some(page) = pages.next().await.transpose()? {
        events.extend(page.events);
    }
    require_numbered(&events)?;
    let last = events[events.len() - 1].event_type();
    require(
        *last == EventType::WorkflowExecutionCompleted,
        format!("the last event is {last}"),
    )?;
    println!("order-1 was delivered after {} events", events.len());
    Ok(())
}

async fn order_is_canceled(client: &Client) -> Done<()> {
    let execution = start(client, "order-2", Some("quiet")).await?;
    client
        .request_cancel_workflow_execution()
        .domain(DOMAIN)
        .workflow_id(execution.workflow_id())
        .run_id(execution.run_id())
        .send()
        .await?;
    let task = poll(client, "quiet").await?;
    answer(client, task.task_token(), decide("order", task.events())?).await?;
    require_closed_as(&closed(client, &execution).await?, CloseStatus::Canceled)?;
    println!("order-2 was canceled");
    Ok(())
}

async fn faults_have_their_types(client: &Client) -> Done<()> {
    let again = client
        .register_domain()
        .name(DOMAIN)
        .workflow_execution_retention_period_in_days("1")
        .send()
        .await;
    match again.map_err(SdkError::into_service_error) {
        Err(RegisterDomainError::DomainAlreadyExistsFault(fault))
            if fault.message() == Some(DOMAIN) => {}
        other => return unexpected("a second RegisterDomain", other),
    }
    let ghost = client
        .signal_workflow_execution()
        .domain(DOMAIN)
        .workflow_id("ghost")
        .signal_name("boo")
        .send()
        .await;
    match ghost.map_err(SdkError::into_service_error) {
        Err(SignalWorkflowExecutionError::UnknownResourceFault(fault))
            if fault.message() == Some("Unknown execution, workflowId = ghost") => {}
        other => return unexpected("a signal to a ghost", other),
    }
    let execution = start(client, "order-3", Some("quiet")).await?;
    match start(client, "order-3", Some("quiet"))
        .await
        .map_err(SdkError::into_service_error)
    {
        Err(StartWorkflowExecutionError::WorkflowExecutionAlreadyStartedFault(_)) => {}
        other => return unexpected("a second start", other),
    }
    // SWF's model has no type for this one, so its code alone tells it from others.
    match start(client, "x\u{1}y", None)
        .await
        .map_err(SdkError::into_service_error)
    {
        Err(error) if error.code() == Some("ValidationException") => {}
        other => return unexpected("a workflowId with a control character", other),
    }
    let task = poll(client, "quiet").await?;
    answer(client, task.task_token(), vec![complete("enough")?]).await?;
    closed(client, &execution).await?;
    println!("four faults had their types");
    Ok(())
}

/// A poll whose caller has left is not given the next task; one that waits is answered when a task arrives.
async fn an_abandoned_poll_takes_no_task(client: &Client) -> Done<()> {
    // Long enough to reach the service; sooner would be as good.
    let abandoned = tokio::time::timeout(Duration::from_millis(300), poll(client, "left")).await;
    require(
        abandoned.is_err(),
        "the poll that was to be abandoned ended by itself",
    )?;
    let (task, started) =
        tokio::join!(poll(client, "left"), start(client, "order-4", Some("left")));
    let (task, _) = (task?, started?);
    require(
        task.started_event_id() == 3,
        format!(
            "the task went to the poll that was abandoned: startedEventId {}",
            task.started_event_id()
        ),
    )?;
    answer(client, task.task_token(), vec![complete("found")?]).await?;
    println!("a task found the poll that was still there");
    Ok(())
}

async fn closed_runs_are_listed(client: &Client) -> Done<()> {
    let everything = ExecutionTimeFilter::builder()
        .oldest_date(DateTime::from_secs(0))
        .build()?;
    let mut infos = client
        .list_closed_workflow_executions()
        .domain(DOMAIN)
        .start_time_filter(everything.clone())
        .into_paginator()
        .page_size(1)
        .items()
        .send();
    let mut ids = vec![];
    while let Some(info) = infos.next().await.transpose()? {
        ids.extend(info.execution.map(|execution| execution.workflow_id));
    }
    ids.sort();
    require(
        ids == [
            "order-1",
            "order-2",
            "order-3",
            "order-4",
            "parcel of order-1",
        ],
        format!("closed runs: {ids:?}"),
    )?;
    let counted = client
        .count_closed_workflow_executions()
        .domain(DOMAIN)
        .start_time_filter(everything)
        .send()
        .await?;
    require(
        counted.count() == 5,
        format!("{} closed runs were counted", counted.count()),
    )?;
    println!("five closed runs were listed and counted");
    Ok(())
}

async fn poll(client: &Client, task_list: &str) -> Done<PollForDecisionTaskOutput> {
    let task = client
        .poll_for_decision_task()
        .domain(DOMAIN)
        .task_list(list(task_list)?)
        .send()
        .await?;
    require(
        !task.task_token().is_empty(),
        format!("no decision task came to {task_list}"),
    )?;
    Ok(task)
}

fn require_closed_as(info: &WorkflowExecutionInfo, status: CloseStatus) -> Done<()> {
    require(
        info.close_status() == Some(&status),
        format!("closed as {:?}", info.close_status()),
    )
}

fn unexpected<T: std::fmt::Debug>(what: &str, found: Result<T, impl Error + 'static>) -> Done<()> {
    match found {
        Ok(answer) => Err(format!("{what} was accepted: {answer:?}").into()),
        Err(error) => Err(format!("{what}: {}", DisplayErrorContext(error)).into()),
    }
}
