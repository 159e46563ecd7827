//! Global helpers: Python code that several detections share.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A global helper with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GlobalHelper {
    /// The id, which detections import it by, for example `panther_base_helpers`.
    pub id: String,
    /// What it offers.
    #[serde(default)]
    pub description: String,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The Python source.
    #[serde(default)]
    pub body: String,
    /// Whether it came with the product.
    #[serde(default)]
    pub managed: bool,
    /// Who added it, by user id; nobody in particular if it was imported.
    #[serde(default)]
    pub created_by: Option<String>,
    /// Who changed it last, by user id.
    #[serde(default)]
    pub last_modified_by: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub last_modified: Timestamp,
}
