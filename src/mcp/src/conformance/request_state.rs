//! What a tool remembers between two rounds. The client keeps it, so whatever comes back may be forged (row P5).

use std::time::Duration;

use http::request::Parts;
use margay_domain::{entropy::Entropy, principal::Principal};
use rmcp::{
    ErrorData,
    model::{RequestStateCodec, SealOptions},
};
use serde_json::{Value, json};

use super::Context;

/// As long as a person may think about an answer.
const TTL: Duration = Duration::from_mins(10);

/// Makes states and takes them back. A state is for one person, one grant and one tool.
pub(super) struct RequestStates(RequestStateCodec);

impl RequestStates {
    /// With a key that nobody knows and that ends with the process.
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let mut key = [0_u8; RequestStateCodec::MIN_KEY_LENGTH];
        entropy.fill(&mut key);
        Self(RequestStateCodec::new_unchecked(key))
    }

    /// Readable for the client, but of no use to anybody else and for no other tool.
    pub(super) fn seal(&self, context: &Context, tool: &str, state: &Value) -> Result<String, ErrorData> {
        let binding = binding(context, tool)?;
        let options = SealOptions::new().associated_data(&binding).ttl(TTL);
        self.0.seal_json_with(state, &options).map_err(|error| {
            tracing::error!(%error, "a request state could not be made");
            internal()
        })
    }

    /// The state that [`Self::seal`] was given. All that is wrong with a state gets the same answer.
    pub(super) fn open(&self, context: &Context, tool: &str, sealed: &str) -> Result<Value, ErrorData> {
        let binding = binding(context, tool)?;
        self.0.open_json_with(sealed, &binding).map_err(|error| {
            tracing::debug!(%error, "refused a request state");
            ErrorData::invalid_params("The request state is not valid any more: begin again without it.", None)
        })
    }
}

fn binding(context: &Context, tool: &str) -> Result<Vec<u8>, ErrorData> {
    let principal = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Principal>());
    let Some(Principal { user, grant, .. }) = principal else {
        tracing::error!("a request reached the fixtures without a principal");
        return Err(internal());
    };
    Ok(json!([user.id.as_str(), grant.id.as_str(), tool]).to_string().into_bytes())
}

fn internal() -> ErrorData {
    ErrorData::internal_error("The server could not handle this request.", None)
}
