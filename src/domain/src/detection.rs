//! Detections: rules, policies and their kin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    alert::{Severity, words},
    clock::Timestamp,
};
use margay_rules::Permission;

words! {
    /// The kind of a detection; the words are those of the tools.
    DetectionKind {
        /// A Python rule.
        Rule = "rules",
        /// A rule written in YAML.
        SimpleRule = "simple_rules",
        /// A rule over the result of a scheduled query.
        ScheduledRule = "scheduled_rules",
        /// A rule over the matches of other rules.
        CorrelationRule = "correlation_rules",
        /// A check of a cloud resource.
        Policy = "policies",
    }
}

impl DetectionKind {
    /// What it takes to see a detection of this kind: only this kind's permission.
    pub const fn read_permission(self) -> Permission {
        match self {
            Self::Policy => Permission::PolicyRead,
            Self::Rule | Self::SimpleRule | Self::ScheduledRule | Self::CorrelationRule => Permission::RuleRead,
        }
    }

    /// What it takes to change a detection of this kind: only this kind's permission.
    pub const fn modify_permission(self) -> Permission {
        match self {
            Self::Policy => Permission::PolicyModify,
            Self::Rule | Self::SimpleRule | Self::ScheduledRule | Self::CorrelationRule => Permission::RuleModify,
        }
    }

    /// The word for one of them in answers.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::SimpleRule => "simple_rule",
            Self::ScheduledRule => "scheduled_rule",
            Self::CorrelationRule => "correlation_rule",
            Self::Policy => "policy",
        }
    }
}

/// A detection with its source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// The id, for example `AWS.Root.Login`.
    pub id: String,
    /// The kind.
    pub kind: DetectionKind,
    /// The name to show.
    #[serde(default)]
    pub display_name: String,
    /// What it finds.
    #[serde(default)]
    pub description: String,
    /// Whether it runs.
    pub enabled: bool,
    /// How bad a match is.
    pub severity: Severity,
    /// Log types (rules) it reads.
    #[serde(default)]
    pub log_types: Vec<String>,
    /// Resource types (policies) it checks.
    #[serde(default)]
    pub resource_types: Vec<String>,
    /// Scheduled queries (scheduled rules) it reads.
    #[serde(default)]
    pub scheduled_queries: Vec<String>,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Framework mappings, for example `MITRE ATT&CK`.
    #[serde(default)]
    pub reports: BTreeMap<String, Vec<String>>,
    /// What to do on a match.
    #[serde(default)]
    pub runbook: String,
    /// Where to read on.
    #[serde(default)]
    pub reference: String,
    /// Matches before an alert is raised.
    #[serde(default = "one")]
    pub threshold: i64,
    /// How long matches go to the same alert, in minutes.
    #[serde(default = "sixty")]
    pub dedup_period_minutes: i64,
    /// The source: Python, or the YAML of a simple or correlation rule.
    #[serde(default)]
    pub body: String,
    /// Its unit tests, as written.
    #[serde(default)]
    pub tests: Vec<Value>,
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

const fn one() -> i64 {
    1
}

const fn sixty() -> i64 {
    60
}
