//! What a metadata document says (rows OI4, OI9, A4).

use serde_json::{Map, Value};

use crate::{
    config::RegistrationLimits,
    redirect::check_registrable,
    register::{self, GRANT_TYPES},
    text::one_line,
};

/// A checked document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// The name; never empty.
    pub(crate) name: String,
    /// The redirect URIs that could ever be used; at least one.
    pub(crate) redirect_uris: Vec<String>,
    /// The home page, if it can be shown as a link.
    pub(crate) client_uri: Option<String>,
    /// `native` or `web`.
    pub(crate) application_type: Option<String>,
    /// What of our grant types it wants.
    pub(crate) grant_types: Vec<String>,
}

/// The one method of a public client.
const NONE: &str = "none";

/// Reads the document that was found at `client_id`. The reason of a refusal is for the person's page.
pub(crate) fn read(client_id: &str, body: &[u8], limits: &RegistrationLimits) -> Result<Document, &'static str> {
    let Ok(Value::Object(document)) = serde_json::from_slice(body) else { return Err("it is not a JSON object") };
    // Row OI4: a simple comparison of text. Otherwise one site could speak for another.
    if document.get("client_id").and_then(Value::as_str) != Some(client_id) {
        return Err("its client_id is not the address at which it was found");
    }
    let present = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    if present("client_secret") || present("client_secret_expires_at") {
        return Err("it has a client secret, and a published secret is none");
    }
    check_method(&document)?;
    let name = document.get("client_name").and_then(Value::as_str).unwrap_or_default();
    let name = one_line(name, limits.max_name_length);
    if name.is_empty() {
        return Err("it has no client_name");
    }
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    Ok(Document {
        name,
        redirect_uris: redirect_uris(&document, limits)?,
        client_uri: text("client_uri").filter(|uri| register::is_web_page(uri, limits)).map(str::to_owned),
        application_type: text("application_type").filter(|kind| matches!(*kind, "native" | "web")).map(str::to_owned),
        grant_types: grant_types(&document)?,
    })
}

/// Row OI9: this server has public clients only. A document that can do without a key says so with `none`, as its one
/// method or among several.
fn check_method(document: &Map<String, Value>) -> Result<(), &'static str> {
    let lists_none = |name: &str| {
        document.get(name).and_then(Value::as_array).is_some_and(|methods| methods.iter().any(|method| method == NONE))
    };
    let several = ["token_endpoint_auth_methods", "token_endpoint_auth_methods_supported"];
    match document.get("token_endpoint_auth_method") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(method)) if method == NONE => Ok(()),
        Some(_) if several.into_iter().any(lists_none) => Ok(()),
        Some(Value::String(method)) if method == "private_key_jwt" => {
            Err("it demands that the client proves itself with a key (private_key_jwt), and this server has public \
                 clients only; the client has to allow the method none")
        }
        Some(_) => Err("its token_endpoint_auth_method is not none"),
    }
}

/// Those that could never receive a code are left out: they match no request.
fn redirect_uris(document: &Map<String, Value>, limits: &RegistrationLimits) -> Result<Vec<String>, &'static str> {
    let Some(Value::Array(given)) = document.get("redirect_uris") else { return Err("it has no redirect_uris") };
    let mut usable: Vec<String> = Vec::new();
    for uri in given.iter().filter_map(Value::as_str) {
        let fits = uri.len() <= limits.max_uri_length && check_registrable(uri).is_ok();
        if fits && !usable.iter().any(|known| known == uri) {
            usable.push(uri.to_owned());
        }
    }
    if usable.is_empty() {
        return Err("none of its redirect_uris can be used");
    }
    if usable.len() > limits.max_redirect_uris {
        return Err("it has too many redirect_uris");
    }
    Ok(usable)
}

/// Unsupported ones are dropped; who names none gets all, as in registration (row OD5).
fn grant_types(document: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    let asked = match document.get("grant_types") {
        None | Some(Value::Null) => return Ok(GRANT_TYPES.map(str::to_owned).to_vec()),
        Some(Value::Array(asked)) => asked,
        Some(_) => return Err("its grant_types are no list"),
    };
    let own: Vec<String> =
        GRANT_TYPES.into_iter().filter(|own| asked.iter().any(|asked| asked == own)).map(str::to_owned).collect();
    if own.iter().any(|own| own == register::AUTHORIZATION_CODE) {
        Ok(own)
    } else {
        Err("its grant_types lack authorization_code")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://client.example/metadata.json";

    fn good() -> Value {
        json!({
            "client_id": URL,
            "client_name": "A client",
            "redirect_uris": ["http://localhost/callback", "https://client.example/cb"],
            "grant_types": ["authorization_code", "refresh_token", "urn:x"],
            "token_endpoint_auth_method": "none",
            "unknown": { "is": "ignored" },
        })
    }

    fn with(name: &str, value: Value) -> Result<Document, &'static str> {
        let mut document = good();
        document[name] = value;
        read(URL, document.to_string().as_bytes(), &RegistrationLimits::default())
    }

    #[test]
    fn oi4_a_good_document_is_read() {
        let document = with("client_uri", json!("https://client.example")).unwrap();
        assert_eq!(document.name, "A client");
        assert_eq!(document.redirect_uris, ["http://localhost/callback", "https://client.example/cb"]);
        assert_eq!(document.grant_types, ["authorization_code", "refresh_token"]);
        assert_eq!(document.client_uri.as_deref(), Some("https://client.example"));
        assert_eq!(with("grant_types", Value::Null).unwrap().grant_types.len(), 2);
        assert_eq!(with("client_uri", json!("javascript:alert(1)")).unwrap().client_uri, None);
        assert_eq!(
            with("redirect_uris", json!(["javascript:x", 7, "http://[::1]/cb"])).unwrap().redirect_uris.len(),
            1
        );
    }

    #[test]
    fn oi4_what_is_refused() {
        for (name, value) in [
            ("client_id", json!("https://client.example/other.json")),
            ("client_id", json!("https://CLIENT.example/metadata.json")),
            ("client_id", Value::Null),
            ("client_name", Value::Null),
            ("client_name", json!("\u{202e}")),
            ("client_secret", json!("s")),
            ("client_secret_expires_at", json!(0)),
            ("redirect_uris", Value::Null),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["http://evil.example/cb", "javascript:alert(1)"])),
            ("redirect_uris", json!((0..11).map(|n| format!("https://c.example/{n}")).collect::<Vec<_>>())),
            ("grant_types", json!(["client_credentials"])),
            ("grant_types", json!("authorization_code")),
            ("token_endpoint_auth_method", json!("client_secret_post")),
            ("token_endpoint_auth_method", json!(["none"])),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
        for body in ["", "[]", "null", "{", "\u{feff}{}"] {
            assert!(read(URL, body.as_bytes(), &RegistrationLimits::default()).is_err(), "{body}");
        }
    }

    #[test]
    fn oi9_a_confidential_client_is_refused_unless_it_lists_none() {
        let refused = with("token_endpoint_auth_method", json!("private_key_jwt")).unwrap_err();
        assert!(refused.contains("private_key_jwt"), "{refused}");
        let mut document = good();
        document["token_endpoint_auth_method"] = json!("private_key_jwt");
        document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "none"]);
        assert!(read(URL, document.to_string().as_bytes(), &RegistrationLimits::default()).is_ok());
    }
}
