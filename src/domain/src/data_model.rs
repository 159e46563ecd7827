//! Data models: field names that detections use for events of several log types.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A data model with its source. There is one per log type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataModel {
    /// The id, for example `Standard.AWS.CloudTrail`.
    pub id: String,
    /// The name to show.
    #[serde(default)]
    pub display_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// The log types whose events it names the fields of.
    pub log_types: Vec<String>,
    /// The names.
    pub mappings: Vec<DataModelMapping>,
    /// The Python source of the methods; empty if there are none.
    #[serde(default)]
    pub body: String,
    /// Whether it came with the product.
    #[serde(default)]
    pub managed: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub last_modified: Timestamp,
}

/// One name of a data model: where its value is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataModelMapping {
    /// The name, for example `source_ip`.
    pub name: String,
    /// The field of the event, as a path. Either this or `method`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The function in the source that finds the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}
