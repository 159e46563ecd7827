//! `list_global_helpers`.

use async_trait::async_trait;
use margay_domain::{global_helper::GlobalHelper, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::global_helper_object::GlobalHelperObject;
use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists global helpers.
pub(crate) struct ListGlobalHelpers;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Part of the id or of the description, in any case.
    contains: Option<String>,
    /// User id.
    created_by: Option<String>,
    /// User id.
    last_modified_by: Option<String>,
    /// Default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    global_helpers: Vec<GlobalHelperObject>,
    /// On all pages.
    total_global_helpers: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What was asked; a cursor is bound to it.
#[derive(Serialize)]
struct Filter {
    contains: Option<String>,
    created_by: Option<String>,
    last_modified_by: Option<String>,
}

#[async_trait]
impl TypedTool for ListGlobalHelpers {
    const NAME: &'static str = "list_global_helpers";
    const TITLE: &'static str = "List global helpers";
    const DESCRIPTION: &'static str = "Lists global helpers (Python code that detections share) without their source, by id, 100 per page. Next: get_global_helper for the source.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::RuleRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 100, 1..=1000)?);
        let filter = Filter {
            contains: arguments::optional(input.contains).map(|part| part.to_lowercase()),
            created_by: arguments::optional(input.created_by),
            last_modified_by: arguments::optional(input.last_modified_by),
        };
        let after = super::given_cursor(input.cursor)
            .map(|cursor| cursor::open::<After>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let mut helpers = context.ports.global_helpers.list().await?;
        helpers.retain(|helper| filter.matches(helper));
        let items: Vec<GlobalHelperObject> = helpers.iter().map(GlobalHelperObject::new).collect();
        let (global_helpers, has_next_page) =
            page::page_of(items, GlobalHelperObject::id, after.as_ref(), limit, context.ports.row_bytes());
        let next_cursor = global_helpers
            .last()
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &filter, &After { after: last.id().to_owned() }))
            .transpose()?;
        Ok(Output { global_helpers, total_global_helpers: helpers.len(), has_next_page, next_cursor })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.global_helpers.len()).ok()
    }
}

impl Filter {
    fn matches(&self, helper: &GlobalHelper) -> bool {
        (self.created_by.is_none() || self.created_by == helper.created_by)
            && (self.last_modified_by.is_none() || self.last_modified_by == helper.last_modified_by)
            && self.contains.as_ref().is_none_or(|part| {
                helper.id.to_lowercase().contains(part) || helper.description.to_lowercase().contains(part)
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn context() -> ToolContext {
        let mut world = World::new();
        world.global_helpers = vec![
            fakes::global_helper("okta_helpers"),
            GlobalHelper {
                created_by: Some("usr_ana".to_owned()),
                last_modified_by: Some("usr_bo".to_owned()),
                ..fakes::global_helper("own_helpers")
            },
            GlobalHelper { description: "Works with CloudTrail".to_owned(), ..fakes::global_helper("aws_helpers") },
        ];
        world.context()
    }

    async fn ids(arguments: Value) -> Vec<String> {
        let answer = fakes::call(ListGlobalHelpers, &context(), arguments).await.unwrap();
        fakes::texts(&answer["global_helpers"], "id")
    }

    #[tokio::test]
    async fn filters_narrow() {
        assert_eq!(ids(json!({})).await, ["aws_helpers", "okta_helpers", "own_helpers"]);
        assert_eq!(ids(json!({ "contains": "OKTA" })).await, ["okta_helpers"]);
        assert_eq!(ids(json!({ "contains": "cloudtrail" })).await, ["aws_helpers"]);
        assert_eq!(ids(json!({ "created_by": "usr_ana" })).await, ["own_helpers"]);
        assert_eq!(ids(json!({ "last_modified_by": "usr_bo" })).await, ["own_helpers"]);
        assert!(ids(json!({ "created_by": "usr_bo" })).await.is_empty());
    }

    #[tokio::test]
    async fn helpers_come_in_pages_without_source() {
        let context = context();
        let first = fakes::call(ListGlobalHelpers, &context, json!({ "limit": 2 })).await.unwrap();
        assert_eq!(fakes::texts(&first["global_helpers"], "id"), ["aws_helpers", "okta_helpers"]);
        assert_eq!((&first["total_global_helpers"], &first["has_next_page"]), (&json!(3), &json!(true)));
        assert!(first["global_helpers"][0].get("body").is_none());
        let next = json!({ "limit": 2, "cursor": first["next_cursor"] });
        let second = fakes::call(ListGlobalHelpers, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["global_helpers"], "createdBy"), ["usr_ana"]);
        assert_eq!(second["has_next_page"], false);
        assert!(second.get("next_cursor").is_none());
        let none = json!({ "limit": 2, "cursor": "null" });
        assert_eq!(fakes::call(ListGlobalHelpers, &context, none).await.unwrap(), first);
        for other in ["contains", "created_by", "last_modified_by"] {
            let foreign = json!({ "limit": 2, "cursor": first["next_cursor"], other: "usr_ana" });
            assert_eq!(fakes::refused(ListGlobalHelpers, &context, foreign).await.code, "invalid_argument");
        }
        let limit = fakes::refused(ListGlobalHelpers, &context, json!({ "limit": 0 })).await;
        assert_eq!(limit.message, "limit must be a whole number from 1 to 1000; you sent the number 0.");
    }
}
