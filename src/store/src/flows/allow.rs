//! Allowing a flow: the decision, the new grant with its code, and what that leaves of the person's older grants to the
//! same client, in one transaction.

use margay_domain::{
    flow::Decision,
    grant::{AuthorizationCode, Grant, RevocationReason},
    id::{FlowId, GrantId},
    ports::{ReplacedGrant, StoreError, StoreResult},
};

use super::decide;
use crate::{
    codec::{permissions_from_json, permissions_to_json, text},
    engine::{Engine, in_transaction},
    error::DbResult as _,
    grants::insert_grant,
};

/// Notes the authorization. In PostgreSQL this also locks the client's row, so that decisions about one client happen
/// one after another and each sees the grants of those before it; SQLite has one writer anyway.
const HOLD_CLIENT: &str = "UPDATE clients SET last_authorized_at = $2 WHERE id = $1";

/// The person's other grants to the client that have not ended, also those whose code is outstanding.
const OTHERS: &str = "SELECT id, permissions FROM grants WHERE user_id = $1 AND client_id = $2 \
     AND revoked_at IS NULL AND expires_at > $3 ORDER BY created_at, id";

/// Takes away what the new decision does not select. Tokens name their grant only, so this holds for all of them from
/// the next request on.
const NARROW: &str = "UPDATE grants SET narrowed_from = COALESCE(narrowed_from, permissions), permissions = $2 \
     WHERE id = $1 AND revoked_at IS NULL";

const END: &str = "UPDATE grants SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL";

#[derive(sqlx::FromRow)]
struct OtherRow {
    id: String,
    permissions: String,
}

impl OtherRow {
    fn beside(self, newest: &Grant) -> StoreResult<ReplacedGrant> {
        let before = permissions_from_json("permissions of a grant", &self.permissions)?;
        Ok(ReplacedGrant { id: GrantId::new(self.id), before, after: before.intersection(newest.permissions) })
    }
}

/// See `Flows::allow`. Leaving without a commit undoes all of it.
pub(super) async fn allow(
    engine: &Engine,
    id: &FlowId,
    decision: &Decision,
    grant: &Grant,
    code: &AuthorizationCode,
) -> StoreResult<Option<Vec<ReplacedGrant>>> {
    Ok(in_transaction!(engine, |tx| {
        if decide!(&mut *tx, id, decision) == 0 {
            return Ok(None);
        }
        let held = sqlx::query(HOLD_CLIENT)
            .bind(text(grant.client_id.as_str()))
            .bind(decision.at.as_micros())
            .execute(&mut *tx)
            .await
            .db()?
            .rows_affected();
        if held == 0 {
            return Err(StoreError::NotFound("client"));
        }
        let others = sqlx::query_as::<_, OtherRow>(OTHERS)
            .bind(text(grant.user_id.as_str()))
            .bind(text(grant.client_id.as_str()))
            .bind(decision.at.as_micros())
            .fetch_all(&mut *tx)
            .await
            .db()?;
        let replaced = others.into_iter().map(|row| row.beside(grant)).collect::<StoreResult<Vec<_>>>()?;
        for other in replaced.iter().filter(|other| other.after != other.before) {
            let sql = if other.after.is_empty() { sqlx::query(END) } else { sqlx::query(NARROW) };
            let sql = sql.bind(text(other.id.as_str()));
            let sql = if other.after.is_empty() {
                sql.bind(decision.at.as_micros()).bind(RevocationReason::Replaced.as_str())
            } else {
                sql.bind(permissions_to_json(other.after)?)
            };
            sql.execute(&mut *tx).await.db()?;
        }
        insert_grant!(tx, grant, code);
        Some(replaced)
    }))
}
