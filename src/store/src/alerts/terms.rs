//! What alerts are found by beside their columns and log types: one row per alert and term.

use std::collections::BTreeSet;

use margay_domain::alert::Alert;
use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::codec::text;

/// Terms per statement: three values each, far below what either engine binds at once (32766 and 65535).
pub(super) const TERMS_PER_STATEMENT: usize = 1000;

/// What [`push_rows`] goes on with.
pub(super) const INSERT: &str = "INSERT INTO alert_terms (alert_id, kind, term) ";

/// What a term is.
#[derive(Clone, Copy, Debug)]
pub(super) enum TermKind {
    /// A label.
    ContextTag,
    /// The id of a log source.
    LogSource,
    /// The type of a resource.
    ResourceType,
}

impl TermKind {
    /// The word in storage.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ContextTag => "context_tag",
            Self::LogSource => "log_source",
            Self::ResourceType => "resource_type",
        }
    }
}

/// A term of an alert.
#[derive(Debug)]
pub(super) struct Term {
    kind: TermKind,
    text: String,
}

/// Terms of one kind, each once.
pub(super) fn terms(kind: TermKind, values: &[String]) -> Vec<Term> {
    let distinct: BTreeSet<String> = values.iter().map(|value| text(value)).collect();
    distinct.into_iter().map(|text| Term { kind, text }).collect()
}

/// All terms of an alert.
pub(super) fn terms_of(alert: &Alert) -> Vec<Term> {
    let mut all = terms(TermKind::ContextTag, &alert.context_tags);
    all.extend(terms(TermKind::LogSource, &alert.log_source_ids));
    all.extend(terms(TermKind::ResourceType, &alert.resource_types));
    all
}

/// Adds `VALUES …` for the terms of the alert `id`; there must be at least one.
pub(super) fn push_rows<DB>(sql: &mut QueryBuilder<DB>, id: &str, terms: &[Term])
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    sql.push_values(terms, |mut tuple, term| {
        tuple.push_bind(id.to_owned());
        tuple.push_bind(term.kind.as_str().to_owned());
        tuple.push_bind(term.text.clone());
    });
}

#[cfg(test)]
mod tests {
    use sqlx::Postgres;

    use super::*;

    #[test]
    fn a_term_counts_once() {
        let values = ["b", "a\0", "b", "a\u{fffd}"].map(str::to_owned);
        let texts: Vec<String> = terms(TermKind::ContextTag, &values).into_iter().map(|term| term.text).collect();
        assert_eq!(texts, ["a\u{fffd}", "b"]);
        assert!(terms(TermKind::LogSource, &[]).is_empty());
    }

    #[test]
    fn rows_are_bound_and_never_pasted() {
        let mut sql = QueryBuilder::<Postgres>::new(INSERT);
        push_rows(&mut sql, "alr_1", &terms(TermKind::ResourceType, &["x".to_owned(), "y".to_owned()]));
        assert_eq!(
            sql.into_string(),
            "INSERT INTO alert_terms (alert_id, kind, term) VALUES ($1, $2, $3), ($4, $5, $6)"
        );
    }
}
