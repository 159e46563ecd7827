//! The kinds of content in the YAML layout of the field.

use std::fmt;

/// The value of `AnalysisType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnalysisType {
    /// A rule: Python, YAML, or derived from another rule.
    Rule,
    /// A rule over the result of a scheduled query.
    ScheduledRule,
    /// A rule over the matches of other rules.
    CorrelationRule,
    /// A check of a cloud resource.
    Policy,
    /// A lookup table.
    LookupTable,
    /// Field names that several log types share.
    DataModel,
    /// Python code that several detections share.
    Global,
    /// A query that runs when a person asks.
    SavedQuery,
    /// A query that runs by itself.
    ScheduledQuery,
    /// A named set of content.
    Pack,
    /// A prompt that runs by itself.
    ScheduledPrompt,
}

impl AnalysisType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Rule,
        Self::ScheduledRule,
        Self::CorrelationRule,
        Self::Policy,
        Self::LookupTable,
        Self::DataModel,
        Self::Global,
        Self::SavedQuery,
        Self::ScheduledQuery,
        Self::Pack,
        Self::ScheduledPrompt,
    ];

    /// The word in the YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::ScheduledRule => "scheduled_rule",
            Self::CorrelationRule => "correlation_rule",
            Self::Policy => "policy",
            Self::LookupTable => "lookup_table",
            Self::DataModel => "datamodel",
            Self::Global => "global",
            Self::SavedQuery => "saved_query",
            Self::ScheduledQuery => "scheduled_query",
            Self::Pack => "pack",
            Self::ScheduledPrompt => "scheduled_prompt",
        }
    }

    /// Reads the word in the YAML.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for AnalysisType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
