//! The exchange of a refresh token (rows OF1 to OF7).

use margay_domain::{
    client::Client,
    clock::Timestamp,
    grant::{Grant, GrantState, RefreshState, RefreshToken, RevocationReason},
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
        match principal.grant.state(now) {
            GrantState::Active => {}
            GrantState::Revoked(RevocationReason::RefreshReuse) => return Err(EndpointError::RefreshReused),
            _ => return Err(EndpointError::InvalidGrant),
        }
        match stored.state(now, self.config.refresh_grace) {
            RefreshState::Current | RefreshState::Superseded => {}
            // Row OF1, before anything else that is wrong with the request: a copy is a copy.
            RefreshState::Replayed => return self.reused(&principal, &stored, origin).await,
            // Row OF6: idle end.
            RefreshState::Over => return Err(EndpointError::InvalidGrant),
        }
        let narrowed = narrow(&principal.grant, asked)?;
        self.still_covered(&principal, origin).await?;
        let (mut rotation, mut successor) = self.rotate(&principal, &presented, &stored, now, origin).await?;
        if matches!(rotation, RefreshRotation::Other) {
            // The signing key changed between two requests with the same token; the second follows the first.
            let again = self.ports.grants.refresh_token(&presented.hash()).await?;
            let again = again.ok_or(EndpointError::InvalidGrant)?;
            (rotation, successor) = self.rotate(&principal, &presented, &again, now, origin).await?;
        }
        match rotation {
            RefreshRotation::Rotated => {}
            RefreshRotation::Repeated => self.note_late(&principal, &stored, now, origin),
            RefreshRotation::Reused => {
                let again = self.ports.grants.refresh_token(&presented.hash()).await?;
                return self.reused(&principal, &again.unwrap_or(stored), origin).await;
            }
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
        origin: &Origin,
    ) -> Result<(RefreshRotation, Secret), EndpointError> {
        let successor =
            self.keys().successor(presented, stored.successor.as_ref(), now).ok_or(EndpointError::Signing)?;
        let next = self.stored_refresh_token(principal, &successor, now);
        let grace = self.config.refresh_grace;
        Ok((self.ports.grants.rotate(&presented.hash(), &next, now, grace, origin.ip).await?, successor))
    }

    /// Row OF1: somebody has a copy. The whole family ends, and the audit log says so.
    async fn reused<T>(
        &self,
        principal: &Principal,
        presented: &RefreshToken,
        origin: &Origin,
    ) -> Result<T, EndpointError> {
        self.end_reused(principal, presented, origin).await?;
        Err(EndpointError::RefreshReused)
    }

    /// Row OF2: a window that is later than the grace, or a copy that nobody can tell from it yet. It ends the family as
    /// soon as the two go different ways; the log has it from the beginning.
    fn note_late(&self, principal: &Principal, presented: &RefreshToken, now: Timestamp, origin: &Origin) {
        let late = presented.superseded_at.map(|at| now.since(at)).filter(|late| *late > self.config.refresh_grace);
        let Some(late) = late else { return };
        let from = origin.ip.map(|ip| ip.to_string());
        tracing::info!(
            grant = %principal.grant.id,
            seconds = late.as_secs(),
            same_address = (principal.grant.refreshed_from == from),
            "a refresh token was presented late; its successor was not used yet and was given again"
        );
    }
}

/// What the access token is limited to, if the client asks for less than was granted (row OF4). Scopes that are no
/// permissions are ignored (row OA12); without any permission among them nothing was asked. A client may go on asking
/// for what it was granted at first (RFC 6749 section 6); what the person has taken away since, it does not get.
fn narrow(grant: &Grant, asked: Option<&str>) -> Result<Option<PermissionSet>, EndpointError> {
    let Some(asked) = asked else { return Ok(None) };
    if !scope::is_well_formed(asked) {
        return Err(EndpointError::MalformedScope);
    }
    let asked = scope::permissions(asked);
    if asked.is_empty() {
        return Ok(None);
    }
    let excess = asked.difference(grant.granted_at_first());
    let left = asked.intersection(grant.permissions);
    if !excess.is_empty() || left.is_empty() {
        let refused = if excess.is_empty() { asked } else { excess };
        return Err(EndpointError::ScopeNotGranted(refused.to_scope()));
    }
    Ok((left != grant.permissions).then_some(left))
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        id::{ClientId, GrantId, UserId},
        rules::Permission,
    };

    use super::*;

    fn set(permissions: &[Permission]) -> PermissionSet {
        permissions.iter().copied().collect()
    }

    fn grant(permissions: &[Permission], narrowed_from: Option<PermissionSet>) -> Grant {
        Grant {
            id: GrantId::new("grt_1"),
            user_id: UserId::new("usr_1"),
            client_id: ClientId::new("mcp_1"),
            permissions: set(permissions),
            narrowed_from,
            resource: String::new(),
            redirect_uri: String::new(),
            created_at: Timestamp::default(),
            activated_at: None,
            expires_at: Timestamp::default(),
            last_used_at: None,
            refreshed_from: None,
            revoked: None,
        }
    }

    #[test]
    fn of4_scope_may_narrow_and_never_widen() {
        let granted = grant(&[Permission::AlertRead, Permission::RuleRead], None);
        let one = set(&[Permission::AlertRead]);
        let narrowed = |asked| narrow(&granted, asked).map_err(|error| error.to_string());
        assert_eq!(narrowed(None), Ok(None));
        assert_eq!(narrowed(Some("AlertRead")), Ok(Some(one)));
        assert_eq!(narrowed(Some("AlertRead offline_access")), Ok(Some(one)));
        assert_eq!(narrowed(Some("RuleRead AlertRead")), Ok(None));
        assert_eq!(narrowed(Some("offline_access")), Ok(None));
        assert_eq!(
            narrowed(Some("AlertRead UserRead")),
            Err("the scope has permissions that were not granted: UserRead".to_owned())
        );
        assert_eq!(narrowed(Some("Alert\"Read")), Err("the scope has characters that no scope has".to_owned()));
    }

    #[test]
    fn of4_asking_for_what_was_granted_at_first_gets_what_is_left_of_it() {
        let first = set(&[Permission::AlertRead, Permission::RuleRead, Permission::AlertModify]);
        let left = grant(&[Permission::AlertRead, Permission::RuleRead], Some(first));
        let narrowed = |asked| narrow(&left, Some(asked)).map_err(|error| error.to_string());
        assert_eq!(narrowed("AlertRead RuleRead AlertModify"), Ok(None));
        assert_eq!(narrowed("AlertRead AlertModify"), Ok(Some(set(&[Permission::AlertRead]))));
        assert!(narrowed("AlertModify").is_err_and(|text| text.ends_with(": AlertModify")));
        assert!(narrowed("AlertRead UserRead").is_err_and(|text| text.ends_with(": UserRead")));
    }
}
