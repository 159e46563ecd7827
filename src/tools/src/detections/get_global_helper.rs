//! `get_global_helper`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{body, global_helper_object::GlobalHelperDetails};
use crate::{
    arguments,
    tool::{JsonObject, Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows one global helper with its source.
pub(crate) struct GetGlobalHelper;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An id from list_global_helpers.
    #[schemars(length(min = 1))]
    helper_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// As in list_global_helpers, and body.
    #[schemars(with = "JsonObject")]
    global_helper: GlobalHelperDetails,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[async_trait]
impl TypedTool for GetGlobalHelper {
    const NAME: &'static str = "get_global_helper";
    const TITLE: &'static str = "Get a global helper";
    const DESCRIPTION: &'static str =
        "Shows one global helper (Python code that detections import by its id) with its source (body).";
    const REQUIRES: Requirement = Requirement::All(&[Permission::RuleRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let id = arguments::required("helper_id", &input.helper_id)?;
        let found = context.ports.global_helpers.get(id).await?.ok_or_else(|| {
            ToolError::not_found(format!(
                "No global helper found with ID: {}. list_global_helpers shows ids.",
                arguments::shown(id)
            ))
        })?;
        let (body, hint) = body::shortened(&found.body, context.ports.row_bytes());
        Ok(Output { global_helper: GlobalHelperDetails::new(&found, body), truncated: hint.is_some(), hint })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::global_helper::GlobalHelper;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn context() -> ToolContext {
        let mut world = World::new();
        let large = "x".repeat(fakes::MAX_RESULT_BYTES + 1);
        world.global_helpers =
            vec![fakes::global_helper("small"), GlobalHelper { body: large, ..fakes::global_helper("large") }];
        world.context()
    }

    #[tokio::test]
    async fn it_shows_the_source() {
        let answer = fakes::call(GetGlobalHelper, &context(), json!({ "helper_id": "small" })).await.unwrap();
        assert_eq!(answer["global_helper"]["id"], "small");
        assert!(answer["global_helper"]["body"].as_str().unwrap().starts_with("def "));
        assert_eq!(answer["global_helper"]["description"], "What small offers");
        assert_eq!(answer["truncated"], false);
        assert!(answer.get("hint").is_none());
    }

    #[tokio::test]
    async fn a_source_that_is_too_large_is_cut_and_the_answer_says_so() {
        let answer = fakes::call(GetGlobalHelper, &context(), json!({ "helper_id": "large" })).await.unwrap();
        assert_eq!(answer["global_helper"]["body"].as_str().unwrap().len(), fakes::MAX_RESULT_BYTES / 8 * 7);
        assert_eq!(answer["truncated"], true);
        assert!(answer["hint"].as_str().unwrap().starts_with("body holds the first 64512 of 73729 bytes"));
    }

    #[tokio::test]
    async fn an_unknown_one_is_not_found() {
        let error = fakes::refused(GetGlobalHelper, &context(), json!({ "helper_id": "gone" })).await;
        assert_eq!(error.code, "not_found");
        assert_eq!(error.message, "No global helper found with ID: gone. list_global_helpers shows ids.");
    }
}
