//! Requests to an older client while its own waits: its model and its person are asked through the session.

use rmcp::{
    ErrorData, ServiceError,
    model::{
        CallToolResult, ClientResult, CreateMessageRequestParams, CreateMessageResult, ElicitRequest,
        ElicitRequestParams, JsonObject, SamplingMessage, SamplingMessageContentBlock, ServerRequest,
    },
};
use serde_json::Value;

use super::{Context, capabilities::declared, content, forms};

/// The longest answer of a model, in tokens.
const MAX_TOKENS: u32 = 100;

/// Asks the client's model.
pub(super) async fn model(arguments: &JsonObject, context: &Context) -> CallToolResult {
    let Some(prompt) = arguments.get("prompt").and_then(Value::as_str) else {
        return content::failed("prompt is missing: give a text.");
    };
    if declared(context).sampling.is_none() {
        return content::failed("This client did not declare sampling.");
    }
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], MAX_TOKENS);
    match context.peer.create_message(request).await {
        Ok(answer) => content::done(format!("LLM response: {}", text_of(&answer))),
        Err(error) => unanswered(&error),
    }
}

/// Asks the person for a name and an address.
pub(super) async fn contact(arguments: &JsonObject, context: &Context) -> Result<CallToolResult, ErrorData> {
    let Some(message) = arguments.get("message").and_then(Value::as_str) else {
        return Ok(content::failed("message is missing: give a text."));
    };
    Ok(person(context, forms::form(message, forms::contact())?).await)
}

/// Asks the person at the client to fill a form in.
pub(super) async fn person(context: &Context, form: ElicitRequestParams) -> CallToolResult {
    if declared(context).elicitation.is_none() {
        return content::failed("This client did not declare elicitation.");
    }
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(form));
    match context.peer.send_request(request).await {
        Ok(ClientResult::ElicitResult(answer)) => {
            content::done(format!("User response: {}", serde_json::to_string(&answer).unwrap_or_default()))
        }
        Ok(_) => content::failed("The client answered with something that is no answer to a form."),
        Err(error) => unanswered(&error),
    }
}

fn unanswered(error: &ServiceError) -> CallToolResult {
    tracing::debug!(%error, "a client did not answer");
    content::failed("The client did not answer.")
}

/// All text in the answer of a model.
pub(super) fn text_of(answer: &CreateMessageResult) -> String {
    let texts = answer.message.content.iter().filter_map(SamplingMessageContentBlock::as_text);
    texts.map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n")
}
