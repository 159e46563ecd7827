//! `list_database_tables`.

use async_trait::async_trait;
use margay_domain::{lake::TableInfo, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists the tables of a database.
pub(crate) struct ListDatabaseTables;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// For example panther_logs.public.
    #[schemars(length(min = 1))]
    database: String,
    /// Part of the table's name or log type, in any case.
    contains: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    tables: Vec<Table>,
    stats: Stats,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Table {
    name: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_type: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Stats {
    table_count: usize,
}

#[async_trait]
impl TypedTool for ListDatabaseTables {
    const NAME: &'static str = "list_database_tables";
    const TITLE: &'static str = "List tables of a database";
    const DESCRIPTION: &'static str = "Lists the tables of a database that the role may read, each with its log type. Give a name from list_databases. All that match are returned at once. Next: get_table_schema for the columns.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::DataAnalyticsRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let database = arguments::required("database", &input.database)?;
        let part = arguments::optional(input.contains).map(|part| part.to_lowercase());
        let access = &context.principal.role.log_types;
        let mut tables: Vec<Table> = context
            .ports
            .lake
            .tables(database, access)
            .await?
            .into_iter()
            .filter(|table| part.as_ref().is_none_or(|part| contains(table, part)))
            .map(|table| Table { name: table.name, description: table.description, log_type: table.log_type })
            .collect();
        tables.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(Output { stats: Stats { table_count: tables.len() }, tables })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.tables.len()).ok()
    }
}

fn contains(table: &TableInfo, part: &str) -> bool {
    table.name.to_lowercase().contains(part)
        || table.log_type.as_ref().is_some_and(|log_type| log_type.to_lowercase().contains(part))
}

#[cfg(test)]
mod tests {
    use margay_domain::role::LogTypeAccess;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        World { tables: vec![fakes::table("Okta.SystemLog"), fakes::table("AWS.CloudTrail")], ..World::new() }
    }

    #[tokio::test]
    async fn tables_are_listed_by_name() {
        let context = world().context();
        let all = json!({ "database": "panther_logs.public" });
        let answer = fakes::call(ListDatabaseTables, &context, all).await.unwrap();
        assert_eq!(fakes::texts(&answer["tables"], "name"), ["aws_cloudtrail", "okta_systemlog"]);
        assert_eq!(answer["tables"][0]["logType"], "AWS.CloudTrail");
        let some = json!({ "database": "panther_logs.public", "contains": "okta.s" });
        let answer = fakes::call(ListDatabaseTables, &context, some).await.unwrap();
        assert_eq!(answer["stats"]["table_count"], 1);
    }

    #[tokio::test]
    async fn denied_log_types_are_not_listed() {
        let world = World { log_types: LogTypeAccess::Allow(vec!["Okta.SystemLog".to_owned()]), ..world() };
        let asked = json!({ "database": "panther_logs.public" });
        let answer = fakes::call(ListDatabaseTables, &world.context(), asked).await.unwrap();
        assert_eq!(fakes::texts(&answer["tables"], "name"), ["okta_systemlog"]);
    }

    #[tokio::test]
    async fn an_unknown_database_is_not_found() {
        let error = fakes::refused(ListDatabaseTables, &world().context(), json!({ "database": "nope" })).await;
        assert_eq!(error.code, "not_found");
        assert!(error.message.contains("list_databases"));
    }
}
