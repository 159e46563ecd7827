//! `list_databases`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tool::{Requirement, ToolContext, ToolError, TypedTool};

/// Lists the databases of the lake.
pub(crate) struct ListDatabases;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    databases: Vec<Database>,
    stats: Stats,
}

#[derive(Serialize, JsonSchema)]
struct Database {
    name: String,
    description: String,
}

#[derive(Serialize, JsonSchema)]
struct Stats {
    database_count: usize,
}

#[async_trait]
impl TypedTool for ListDatabases {
    const NAME: &'static str = "list_databases";
    const TITLE: &'static str = "List databases";
    const DESCRIPTION: &'static str =
        "Lists the databases of the data lake; log events are in panther_logs.public. Next: list_database_tables.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::DataAnalyticsRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, _input: Input) -> Result<Output, ToolError> {
        let databases: Vec<Database> = context
            .ports
            .lake
            .databases()
            .await?
            .into_iter()
            .map(|database| Database { name: database.name, description: database.description })
            .collect();
        Ok(Output { stats: Stats { database_count: databases.len() }, databases })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.databases.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn databases_are_listed() {
        let context = World::new().context();
        let answer = fakes::call(ListDatabases, &context, json!({})).await.unwrap();
        assert_eq!(fakes::texts(&answer["databases"], "name"), ["panther_logs.public"]);
        assert_eq!(answer["stats"]["database_count"], 1);
        let error = fakes::refused(ListDatabases, &context, json!({ "database": "x" })).await;
        assert_eq!(error.code, "invalid_argument");
    }
}
