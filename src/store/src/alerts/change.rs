//! Changing alerts: all of those that are named, or none.

use std::collections::BTreeSet;

use margay_domain::{
    alert::{AlertChange, AlertQuality},
    clock::Timestamp,
    id::{AlertId, UserId},
    ports::StoreResult,
    role::LogTypeAccess,
};

use super::{
    filter,
    terms::{self, TERMS_PER_STATEMENT, TermKind},
};
use crate::{
    codec::{optional_text, text, to_json},
    engine::{Engine, builder_in, in_transaction},
    error::DbResult as _,
};

const CLEAR_TAGS: &str = "DELETE FROM alert_terms WHERE alert_id = $1 AND kind = $2";

/// See `Alerts::change`. Leaving without a commit undoes what was changed before one was found missing.
pub(super) async fn change(
    engine: &Engine,
    ids: &[AlertId],
    change: &AlertChange,
    (by, now): (&UserId, Timestamp),
    access: &LogTypeAccess,
) -> StoreResult<Vec<AlertId>> {
    // Sorted, because an update locks its row until the end in PostgreSQL: all who change several alerts lock them in
    // this order, so that none waits for another in a circle.
    let sorted: BTreeSet<String> = ids.iter().map(|id| text(id.as_str())).collect();
    let assignee = optional_text(change.assignee_id.as_ref().and_then(Option::as_deref));
    let tags = change.context_tags.as_ref().map(to_json).transpose()?;
    let tag_terms = change.context_tags.as_ref().map(|tags| terms::terms(TermKind::ContextTag, tags));
    let by = text(by.as_str());
    in_transaction!(engine, |tx| {
        let mut missing = BTreeSet::new();
        for id in &sorted {
            let mut sql = builder_in(&tx, "UPDATE alerts AS a SET updated_by = ");
            sql.push_bind(by.clone()).push(", updated_at = ").push_bind(now.as_micros());
            if let Some(status) = change.status {
                sql.push(", status = ").push_bind(status.as_str());
            }
            if change.assignee_id.is_some() {
                sql.push(", assignee_id = ").push_bind(assignee.clone());
            }
            if let Some(quality) = change.quality {
                sql.push(", quality = ").push_bind(quality.map(AlertQuality::as_str));
            }
            if let Some(tags) = &tags {
                sql.push(", context_tags = ").push_bind(tags.clone());
            }
            sql.push(" WHERE a.id = ").push_bind(id.clone());
            filter::push_access(&mut sql, access);
            let changed = sql.build().execute(&mut *tx).await.db()?.rows_affected();
            if changed == 0 {
                missing.insert(id.as_str());
                continue;
            }
            let Some(tag_terms) = &tag_terms else { continue };
            sqlx::query(CLEAR_TAGS)
                .bind(id.as_str())
                .bind(TermKind::ContextTag.as_str())
                .execute(&mut *tx)
                .await
                .db()?;
            for chunk in tag_terms.chunks(TERMS_PER_STATEMENT) {
                let mut sql = builder_in(&tx, terms::INSERT);
                terms::push_rows(&mut sql, id, chunk);
                sql.build().execute(&mut *tx).await.db()?;
            }
        }
        if !missing.is_empty() {
            return Ok(ids.iter().filter(|id| missing.remove(text(id.as_str()).as_str())).cloned().collect());
        }
    });
    Ok(Vec::new())
}
