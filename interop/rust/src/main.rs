//! Leads runs from registration to close with the AWS SDK for Rust: a decider loop and a worker loop side by side, a
//! timer, a signal, a child, a failed activity, a canceled run, and the faults a program branches on.
//!
//! Prints what it does; exits with 1 at the first thing that is not as SWF's. The endpoint and the credentials come from
//! the environment alone (AWS_ENDPOINT_URL_SWF). The driver, interop/rust_client.py, reads the histories.

mod loops;
mod orders;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_swf::Client;
use aws_sdk_swf::error::{BuildError, DisplayErrorContext};
use aws_sdk_swf::types::{ActivityType, ChildPolicy, RegistrationStatus, TaskList, WorkflowType};
use std::error::Error;
use std::process::ExitCode;

pub const DOMAIN: &str = "rust";
pub type Done<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", DisplayErrorContext(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Done<()> {
    let settings = aws_config::defaults(BehaviorVersion::latest())
        // Plain HTTP is enough here; with the SDK's default features this line is not needed.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        // One attempt for each call, so that every answer is seen as the service gave it.
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let client = Client::new(&settings);
    register(&client).await?;
    tokio::select! {
        // The loops poll until the story is over; an error in one of them ends it.
        error = loops::deciding(&client) => error,
        error = loops::working(&client) => error,
        done = orders::all(&client) => done,
    }
}

async fn register(client: &Client) -> Done<()> {
    client
        .register_domain()
        .name(DOMAIN)
        .workflow_execution_retention_period_in_days("1")
        .send()
        .await?;
    for kind in [order()?, parcel()?] {
        client
            .register_workflow_type()
            .domain(DOMAIN)
            .name(kind.name())
            .version(kind.version())
            .default_task_list(list("decisions")?)
            .default_child_policy(ChildPolicy::Terminate)
            .default_task_start_to_close_timeout("30")
            .default_execution_start_to_close_timeout("300")
            .send()
            .await?;
    }
    let charge = charge()?;
    client
        .register_activity_type()
        .domain(DOMAIN)
        .name(charge.name())
        .version(charge.version())
        .default_task_list(list("work")?)
        .default_task_start_to_close_timeout("30")
        .default_task_schedule_to_start_timeout("30")
        .default_task_schedule_to_close_timeout("60")
        .default_task_heartbeat_timeout("NONE")
        .send()
        .await?;
    let listed = client
        .list_domains()
        .registration_status(RegistrationStatus::Registered)
        .send()
        .await?;
    require(
        listed
            .domain_infos()
            .iter()
            .any(|info| info.name() == DOMAIN),
        "the domain is not listed",
    )?;
    println!("registered a domain, two workflow types and an activity type");
    Ok(())
}

pub fn order() -> Result<WorkflowType, BuildError> {
    WorkflowType::builder().name("order").version("1").build()
}

pub fn parcel() -> Result<WorkflowType, BuildError> {
    WorkflowType::builder().name("parcel").version("1").build()
}

pub fn charge() -> Result<ActivityType, BuildError> {
    ActivityType::builder().name("charge").version("1").build()
}

pub fn list(name: &str) -> Result<TaskList, BuildError> {
    TaskList::builder().name(name).build()
}

pub fn require(condition: bool, message: impl Into<String>) -> Done<()> {
    if condition {
        Ok(())
    } else {
        Err(message.into().into())
    }
}
