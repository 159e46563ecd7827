//! Exchanging a refresh token for its successor (rows OF1 and OF2).

use std::{net::IpAddr, time::Duration};

use margay_domain::{
    clock::Timestamp,
    grant::{RefreshState, RefreshToken},
    ports::{RefreshRotation, StoreResult},
    secret::SecretHash,
};

use super::rows::{RefreshTokenRow, refresh_token_columns};
use crate::{
    codec::{hash_bytes, text},
    engine::{Engine, in_transaction},
    error::DbResult as _,
};

/// A new refresh token: hash, grant, issued, expires.
pub(super) const INSERT: &str =
    "INSERT INTO refresh_tokens (hash, grant_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)";

/// Notes the use and where it came from, but only of an active grant. In PostgreSQL this also locks the grant's row, so that all exchanges
/// of a family and its revocation happen one after another; SQLite has one writer anyway.
const HOLD_GRANT: &str = "UPDATE grants SET last_used_at = $2, refreshed_from = $3 \
     WHERE id = (SELECT grant_id FROM refresh_tokens WHERE hash = $1) \
     AND activated_at IS NOT NULL AND revoked_at IS NULL AND expires_at > $2";

/// Row OF1: of several at once exactly one changes the row.
const SUPERSEDE: &str = "UPDATE refresh_tokens SET superseded_at = $2, successor = $3 \
     WHERE hash = $1 AND superseded_at IS NULL AND expires_at > $2";

const FIND: &str = concat!("SELECT ", refresh_token_columns!(), " FROM refresh_tokens WHERE hash = $1");

/// See `Grants::rotate`. Leaving without a commit undoes the note of the use.
pub(super) async fn rotate(
    engine: &Engine,
    presented: &SecretHash,
    successor: &RefreshToken,
    now: Timestamp,
    grace: Duration,
    from: Option<IpAddr>,
) -> StoreResult<RefreshRotation> {
    Ok(in_transaction!(engine, |tx| {
        let held = sqlx::query(HOLD_GRANT)
            .bind(hash_bytes(presented))
            .bind(now.as_micros())
            .bind(from.map(|from| from.to_string()))
            .execute(&mut *tx)
            .await
            .db()?
            .rows_affected();
        if held == 0 {
            return Ok(RefreshRotation::Unknown);
        }
        let superseded = sqlx::query(SUPERSEDE)
            .bind(hash_bytes(presented))
            .bind(now.as_micros())
            .bind(hash_bytes(&successor.hash))
            .execute(&mut *tx)
            .await
            .db()?
            .rows_affected();
        let stored = sqlx::query_as::<_, RefreshTokenRow>(FIND)
            .bind(hash_bytes(presented))
            .fetch_optional(&mut *tx)
            .await
            .db()?;
        let Some(stored) = stored else { return Ok(RefreshRotation::Unknown) };
        let stored = stored.into_token()?;
        if superseded == 1 {
            // Into the family of the presented token, whatever the caller says.
            sqlx::query(INSERT)
                .bind(hash_bytes(&successor.hash))
                .bind(text(stored.grant_id.as_str()))
                .bind(successor.issued_at.as_micros())
                .bind(successor.expires_at.as_micros())
                .execute(&mut *tx)
                .await
                .naming("this refresh token", "grant")?;
            RefreshRotation::Rotated
        } else {
            match judge(&stored, &successor.hash, now, grace) {
                RefreshRotation::Repeated => RefreshRotation::Repeated,
                other => return Ok(other),
            }
        }
    }))
}

/// What to make of a token that could not be exchanged although its grant is active.
fn judge(presented: &RefreshToken, successor: &SecretHash, now: Timestamp, grace: Duration) -> RefreshRotation {
    match (presented.state(now, grace), presented.successor) {
        // Row OF1: a copy.
        (RefreshState::Replayed, _) => RefreshRotation::Reused,
        // Row OF2: the answer got lost, or two of the client's processes refresh. Within the grace the faster one may
        // have gone on already: another that comes with the successor has to come within its grace, or before anybody
        // went on from there, or it is a copy, too.
        (RefreshState::Superseded, Some(same)) if same.constant_time_eq(successor) => RefreshRotation::Repeated,
        (RefreshState::Superseded, _) => RefreshRotation::Other,
        (RefreshState::Current | RefreshState::Over, _) => RefreshRotation::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::id::GrantId;

    use super::*;

    const GRACE: Duration = Duration::from_secs(45);

    /// A token, when it was superseded and by which, and whether that one was used as well.
    fn token(hash: u8, superseded: Option<(i64, u8)>, used: bool) -> RefreshToken {
        RefreshToken {
            hash: SecretHash::from_bytes([hash; 32]),
            grant_id: GrantId::new("grt_1"),
            issued_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(1_000),
            superseded_at: superseded.map(|(at, _)| Timestamp::from_seconds(at)),
            successor: superseded.map(|(_, hash)| SecretHash::from_bytes([hash; 32])),
            successor_used_at: used.then(|| Timestamp::from_seconds(101)),
        }
    }

    fn judged(presented: &RefreshToken, successor: u8, now: i64) -> &'static str {
        let successor = SecretHash::from_bytes([successor; 32]);
        match judge(presented, &successor, Timestamp::from_seconds(now), GRACE) {
            RefreshRotation::Rotated => "rotated",
            RefreshRotation::Repeated => "repeated",
            RefreshRotation::Reused => "reused",
            RefreshRotation::Other => "other",
            RefreshRotation::Unknown => "unknown",
        }
    }

    #[test]
    fn only_a_lost_answer_is_forgiven() {
        let old = token(1, Some((100, 2)), true);
        assert_eq!(judged(&old, 2, 100), "repeated");
        assert_eq!(judged(&old, 2, 145), "repeated");
        assert_eq!(judged(&old, 2, 146), "reused");
        assert_eq!(judged(&old, 9, 120), "other");
        assert_eq!(judged(&old, 9, 146), "reused");
        assert_eq!(judged(&token(1, None, false), 2, 120), "unknown");
        // Nobody used the successor: it is still the answer, until the token's own time has passed.
        let unused = token(1, Some((100, 2)), false);
        assert_eq!(judged(&unused, 2, 999), "repeated");
        assert_eq!(judged(&unused, 9, 999), "other");
        assert_eq!(judged(&unused, 2, 1_000), "unknown");
    }
}
