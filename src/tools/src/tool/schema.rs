//! JSON Schema of arguments and answers, derived from their types and published in the subset that the function
//! declarations of Gemini and Vertex, the strict mode of `OpenAI` and that of Anthropic all take: one type for each value,
//! no references, no alternatives, no bounds and no formats. `schema_check.rs` holds every tool to their rules. What is
//! left out is said in the description, and checked when arguments are read.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::JsonObject;

/// A keyword of ours: null clears, and can also be said as [`super::read::NOTHING`].
pub(super) const CLEARS: &str = "x-clears";

/// The whole schema of arguments, by which they are read.
pub(super) fn input<T: JsonSchema>() -> JsonObject {
    of::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The whole schema of an answer.
pub(super) fn output<T: JsonSchema>() -> JsonObject {
    of::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// What clients see of the schema of arguments.
pub(super) fn published_input(schema: &JsonObject) -> JsonObject {
    publish(schema, argument)
}

/// What clients see of the schema of an answer: what there can be at the top. What is inside shows itself, and would cost
/// each conversation more than it helps; so would what is always there.
pub(super) fn published_output(schema: &JsonObject) -> JsonObject {
    let mut published = publish(schema, shallow);
    published.remove("required");
    published
}

/// The names of what has to be there.
pub(super) fn required(schema: &JsonObject) -> Vec<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The one type of a value, besides null.
pub(super) fn type_of(schema: &JsonObject) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
}

/// With definitions inlined.
fn of<T: JsonSchema>(settings: SchemaSettings) -> JsonObject {
    let settings = settings.with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    match settings.into_generator().into_root_schema_for::<T>().to_value() {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

fn publish(schema: &JsonObject, property: fn(&JsonObject) -> JsonObject) -> JsonObject {
    let of = |(name, inner): (&String, &Value)| Some((name.clone(), Value::Object(property(inner.as_object()?))));
    let properties: JsonObject =
        schema.get("properties").and_then(Value::as_object).into_iter().flatten().filter_map(of).collect();
    // `OpenAI` wants `properties`, even without any.
    let mut published = JsonObject::from_iter([
        ("type".to_owned(), Value::from("object")),
        ("properties".to_owned(), Value::Object(properties)),
    ]);
    let required = required(schema);
    if !required.is_empty() {
        published.insert("required".to_owned(), json!(required));
    }
    published
}

fn argument(schema: &JsonObject) -> JsonObject {
    let mut published = shallow(schema);
    let bounds = bounds(schema);
    if !bounds.is_empty() {
        let said = published.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{said} {bounds}");
        published.insert("description".to_owned(), Value::from(description.trim()));
    }
    if let Some(words) = schema.get("enum") {
        let holder = match published.get_mut("items") {
            Some(Value::Object(items)) => items,
            _ => &mut published,
        };
        holder.insert("enum".to_owned(), words.clone());
    }
    published
}

/// Type and description; of a list also the type of what it holds.
fn shallow(schema: &JsonObject) -> JsonObject {
    let kind = type_of(schema).unwrap_or("object");
    let mut published = JsonObject::from_iter([("type".to_owned(), Value::from(kind))]);
    if let Some(description) = schema.get("description") {
        published.insert("description".to_owned(), description.clone());
    }
    if kind == "array" {
        let items = schema.get("items").and_then(Value::as_object).and_then(type_of).unwrap_or("object");
        published.insert("items".to_owned(), json!({ "type": items }));
    }
    published
}

/// The bounds of an argument in words.
fn bounds(schema: &JsonObject) -> String {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    let (least, most, unit) = match type_of(schema) {
        Some("integer") => (bound("minimum"), bound("maximum"), ""),
        Some("array") => (bound("minItems"), bound("maxItems"), ""),
        _ => (None, bound("maxLength"), " characters"),
    };
    match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}{unit}."),
        (None, Some(most)) => format!("At most {most}{unit}."),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Answer {
        count: u64,
        /// What to do next.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        assignee: Option<Inner>,
        rows: Vec<JsonObject>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        id: String,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema counts")]
    struct Question {
        /// Worst first.
        #[schemars(extend("enum" = ["HIGH", "LOW"]))]
        severities: Option<Vec<String>>,
        /// Default 25.
        #[schemars(range(min = 1, max = 50))]
        limit: Option<i64>,
        #[schemars(length(max = 25))]
        ids: Vec<String>,
    }

    #[test]
    fn an_answer_is_described_at_the_top_only() {
        assert_eq!(
            Value::Object(published_output(&output::<Answer>())),
            json!({
                "type": "object",
                "properties": {
                    "count": { "type": "integer" },
                    "hint": { "type": "string", "description": "What to do next." },
                    "assignee": { "type": "object" },
                    "rows": { "type": "array", "items": { "type": "object" } },
                },
            })
        );
    }

    #[test]
    fn arguments_have_one_type_and_their_bounds_in_words() {
        assert_eq!(
            Value::Object(published_input(&input::<Question>())),
            json!({
                "type": "object",
                "properties": {
                    "severities": {
                        "type": "array",
                        "description": "Worst first.",
                        "items": { "type": "string", "enum": ["HIGH", "LOW"] },
                    },
                    "limit": { "type": "integer", "description": "Default 25. 1 to 50." },
                    "ids": { "type": "array", "description": "At most 25.", "items": { "type": "string" } },
                },
                "required": ["ids"],
            })
        );
    }
}
