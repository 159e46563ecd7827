//! Tools about enrichments (lookup tables). All need View Enrichments.

mod enrichment_object;
mod get_enrichment;
mod list_enrichments;
mod lookup_enrichment;

pub(crate) use get_enrichment::GetEnrichment;
pub(crate) use list_enrichments::ListEnrichments;
pub(crate) use lookup_enrichment::LookupEnrichment;

use margay_domain::enrichment::Enrichment;

use crate::{
    arguments,
    tool::{ToolContext, ToolError},
};

/// How many names an error lists.
const NAMES_IN_ERROR: usize = 50;

/// The table that an argument names; the error for an unknown one lists those that exist.
async fn find(context: &ToolContext, name: &str) -> Result<Enrichment, ToolError> {
    let name = arguments::required("name", name)?;
    if let Some(found) = context.ports.enrichments.find_by_name(name).await? {
        return Ok(found);
    }
    let tables = context.ports.enrichments.list().await?;
    let shown = arguments::shown(name);
    if tables.is_empty() {
        return Err(ToolError::not_found(format!("No enrichment found with name: {shown}. There are none.")));
    }
    let names: Vec<String> = tables.iter().take(NAMES_IN_ERROR).map(|table| table.name.clone()).collect();
    let more = if tables.len() > names.len() { " and more (list_enrichments shows all)" } else { "" };
    Err(ToolError::not_found(format!("No enrichment found with name: {shown}. There are: {}{more}.", names.join(", "))))
}
