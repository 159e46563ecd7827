//! The list of tools, and who answers for each.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{CallToolRequestParams, CallToolResponse, JsonObject, Tool},
};

use super::{
    Context, Fixtures, asking, content, forms, multi_round,
    notices::{self, Change},
    schemas,
};

/// How long the slow tool takes.
const SLOW: Duration = Duration::from_millis(100);

/// The tools without arguments. The suite calls the first of the list just to see one answer.
const WITHOUT_ARGUMENTS: &[(&str, &str)] = &[
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with an image"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    ("test_multiple_content_types", "Answers with a text, an image and a resource"),
    ("test_error_handling", "Fails"),
    ("test_tool_with_progress", "Reports its progress"),
    ("test_tool_with_logging", "Sends three log messages"),
    ("test_logging_tool", "Sends one log message"),
    ("test_trigger_tool_change", "Says to subscribers that the list of tools has changed"),
    ("test_trigger_prompt_change", "Says to subscribers that the list of prompts has changed"),
    ("test_reconnection", "Takes a moment"),
    ("test_elicitation_sep1034_defaults", "Asks an older client for values with defaults"),
    ("test_elicitation_sep1330_enums", "Asks an older client for choices of every kind"),
    ("test_missing_capability", "Needs a client that declares sampling"),
    ("test_streaming_elicitation", "Asks for a value in its result"),
    ("test_input_required_result_elicitation", "Asks for a name"),
    ("test_input_required_result_sampling", "Asks the client's model a question"),
    ("test_input_required_result_list_roots", "Asks for the client's roots"),
    ("test_input_required_result_request_state", "Asks for a confirmation and keeps a state"),
    ("test_input_required_result_multiple_inputs", "Asks three things at once"),
    ("test_input_required_result_multi_round", "Asks two things, one after the other"),
    ("test_input_required_result_tampered_state", "Asks for a confirmation and takes back no other state than its own"),
    ("test_input_required_result_capabilities", "Asks for what the client declared"),
];

/// All tools, always in the same order (row T3).
pub(super) fn all() -> Vec<Tool> {
    let plain = WITHOUT_ARGUMENTS.iter().map(|&(name, about)| schemas::tool(name, about, schemas::nothing()));
    plain.chain(schemas::tools()).collect()
}

pub(super) async fn call(
    fixtures: &Fixtures,
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let none = JsonObject::new();
    let arguments = request.arguments.as_ref().unwrap_or(&none);
    let result = match &*request.name {
        "test_simple_text" => content::done("This is a simple text response for testing."),
        "test_image_content" => content::image(),
        "test_audio_content" => content::audio(),
        "test_embedded_resource" => content::resource(),
        "test_multiple_content_types" => content::mixed(),
        "test_error_handling" => content::failed("This tool intentionally returns an error for testing"),
        "test_header_argument" | "json_schema_2020_12_tool" => content::echo(arguments),
        "test_reconnection" => {
            tokio::time::sleep(SLOW).await;
            content::done("The moment is over.")
        }
        "test_tool_with_progress" => notices::progress(context).await?,
        "test_tool_with_logging" => notices::three_messages(fixtures, context).await?,
        "test_logging_tool" => notices::one_message(fixtures, context).await?,
        "test_trigger_tool_change" => notices::announce(fixtures, context, Change::Tools).await?,
        "test_trigger_prompt_change" => notices::announce(fixtures, context, Change::Prompts).await?,
        "test_sampling" => asking::model(arguments, context).await,
        "test_elicitation" => asking::contact(arguments, context).await?,
        "test_elicitation_sep1034_defaults" => {
            let form = forms::form("Please look at these values.", forms::defaults())?;
            asking::person(context, form).await
        }
        "test_elicitation_sep1330_enums" => {
            let form = forms::form("Please choose.", forms::choices())?;
            asking::person(context, form).await
        }
        _ => return multi_round::call(&fixtures.shared.states, request, context),
    };
    Ok(result.into())
}
