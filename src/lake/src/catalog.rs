//! Which databases and tables there are for a person.

use std::collections::{BTreeMap, BTreeSet};

use margay_domain::{
    lake::{DatabaseInfo, LOGS_DATABASE, LakeError, VIEWS_DATABASE, table_name},
    log_schema::LogSchema,
    role::LogTypeAccess,
};
use serde::{Deserialize, Serialize};

/// The view of all logs.
pub(crate) const ALL_LOGS: &str = "all_logs";
/// The schema of every database.
pub(crate) const SCHEMA: &str = "public";

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// One table per log type.
    Logs,
    /// Views over them.
    Views,
}

impl Database {
    /// By its name, with or without `.public`, ignoring case.
    pub(crate) fn parse(name: &str) -> Result<Self, LakeError> {
        let lower = name.trim().to_ascii_lowercase();
        let catalog = lower.strip_suffix(".public").unwrap_or(&lower);
        Self::of_catalog(catalog).ok_or_else(|| LakeError::UnknownDatabase(name.to_owned()))
    }

    /// By its name without `.public`, in lower case.
    pub(crate) fn of_catalog(catalog: &str) -> Option<Self> {
        [Self::Logs, Self::Views].into_iter().find(|database| database.catalog() == catalog)
    }

    /// Its name without `.public`.
    pub(crate) const fn catalog(self) -> &'static str {
        match self {
            Self::Logs => "panther_logs",
            Self::Views => "panther_views",
        }
    }
}

/// The databases, for a list.
pub(crate) fn databases() -> Vec<DatabaseInfo> {
    let info =
        |name: &str, description: &str| DatabaseInfo { name: name.to_owned(), description: description.to_owned() };
    vec![
        info(LOGS_DATABASE, "Log events: one table per log type."),
        info(VIEWS_DATABASE, "Views: all_logs has the p_ columns of every table of log events."),
    ]
}

/// The tables of log events that a person may read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known(BTreeMap<String, String>);

impl Known {
    /// Of `schemas` those that the role may read and that have a table in `existing`. Where two log types share a
    /// table, both must be allowed.
    pub(crate) fn new(schemas: &[LogSchema], existing: &BTreeSet<String>, access: &LogTypeAccess) -> Self {
        let mut tables = BTreeMap::new();
        let mut denied = BTreeSet::new();
        for schema in schemas {
            let table = table_name(&schema.name);
            if !access.allows(&schema.name) {
                denied.insert(table);
            } else if existing.contains(&table) {
                tables.insert(table, schema.name.clone());
            }
        }
        tables.retain(|table, _| !denied.contains(table));
        Self(tables)
    }

    /// Exactly these tables with their log types.
    #[cfg(test)]
    pub(crate) fn of(tables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(tables.into_iter().collect())
    }

    /// A table by its name or by its log type, ignoring case.
    pub(crate) fn find(&self, name: &str) -> Option<(&str, &str)> {
        self.0.get_key_value(&table_name(name)).map(|(table, log_type)| (table.as_str(), log_type.as_str()))
    }

    /// All tables with their log types, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(table, log_type)| (table.as_str(), log_type.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::clock::Timestamp;

    use super::*;

    fn schema(name: &str) -> LogSchema {
        LogSchema {
            name: name.to_owned(),
            description: String::new(),
            spec: String::new(),
            revision: 1,
            is_managed: false,
            is_archived: false,
            reference_url: String::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_table_is_found_by_both_names_if_it_may_be_read() {
        let schemas = [schema("AWS.CloudTrail"), schema("Okta.SystemLog"), schema("New.Type")];
        let existing = BTreeSet::from(["aws_cloudtrail".to_owned(), "okta_systemlog".to_owned()]);
        let access = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
        let known = Known::new(&schemas, &existing, &access);
        assert_eq!(known.find("aws_cloudtrail"), Some(("aws_cloudtrail", "AWS.CloudTrail")));
        assert_eq!(known.find("aws.cloudTRAIL"), Some(("aws_cloudtrail", "AWS.CloudTrail")));
        assert_eq!(known.find("okta_systemlog"), None);
        assert_eq!(known.find("new_type"), None);
        assert_eq!(known.iter().count(), 1);
    }

    #[test]
    fn log_types_that_share_a_table_cannot_lend_access() {
        let schemas = [schema("A.B"), schema("A_B")];
        let existing = BTreeSet::from(["a_b".to_owned()]);
        assert!(Known::new(&schemas, &existing, &LogTypeAccess::Allow(vec!["A.B".to_owned()])).find("a_b").is_none());
        assert!(Known::new(&schemas, &existing, &LogTypeAccess::AllowAll).find("a_b").is_some());
    }

    #[test]
    fn databases_are_found_by_name() {
        assert_eq!(Database::parse("PANTHER_LOGS.public"), Ok(Database::Logs));
        assert_eq!(Database::parse("panther_views"), Ok(Database::Views));
        assert_eq!(Database::parse("x"), Err(LakeError::UnknownDatabase("x".to_owned())));
    }
}
