//! What a client can be asked for.

use rmcp::{
    ErrorData,
    model::{ClientCapabilities, ElicitationCapability, InputRequest, RootsCapabilities, SamplingCapability},
};

use super::{Context, is_modern};

/// What the client declared, with this request or when it opened its session.
pub(super) fn declared(context: &Context) -> ClientCapabilities {
    context.client_capabilities().unwrap_or_default()
}

/// Whether a client that declared this can be asked for that.
pub(super) fn covers(declared: &ClientCapabilities, request: &InputRequest) -> bool {
    match request {
        // A client that names no mode shows forms.
        InputRequest::Elicitation(_) => {
            declared.elicitation.as_ref().is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
        }
        InputRequest::CreateMessage(_) => declared.sampling.is_some(),
        InputRequest::ListRoots(_) => declared.roots.is_some(),
        _ => false,
    }
}

/// Rows V9, P4: refuses to ask for anything that the client did not declare, and names all of it.
pub(super) fn require<'a>(
    context: &Context,
    requests: impl IntoIterator<Item = &'a InputRequest>,
) -> Result<(), ErrorData> {
    if !is_modern(context) {
        return Err(ErrorData::invalid_request("Questions within a result need protocol version 2026-07-28.", None));
    }
    let declared = declared(context);
    let mut missing = ClientCapabilities::default();
    for request in requests.into_iter().filter(|request| !covers(&declared, request)) {
        match request {
            InputRequest::Elicitation(_) => missing.elicitation = Some(ElicitationCapability::default()),
            InputRequest::CreateMessage(_) => missing.sampling = Some(SamplingCapability::default()),
            InputRequest::ListRoots(_) => missing.roots = Some(RootsCapabilities::default()),
            _ => {}
        }
    }
    if missing == ClientCapabilities::default() {
        return Ok(());
    }
    Err(ErrorData::missing_required_client_capability(missing))
}
