//! The tools with arguments, whose schemas the suite looks at.

use rmcp::model::{Tool, object};
use serde_json::{Value, json};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        tool("test_sampling", "Asks the model of an older client", one_text("prompt", "What the model is asked")),
        tool("test_elicitation", "Asks the person at an older client", one_text("message", "What the person reads")),
        tool("test_header_argument", "Takes an argument that a header repeats", header()),
        tool("json_schema_2020_12_tool", "Has a schema with the vocabulary of JSON Schema 2020-12", vocabulary()),
    ]
}

/// The schema of a tool without arguments.
pub(super) fn nothing() -> Value {
    json!({ "type": "object", "properties": {} })
}

pub(super) fn tool(name: &'static str, description: &'static str, schema: Value) -> Tool {
    Tool::new(name, description, object(schema))
}

fn one_text(name: &str, description: &str) -> Value {
    json!({
        "type": "object",
        "properties": { name: { "type": "string", "description": description } },
        "required": [name]
    })
}

/// Row H12.
fn header() -> Value {
    json!({
        "type": "object",
        "properties": { "value": { "type": "string", "x-mcp-header": "Value" } },
        "required": ["value"]
    })
}

/// Row B6: none of it may get lost on the way.
fn vocabulary() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    })
}
