//! `margay audit search`.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use margay_domain::{
    audit::{ActionResult, AuditQuery},
    clock::Timestamp,
};

use super::Context;
use crate::wiring::Parts;

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show events, newest first. All conditions must hold.
    Search(Search),
}

/// Conditions; all must hold.
#[derive(Debug, Args)]
pub struct Search {
    /// Only events from this time on: a date, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only this action, for example AI_TOOL_INVOKE or SIGN_IN.
    #[arg(long)]
    action: Option<String>,
    /// Only this person, by e-mail address or id.
    #[arg(long, value_name = "PERSON")]
    actor: Option<String>,
    /// Only calls of this tool.
    #[arg(long)]
    tool: Option<String>,
    /// Only events that ended like this: SUCCEEDED, FAILED or PARTIALLY_FAILED.
    #[arg(long)]
    result: Option<String>,
    /// Show at most this many events.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
}

pub(super) async fn run(context: &Context, command: AuditCommand) -> Result<()> {
    let AuditCommand::Search(search) = command;
    let time = |name: &str, text: Option<String>| {
        text.map(|text| Timestamp::parse(&text).with_context(|| format!("--{name} {text}"))).transpose()
    };
    let result = search
        .result
        .map(|text| {
            ActionResult::parse(&text.to_uppercase())
                .with_context(|| format!("--result {text}: must be SUCCEEDED, FAILED or PARTIALLY_FAILED"))
        })
        .transpose()?;
    let query = AuditQuery {
        from: time("from", search.from)?,
        until: time("until", search.until)?,
        action: search.action,
        // As the page does: addresses are stored in lower case, and ids have no capitals.
        actor: search.actor.map(|actor| actor.trim().to_lowercase()),
        tool: search.tool,
        result,
        before: None,
        limit: search.limit,
    };
    let parts = Parts::open(&context.config).await?;
    let events = parts.store.audit_log().search(&query).await?;
    context.print_rows(&["TIME", "ACTOR", "ACTION", "TOOL", "RESULT", "DESCRIPTION"], &events, |event| {
        let named = |at: &str| event.action_params.pointer(at).and_then(|name| name.as_str());
        let tool = named("/static/toolName").or_else(|| named("/static/uri")).unwrap_or_default();
        vec![
            event.timestamp.to_rfc3339(),
            event.actor.email.clone().unwrap_or_else(|| event.actor.name.clone()),
            event.action_name.clone(),
            tool.to_owned(),
            event.action_result.as_str().to_owned(),
            event.action_description.clone(),
        ]
    })?;
    parts.store.close().await;
    Ok(())
}
