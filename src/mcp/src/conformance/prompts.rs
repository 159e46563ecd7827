//! The prompts.

use rmcp::{
    ErrorData,
    model::{
        ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt, PromptArgument,
        PromptMessage, Role,
    },
};
use serde_json::Value;

use super::{
    Context, forms, media, multi_round,
    replies::{Replies, Reply},
};

/// All prompts, always in the same order.
pub(super) fn all() -> Vec<Prompt> {
    vec![
        prompt("test_simple_prompt", "A prompt without arguments", &[]),
        prompt(
            "test_prompt_with_arguments",
            "A prompt with two arguments",
            &[("arg1", "First test argument"), ("arg2", "Second test argument")],
        ),
        prompt(
            "test_prompt_with_embedded_resource",
            "A prompt with a resource in it",
            &[("resourceUri", "The address of the resource")],
        ),
        prompt("test_prompt_with_image", "A prompt with an image in it", &[]),
        prompt("test_input_required_result_prompt", "A prompt that asks for its context", &[]),
    ]
}

/// Row C2: a prompt that there is not, or an argument that is missing, is an error of the parameters.
pub(super) fn get(request: &GetPromptRequestParams, context: &Context) -> Result<GetPromptResponse, ErrorData> {
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument(request, "arg1")?, argument(request, "arg2")?);
            vec![text(format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = argument(request, "resourceUri")?;
            let resource = ContentBlock::embedded_text(uri, "Embedded resource content for testing.");
            vec![PromptMessage::new(Role::User, resource), text("Please process the embedded resource above.")]
        }
        "test_prompt_with_image" => {
            let image = ContentBlock::image(media::PNG, media::PNG_TYPE);
            vec![PromptMessage::new(Role::User, image), text("Please analyze the image above.")]
        }
        "test_input_required_result_prompt" => {
            match Replies(request.input_responses.as_ref()).text("user_context", "context") {
                Reply::Given(given) => vec![text(format!("The context is: {given}"))],
                Reply::Refused => vec![text("There is no context, because the person did not want to give one.")],
                Reply::Missing => {
                    let question = forms::question("What context should the prompt use?", "context", "string")?;
                    return multi_round::ask(context, [("user_context", question)], None).map(GetPromptResponse::from);
                }
            }
        }
        _ => return Err(ErrorData::invalid_params("There is no prompt by this name. prompts/list shows them.", None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

fn prompt(name: &str, description: &str, arguments: &[(&str, &str)]) -> Prompt {
    let arguments = arguments
        .iter()
        .map(|(name, about)| PromptArgument::new(*name).with_description(*about).with_required(true))
        .collect::<Vec<_>>();
    Prompt::new(name, Some(description), (!arguments.is_empty()).then_some(arguments))
}

fn text(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}

fn argument<'a>(request: &'a GetPromptRequestParams, name: &str) -> Result<&'a str, ErrorData> {
    let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
    value.ok_or_else(|| ErrorData::invalid_params(format!("The argument {name} is missing: give a text."), None))
}
