//! `list_data_models`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_model_object::DataModelObject;
use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists data models.
pub(crate) struct ListDataModels;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    data_models: Vec<DataModelObject>,
    /// On all pages.
    total_data_models: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[async_trait]
impl TypedTool for ListDataModels {
    const NAME: &'static str = "list_data_models";
    const TITLE: &'static str = "List data models";
    const DESCRIPTION: &'static str = "Lists data models (one per log type: names such as source_ip, and which field of an event has the value) by id, 100 per page, without their source. Next: get_data_model for the source of methods.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::RuleRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 100, 1..=1000)?);
        // There is no filter that a cursor could be bound to.
        let after = super::given_cursor(input.cursor)
            .map(|cursor| cursor::open::<After>(context, Self::NAME, &(), &cursor))
            .transpose()?;
        let models = context.ports.data_models.list().await?;
        let items: Vec<DataModelObject> = models.iter().map(DataModelObject::new).collect();
        let (data_models, has_next_page) =
            page::page_of(items, DataModelObject::id, after.as_ref(), limit, context.ports.row_bytes());
        let next_cursor = data_models
            .last()
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &(), &After { after: last.id().to_owned() }))
            .transpose()?;
        Ok(Output { data_models, total_data_models: models.len(), has_next_page, next_cursor })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.data_models.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::data_model::{DataModel, DataModelMapping};
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn models_come_in_pages_with_their_names_and_without_source() {
        let by_method = DataModelMapping { name: "actor".to_owned(), path: None, method: Some("get_actor".to_owned()) };
        let mut world = World::new();
        world.data_models = vec![
            DataModel { mappings: vec![by_method], ..fakes::data_model("Standard.Okta", "Okta.SystemLog") },
            fakes::data_model("Standard.AWS.CloudTrail", "AWS.CloudTrail"),
        ];
        let context = world.context();
        let first = fakes::call(ListDataModels, &context, json!({ "limit": 1 })).await.unwrap();
        let model = &first["data_models"][0];
        assert_eq!(model["id"], "Standard.AWS.CloudTrail");
        assert_eq!(model["logTypes"], json!(["AWS.CloudTrail"]));
        assert_eq!(model["mappings"], json!([{ "name": "source_ip", "path": "sourceIPAddress" }]));
        assert!(model.get("body").is_none());
        assert_eq!((&first["total_data_models"], &first["has_next_page"]), (&json!(2), &json!(true)));
        let next = json!({ "cursor": first["next_cursor"] });
        let second = fakes::call(ListDataModels, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["data_models"], "id"), ["Standard.Okta"]);
        assert_eq!(second["data_models"][0]["mappings"], json!([{ "name": "actor", "method": "get_actor" }]));
        assert!(second.get("next_cursor").is_none());
        let none = json!({ "limit": 1, "cursor": " null " });
        assert_eq!(fakes::call(ListDataModels, &context, none).await.unwrap(), first);
    }

    #[tokio::test]
    async fn bad_arguments_are_refused() {
        let context = World::new().context();
        let limit = fakes::refused(ListDataModels, &context, json!({ "limit": 0 })).await;
        assert_eq!(limit.message, "limit must be a whole number from 1 to 1000; you sent the number 0.");
        assert_eq!(fakes::refused(ListDataModels, &context, json!({ "cursor": "x" })).await.code, "invalid_argument");
    }
}
