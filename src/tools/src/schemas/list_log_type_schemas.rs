//! `list_log_type_schemas`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use margay_domain::{
    lake::{LOGS_DATABASE, table_name},
    log_schema::LogSchema,
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_object::{self, SchemaObject};
use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists log schemas.
pub(crate) struct ListLogTypeSchemas;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Part of a schema's or field's name, in any case.
    contains: Option<String>,
    /// true: archived ones only. Default: the others.
    is_archived: Option<bool>,
    /// true: those with events only. Default: all.
    is_in_use: Option<bool>,
    /// true: those of the product only. Default: all.
    is_managed: Option<bool>,
    /// Default 100.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<i64>,
    /// next_cursor of the same call before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    schemas: Vec<SchemaObject>,
    /// On all pages.
    total_schemas: usize,
    returned: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What was asked; a cursor is bound to it.
#[derive(Serialize)]
struct Filter {
    contains: Option<String>,
    is_archived: bool,
    is_in_use: bool,
    is_managed: bool,
}

#[async_trait]
impl TypedTool for ListLogTypeSchemas {
    const NAME: &'static str = "list_log_type_schemas";
    const TITLE: &'static str = "List log schemas";
    const DESCRIPTION: &'static str = "Lists log schemas (one per log type that the role may read, such as AWS.CloudTrail) by name, 100 per page. Next: get_log_type_schema_details for the fields.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LogSourceRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 100, 1..=500)?);
        let filter = Filter {
            contains: arguments::optional(input.contains).map(|part| part.to_lowercase()),
            is_archived: input.is_archived.unwrap_or(false),
            is_in_use: input.is_in_use.unwrap_or(false),
            is_managed: input.is_managed.unwrap_or(false),
        };
        let after = arguments::optional(input.cursor)
            .map(|cursor| cursor::open::<After>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let mut schemas = context.ports.log_schemas.list().await?;
        let access = &context.principal.role.log_types;
        schemas.retain(|schema| access.allows(&schema.name) && filter.matches(schema));
        if filter.is_in_use {
            let tables = tables(context).await?;
            schemas.retain(|schema| tables.contains(&table_name(&schema.name)));
        }
        let total_schemas = schemas.len();
        let (schemas, has_next_page) = page::cut(schemas, name, after.as_ref(), limit);
        let next_cursor = schemas
            .last()
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &filter, &After { after: last.name.clone() }))
            .transpose()?;
        Ok(Output {
            returned: schemas.len(),
            schemas: schemas.iter().map(SchemaObject::new).collect(),
            total_schemas,
            has_next_page,
            next_cursor,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

impl Filter {
    fn matches(&self, schema: &LogSchema) -> bool {
        schema.is_archived == self.is_archived
            && (schema.is_managed || !self.is_managed)
            && self.contains.as_ref().is_none_or(|part| {
                schema.name.to_lowercase().contains(part) || schema_object::has_field(&schema.spec, part)
            })
    }
}

/// The names of the tables that the role may read.
async fn tables(context: &ToolContext) -> Result<BTreeSet<String>, ToolError> {
    let access = &context.principal.role.log_types;
    let tables = context.ports.lake.tables(LOGS_DATABASE, access).await?;
    Ok(tables.into_iter().map(|table| table.name).collect())
}

fn name(schema: &LogSchema) -> &str {
    &schema.name
}

#[cfg(test)]
mod tests {
    use margay_domain::role::LogTypeAccess;
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        let mut world = World::new();
        world.schemas = vec![
            fakes::log_schema("Okta.SystemLog", "fields:\n  - name: actor\n"),
            fakes::log_schema("AWS.CloudTrail", "fields:\n  - name: sourceIPAddress\n"),
            LogSchema { is_managed: false, ..fakes::log_schema("Custom.Own", "") },
            LogSchema { is_archived: true, ..fakes::log_schema("AWS.Old", "") },
        ];
        world.tables = vec![fakes::table("AWS.CloudTrail"), fakes::table("Okta.SystemLog")];
        world
    }

    async fn names(world: World, arguments: Value) -> Vec<String> {
        let answer = fakes::call(ListLogTypeSchemas, &world.context(), arguments).await.unwrap();
        fakes::texts(&answer["schemas"], "name")
    }

    #[tokio::test]
    async fn schemas_are_listed_and_filtered() {
        assert_eq!(names(world(), json!({})).await, ["AWS.CloudTrail", "Custom.Own", "Okta.SystemLog"]);
        assert_eq!(names(world(), json!({ "contains": "CLOUD" })).await, ["AWS.CloudTrail"]);
        assert_eq!(names(world(), json!({ "contains": "actor" })).await, ["Okta.SystemLog"]);
        assert_eq!(names(world(), json!({ "is_archived": true })).await, ["AWS.Old"]);
        assert_eq!(names(world(), json!({ "is_managed": true })).await, ["AWS.CloudTrail", "Okta.SystemLog"]);
        assert_eq!(names(world(), json!({ "is_in_use": true })).await, ["AWS.CloudTrail", "Okta.SystemLog"]);
    }

    #[tokio::test]
    async fn a_denied_log_type_is_not_there() {
        let denied = || World { log_types: LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]), ..world() };
        assert_eq!(names(denied(), json!({ "is_in_use": true })).await, ["AWS.CloudTrail"]);
        assert_eq!(names(denied(), json!({})).await, ["AWS.CloudTrail", "Custom.Own"]);
        assert!(names(denied(), json!({ "contains": "actor" })).await.is_empty());
        let total = fakes::call(ListLogTypeSchemas, &denied().context(), json!({})).await.unwrap();
        assert_eq!(total["total_schemas"], 2);
    }

    #[tokio::test]
    async fn schemas_come_in_pages() {
        let context = world().context();
        let first = fakes::call(ListLogTypeSchemas, &context, json!({ "limit": 2 })).await.unwrap();
        assert_eq!((&first["total_schemas"], &first["returned"]), (&json!(3), &json!(2)));
        let next = json!({ "limit": 2, "cursor": first["next_cursor"] });
        let second = fakes::call(ListLogTypeSchemas, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["schemas"], "name"), ["Okta.SystemLog"]);
        let other = json!({ "contains": "x", "cursor": first["next_cursor"] });
        assert_eq!(fakes::refused(ListLogTypeSchemas, &context, other).await.code, "invalid_argument");
    }
}
