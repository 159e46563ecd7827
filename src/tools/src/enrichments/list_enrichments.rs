//! `list_enrichments`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::enrichment_object::EnrichmentObject;
use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists lookup tables.
pub(crate) struct ListEnrichments;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Part of the name or of the description, in any case.
    contains: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    enrichments: Vec<EnrichmentObject>,
    total_enrichments: usize,
}

#[async_trait]
impl TypedTool for ListEnrichments {
    const NAME: &'static str = "list_enrichments";
    const TITLE: &'static str = "List enrichments";
    const DESCRIPTION: &'static str = "Lists enrichments (lookup tables on addresses, domains, people ...) with their columns and what they match by, all at once. Next: lookup_enrichment with values, get_enrichment for sample rows.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LookupRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let part = arguments::optional(input.contains).map(|part| part.to_lowercase());
        let mut tables = context.ports.enrichments.list().await?;
        tables.retain(|table| {
            part.as_ref().is_none_or(|part| {
                table.name.to_lowercase().contains(part) || table.description.to_lowercase().contains(part)
            })
        });
        tables.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(Output { total_enrichments: tables.len(), enrichments: tables.iter().map(EnrichmentObject::new).collect() })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.total_enrichments).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::enrichment::MatchKind;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn tables_are_listed_and_filtered() {
        let mut world = World::new();
        world.enrichments = vec![
            fakes::enrichment("office_networks", MatchKind::Cidr, &["10.0.0.0/8"]),
            fakes::enrichment("bad_domains", MatchKind::Exact, &["evil.example"]),
        ];
        let context = world.context();
        let all = fakes::call(ListEnrichments, &context, json!({})).await.unwrap();
        assert_eq!(fakes::texts(&all["enrichments"], "name"), ["bad_domains", "office_networks"]);
        assert_eq!(fakes::texts(&all["enrichments"], "match_kind"), ["exact", "cidr"]);
        let some = fakes::call(ListEnrichments, &context, json!({ "contains": "OFFICE" })).await.unwrap();
        assert_eq!(some["total_enrichments"], 1);
        let error = fakes::refused(ListEnrichments, &context, json!({ "name": "x" })).await;
        assert_eq!(error.code, "invalid_argument");
    }
}
