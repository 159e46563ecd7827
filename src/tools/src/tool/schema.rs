//! JSON Schema 2020-12 of arguments and answers, derived from their types, without the noise that costs a model's context.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::JsonObject;

/// The schema of arguments.
pub(super) fn input<T: JsonSchema>() -> JsonObject {
    of::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of an answer.
pub(super) fn output<T: JsonSchema>() -> JsonObject {
    let mut schema = of::<T>(SchemaSettings::draft2020_12().for_serialize());
    tidy(&mut schema);
    schema
}

/// With definitions inlined.
fn of<T: JsonSchema>(settings: SchemaSettings) -> JsonObject {
    let settings = settings.with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    let mut schema = match settings.into_generator().into_root_schema_for::<T>().to_value() {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    schema.remove("title");
    schema.entry("type").or_insert_with(|| Value::from("object"));
    schema.values_mut().for_each(drop_number_formats);
    schema
}

/// Takes out `format: "uint64"` and its kin: JSON Schema knows none of them, and validators of clients warn about each.
fn drop_number_formats(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let is_number = |format: &Value| {
                format.as_str().is_some_and(|format| {
                    matches!(format, "float" | "double") || format.starts_with("int") || format.starts_with("uint")
                })
            };
            if object.get("format").is_some_and(is_number) {
                object.remove("format");
            }
            object.values_mut().for_each(drop_number_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_number_formats),
        _ => {}
    }
}

/// Takes out of the schema of an answer what says nothing: that a count is not negative, that anything is allowed, and
/// that what is left out when there is nothing could be null.
fn tidy(schema: &mut JsonObject) {
    if schema.get("type").and_then(Value::as_str) == Some("integer") {
        schema.remove("minimum");
        schema.remove("maximum");
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
        schema.remove("additionalProperties");
    }
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if !required.contains(name)
            && let Some(Value::Array(types)) = property.get_mut("type")
            && let [one, null] = types.as_slice()
            && null == "null"
        {
            let one = one.clone();
            property["type"] = one;
        }
        if let Value::Object(property) = property {
            tidy(property);
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(Value::Object(inner)) = schema.get_mut(inner) {
            tidy(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Answer {
        count: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        always: Option<i64>,
        rows: Vec<JsonObject>,
    }

    #[test]
    fn an_answer_is_described_without_noise() {
        assert_eq!(
            Value::Object(output::<Answer>()),
            json!({
                "type": "object",
                "properties": {
                    "count": { "type": "integer" },
                    "hint": { "type": "string" },
                    "always": { "type": ["integer", "null"] },
                    "rows": { "type": "array", "items": { "type": "object" } },
                },
                "required": ["count", "always", "rows"],
            })
        );
    }
}
