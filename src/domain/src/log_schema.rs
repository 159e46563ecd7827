//! Log schemas: YAML that types a log type.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A log schema as stored; `lake` reads the YAML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSchema {
    /// The log type, for example `AWS.CloudTrail`.
    pub name: String,
    /// What is in such a log.
    pub description: String,
    /// The YAML.
    pub spec: String,
    /// Counts up with every change.
    pub revision: i64,
    /// Whether it came with the product.
    pub is_managed: bool,
    /// Whether it is out of use.
    pub is_archived: bool,
    /// Where the log format is described.
    #[serde(rename = "referenceURL")]
    pub reference_url: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
