//! Tools that ask within their result and are called again with the replies.

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, CreateMessageRequest, CreateMessageRequestParams, InputRequest,
        InputRequests, InputRequiredResult, ListRootsRequest, SamplingMessage,
    },
};
use serde_json::{Value, json};

use super::{
    Context,
    capabilities::{covers, declared, require},
    content, forms,
    replies::{Replies, Reply},
    request_state::RequestStates,
};

/// The longest answer of the client's model, in tokens.
const MAX_TOKENS: u32 = 100;

/// Answers for every tool that no other module answers for.
pub(super) fn call(
    states: &RequestStates,
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let round = Round { states, request, context, replies: Replies(request.input_responses.as_ref()) };
    match &*request.name {
        "test_missing_capability" => round.needs_sampling(),
        "test_streaming_elicitation" => round.value(),
        "test_input_required_result_elicitation" => round.name(),
        "test_input_required_result_sampling" => round.capital(),
        "test_input_required_result_list_roots" => round.roots(),
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => round.confirm(),
        "test_input_required_result_multiple_inputs" => round.three_at_once(),
        "test_input_required_result_multi_round" => round.two_in_a_row(),
        "test_input_required_result_capabilities" => round.what_is_declared(),
        _ => Err(ErrorData::invalid_params("There is no tool by this name. tools/list shows them.", None)),
    }
}

/// A result that asks. Nothing is asked for that the client did not declare.
pub(super) fn ask(
    context: &Context,
    questions: impl IntoIterator<Item = (&'static str, InputRequest)>,
    state: Option<String>,
) -> Result<InputRequiredResult, ErrorData> {
    let questions = questions.into_iter().map(|(key, request)| (key.to_owned(), request)).collect::<InputRequests>();
    require(context, questions.values())?;
    Ok(InputRequiredResult::new(Some(questions), state))
}

/// One call of one of the tools.
struct Round<'a> {
    states: &'a RequestStates,
    request: &'a CallToolRequestParams,
    context: &'a Context,
    replies: Replies<'a>,
}

impl Round<'_> {
    fn needs_sampling(&self) -> Result<CallToolResponse, ErrorData> {
        require(self.context, [&ask_model("Anything")])?;
        Ok(content::done("The client declared sampling.").into())
    }

    fn value(&self) -> Result<CallToolResponse, ErrorData> {
        match self.replies.text("value", "value") {
            Reply::Given(value) => Ok(content::done(format!("The value is {value}.")).into()),
            Reply::Refused => Ok(refused()),
            Reply::Missing => self.ask([("value", forms::question("Provide a value", "value", "string")?)], None),
        }
    }

    fn name(&self) -> Result<CallToolResponse, ErrorData> {
        match self.replies.text("user_name", "name") {
            Reply::Given(name) => Ok(content::done(format!("Hello, {name}!")).into()),
            Reply::Refused => Ok(refused()),
            Reply::Missing => self.ask([("user_name", ask_name()?)], None),
        }
    }

    fn capital(&self) -> Result<CallToolResponse, ErrorData> {
        match self.replies.sampled("capital_question") {
            Some(answer) => Ok(content::done(format!("The model says: {answer}")).into()),
            None => self.ask([("capital_question", ask_model("What is the capital of France?"))], None),
        }
    }

    fn roots(&self) -> Result<CallToolResponse, ErrorData> {
        match self.replies.roots("client_roots") {
            Some(roots) => Ok(content::done(format!("The client's roots: {roots}")).into()),
            None => self.ask([("client_roots", ask_roots())], None),
        }
    }

    fn confirm(&self) -> Result<CallToolResponse, ErrorData> {
        match (self.state()?, self.replies.field("confirm", "ok", Value::as_bool)) {
            (Some(_), Reply::Given(true)) => Ok(content::done("Confirmed: state-ok").into()),
            (Some(_), Reply::Given(false) | Reply::Refused) => Ok(refused()),
            _ => {
                let question = forms::question("Please confirm", "ok", "boolean")?;
                self.ask([("confirm", question)], Some(self.seal(&json!({}))?))
            }
        }
    }

    fn three_at_once(&self) -> Result<CallToolResponse, ErrorData> {
        let replies = self.replies;
        let name = replies.text("user_name", "name");
        match (self.state()?, name, replies.sampled("greeting"), replies.roots("client_roots")) {
            (Some(_), Reply::Given(name), Some(greeting), Some(roots)) => {
                Ok(content::done(format!("{greeting} {name}, whose roots are {roots}")).into())
            }
            (Some(_), Reply::Refused, ..) => Ok(refused()),
            _ => self.ask(everything()?, Some(self.seal(&json!({}))?)),
        }
    }

    /// The first reply travels in the state of the second round.
    fn two_in_a_row(&self) -> Result<CallToolResponse, ErrorData> {
        let Some(state) = self.state()? else { return self.first() };
        let Some(name) = state.get("name").and_then(Value::as_str) else {
            return match self.replies.text("step1", "name") {
                Reply::Given(name) => self.second(name),
                Reply::Refused => Ok(refused()),
                Reply::Missing => self.first(),
            };
        };
        match self.replies.text("step2", "color") {
            Reply::Given(color) => Ok(content::done(format!("{name} likes {color}.")).into()),
            Reply::Refused => Ok(refused()),
            Reply::Missing => self.second(name),
        }
    }

    fn first(&self) -> Result<CallToolResponse, ErrorData> {
        let question = forms::question("Step 1: What is your name?", "name", "string")?;
        self.ask([("step1", question)], Some(self.seal(&json!({}))?))
    }

    fn second(&self, name: &str) -> Result<CallToolResponse, ErrorData> {
        let question = forms::question("Step 2: What is your favorite color?", "color", "string")?;
        self.ask([("step2", question)], Some(self.seal(&json!({ "name": name }))?))
    }

    fn what_is_declared(&self) -> Result<CallToolResponse, ErrorData> {
        let declared = declared(self.context);
        let mut questions = everything()?;
        questions.retain(|(_, request)| covers(&declared, request));
        if questions.is_empty() {
            return Ok(content::done("The client declared nothing that it could be asked for.").into());
        }
        if questions.iter().all(|(key, _)| self.replies.get(key).is_some()) {
            return Ok(content::done("The client replied to all that it declared.").into());
        }
        self.ask(questions, None)
    }

    fn ask(
        &self,
        questions: impl IntoIterator<Item = (&'static str, InputRequest)>,
        state: Option<String>,
    ) -> Result<CallToolResponse, ErrorData> {
        ask(self.context, questions, state).map(CallToolResponse::from)
    }

    fn seal(&self, state: &Value) -> Result<String, ErrorData> {
        self.states.seal(self.context, &self.request.name, state)
    }

    /// The state that came back, if there is one.
    fn state(&self) -> Result<Option<Value>, ErrorData> {
        let sealed = self.request.request_state.as_deref();
        sealed.map(|sealed| self.states.open(self.context, &self.request.name, sealed)).transpose()
    }
}

/// One question of each kind.
fn everything() -> Result<Vec<(&'static str, InputRequest)>, ErrorData> {
    Ok(vec![("user_name", ask_name()?), ("greeting", ask_model("Generate a greeting")), ("client_roots", ask_roots())])
}

fn ask_name() -> Result<InputRequest, ErrorData> {
    forms::question("What is your name?", "name", "string")
}

fn ask_model(prompt: &str) -> InputRequest {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], MAX_TOKENS);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

fn ask_roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

/// Row P6: to decline is an answer, too.
fn refused() -> CallToolResponse {
    content::done("The person did not want to answer.").into()
}
