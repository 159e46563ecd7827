//! `GET /oauth/jwks`: the public keys (RFC 7517, RFC 8037).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use margay_domain::clock::Timestamp;
use serde_json::{Value, json};

use crate::{keys::KeyRing, metadata::CACHEABLE, oauth::OAuth};

/// Answers with every key whose tokens can still be valid.
pub(crate) async fn jwks(State(oauth): State<Arc<OAuth>>) -> Response {
    let document = document(&oauth.keys(), oauth.ports.clock.now());
    ([(CACHE_CONTROL, CACHEABLE)], Json(document)).into_response()
}

fn document(keys: &KeyRing, now: Timestamp) -> Value {
    let keys: Vec<Value> = keys
        .published(now)
        .map(|key| json!({ "kty": "OKP", "crv": "Ed25519", "x": key.x, "use": "sig", "alg": "EdDSA", "kid": key.id }))
        .collect();
    json!({ "keys": keys })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::ring;

    #[test]
    fn only_the_public_half_is_published() {
        let ring = ring(1);
        let document = document(&ring, Timestamp::from_seconds(1000));
        let key = document["keys"][0].as_object().unwrap();
        assert_eq!(key.keys().collect::<Vec<_>>(), ["kty", "crv", "x", "use", "alg", "kid"]);
        assert_eq!(key["kid"], ring.signing(Timestamp::from_seconds(1000)).unwrap().id);
        assert_eq!(key["x"].as_str().map(str::len), Some(43));
    }
}
