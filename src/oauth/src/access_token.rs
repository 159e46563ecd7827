//! Access tokens: signed JWTs (RFC 9068) that name a grant and never a permission. What the grant is worth is read
//! anew on every request; a token only proves which grant it belongs to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, crypto};
use margay_domain::{
    clock::Timestamp,
    id::{self, GrantId},
    ports::{TokenError, TokenVerifier, VerifiedToken},
    principal::Principal,
    rules::PermissionSet,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{error::EndpointError, keys::KeyRing, oauth::OAuth, scope};

/// The type in the header (RFC 9068 section 2.1), which no other JWT of ours has.
const TYPE: &str = "at+jwt";
/// The name of the algorithm in the header (RFC 8037).
const ALGORITHM: &str = "EdDSA";
/// No token of ours is longer, in bytes.
const MAX_LENGTH: usize = 4096;
/// The prefix of token ids.
const TOKEN_ID: &str = "tok";

/// The claims. Members that we do not know are ignored, members that are missing make the token invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    client_id: String,
    jti: String,
    iat: i64,
    exp: i64,
    /// The grant.
    grant: String,
    /// What the token is limited to; present only if that is less than the grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// What verification needs of the header.
#[derive(Deserialize)]
struct JoseHeader {
    alg: String,
    typ: String,
    kid: String,
    /// Extensions that must be understood; there are none.
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

impl OAuth {
    /// A new access token of the principal's grant until `expires_at`, limited to `scope` if that is given.
    pub(crate) fn sign_access_token(
        &self,
        principal: &Principal,
        scope: Option<PermissionSet>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, EndpointError> {
        let claims = Claims {
            iss: self.addresses.own.issuer.clone(),
            sub: principal.user.id.to_string(),
            aud: principal.grant.resource.clone(),
            client_id: principal.client.id.to_string(),
            jti: id::generate(TOKEN_ID, now, self.ports.entropy.as_ref()),
            iat: now.as_seconds(),
            exp: expires_at.as_seconds(),
            grant: principal.grant.id.to_string(),
            scope: scope.map(PermissionSet::to_scope),
        };
        sign(&self.keys(), &claims, now)
    }
}

impl TokenVerifier for OAuth {
    fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let claims = verify(&self.keys(), &self.addresses.own.issuer, &self.addresses.own.resource, token, now)?;
        Ok(VerifiedToken {
            grant_id: GrantId::new(claims.grant),
            token_id: claims.jti,
            // A permission that this version does not know is dropped: that narrows.
            scope: claims.scope.map(|text| scope::permissions(&text)),
            expires_at: Timestamp::from_seconds(claims.exp),
        })
    }
}

fn sign(keys: &KeyRing, claims: &Claims, now: Timestamp) -> Result<String, EndpointError> {
    let key = keys.signing(now).ok_or(EndpointError::Signing)?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.id.clone());
    jsonwebtoken::encode(&header, claims, key.signing()).map_err(|error| {
        tracing::error!(%error, "an access token could not be signed");
        EndpointError::Signing
    })
}

/// Checks form, type, algorithm, key, signature, issuer, audience and time, in this order (rows R8, OX3). The time is
/// the caller's, there is no leeway, and nothing in the token chooses how it is checked.
fn verify(keys: &KeyRing, issuer: &str, resource: &str, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
    if token.len() > MAX_LENGTH {
        return Err(TokenError::Invalid);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
    let (header, claims) = message.split_once('.').ok_or(TokenError::Invalid)?;
    let header: JoseHeader = decode(header)?;
    if header.alg != ALGORITHM || header.typ != TYPE || header.crit.is_some() {
        return Err(TokenError::Invalid);
    }
    let key = keys.find(&header.kid, now).ok_or(TokenError::Invalid)?;
    let genuine = crypto::verify(signature, message.as_bytes(), key, Algorithm::EdDSA);
    if !matches!(genuine, Ok(true)) {
        return Err(TokenError::Invalid);
    }
    let claims: Claims = decode(claims)?;
    // Row R8: tokens of any other issuer or for any other audience are refused.
    if claims.iss != issuer || claims.aud != resource {
        return Err(TokenError::WrongAudience);
    }
    if now.as_seconds() >= claims.exp {
        return Err(TokenError::Expired);
    }
    Ok(claims)
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Invalid)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Invalid)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::tests::ring;

    const ISSUER: &str = "https://api.example.com";
    const RESOURCE: &str = "https://api.example.com/mcp";
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn claims() -> Claims {
        Claims {
            iss: ISSUER.to_owned(),
            sub: "usr_1".to_owned(),
            aud: RESOURCE.to_owned(),
            client_id: "mcp_1".to_owned(),
            jti: "tok_1".to_owned(),
            iat: NOW.as_seconds(),
            exp: NOW.as_seconds() + 3600,
            grant: "grt_1".to_owned(),
            scope: None,
        }
    }

    fn check(token: &str) -> Result<Claims, TokenError> {
        verify(&ring(1), ISSUER, RESOURCE, token, NOW)
    }

    /// A token with this header and these claims, truly signed.
    fn signed(header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, ring(1).signing(NOW).unwrap().signing()).unwrap()
    }

    fn good_header() -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(ring(1).signing(NOW).unwrap().id.clone());
        header
    }

    #[test]
    fn what_was_signed_verifies() {
        let claims = Claims { scope: Some("AlertRead".to_owned()), ..claims() };
        assert_eq!(check(&sign(&ring(1), &claims, NOW).unwrap()), Ok(claims));
    }

    #[test]
    fn r8_another_issuer_or_audience_is_refused() {
        for other in [
            Claims { aud: "https://api.example.com".to_owned(), ..claims() },
            Claims { aud: "https://evil.example/mcp".to_owned(), ..claims() },
            Claims { iss: "https://evil.example".to_owned(), ..claims() },
            Claims { iss: format!("{ISSUER}/"), ..claims() },
        ] {
            assert_eq!(check(&sign(&ring(1), &other, NOW).unwrap()), Err(TokenError::WrongAudience));
        }
        let mut several = serde_json::to_value(claims()).unwrap();
        several["aud"] = json!([RESOURCE, "https://evil.example"]);
        assert_eq!(check(&signed(&good_header(), &several)), Err(TokenError::Invalid));
    }

    #[test]
    fn a_token_ends_on_the_second() {
        let token = sign(&ring(1), &claims(), NOW).unwrap();
        let at = |seconds| verify(&ring(1), ISSUER, RESOURCE, &token, Timestamp::from_seconds(seconds)).map(|_| ());
        assert_eq!(at(NOW.as_seconds() + 3599), Ok(()));
        assert_eq!(at(NOW.as_seconds() + 3600), Err(TokenError::Expired));
    }

    #[test]
    fn only_our_type_and_algorithm() {
        let claims = serde_json::to_value(claims()).unwrap();
        assert!(check(&signed(&good_header(), &claims)).is_ok());
        for typ in [None, Some("JWT"), Some("AT+JWT"), Some("logout+jwt")] {
            let header = Header { typ: typ.map(str::to_owned), ..good_header() };
            assert_eq!(check(&signed(&header, &claims)), Err(TokenError::Invalid), "{typ:?}");
        }
        let header = Header { crit: Some(vec!["exp".to_owned()]), ..good_header() };
        assert_eq!(check(&signed(&header, &claims)), Err(TokenError::Invalid));
        let header = Header { kid: None, ..good_header() };
        assert_eq!(check(&signed(&header, &claims)), Err(TokenError::Invalid));

        // HMAC with the public key as secret, and no signature at all.
        let ring = ring(1);
        let public = &ring.published(NOW).next().unwrap().x;
        let secret = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(public).unwrap());
        let header = Header { alg: Algorithm::HS256, ..good_header() };
        let token = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
        assert_eq!(check(&token), Err(TokenError::Invalid));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = json!({ "alg": "none", "typ": TYPE, "kid": ring.signing(NOW).unwrap().id });
        assert_eq!(check(&format!("{}.{}.", part(&none), part(&claims))), Err(TokenError::Invalid));
    }

    #[test]
    fn only_our_keys_and_only_what_they_signed() {
        assert_eq!(check(&sign(&ring(2), &claims(), NOW).unwrap()), Err(TokenError::Invalid));
        // Another key that claims to be ours.
        let claims = serde_json::to_value(claims()).unwrap();
        let forged = jsonwebtoken::encode(&good_header(), &claims, ring(2).signing(NOW).unwrap().signing()).unwrap();
        assert_eq!(check(&forged), Err(TokenError::Invalid));

        let token = signed(&good_header(), &claims);
        let mut parts: Vec<&str> = token.split('.').collect();
        let mut widened = claims.clone();
        widened["grant"] = json!("grt_2");
        let other = URL_SAFE_NO_PAD.encode(widened.to_string());
        parts[1] = &other;
        assert_eq!(check(&parts.join(".")), Err(TokenError::Invalid));
    }

    #[test]
    fn garbage_is_refused_and_nothing_panics() {
        let token = sign(&ring(1), &claims(), NOW).unwrap();
        let (message, _) = token.rsplit_once('.').unwrap();
        for garbage in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            "mgr_abc".to_owned(),
            message.to_owned(),
            format!("{message}."),
            format!("{token}="),
            format!("{token}.x"),
            format!(" {token}"),
            "é.é.é".to_owned(),
            "a".repeat(MAX_LENGTH + 1),
        ] {
            assert_eq!(check(&garbage), Err(TokenError::Invalid), "{garbage}");
        }
        let mut incomplete = serde_json::to_value(claims()).unwrap();
        incomplete.as_object_mut().unwrap().remove("exp");
        assert_eq!(check(&signed(&good_header(), &incomplete)), Err(TokenError::Invalid));
    }
}
