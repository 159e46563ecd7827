//! Suggestions for the arguments of prompts and templates.

use rmcp::{
    ErrorData,
    model::{CompleteRequestParams, CompletionInfo, Reference},
};

use super::{prompts, resources};

/// What an argument can be completed to.
const WORDS: [&str; 4] = ["paris", "park", "party", "prague"];

/// What an id can be completed to.
const IDS: [&str; 3] = ["1", "12", "123"];

/// Row C3: the words that begin with what is there already.
pub(super) fn complete(request: &CompleteRequestParams) -> Result<CompletionInfo, ErrorData> {
    let argument = &request.argument;
    let words: &[&str] = match &request.r#ref {
        Reference::Prompt(named) if is_argument(&named.name, &argument.name) => &WORDS,
        Reference::Resource(named) if is_template(&named.uri) && argument.name == "id" => &IDS,
        _ => return Err(ErrorData::invalid_params("There is nothing by this name to complete.", None)),
    };
    let values = words.iter().filter(|word| word.starts_with(argument.value.as_str()));
    CompletionInfo::with_all_values(values.map(|word| (*word).to_owned()).collect())
        .map_err(|error| ErrorData::internal_error(error, None))
}

fn is_argument(prompt: &str, argument: &str) -> bool {
    let prompts = prompts::all();
    let found = prompts.iter().find(|known| known.name == prompt).and_then(|known| known.arguments.as_ref());
    found.is_some_and(|arguments| arguments.iter().any(|known| known.name == argument))
}

fn is_template(uri: &str) -> bool {
    resources::templates().iter().any(|template| template.uri_template == uri)
}

#[cfg(test)]
mod tests {
    use rmcp::model::ArgumentInfo;

    use super::*;

    fn values(reference: Reference, name: &str, value: &str) -> Option<Vec<String>> {
        let request = CompleteRequestParams::new(reference, ArgumentInfo::new(name, value));
        complete(&request).ok().map(|info| info.values)
    }

    #[test]
    fn suggestions_begin_with_what_is_there() {
        let prompt = || Reference::for_prompt("test_prompt_with_arguments");
        assert_eq!(values(prompt(), "arg1", "par").unwrap(), ["paris", "park", "party"]);
        assert!(values(prompt(), "arg2", "x").unwrap().is_empty());
        assert_eq!(values(Reference::for_resource("test://template/{id}/data"), "id", "12").unwrap(), ["12", "123"]);
    }

    #[test]
    fn what_is_unknown_has_no_suggestions() {
        assert_eq!(values(Reference::for_prompt("test_prompt_with_arguments"), "arg3", ""), None);
        assert_eq!(values(Reference::for_prompt("test_simple_prompt"), "arg1", ""), None);
        assert_eq!(values(Reference::for_prompt("nothing"), "arg1", ""), None);
        assert_eq!(values(Reference::for_resource("test://static-text"), "id", ""), None);
    }
}
