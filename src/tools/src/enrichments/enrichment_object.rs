//! An enrichment as the tools show it.

use margay_domain::enrichment::Enrichment;
use schemars::JsonSchema;
use serde::Serialize;

// Doc comments become part of each schema and cost a model's context: none on what speaks for itself.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EnrichmentObject {
    name: String,
    description: String,
    /// The column that values are compared with.
    primary_key: String,
    /// exact or cidr.
    match_kind: &'static str,
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_types: Vec<String>,
    enabled: bool,
    row_count: i64,
    updated_at: String,
}

impl EnrichmentObject {
    pub(crate) fn new(table: &Enrichment) -> Self {
        Self {
            name: table.name.clone(),
            description: table.description.clone(),
            primary_key: table.primary_key.clone(),
            match_kind: table.match_kind.as_str(),
            columns: table.columns.clone(),
            log_types: table.log_types.clone(),
            enabled: table.enabled,
            row_count: table.row_count,
            updated_at: table.updated_at.to_rfc3339(),
        }
    }
}
