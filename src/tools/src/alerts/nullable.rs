//! An argument that has to be given, though it may be null.

use schemars::JsonSchema;
use serde::Deserialize;

// A bare `Option` may be left out, and what was forgotten must not clear anything.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Nullable(pub(super) Option<String>);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Given {
        value: Nullable,
    }

    #[test]
    fn null_is_a_value_and_nothing_is_not() {
        let read = |json| serde_json::from_value::<Given>(json).map(|given| given.value.0);
        assert_eq!(read(json!({ "value": null })).unwrap(), None);
        assert_eq!(read(json!({ "value": "x" })).unwrap(), Some("x".to_owned()));
        assert!(read(json!({})).is_err());
        assert!(read(json!({ "value": 1 })).is_err());
    }
}
