//! Keys that clients add to the arguments of every call. No model chose them, so that none can leave them out; and they
//! may hold what a person said to the client, which is not for the audit log.

use super::JsonObject;

/// Keys that known clients add: the agent nodes of n8n (the first five), Cline, the agents of `LangChain` and Flowise (their own
/// call and run), `OpenHands`, and those that put the protocol's `_meta` in the wrong place.
pub(super) const KEYS: &[&str] = &[
    "toolCallId",
    "sessionId",
    "action",
    "chatInput",
    "tool",
    "task_progress",
    "requires_approval",
    "security_risk",
    "tool_call_id",
    "run_manager",
    "callbacks",
    "chatId",
    "chatflowid",
    "_meta",
];

/// Takes out of `arguments` what clients add by themselves, unless `schema` has an argument by that name.
pub(super) fn strip(schema: &JsonObject, arguments: &mut JsonObject) {
    let properties = schema.get("properties");
    arguments.retain(|name, _| {
        !KEYS.contains(&name.as_str()) || properties.is_some_and(|properties| properties.get(name).is_some())
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: serde_json::Value) -> JsonObject {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn only_known_keys_that_are_no_arguments_are_taken_out() {
        let schema = object(json!({ "type": "object", "properties": { "action": { "type": "string" } } }));
        let mut arguments = object(json!({ "action": "a", "chatInput": "hi", "toolcallid": 1, "other": 2 }));
        strip(&schema, &mut arguments);
        assert_eq!(arguments, object(json!({ "action": "a", "toolcallid": 1, "other": 2 })));
    }
}
