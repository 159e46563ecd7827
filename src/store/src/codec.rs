//! How values of the domain become column values and back.

use std::borrow::Cow;

use margay_domain::{
    clock::Timestamp,
    ports::{StoreError, StoreResult},
    secret::SecretHash,
};
use margay_rules::{Permission, PermissionSet, display};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// JSON is read back only down to 128 levels, so deeper values must not be written as they are.
const MAX_DEPTH: usize = 96;

/// A text as both engines store it. PostgreSQL refuses NUL in text, so NUL becomes U+FFFD, in what is
/// written and in what is looked for: a look-up with NUL then finds nothing instead of failing.
pub(crate) fn text(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}

/// A name as it may be shown. Names are cleaned before they are stored, too; an earlier version knew fewer of the
/// characters that hide.
pub(crate) fn shown_name(stored: &str) -> String {
    display::one_line(stored, usize::MAX)
}

/// The same for a text that may be missing.
pub(crate) fn optional_text(value: Option<&str>) -> Option<String> {
    value.map(text)
}

/// A time that may be missing.
pub(crate) fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

/// A time that may be missing, from storage.
pub(crate) fn timestamp(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}

/// A value as JSON text. Control characters are escaped in JSON, so this needs no [`text`].
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(format!("cannot be written as JSON: {error}")))
}

/// A value from JSON text; `what` names it in the log.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, json: &str) -> StoreResult<T> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt(format!("{what}: {error}")))
}

/// A value from a word in storage; `what` names it in the log.
pub(crate) fn word<T>(what: &'static str, stored: &str, parse: impl Fn(&str) -> Option<T>) -> StoreResult<T> {
    parse(stored).ok_or_else(|| StoreError::Corrupt(format!("{what}: unknown word \"{}\"", stored.escape_debug())))
}

/// A permission set as a JSON list of API names.
pub(crate) fn permissions_to_json(permissions: PermissionSet) -> StoreResult<String> {
    to_json(&permissions)
}

/// A permission set from storage. A name that this version does not know is left out:
/// unknown means no (promise 1), and the rest stays usable after a downgrade.
pub(crate) fn permissions_from_json(what: &'static str, json: &str) -> StoreResult<PermissionSet> {
    let names: Vec<String> = from_json(what, json)?;
    Ok(names.iter().filter_map(|name| Permission::from_api_name(name)).collect())
}

/// A hash as bytes.
pub(crate) fn hash_bytes(hash: &SecretHash) -> Vec<u8> {
    hash.as_bytes().to_vec()
}

/// A hash from storage; `what` names it in the log.
pub(crate) fn hash(what: &'static str, bytes: &[u8]) -> StoreResult<SecretHash> {
    SecretHash::from_slice(bytes).ok_or_else(|| StoreError::Corrupt(format!("{what}: a hash has 32 bytes")))
}

/// A count from storage.
pub(crate) fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// `value`, or its JSON text if it is nested so deep that it could not be read back. Somebody outside may have
/// sent it, and one such row must not make a whole page of answers unreadable.
pub(crate) fn readable(value: &Value) -> Cow<'_, Value> {
    if fits(value, MAX_DEPTH) { Cow::Borrowed(value) } else { Cow::Owned(Value::String(value.to_string())) }
}

fn fits(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|field| fits(field, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A pattern for `LIKE … ESCAPE '\'` that matches every text with `needle` in it; `%`, `_` and `\` are themselves.
pub(crate) fn like_contains(needle: &str) -> String {
    let mut pattern = String::with_capacity(needle.len() + 2);
    pattern.push('%');
    for character in needle.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nul_is_replaced() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(text("plain"), "plain");
    }

    #[test]
    fn like_takes_its_own_characters_literally() {
        assert_eq!(like_contains(r"50%_\"), r"%50\%\_\\%");
        assert_eq!(like_contains(""), "%%");
    }

    #[test]
    fn unknown_permissions_grant_nothing() {
        let set = permissions_from_json("role", r#"["AlertRead","FlyToTheMoon"]"#).unwrap();
        assert_eq!(set, [Permission::AlertRead].into_iter().collect());
        assert!(matches!(permissions_from_json("role", "{}"), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn deep_values_become_text() {
        let shallow = json!({"a": [1, {"b": null}]});
        assert_eq!(*readable(&shallow), shallow);
        let mut deep = json!("x");
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let stored = to_json(&*readable(&deep)).unwrap();
        assert!(from_json::<Value>("value", &stored).unwrap().is_string());
    }
}
