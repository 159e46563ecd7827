//! The port `Grants`: connections with their codes and refresh tokens.

pub(crate) mod insert;
mod rotation;
mod rows;

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use margay_domain::{
    client::Client,
    clock::Timestamp,
    grant::{AuthorizationCode, CodeState, Grant, RefreshToken, RevocationReason},
    id::{GrantId, UserId},
    ports::{CodeRedemption, Grants, RefreshRotation, StoreResult},
    principal::Principal,
    secret::SecretHash,
};

pub(crate) use self::insert::insert_grant;
use self::rows::{
    CodeRow, GrantRow, GrantWithClientRow, PrincipalRow, RefreshTokenRow, code_columns, grant_columns,
    refresh_token_columns,
};
use crate::{
    clients::client_columns,
    codec::{hash_bytes, text},
    engine::{Engine, in_transaction, on_read, on_write},
    error::DbResult as _,
    roles::role_columns,
    users::user_columns,
};

/// A grant whose code was not exchanged by then never will be: codes live for a minute (row OC1).
const ABANDONED_AFTER: Duration = Duration::from_mins(10);

/// A use that was noted so lately is not noted again: it would cost one write per tool call and show nothing new.
const NOTE_EVERY: Duration = Duration::from_mins(1);

/// Grants in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlGrants(pub(crate) Engine);

impl SqlGrants {
    async fn code(&self, code: &SecretHash) -> StoreResult<Option<AuthorizationCode>> {
        const SQL: &str = concat!("SELECT ", code_columns!(), " FROM authorization_codes WHERE hash = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, CodeRow>(SQL).bind(hash_bytes(code)).fetch_optional(pool).await.db()?
        });
        row.map(CodeRow::into_code).transpose()
    }
}

#[async_trait]
impl Grants for SqlGrants {
    async fn create(&self, grant: &Grant, code: &AuthorizationCode) -> StoreResult<()> {
        in_transaction!(self.0, |tx| insert_grant!(tx, grant, code));
        Ok(())
    }

    async fn get(&self, id: &GrantId) -> StoreResult<Option<Grant>> {
        const SQL: &str = concat!("SELECT ", grant_columns!(), " FROM grants g WHERE g.id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, GrantRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        row.map(GrantRow::into_grant).transpose()
    }

    async fn principal(&self, id: &GrantId) -> StoreResult<Option<Principal>> {
        // One statement, so that person, role and grant are of the same moment (promise 1).
        const SQL: &str = concat!(
            "SELECT ",
            grant_columns!(),
            ", ",
            user_columns!(),
            ", ",
            role_columns!(),
            ", ",
            client_columns!(),
            " FROM grants g JOIN users u ON u.id = g.user_id JOIN roles r ON r.id = u.role_id \
             JOIN clients c ON c.id = g.client_id WHERE g.id = $1"
        );
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, PrincipalRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Principal {
            user: Arc::new(row.user.into_user()),
            role: Arc::new(row.role.into_role()?),
            grant: Arc::new(row.grant.into_grant()?),
            client: Arc::new(row.client.into_client()?),
            token_scope: None,
        }))
    }

    async fn list_for_user(&self, user: &UserId) -> StoreResult<Vec<(Grant, Client)>> {
        const SQL: &str = concat!(
            "SELECT ",
            grant_columns!(),
            ", ",
            client_columns!(),
            " FROM grants g JOIN clients c ON c.id = g.client_id \
             WHERE g.user_id = $1 AND g.activated_at IS NOT NULL ORDER BY g.created_at DESC, g.id DESC"
        );
        let rows = on_read!(self.0, |pool| {
            sqlx::query_as::<_, GrantWithClientRow>(SQL).bind(text(user.as_str())).fetch_all(pool).await.db()?
        });
        rows.into_iter().map(GrantWithClientRow::into_pair).collect()
    }

    async fn list_all(&self) -> StoreResult<Vec<(Grant, Client)>> {
        const SQL: &str = concat!(
            "SELECT ",
            grant_columns!(),
            ", ",
            client_columns!(),
            " FROM grants g JOIN clients c ON c.id = g.client_id \
             WHERE g.activated_at IS NOT NULL ORDER BY g.created_at DESC, g.id DESC"
        );
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, GrantWithClientRow>(SQL).fetch_all(pool).await.db()?);
        rows.into_iter().map(GrantWithClientRow::into_pair).collect()
    }

    async fn redeem_code(&self, code: &SecretHash, now: Timestamp) -> StoreResult<CodeRedemption> {
        // Row OC1: single use. Of several at once exactly one changes the row.
        const SQL: &str = "UPDATE authorization_codes SET consumed_at = $2 \
             WHERE hash = $1 AND consumed_at IS NULL AND expires_at > $2";
        let used = on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(hash_bytes(code)).bind(now.as_micros()).execute(pool).await.db()?.rows_affected()
        });
        Ok(match self.code(code).await? {
            Some(stored) if used == 1 => CodeRedemption::Fresh(stored),
            // Row OC3: a used code counts as replayed even after its time, so that the grant can be ended.
            Some(stored) if stored.state(now) == CodeState::Used => CodeRedemption::Replayed(stored),
            _ => CodeRedemption::Unknown,
        })
    }

    async fn activate(&self, id: &GrantId, refresh: Option<&RefreshToken>, now: Timestamp) -> StoreResult<bool> {
        const SQL: &str = "UPDATE grants SET activated_at = $2 \
             WHERE id = $1 AND activated_at IS NULL AND revoked_at IS NULL AND expires_at > $2";
        let activated = in_transaction!(self.0, |tx| {
            let rows = sqlx::query(SQL)
                .bind(text(id.as_str()))
                .bind(now.as_micros())
                .execute(&mut *tx)
                .await
                .db()?
                .rows_affected();
            if let (1, Some(token)) = (rows, refresh) {
                sqlx::query(rotation::INSERT)
                    .bind(hash_bytes(&token.hash))
                    .bind(text(id.as_str()))
                    .bind(token.issued_at.as_micros())
                    .bind(token.expires_at.as_micros())
                    .execute(&mut *tx)
                    .await
                    .naming("this refresh token", "grant")?;
            }
            rows
        });
        Ok(activated == 1)
    }

    async fn discard(&self, id: &GrantId) -> StoreResult<()> {
        // Its code goes with it (ON DELETE CASCADE).
        const SQL: &str = "DELETE FROM grants WHERE id = $1 AND activated_at IS NULL AND revoked_at IS NULL";
        on_write!(self.0, |pool| sqlx::query(SQL).bind(text(id.as_str())).execute(pool).await.db()?.rows_affected());
        Ok(())
    }

    async fn refresh_token(&self, hash: &SecretHash) -> StoreResult<Option<RefreshToken>> {
        const SQL: &str = concat!("SELECT ", refresh_token_columns!(), " FROM refresh_tokens WHERE hash = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, RefreshTokenRow>(SQL).bind(hash_bytes(hash)).fetch_optional(pool).await.db()?
        });
        row.map(RefreshTokenRow::into_token).transpose()
    }

    async fn rotate(
        &self,
        presented: &SecretHash,
        successor: &RefreshToken,
        now: Timestamp,
        grace: Duration,
        from: Option<IpAddr>,
    ) -> StoreResult<RefreshRotation> {
        rotation::rotate(&self.0, presented, successor, now, grace, from).await
    }

    async fn revoke(&self, id: &GrantId, reason: RevocationReason, now: Timestamp) -> StoreResult<bool> {
        // The tokens need no change: none is good for anything once its grant has ended.
        const SQL: &str = "UPDATE grants SET revoked_at = $2, revoked_reason = $3 \
             WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2";
        let ended = on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(id.as_str()))
                .bind(now.as_micros())
                .bind(reason.as_str())
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        Ok(ended == 1)
    }

    async fn revoke_all_of(&self, user: &UserId, reason: RevocationReason, now: Timestamp) -> StoreResult<u64> {
        const SQL: &str = "UPDATE grants SET revoked_at = $2, revoked_reason = $3 \
             WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2";
        Ok(on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(user.as_str()))
                .bind(now.as_micros())
                .bind(reason.as_str())
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        }))
    }

    async fn used(&self, id: &GrantId, now: Timestamp) -> StoreResult<()> {
        const SEEN: &str = "SELECT last_used_at FROM grants WHERE id = $1";
        const NOTE: &str = "UPDATE grants SET last_used_at = $2 \
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
        let seen = on_read!(self.0, |pool| {
            sqlx::query_scalar::<_, Option<i64>>(SEEN).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        // Nothing to note for a grant that is gone, nor so soon after the last note.
        let Some(seen) = seen else { return Ok(()) };
        if seen.is_some_and(|at| now.since(Timestamp::from_micros(at)) < NOTE_EVERY) {
            return Ok(());
        }
        on_write!(self.0, |pool| {
            sqlx::query(NOTE).bind(text(id.as_str())).bind(now.as_micros()).execute(pool).await.db()?.rows_affected()
        });
        Ok(())
    }

    async fn collect(&self, now: Timestamp) -> StoreResult<u64> {
        const ENDED: [&str; 2] = [
            // Rows OC3, OF1: what was used is kept as long as its grant, so that a replay is noticed.
            "DELETE FROM authorization_codes WHERE (consumed_at IS NULL AND expires_at < $1) OR grant_id IN \
             (SELECT id FROM grants WHERE expires_at < $1 OR revoked_at < $1)",
            "DELETE FROM refresh_tokens WHERE (superseded_at IS NULL AND expires_at < $1) OR grant_id IN \
             (SELECT id FROM grants WHERE expires_at < $1 OR revoked_at < $1)",
        ];
        const ABANDONED: &str = "DELETE FROM grants WHERE activated_at IS NULL AND created_at < $1";
        let abandoned = now.minus(ABANDONED_AFTER);
        Ok(in_transaction!(self.0, |tx| {
            let mut rows = 0;
            for sql in ENDED {
                rows += sqlx::query(sql).bind(now.as_micros()).execute(&mut *tx).await.db()?.rows_affected();
            }
            rows += sqlx::query(ABANDONED).bind(abandoned.as_micros()).execute(&mut *tx).await.db()?.rows_affected();
            rows
        }))
    }
}
