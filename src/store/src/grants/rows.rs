//! Grants, codes and refresh tokens as stored.

use margay_domain::{
    client::Client,
    clock::Timestamp,
    grant::{AuthorizationCode, Grant, RefreshToken, RevocationReason},
    id::{ClientId, GrantId, UserId},
    ports::{StoreError, StoreResult},
};

use crate::{
    clients::ClientRow,
    codec::{hash, permissions_from_json, timestamp, word},
    roles::RoleRow,
    users::UserRow,
};

/// The columns of a [`GrantRow`], from `grants g`.
macro_rules! grant_columns {
    () => {
        "g.id AS g_id, g.user_id AS g_user_id, g.client_id AS g_client_id, g.permissions AS g_permissions, \
         g.resource AS g_resource, g.redirect_uri AS g_redirect_uri, g.created_at AS g_created_at, \
         g.activated_at AS g_activated_at, g.expires_at AS g_expires_at, g.last_used_at AS g_last_used_at, \
         g.revoked_at AS g_revoked_at, g.revoked_reason AS g_revoked_reason, g.narrowed_from AS g_narrowed_from, \
         g.refreshed_from AS g_refreshed_from"
    };
}
pub(super) use grant_columns;

/// The columns of a [`CodeRow`].
macro_rules! code_columns {
    () => {
        "hash, grant_id, client_id, redirect_uri, code_challenge, expires_at, consumed_at"
    };
}
pub(super) use code_columns;

/// The columns of a [`RefreshTokenRow`], from `refresh_tokens`.
macro_rules! refresh_token_columns {
    () => {
        "hash, grant_id, issued_at, expires_at, superseded_at, successor, (SELECT next.superseded_at \
         FROM refresh_tokens next WHERE next.hash = refresh_tokens.successor) AS successor_used_at"
    };
}
pub(super) use refresh_token_columns;

#[derive(sqlx::FromRow)]
pub(super) struct GrantRow {
    #[sqlx(rename = "g_id")]
    id: String,
    #[sqlx(rename = "g_user_id")]
    user_id: String,
    #[sqlx(rename = "g_client_id")]
    client_id: String,
    #[sqlx(rename = "g_permissions")]
    permissions: String,
    #[sqlx(rename = "g_resource")]
    resource: String,
    #[sqlx(rename = "g_redirect_uri")]
    redirect_uri: String,
    #[sqlx(rename = "g_created_at")]
    created_at: i64,
    #[sqlx(rename = "g_activated_at")]
    activated_at: Option<i64>,
    #[sqlx(rename = "g_expires_at")]
    expires_at: i64,
    #[sqlx(rename = "g_last_used_at")]
    last_used_at: Option<i64>,
    #[sqlx(rename = "g_revoked_at")]
    revoked_at: Option<i64>,
    #[sqlx(rename = "g_revoked_reason")]
    revoked_reason: Option<String>,
    #[sqlx(rename = "g_narrowed_from")]
    narrowed_from: Option<String>,
    #[sqlx(rename = "g_refreshed_from")]
    refreshed_from: Option<String>,
}

impl GrantRow {
    pub(super) fn into_grant(self) -> StoreResult<Grant> {
        let revoked = match (self.revoked_at, self.revoked_reason) {
            (None, None) => None,
            (Some(at), Some(reason)) => {
                let reason = word("why a grant was revoked", &reason, RevocationReason::parse)?;
                Some((Timestamp::from_micros(at), reason))
            }
            _ => return Err(StoreError::Corrupt("a grant is revoked by half".to_owned())),
        };
        Ok(Grant {
            permissions: permissions_from_json("permissions of a grant", &self.permissions)?,
            narrowed_from: self
                .narrowed_from
                .map(|json| permissions_from_json("first permissions of a grant", &json))
                .transpose()?,
            id: GrantId::new(self.id),
            user_id: UserId::new(self.user_id),
            client_id: ClientId::new(self.client_id),
            resource: self.resource,
            redirect_uri: self.redirect_uri,
            created_at: Timestamp::from_micros(self.created_at),
            activated_at: timestamp(self.activated_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            last_used_at: timestamp(self.last_used_at),
            refreshed_from: self.refreshed_from,
            revoked,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct GrantWithClientRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    #[sqlx(flatten)]
    client: ClientRow,
}

impl GrantWithClientRow {
    pub(super) fn into_pair(self) -> StoreResult<(Grant, Client)> {
        Ok((self.grant.into_grant()?, self.client.into_client()?))
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct PrincipalRow {
    #[sqlx(flatten)]
    pub(super) grant: GrantRow,
    #[sqlx(flatten)]
    pub(super) user: UserRow,
    #[sqlx(flatten)]
    pub(super) role: RoleRow,
    #[sqlx(flatten)]
    pub(super) client: ClientRow,
}

#[derive(sqlx::FromRow)]
pub(super) struct CodeRow {
    hash: Vec<u8>,
    grant_id: String,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    expires_at: i64,
    consumed_at: Option<i64>,
}

impl CodeRow {
    pub(super) fn into_code(self) -> StoreResult<AuthorizationCode> {
        Ok(AuthorizationCode {
            hash: hash("an authorization code", &self.hash)?,
            grant_id: GrantId::new(self.grant_id),
            client_id: ClientId::new(self.client_id),
            redirect_uri: self.redirect_uri,
            code_challenge: self.code_challenge,
            expires_at: Timestamp::from_micros(self.expires_at),
            consumed_at: timestamp(self.consumed_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct RefreshTokenRow {
    hash: Vec<u8>,
    grant_id: String,
    issued_at: i64,
    expires_at: i64,
    superseded_at: Option<i64>,
    successor: Option<Vec<u8>>,
    successor_used_at: Option<i64>,
}

impl RefreshTokenRow {
    pub(super) fn into_token(self) -> StoreResult<RefreshToken> {
        Ok(RefreshToken {
            hash: hash("a refresh token", &self.hash)?,
            grant_id: GrantId::new(self.grant_id),
            issued_at: Timestamp::from_micros(self.issued_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            superseded_at: timestamp(self.superseded_at),
            successor: self.successor.map(|bytes| hash("a refresh token's successor", &bytes)).transpose()?,
            successor_used_at: timestamp(self.successor_used_at),
        })
    }
}
