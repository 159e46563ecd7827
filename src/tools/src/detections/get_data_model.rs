//! `get_data_model`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{body, data_model_object::DataModelDetails};
use crate::{
    arguments,
    tool::{JsonObject, Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows one data model with its source.
pub(crate) struct GetDataModel;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An id from list_data_models.
    #[schemars(length(min = 1))]
    data_model_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// As in list_data_models, and body.
    #[schemars(with = "JsonObject")]
    data_model: DataModelDetails,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[async_trait]
impl TypedTool for GetDataModel {
    const NAME: &'static str = "get_data_model";
    const TITLE: &'static str = "Get a data model";
    const DESCRIPTION: &'static str = "Shows one data model: log types, mappings from names to fields of events, and the Python source (body) of methods.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::RuleRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let id = arguments::required("data_model_id", &input.data_model_id)?;
        let found = context.ports.data_models.get(id).await?.ok_or_else(|| {
            ToolError::not_found(format!(
                "No data model found with ID: {}. list_data_models shows ids.",
                arguments::shown(id)
            ))
        })?;
        let (body, hint) = body::shortened(&found.body, context.ports.row_bytes());
        Ok(Output { data_model: DataModelDetails::new(&found, body), truncated: hint.is_some(), hint })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::data_model::DataModel;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn context() -> ToolContext {
        let mut world = World::new();
        let large = "x".repeat(fakes::MAX_RESULT_BYTES + 1);
        world.data_models = vec![
            fakes::data_model("small", "AWS.CloudTrail"),
            DataModel { body: large, ..fakes::data_model("large", "AWS.CloudTrail") },
        ];
        world.context()
    }

    #[tokio::test]
    async fn it_shows_the_source() {
        let answer = fakes::call(GetDataModel, &context(), json!({ "data_model_id": "small" })).await.unwrap();
        assert_eq!(answer["data_model"]["id"], "small");
        assert!(answer["data_model"]["body"].as_str().unwrap().starts_with("def "));
        assert_eq!(answer["data_model"]["mappings"][0]["path"], "sourceIPAddress");
        assert_eq!(answer["truncated"], false);
        assert!(answer.get("hint").is_none());
    }

    #[tokio::test]
    async fn a_source_that_is_too_large_is_cut_and_the_answer_says_so() {
        let answer = fakes::call(GetDataModel, &context(), json!({ "data_model_id": "large" })).await.unwrap();
        assert_eq!(answer["data_model"]["body"].as_str().unwrap().len(), fakes::MAX_RESULT_BYTES / 8 * 7);
        assert_eq!(answer["truncated"], true);
        assert!(answer["hint"].as_str().unwrap().starts_with("body holds the first 64512 of 73729 bytes"));
    }

    #[tokio::test]
    async fn an_unknown_one_is_not_found() {
        let error = fakes::refused(GetDataModel, &context(), json!({ "data_model_id": "gone" })).await;
        assert_eq!(error.code, "not_found");
        assert_eq!(error.message, "No data model found with ID: gone. list_data_models shows ids.");
    }
}
