//! Storing a new grant with its code, within a transaction that may do more.

/// A new grant: what `insert_grant` binds, in this order.
pub(crate) const GRANT: &str = "INSERT INTO grants (id, user_id, client_id, permissions, resource, redirect_uri, \
     created_at, activated_at, expires_at, last_used_at, revoked_at, revoked_reason, narrowed_from, refreshed_from) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// Its code.
pub(crate) const CODE: &str = "INSERT INTO authorization_codes (hash, grant_id, client_id, redirect_uri, \
     code_challenge, expires_at, consumed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Inserts a grant and its code in the transaction `$tx` of either engine.
macro_rules! insert_grant {
    ($tx:ident, $grant:expr, $code:expr) => {{
        let (grant, code) = ($grant, $code);
        $crate::error::DbResult::naming(
            sqlx::query($crate::grants::insert::GRANT)
                .bind($crate::codec::text(grant.id.as_str()))
                .bind($crate::codec::text(grant.user_id.as_str()))
                .bind($crate::codec::text(grant.client_id.as_str()))
                .bind($crate::codec::permissions_to_json(grant.permissions)?)
                .bind($crate::codec::text(&grant.resource))
                .bind($crate::codec::text(&grant.redirect_uri))
                .bind(grant.created_at.as_micros())
                .bind($crate::codec::micros(grant.activated_at))
                .bind(grant.expires_at.as_micros())
                .bind($crate::codec::micros(grant.last_used_at))
                .bind($crate::codec::micros(grant.revoked.map(|(at, _)| at)))
                .bind(grant.revoked.map(|(_, reason)| reason.as_str()))
                .bind(grant.narrowed_from.map($crate::codec::permissions_to_json).transpose()?)
                .bind($crate::codec::optional_text(grant.refreshed_from.as_deref()))
                .execute(&mut *$tx)
                .await,
            "a grant with this id",
            "user or client",
        )?;
        $crate::error::DbResult::naming(
            sqlx::query($crate::grants::insert::CODE)
                .bind($crate::codec::hash_bytes(&code.hash))
                .bind($crate::codec::text(code.grant_id.as_str()))
                .bind($crate::codec::text(code.client_id.as_str()))
                .bind($crate::codec::text(&code.redirect_uri))
                .bind($crate::codec::text(&code.code_challenge))
                .bind(code.expires_at.as_micros())
                .bind($crate::codec::micros(code.consumed_at))
                .execute(&mut *$tx)
                .await,
            "this code",
            "grant",
        )?;
    }};
}
pub(crate) use insert_grant;
