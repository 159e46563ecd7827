//! Prompts in the words of the protocol (row C2).

use margay_domain::{clock::Timestamp, rules::PermissionSet};
use margay_tools::{JsonObject, prompts};
use rmcp::{
    ErrorData,
    model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role},
};

/// The prompts that somebody with these effective permissions can use.
pub(crate) fn visible(effective: PermissionSet) -> Vec<Prompt> {
    prompts::visible(effective).map(definition).collect()
}

/// One prompt with its arguments filled in. One that is not in the list is unknown.
pub(crate) fn get(
    effective: PermissionSet,
    name: &str,
    arguments: &JsonObject,
    now: Timestamp,
) -> Result<GetPromptResult, ErrorData> {
    let Some(prompt) = prompts::visible(effective).find(|prompt| prompt.name == name) else {
        return Err(ErrorData::invalid_params("There is no prompt by this name. prompts/list shows them.", None));
    };
    let text = prompt.write(arguments, now).map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
    Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).with_description(prompt.description))
}

fn definition(prompt: &prompts::Prompt) -> Prompt {
    let arguments = prompt.arguments.iter().map(|argument| {
        PromptArgument::new(argument.name).with_description(argument.description).with_required(argument.required)
    });
    Prompt::new(prompt.name, Some(prompt.description), Some(arguments.collect())).with_title(prompt.title)
}
