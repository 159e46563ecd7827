//! `get_log_type_schema_details`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_object::SchemaDetails;
use crate::{
    arguments,
    tool::{JsonObject, Requirement, ToolContext, ToolError, TypedTool},
};

/// At most so many schemas in one call.
const MAX_NAMES: usize = 5;

/// Shows log schemas with their text.
pub(crate) struct GetLogTypeSchemaDetails;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Exact names, such as AWS.CloudTrail.
    #[schemars(length(min = 1, max = 5))]
    schema_names: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// As in list_log_type_schemas, with spec (YAML).
    #[schemars(with = "Vec<JsonObject>")]
    schemas: Vec<SchemaDetails>,
    /// Names without a schema.
    not_found: Vec<String>,
}

#[async_trait]
impl TypedTool for GetLogTypeSchemaDetails {
    const NAME: &'static str = "get_log_type_schema_details";
    const TITLE: &'static str = "Get log schemas";
    const DESCRIPTION: &'static str = "Shows log schemas by exact name with their YAML: every field, its type, nested objects and which are indicators. Use it before query_data_lake. list_log_type_schemas finds names.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LogSourceRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let names = arguments::list(Some(input.schema_names));
        if names.is_empty() {
            return Err(ToolError::invalid_argument("schema_names must hold at least one name"));
        }
        if names.len() > MAX_NAMES {
            return Err(ToolError::invalid_argument("Maximum of 5 schema names allowed per request"));
        }
        let access = &context.principal.role.log_types;
        let mut schemas = Vec::new();
        let mut not_found = Vec::new();
        for name in names {
            // What may not be read does not exist, as in the lake.
            match context.ports.log_schemas.get(&name).await?.filter(|_| access.allows(&name)) {
                Some(schema) => schemas.push(SchemaDetails::new(&schema)),
                None => not_found.push(name),
            }
        }
        if schemas.is_empty() {
            let names = not_found.iter().map(|name| arguments::shown(name)).collect::<Vec<_>>().join(", ");
            return Err(ToolError::not_found(format!(
                "No matching schemas found for: {names}. Names are exact; list_log_type_schemas finds them."
            )));
        }
        Ok(Output { schemas, not_found })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.schemas.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::role::LogTypeAccess;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn context() -> ToolContext {
        let mut world = World::new();
        world.schemas =
            vec![fakes::log_schema("AWS.CloudTrail", "fields: []"), fakes::log_schema("AWS.CloudTrailDigest", "")];
        world.context()
    }

    #[tokio::test]
    async fn names_are_exact_and_missing_ones_are_told() {
        let asked = json!({ "schema_names": ["AWS.CloudTrail", "Nope"] });
        let answer = fakes::call(GetLogTypeSchemaDetails, &context(), asked).await.unwrap();
        assert_eq!(fakes::texts(&answer["schemas"], "name"), ["AWS.CloudTrail"]);
        assert_eq!(answer["schemas"][0]["spec"], "fields: []");
        assert_eq!(answer["not_found"], json!(["Nope"]));
    }

    #[tokio::test]
    async fn a_denied_log_type_has_no_schema() {
        let mut world = World::new();
        world.log_types = LogTypeAccess::Deny(vec!["AWS.CloudTrail".to_owned()]);
        world.schemas = vec![fakes::log_schema("AWS.CloudTrail", "x"), fakes::log_schema("AWS.VPCFlow", "y")];
        let context = world.context();
        let asked = json!({ "schema_names": ["AWS.CloudTrail", "AWS.VPCFlow"] });
        let answer = fakes::call(GetLogTypeSchemaDetails, &context, asked).await.unwrap();
        assert_eq!(fakes::texts(&answer["schemas"], "name"), ["AWS.VPCFlow"]);
        assert_eq!(answer["not_found"], json!(["AWS.CloudTrail"]));
        let denied = json!({ "schema_names": ["AWS.CloudTrail"] });
        let denied = fakes::refused(GetLogTypeSchemaDetails, &context, denied).await;
        let unknown = fakes::refused(GetLogTypeSchemaDetails, &context, json!({ "schema_names": ["Nope"] })).await;
        assert_eq!((denied.code, denied.message), (unknown.code, unknown.message.replace("Nope", "AWS.CloudTrail")));
    }

    #[tokio::test]
    async fn bad_lists_are_refused() {
        for (names, code) in [
            (json!([]), "invalid_argument"),
            (json!(["a", "b", "c", "d", "e", "f"]), "invalid_argument"),
            (json!(["Nope"]), "not_found"),
        ] {
            let error = fakes::refused(GetLogTypeSchemaDetails, &context(), json!({ "schema_names": names })).await;
            assert_eq!(error.code, code);
        }
    }
}
