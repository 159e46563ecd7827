//! `get_enrichment`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::enrichment_object::EnrichmentObject;
use crate::{
    arguments, size,
    tool::{JsonObject, Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// Describes a lookup table.
pub(crate) struct GetEnrichment;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// A name from list_enrichments.
    #[schemars(length(min = 1))]
    name: String,
    /// How many rows to show; default 5.
    #[schemars(range(min = 0, max = 5))]
    sample_rows: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// As in list_enrichments.
    #[schemars(with = "JsonObject")]
    enrichment: EnrichmentObject,
    sample_rows: Vec<JsonObject>,
}

#[async_trait]
impl TypedTool for GetEnrichment {
    const NAME: &'static str = "get_enrichment";
    const TITLE: &'static str = "Get an enrichment";
    const DESCRIPTION: &'static str = "Describes one enrichment by name: columns, key, how it matches, number of rows, and up to 5 sample rows. Next: lookup_enrichment.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LookupRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let count = usize::from(arguments::number("sample_rows", input.sample_rows, 5, 0..=5)?);
        let table = super::find(context, &input.name).await?;
        let mut sample_rows: Vec<JsonObject> = if count == 0 {
            Vec::new()
        } else {
            context.ports.enrichments.rows(&table.id).await?.into_iter().take(count).map(|row| row.row).collect()
        };
        sample_rows.truncate(size::fitting(&sample_rows, context.ports.row_bytes()).max(1));
        Ok(Output { enrichment: EnrichmentObject::new(&table), sample_rows })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.sample_rows.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::enrichment::MatchKind;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn context() -> ToolContext {
        let mut world = World::new();
        world.enrichments = vec![fakes::enrichment("hosts", MatchKind::Exact, &["a", "b", "c", "d", "e", "f"])];
        world.context()
    }

    #[tokio::test]
    async fn it_describes_with_a_few_rows() {
        let answer = fakes::call(GetEnrichment, &context(), json!({ "name": "HOSTS" })).await.unwrap();
        assert_eq!(answer["enrichment"]["columns"], json!(["key", "note"]));
        assert_eq!(answer["enrichment"]["row_count"], 6);
        assert_eq!(fakes::texts(&answer["sample_rows"], "key"), ["a", "b", "c", "d", "e"]);
        let none = fakes::call(GetEnrichment, &context(), json!({ "name": "hosts", "sample_rows": 0 })).await.unwrap();
        assert_eq!(none["sample_rows"], json!([]));
    }

    #[tokio::test]
    async fn an_unknown_table_is_not_found_and_the_others_are_named() {
        let error = fakes::refused(GetEnrichment, &context(), json!({ "name": "nope" })).await;
        assert_eq!(error.code, "not_found");
        assert_eq!(error.message, "No enrichment found with name: nope. There are: hosts.");
        let rows = fakes::refused(GetEnrichment, &context(), json!({ "name": "hosts", "sample_rows": -1 })).await;
        assert_eq!(rows.message, "sample_rows must be a whole number from 0 to 5; you sent the number -1.");
    }
}
