//! A data model as the tools show it, with the field names of the API.

use margay_domain::data_model::{DataModel, DataModelMapping};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelObject {
    id: String,
    display_name: String,
    description: String,
    enabled: bool,
    log_types: Vec<String>,
    mappings: Vec<Mapping>,
    managed: bool,
    created_at: String,
    last_modified: String,
}

#[derive(Serialize, JsonSchema)]
struct Mapping {
    name: String,
    /// Of the event's field.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Else: the function in body.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
}

impl Mapping {
    fn new(mapping: &DataModelMapping) -> Self {
        Self { name: mapping.name.clone(), path: mapping.path.clone(), method: mapping.method.clone() }
    }
}

impl DataModelObject {
    pub(crate) fn new(model: &DataModel) -> Self {
        Self {
            id: model.id.clone(),
            display_name: model.display_name.clone(),
            description: model.description.clone(),
            enabled: model.enabled,
            log_types: model.log_types.clone(),
            mappings: model.mappings.iter().map(Mapping::new).collect(),
            managed: model.managed,
            created_at: model.created_at.to_rfc3339(),
            last_modified: model.last_modified.to_rfc3339(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

// One data model with its source.
#[derive(Serialize)]
pub(crate) struct DataModelDetails {
    #[serde(flatten)]
    model: DataModelObject,
    body: String,
}

impl DataModelDetails {
    /// `body` is what is shown of the source.
    pub(crate) fn new(model: &DataModel, body: String) -> Self {
        Self { model: DataModelObject::new(model), body }
    }
}
