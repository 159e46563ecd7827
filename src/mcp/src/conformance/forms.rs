//! The forms that a person is asked to fill in.

use rmcp::{
    ErrorData,
    model::{ElicitRequest, ElicitRequestParams, InputRequest},
};
use serde_json::{Value, json};

/// A form with this schema.
pub(super) fn form(message: &str, schema: Value) -> Result<ElicitRequestParams, ErrorData> {
    let requested_schema = serde_json::from_value(schema).map_err(|error| {
        tracing::error!(%error, "a form has a schema that no form may have");
        ErrorData::internal_error("The form could not be made.", None)
    })?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message: message.to_owned(), requested_schema })
}

/// A form with one field that has to be filled in, as a question within a result. `kind` is a type of JSON Schema.
pub(super) fn question(message: &str, field: &str, kind: &str) -> Result<InputRequest, ErrorData> {
    let schema = json!({ "type": "object", "properties": { field: { "type": kind } }, "required": [field] });
    form(message, schema).map(|form| InputRequest::Elicitation(ElicitRequest::new(form)))
}

pub(super) fn contact() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" }
        },
        "required": ["username", "email"]
    })
}

/// A default for every primitive type.
pub(super) fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "default": true }
        }
    })
}

/// Every way to write a choice.
pub(super) fn choices() -> Value {
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
            "titledSingle": {
                "type": "string",
                "oneOf": [
                    { "const": "value1", "title": "First Option" },
                    { "const": "value2", "title": "Second Option" },
                    { "const": "value3", "title": "Third Option" }
                ]
            },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"]
            },
            "untitledMulti": {
                "type": "array",
                "items": { "type": "string", "enum": ["option1", "option2", "option3"] }
            },
            "titledMulti": {
                "type": "array",
                "items": {
                    "anyOf": [
                        { "const": "value1", "title": "First Choice" },
                        { "const": "value2", "title": "Second Choice" },
                        { "const": "value3", "title": "Third Choice" }
                    ]
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_arrives_as_it_was_written() {
        for schema in [contact(), defaults(), choices()] {
            let form = serde_json::to_value(form("Hello", schema.clone()).unwrap()).unwrap();
            assert_eq!(form["requestedSchema"], schema);
            assert_eq!((&form["mode"], &form["message"]), (&json!("form"), &json!("Hello")));
        }
        let question = serde_json::to_value(question("Well?", "ok", "boolean").unwrap()).unwrap();
        assert_eq!(question["method"], "elicitation/create");
        assert_eq!(question["params"]["requestedSchema"]["properties"]["ok"], json!({ "type": "boolean" }));
    }

    #[test]
    fn a_form_knows_primitive_types_only() {
        assert!(question("Well?", "ok", "object").is_err());
    }
}
