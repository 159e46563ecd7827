//! The exchange of a refresh token (rows OF1 to OF7).

use margay_domain::{
    client::Client,
    clock::Timestamp,
    grant::{RefreshState, RefreshToken, RevocationReason},
    ports::RefreshRotation,
    principal::{Origin, Principal},
    rules::PermissionSet,
    secret::{Secret, SecretKind},
};

use super::{TokenResponse, code_grant::may_refresh};
use crate::{error::EndpointError, oauth::OAuth, params::Params, scope};

impl OAuth {
    /// Exchanges a refresh token for its successor and a new access token.
    pub(super) async fn exchange_refresh_token(
        &self,
        client: &Client,
        params: &Params,
        origin: &Origin,
    ) -> Result<TokenResponse, EndpointError> {
        if !may_refresh(client) {
            return Err(EndpointError::UnauthorizedClient);
        }
        let presented =
            params.one("refresh_token")?.ok_or(EndpointError::InvalidRequest("refresh_token is missing"))?;
        let asked = params.one("scope")?;
        let presented = Secret::parse(SecretKind::Refresh, presented).ok_or(EndpointError::InvalidGrant)?;
        let now = self.ports.clock.now();
        let stored = self.ports.grants.refresh_token(&presented.hash()).await?.ok_or(EndpointError::InvalidGrant)?;
        let principal = self.ports.grants.principal(&stored.grant_id).await?.ok_or(EndpointError::InvalidGrant)?;
        // Row OF3: another client's token is refused and stays as it is.
        if principal.client.id != client.id {
            return Err(EndpointError::InvalidGrant);
        }
        // Row OF6: absolute end, revocation.
        if !principal.grant.is_active(now) {
            return Err(EndpointError::InvalidGrant);
        }
        match stored.state(now, self.config.refresh_grace) {
            RefreshState::Current | RefreshState::Superseded => {}
            // Row OF1, before anything else that is wrong with the request: a copy is a copy.
            RefreshState::Replayed => return self.reused(&principal, origin).await,
            // Row OF6: idle end.
            RefreshState::Over => return Err(EndpointError::InvalidGrant),
        }
        let narrowed = narrow(principal.grant.permissions, asked)?;
        self.still_covered(&principal, origin).await?;
        let (mut rotation, mut successor) = self.rotate(&principal, &presented, &stored, now).await?;
        if matches!(rotation, RefreshRotation::Other) {
            // The signing key changed between two requests with the same token; the second follows the first.
            let again = self.ports.grants.refresh_token(&presented.hash()).await?;
            let again = again.ok_or(EndpointError::InvalidGrant)?;
            (rotation, successor) = self.rotate(&principal, &presented, &again, now).await?;
        }
        match rotation {
            RefreshRotation::Rotated | RefreshRotation::Repeated => {}
            RefreshRotation::Reused => return self.reused(&principal, origin).await,
            RefreshRotation::Other | RefreshRotation::Unknown => return Err(EndpointError::InvalidGrant),
        }
        self.ports.grants.used(&principal.grant.id, now).await?;
        // Row OF4: only the access token is narrower; the successor keeps the whole grant.
        self.answer(&principal, narrowed, Some(&successor), now)
    }

    /// Exchanges the presented token, as it was `stored`, for its successor.
    async fn rotate(
        &self,
        principal: &Principal,
        presented: &Secret,
        stored: &RefreshToken,
        now: Timestamp,
    ) -> Result<(RefreshRotation, Secret), EndpointError> {
        let successor =
            self.keys().successor(presented, stored.successor.as_ref(), now).ok_or(EndpointError::Signing)?;
        let next = self.stored_refresh_token(principal, &successor, now);
        let grace = self.config.refresh_grace;
        Ok((self.ports.grants.rotate(&presented.hash(), &next, now, grace).await?, successor))
    }

    /// Row OF1: somebody has a copy. The whole family ends, and the audit log says so.
    async fn reused<T>(&self, principal: &Principal, origin: &Origin) -> Result<T, EndpointError> {
        self.end_grant(principal, RevocationReason::RefreshReuse, origin).await?;
        Err(EndpointError::InvalidGrant)
    }
}

/// What the access token is limited to, if the client asks for less than was granted (row OF4). Scopes that are no
/// permissions are ignored (row OA12); without any permission among them nothing was asked.
fn narrow(granted: PermissionSet, asked: Option<&str>) -> Result<Option<PermissionSet>, EndpointError> {
    let Some(asked) = asked else { return Ok(None) };
    if !scope::is_well_formed(asked) {
        return Err(EndpointError::InvalidScope);
    }
    let asked = scope::permissions(asked);
    if !asked.is_subset(granted) {
        return Err(EndpointError::InvalidScope);
    }
    Ok((!asked.is_empty() && asked != granted).then_some(asked))
}

#[cfg(test)]
mod tests {
    use margay_domain::rules::Permission;

    use super::*;

    #[test]
    fn of4_scope_may_narrow_and_never_widen() {
        let granted: PermissionSet = [Permission::AlertRead, Permission::RuleRead].into_iter().collect();
        let one: PermissionSet = [Permission::AlertRead].into_iter().collect();
        let narrowed = |asked| narrow(granted, asked).ok();
        assert_eq!(narrowed(None), Some(None));
        assert_eq!(narrowed(Some("AlertRead")), Some(Some(one)));
        assert_eq!(narrowed(Some("AlertRead offline_access")), Some(Some(one)));
        assert_eq!(narrowed(Some("RuleRead AlertRead")), Some(None));
        assert_eq!(narrowed(Some("offline_access")), Some(None));
        assert_eq!(narrowed(Some("AlertRead UserRead")), None);
        assert_eq!(narrowed(Some("Alert\"Read")), None);
    }
}
