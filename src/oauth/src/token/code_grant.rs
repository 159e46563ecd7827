//! The exchange of a code (rows OC1 to OC6).

use margay_domain::{
    client::Client,
    grant::{AuthorizationCode, RevocationReason},
    ports::CodeRedemption,
    principal::Origin,
    secret::{Secret, SecretKind},
};

use super::TokenResponse;
use crate::{error::EndpointError, oauth::OAuth, params::Params, pkce, redirect, register::REFRESH_TOKEN};

/// What the client presents.
struct Presented<'a> {
    client: &'a Client,
    redirect_uri: Option<&'a str>,
    verifier: &'a str,
}

impl Presented<'_> {
    /// Rows OC2, OC5, OC6: client, redirect URI (if it is sent) and verifier are those of the authorization request.
    fn fits(&self, code: &AuthorizationCode) -> bool {
        let client_fits = self.client.id == code.client_id;
        let redirect_fits = self.redirect_uri.is_none_or(|uri| redirect::is_same(&code.redirect_uri, uri));
        client_fits && redirect_fits && pkce::verify(&code.code_challenge, self.verifier)
    }
}

impl OAuth {
    /// Exchanges a code for the first tokens of its grant.
    pub(super) async fn exchange_code(
        &self,
        client: &Client,
        params: &Params,
        origin: &Origin,
    ) -> Result<TokenResponse, EndpointError> {
        let code = params.one("code")?.ok_or(EndpointError::InvalidRequest("code is missing"))?;
        // Row OC5: every flow had a challenge, so there is no exchange without a verifier. A request that is not well
        // formed uses nothing up.
        let verifier = params.one("code_verifier")?.ok_or(EndpointError::InvalidRequest("code_verifier is missing"))?;
        if !pkce::is_verifier(verifier) {
            return Err(EndpointError::InvalidRequest("code_verifier must have 43 to 128 unreserved characters"));
        }
        let presented = Presented { client, redirect_uri: params.one("redirect_uri")?, verifier };
        let code = Secret::parse(SecretKind::Code, code).ok_or(EndpointError::InvalidGrant)?;
        let now = self.ports.clock.now();
        // Row OC1: one statement uses the code up, whatever comes of it. Row OC4: so does a wrong verifier.
        let code = match self.ports.grants.redeem_code(&code.hash(), now).await? {
            CodeRedemption::Fresh(code) if presented.fits(&code) => code,
            CodeRedemption::Replayed(code) if presented.fits(&code) => {
                self.code_replayed(&code, origin).await?;
                return Err(EndpointError::InvalidGrant);
            }
            CodeRedemption::Fresh(code) => {
                // Row OC4: the code is used up, so its grant can never begin. Nobody is connected, nothing was revoked.
                self.ports.grants.discard(&code.grant_id).await?;
                return Err(EndpointError::InvalidGrant);
            }
            // Row OC4: a replay with a wrong verifier ends nothing, or anybody who saw the code could end a connection.
            CodeRedemption::Replayed(_) | CodeRedemption::Unknown => return Err(EndpointError::InvalidGrant),
        };
        let principal = self.ports.grants.principal(&code.grant_id).await?.ok_or(EndpointError::InvalidGrant)?;
        self.still_covered(&principal, origin).await?;
        let refresh = may_refresh(client).then(|| Secret::generate(SecretKind::Refresh, self.ports.entropy.as_ref()));
        let stored = refresh.as_ref().map(|secret| self.stored_refresh_token(&principal, secret, now));
        if !self.ports.grants.activate(&principal.grant.id, stored.as_ref(), now).await? {
            return Err(EndpointError::InvalidGrant);
        }
        self.answer(&principal, None, refresh.as_ref(), now)
    }

    /// Row OC3: the rightful client presents a used code again, so code and verifier are in two hands.
    async fn code_replayed(&self, code: &AuthorizationCode, origin: &Origin) -> Result<(), EndpointError> {
        let Some(principal) = self.ports.grants.principal(&code.grant_id).await? else { return Ok(()) };
        self.end_grant(&principal, RevocationReason::CodeReuse, origin).await?;
        Ok(())
    }
}

/// Whether the client gets refresh tokens: it registered the grant type, or did not say (checklist section 5.5).
pub(super) fn may_refresh(client: &Client) -> bool {
    client.grant_types.is_empty() || client.grant_types.iter().any(|registered| registered == REFRESH_TOKEN)
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        client::{Approval, ClientSource},
        clock::Timestamp,
        id::{ClientId, GrantId},
        secret::SecretHash,
    };

    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn client(id: &str, grant_types: &[&str]) -> Client {
        Client {
            id: ClientId::new(id),
            name: String::new(),
            redirect_uris: Vec::new(),
            client_uri: None,
            application_type: None,
            grant_types: grant_types.iter().map(|kind| (*kind).to_owned()).collect(),
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::default(),
            last_authorized_at: None,
        }
    }

    #[test]
    fn oc2_a_code_is_bound_to_client_redirect_and_verifier() {
        let code = AuthorizationCode {
            hash: SecretHash::from_bytes([0; 32]),
            grant_id: GrantId::new("grt_1"),
            client_id: ClientId::new("mcp_1"),
            redirect_uri: "http://127.0.0.1:1/cb".to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            expires_at: Timestamp::default(),
            consumed_at: None,
        };
        let (own, other) = (client("mcp_1", &[]), client("mcp_2", &[]));
        let fits = |client, redirect_uri, verifier| Presented { client, redirect_uri, verifier }.fits(&code);
        assert!(fits(&own, Some("http://127.0.0.1:1/cb"), VERIFIER));
        assert!(fits(&own, None, VERIFIER));
        assert!(!fits(&other, Some("http://127.0.0.1:1/cb"), VERIFIER));
        assert!(!fits(&own, Some("http://127.0.0.1:2/cb"), VERIFIER));
        assert!(!fits(&own, Some("http://127.0.0.1:1/cb"), CHALLENGE));
    }

    #[test]
    fn refresh_tokens_go_to_clients_that_registered_for_them() {
        assert!(may_refresh(&client("mcp_1", &[])));
        assert!(may_refresh(&client("mcp_1", &["authorization_code", "refresh_token"])));
        assert!(!may_refresh(&client("mcp_1", &["authorization_code"])));
    }
}
