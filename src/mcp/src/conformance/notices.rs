//! What the server says on its own while it works: progress, log messages, and that a list has changed.

use std::time::Duration;

use rmcp::{
    ErrorData, ServiceError,
    model::{CallToolResult, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam},
    service::SubscriptionContext,
};
use serde_json::Value;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Context, Fixtures, content, is_modern};

/// Between two notifications, so that they do not arrive as one.
const PAUSE: Duration = Duration::from_millis(50);

/// The key under which a newer client names the least severe level it wants to hear (row P2).
const LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";

/// From the least severe to the most severe.
const LEVELS: [LoggingLevel; 8] = [
    LoggingLevel::Debug,
    LoggingLevel::Info,
    LoggingLevel::Notice,
    LoggingLevel::Warning,
    LoggingLevel::Error,
    LoggingLevel::Critical,
    LoggingLevel::Alert,
    LoggingLevel::Emergency,
];

/// What a subscription can hear of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
}

/// Row P1: progress only for a token that the client sent.
pub(super) async fn progress(context: &Context) -> Result<CallToolResult, ErrorData> {
    let token = context.meta.get_progress_token();
    for progress in [0.0, 50.0, 100.0] {
        if progress > 0.0 {
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(token) = &token {
            let notice = ProgressNotificationParam::new(token.clone(), progress).with_total(100.0);
            context.peer.notify_progress(notice).await.map_err(unsent)?;
        }
    }
    Ok(content::done("The work is done."))
}

pub(super) async fn three_messages(fixtures: &Fixtures, context: &Context) -> Result<CallToolResult, ErrorData> {
    log(fixtures, context, "Tool execution started").await?;
    tokio::time::sleep(PAUSE).await;
    log(fixtures, context, "Tool processing data").await?;
    tokio::time::sleep(PAUSE).await;
    log(fixtures, context, "Tool execution completed").await?;
    Ok(content::done("Three messages were sent to those who want to hear them."))
}

pub(super) async fn one_message(fixtures: &Fixtures, context: &Context) -> Result<CallToolResult, ErrorData> {
    log(fixtures, context, "The tool was called").await?;
    Ok(content::done("A message was sent to those who want to hear it."))
}

/// Tells every subscription that wants to hear of it, and the own session of an older client.
pub(super) async fn announce(
    fixtures: &Fixtures,
    context: &Context,
    change: Change,
) -> Result<CallToolResult, ErrorData> {
    if fixtures.shared.changes.send(change).is_err() {
        tracing::debug!(?change, "nobody has subscribed");
    }
    if !is_modern(context) {
        let sent = match change {
            Change::Tools => context.peer.notify_tool_list_changed().await,
            Change::Prompts => context.peer.notify_prompt_list_changed().await,
        };
        sent.map_err(unsent)?;
    }
    Ok(content::done("The change was announced."))
}

/// Passes changes on until the client goes away (row P3).
pub(super) async fn listen(mut changes: Receiver<Change>, context: &SubscriptionContext) {
    loop {
        let change = tokio::select! {
            () = context.cancelled() => return,
            change = changes.recv() => change,
        };
        let sent = match change {
            Ok(Change::Tools) => context.sink().notify_tool_list_changed().await,
            Ok(Change::Prompts) => context.sink().notify_prompt_list_changed().await,
            Err(RecvError::Lagged(_)) => Ok(()),
            Err(RecvError::Closed) => return,
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a subscription did not hear of a change");
        }
    }
}

/// Sends a message of level `info`, if it may be sent.
async fn log(fixtures: &Fixtures, context: &Context, text: &str) -> Result<(), ErrorData> {
    let level = LoggingLevel::Info;
    if least_severe(fixtures, context)?.is_none_or(|least| severity(level) < severity(least)) {
        return Ok(());
    }
    let message = LoggingMessageNotificationParam::new(level, Value::from(text)).with_logger("conformance");
    context.peer.notify_logging_message(message).await.map_err(unsent)
}

/// The least severe level that the client wants to hear of; without one it hears nothing.
fn least_severe(fixtures: &Fixtures, context: &Context) -> Result<Option<LoggingLevel>, ErrorData> {
    if !is_modern(context) {
        return Ok(Some(fixtures.level()));
    }
    let level = context.meta.log_level();
    if level.is_none() && context.meta.contains_key(LEVEL_KEY) {
        return Err(ErrorData::invalid_params("There is no such log level.", None));
    }
    Ok(level)
}

fn severity(level: LoggingLevel) -> usize {
    LEVELS.iter().position(|other| *other == level).unwrap_or_default()
}

fn unsent(error: ServiceError) -> ErrorData {
    tracing::debug!(%error, "a notification was not sent");
    ErrorData::internal_error("A notification could not be sent.", None)
}
