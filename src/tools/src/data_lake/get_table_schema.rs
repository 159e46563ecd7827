//! `get_table_schema`.

use async_trait::async_trait;
use margay_domain::{lake::LOGS_DATABASE, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows the columns of a table.
pub(crate) struct GetTableSchema;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Default panther_logs.public.
    database: Option<String>,
    /// A table (aws_cloudtrail) or a log type (AWS.CloudTrail).
    #[schemars(length(min = 1))]
    table_name: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    name: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_type: Option<String>,
    columns: Vec<Column>,
    stats: Stats,
}

#[derive(Serialize, JsonSchema)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

#[derive(Serialize, JsonSchema)]
struct Stats {
    column_count: usize,
}

#[async_trait]
impl TypedTool for GetTableSchema {
    const NAME: &'static str = "get_table_schema";
    const TITLE: &'static str = "Get the columns of a table";
    const DESCRIPTION: &'static str = "Shows the columns of a table with their SQL types; names are in lower case. Nested fields show only as object: get_log_type_schema_details lists them. Next: query_data_lake.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::DataAnalyticsRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let database = arguments::optional(input.database).unwrap_or_else(|| LOGS_DATABASE.to_owned());
        let wanted = arguments::required("table_name", &input.table_name)?;
        let access = &context.principal.role.log_types;
        let schema = context.ports.lake.table_schema(&database, wanted, access).await?;
        let columns: Vec<Column> = schema
            .columns
            .into_iter()
            .map(|column| Column { name: column.name, kind: column.kind, description: column.description })
            .collect();
        Ok(Output {
            name: schema.table.name,
            description: schema.table.description,
            log_type: schema.table.log_type,
            stats: Stats { column_count: columns.len() },
            columns,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.columns.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::role::LogTypeAccess;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        World { tables: vec![fakes::table("AWS.CloudTrail")], ..World::new() }
    }

    #[tokio::test]
    async fn by_table_or_by_log_type() {
        let context = world().context();
        for wanted in ["aws_cloudtrail", "AWS.CloudTrail"] {
            let asked = json!({ "database": "panther_logs.public", "table_name": wanted });
            let answer = fakes::call(GetTableSchema, &context, asked).await.unwrap();
            assert_eq!(answer["logType"], "AWS.CloudTrail");
            assert_eq!(answer["columns"][0], json!({ "name": "p_event_time", "type": "timestamp" }));
            assert_eq!(answer["stats"]["column_count"], 2);
        }
    }

    #[tokio::test]
    async fn what_may_not_be_read_is_not_found() {
        let denied = World { log_types: LogTypeAccess::DenyAll, ..world() }.context();
        let asked = json!({ "table_name": "aws_cloudtrail" });
        assert_eq!(fakes::refused(GetTableSchema, &denied, asked).await.code, "not_found");
        let unknown = fakes::refused(GetTableSchema, &world().context(), json!({ "table_name": "nope" })).await;
        assert!(unknown.message.contains("list_database_tables"));
    }
}
