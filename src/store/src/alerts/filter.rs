//! Which alerts, and which page of them, in SQL.

use margay_domain::{
    alert::{AlertFilter, AlertPosition, AlertQuality, AlertStatus, AlertType, Severity},
    role::LogTypeAccess,
};
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::terms::TermKind;
use crate::codec::{like_contains, text};

/// The longest pattern that SQLite takes is 50000 bytes. No title is a tenth as long.
const MAX_PATTERN: usize = 50_000;

/// A title, or a part of one, as it is compared: the engines fold case differently, so it is folded here.
pub(super) fn fold(title: &str) -> String {
    text(&title.to_lowercase())
}

/// Adds ` AND …` for every condition of `filter`, on `alerts a`, and for what `access` allows to exist. Nothing is found
/// by what is withheld: else asking again and again would tell it.
pub(super) fn push_conditions<DB>(sql: &mut QueryBuilder<DB>, filter: &AlertFilter, access: &LogTypeAccess)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
{
    push_access(sql, access);
    if filter.title_contains.is_some() || !filter.log_source_ids.is_empty() {
        push_nothing_withheld(sql, access);
    }
    if let Some(from) = filter.from {
        sql.push(" AND a.created_at >= ").push_bind(from.as_micros());
    }
    if let Some(until) = filter.until {
        sql.push(" AND a.created_at < ").push_bind(until.as_micros());
    }
    push_any(sql, "a.severity", filter.severities.iter().copied().map(Severity::as_str));
    push_any(sql, "a.status", filter.statuses.iter().copied().map(AlertStatus::as_str));
    push_any(sql, "a.kind", filter.kinds.iter().copied().map(AlertType::as_str));
    if let Some(detection) = &filter.detection_id {
        sql.push(" AND a.detection_id = ").push_bind(text(detection));
    }
    if !filter.log_types.is_empty() {
        sql.push(" AND EXISTS (SELECT 1 FROM alert_log_types l WHERE l.alert_id = a.id");
        push_any(sql, "l.log_type", filter.log_types.iter().map(String::as_str));
        if !access.is_unrestricted() {
            sql.push(" AND ");
            push_allowed(sql, "l.log_type", access);
        }
        sql.push(")");
    }
    if let Some(needle) = &filter.title_contains {
        push_title(sql, needle);
    }
    if let Some(least) = filter.min_events {
        sql.push(" AND a.event_count >= ").push_bind(least);
    }
    if let Some(most) = filter.max_events {
        sql.push(" AND a.event_count <= ").push_bind(most);
    }
    push_any(sql, "a.assignee_id", filter.assignee_ids.iter().map(String::as_str));
    push_any(sql, "a.quality", filter.qualities.iter().copied().map(AlertQuality::as_str));
    push_terms(sql, TermKind::ContextTag, &filter.context_tags);
    push_terms(sql, TermKind::LogSource, &filter.log_source_ids);
    push_terms(sql, TermKind::ResourceType, &filter.resource_types);
}

/// Adds the condition that the alert exists for somebody with this access: one of its log types may be read. Without a
/// log type it exists for those who may read all.
pub(super) fn push_access<DB>(sql: &mut QueryBuilder<DB>, access: &LogTypeAccess)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    if access.is_unrestricted() {
        return;
    }
    sql.push(" AND EXISTS (SELECT 1 FROM alert_log_types v WHERE v.alert_id = a.id AND ");
    push_allowed(sql, "v.log_type", access);
    sql.push(")");
}

/// Adds the condition that all log types of the alert may be read.
fn push_nothing_withheld<DB>(sql: &mut QueryBuilder<DB>, access: &LogTypeAccess)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    if access.is_unrestricted() {
        return;
    }
    sql.push(" AND NOT EXISTS (SELECT 1 FROM alert_log_types w WHERE w.alert_id = a.id AND NOT (");
    push_allowed(sql, "w.log_type", access);
    sql.push("))");
}

/// Adds whether the log type in `column` may be read.
fn push_allowed<DB>(sql: &mut QueryBuilder<DB>, column: &'static str, access: &LogTypeAccess)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    let (operator, listed) = match access {
        LogTypeAccess::Allow(listed) if !listed.is_empty() => (" IN (", listed),
        LogTypeAccess::Deny(listed) if !listed.is_empty() => (" NOT IN (", listed),
        LogTypeAccess::AllowAll | LogTypeAccess::Deny(_) => {
            sql.push("1 = 1");
            return;
        }
        LogTypeAccess::DenyAll | LogTypeAccess::Allow(_) => {
            sql.push("1 = 0");
            return;
        }
    };
    sql.push(column).push(operator);
    let mut list = sql.separated(", ");
    for log_type in listed {
        list.push_bind(text(log_type));
    }
    sql.push(")");
}

/// Adds the position, the order and the limit of a page. Time and id together are unique, so that no alert is
/// skipped or repeated between pages, however many share a moment.
pub(super) fn push_page<DB>(sql: &mut QueryBuilder<DB>, ascending: bool, after: Option<&AlertPosition>, limit: u32)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
{
    let (beyond, order) = if ascending { (">", "ASC") } else { ("<", "DESC") };
    if let Some(position) = after {
        sql.push(" AND (a.created_at, a.id) ").push(beyond).push(" (");
        sql.push_bind(position.created_at.as_micros()).push(", ");
        sql.push_bind(text(position.id.as_str())).push(")");
    }
    sql.push(" ORDER BY a.created_at ").push(order).push(", a.id ").push(order);
    sql.push(" LIMIT ").push_bind(i64::from(limit));
}

/// Adds ` AND column IN (…)`; nothing if there are no values.
fn push_any<'v, DB>(sql: &mut QueryBuilder<DB>, column: &'static str, values: impl ExactSizeIterator<Item = &'v str>)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    if values.len() == 0 {
        return;
    }
    sql.push(" AND ").push(column).push(" IN (");
    let mut list = sql.separated(", ");
    for value in values {
        list.push_bind(text(value));
    }
    sql.push(")");
}

/// Adds the condition that the alert has any of these terms; nothing if there are none.
fn push_terms<DB>(sql: &mut QueryBuilder<DB>, kind: TermKind, terms: &[String])
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    if terms.is_empty() {
        return;
    }
    // The word is one of this program's own.
    sql.push(" AND EXISTS (SELECT 1 FROM alert_terms t WHERE t.alert_id = a.id AND t.kind = '");
    sql.push(kind.as_str()).push("'");
    push_any(sql, "t.term", terms.iter().map(String::as_str));
    sql.push(")");
}

fn push_title<DB>(sql: &mut QueryBuilder<DB>, needle: &str)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    let pattern = like_contains(&fold(needle));
    if pattern.len() > MAX_PATTERN {
        sql.push(" AND 1 = 0");
    } else {
        sql.push(" AND a.title_folded LIKE ").push_bind(pattern).push(" ESCAPE '\\'");
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{clock::Timestamp, id::AlertId};
    use sqlx::{Postgres, Sqlite};

    use super::*;

    fn filter() -> AlertFilter {
        AlertFilter {
            severities: vec![Severity::High, Severity::Critical],
            statuses: vec![AlertStatus::Open],
            log_types: vec!["AWS.CloudTrail".to_owned()],
            title_contains: Some("Root".to_owned()),
            ..AlertFilter::default()
        }
    }

    #[test]
    fn conditions_are_bound_and_never_pasted() {
        let mut sql = QueryBuilder::<Postgres>::new("");
        push_conditions(&mut sql, &filter(), &LogTypeAccess::AllowAll);
        assert_eq!(
            sql.into_string(),
            " AND a.severity IN ($1, $2) AND a.status IN ($3) \
             AND EXISTS (SELECT 1 FROM alert_log_types l WHERE l.alert_id = a.id AND l.log_type IN ($4)) \
             AND a.title_folded LIKE $5 ESCAPE '\\'"
        );
    }

    #[test]
    fn labels_log_sources_and_resource_types_are_terms() {
        let list = |values: &[&str]| -> Vec<String> { values.iter().map(ToString::to_string).collect() };
        let filter = AlertFilter {
            qualities: vec![AlertQuality::Noise],
            context_tags: list(&["vip", "case-1"]),
            log_source_ids: list(&["src_1"]),
            resource_types: list(&["AWS.S3.Bucket"]),
            ..AlertFilter::default()
        };
        let mut sql = QueryBuilder::<Postgres>::new("");
        push_conditions(&mut sql, &filter, &LogTypeAccess::AllowAll);
        assert_eq!(
            sql.into_string(),
            " AND a.quality IN ($1) \
             AND EXISTS (SELECT 1 FROM alert_terms t WHERE t.alert_id = a.id AND t.kind = 'context_tag' \
             AND t.term IN ($2, $3)) \
             AND EXISTS (SELECT 1 FROM alert_terms t WHERE t.alert_id = a.id AND t.kind = 'log_source' \
             AND t.term IN ($4)) \
             AND EXISTS (SELECT 1 FROM alert_terms t WHERE t.alert_id = a.id AND t.kind = 'resource_type' \
             AND t.term IN ($5))"
        );
    }

    #[test]
    fn access_is_a_condition_of_its_own() {
        let conditions = |filter: &AlertFilter, access: &LogTypeAccess| {
            let mut sql = QueryBuilder::<Postgres>::new("");
            push_conditions(&mut sql, filter, access);
            sql.into_string()
        };
        let list = || vec!["Okta.SystemLog".to_owned()];
        let all = AlertFilter::default();
        assert_eq!(conditions(&all, &LogTypeAccess::AllowAll), "");
        assert_eq!(conditions(&all, &LogTypeAccess::Deny(Vec::new())), "");
        let exists = " AND EXISTS (SELECT 1 FROM alert_log_types v WHERE v.alert_id = a.id AND ";
        assert_eq!(conditions(&all, &LogTypeAccess::Deny(list())), format!("{exists}v.log_type NOT IN ($1))"));
        assert_eq!(conditions(&all, &LogTypeAccess::Allow(list())), format!("{exists}v.log_type IN ($1))"));
        for nothing in [LogTypeAccess::DenyAll, LogTypeAccess::Allow(Vec::new())] {
            assert_eq!(conditions(&all, &nothing), format!("{exists}1 = 0)"));
        }
        let titled = AlertFilter { title_contains: Some("x".to_owned()), ..AlertFilter::default() };
        assert_eq!(
            conditions(&titled, &LogTypeAccess::Deny(list())),
            format!(
                "{exists}v.log_type NOT IN ($1)) AND NOT EXISTS (SELECT 1 FROM alert_log_types w \
                 WHERE w.alert_id = a.id AND NOT (w.log_type NOT IN ($2))) AND a.title_folded LIKE $3 ESCAPE '\\'"
            )
        );
    }

    #[test]
    fn a_page_follows_its_position_in_both_directions() {
        let position = AlertPosition { created_at: Timestamp::from_seconds(1), id: AlertId::new("alr_1") };
        for (ascending, beyond, order) in [(true, ">", "ASC"), (false, "<", "DESC")] {
            let mut sql = QueryBuilder::<Sqlite>::new("");
            push_page(&mut sql, ascending, Some(&position), 10);
            assert_eq!(
                sql.into_string(),
                format!(
                    " AND (a.created_at, a.id) {beyond} (?, ?) ORDER BY a.created_at {order}, a.id {order} LIMIT ?"
                )
            );
        }
    }

    #[test]
    fn an_endless_needle_matches_nothing() {
        let mut sql = QueryBuilder::<Sqlite>::new("");
        push_title(&mut sql, &"x".repeat(MAX_PATTERN));
        assert_eq!(sql.into_string(), " AND 1 = 0");
    }
}
