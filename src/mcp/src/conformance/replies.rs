//! What a client sends back when it was asked within a result. Replies that nobody asked for are ignored, and those
//! that cannot be read count as missing, so that they are asked for again.

use rmcp::model::{CreateMessageResult, InputResponses, ListRootsResult};
use serde_json::Value;

use super::asking;

/// The replies of one request.
#[derive(Clone, Copy)]
pub(super) struct Replies<'a>(pub(super) Option<&'a InputResponses>);

/// The reply of a person to a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<T> {
    /// There is none that can be read.
    Missing,
    /// The person did not want to (row P6).
    Refused,
    /// The value of the field.
    Given(T),
}

impl<'a> Replies<'a> {
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key)
    }

    /// What stands in a field of a form, if `read` can read it.
    pub(super) fn field<T>(self, key: &str, field: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Reply<T> {
        let Some(reply) = self.get(key) else { return Reply::Missing };
        match reply.get("action").and_then(Value::as_str) {
            Some("accept") => {
                let value = reply.get("content").and_then(|content| content.get(field)).and_then(read);
                value.map_or(Reply::Missing, Reply::Given)
            }
            Some("decline" | "cancel") => Reply::Refused,
            _ => Reply::Missing,
        }
    }

    pub(super) fn text(self, key: &str, field: &str) -> Reply<&'a str> {
        self.field(key, field, Value::as_str)
    }

    /// What the client's model said.
    pub(super) fn sampled(self, key: &str) -> Option<String> {
        let answer = serde_json::from_value::<CreateMessageResult>(self.get(key)?.clone()).ok()?;
        Some(asking::text_of(&answer))
    }

    /// The addresses of the client's roots, in one line.
    pub(super) fn roots(self, key: &str) -> Option<String> {
        let answer = serde_json::from_value::<ListRootsResult>(self.get(key)?.clone()).ok()?;
        Some(answer.roots.into_iter().map(|root| root.uri).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_missing() {
        let given = InputResponses::from([
            ("good".to_owned(), json!({ "action": "accept", "content": { "name": "Ana" } })),
            ("no".to_owned(), json!({ "action": "decline" })),
            ("never".to_owned(), json!({ "action": "cancel" })),
            ("number".to_owned(), json!(12345)),
            ("empty".to_owned(), json!({ "action": "accept" })),
            ("type".to_owned(), json!({ "action": "accept", "content": { "name": 7 } })),
            ("action".to_owned(), json!({ "action": "shrug", "content": { "name": "Ana" } })),
        ]);
        let replies = Replies(Some(&given));
        assert_eq!(replies.text("good", "name"), Reply::Given("Ana"));
        assert_eq!(replies.text("good", "other"), Reply::Missing);
        for key in ["no", "never"] {
            assert_eq!(replies.text(key, "name"), Reply::Refused, "{key}");
        }
        for key in ["none", "number", "empty", "type", "action"] {
            assert_eq!(replies.text(key, "name"), Reply::Missing, "{key}");
        }
        assert_eq!(Replies(None).text("good", "name"), Reply::Missing);
        assert_eq!(replies.sampled("good"), None);
        assert_eq!(replies.roots("good"), None);
    }
}
