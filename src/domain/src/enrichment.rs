//! Enrichments: lookup tables that say more about a value.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{alert::words, clock::Timestamp, id::EnrichmentId};

words! {
    /// How a value finds its rows.
    MatchKind {
        /// The primary key equals the value.
        Exact = "exact",
        /// The primary key is a network that contains the value.
        Cidr = "cidr",
    }
}

/// A lookup table without its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrichment {
    /// The id.
    pub id: EnrichmentId,
    /// The name; unique, and the table name in the lake.
    pub name: String,
    /// What it says about a value.
    #[serde(default)]
    pub description: String,
    /// The column that a value is compared with.
    pub primary_key: String,
    /// How.
    pub match_kind: MatchKind,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// The log types whose events it is for.
    #[serde(default)]
    pub log_types: Vec<String>,
    /// Whether it is in use.
    pub enabled: bool,
    /// How many rows it has.
    pub row_count: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its rows last changed.
    pub updated_at: Timestamp,
}

/// A row of a lookup table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentRow {
    /// The value of the primary key, as text.
    pub key: String,
    /// The whole row.
    pub row: Map<String, Value>,
}
