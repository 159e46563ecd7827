//! What vendors of models publish about the schemas that functions may have, and a check of every tool against it.
//!
//! Sources: `Schema` of the Gemini API (`FunctionDeclaration.parameters`), "Supported schemas" of the structured outputs
//! of `OpenAI`, "JSON Schema limitations" of the structured outputs of Anthropic, and `GeminiFunctionSchema` of
//! `LangChain`, which drops nothing and forwards nothing else.

use serde_json::{Map, Value};

use crate::registry::Registry;

/// A place where schemas of functions are taken.
struct Vendor {
    name: &'static str,
    /// Every other keyword is an error there, or is dropped.
    keywords: &'static [&'static str],
    /// For a text; elsewhere no format is an error.
    formats: &'static [&'static str],
    /// The longest name of a function.
    name_length: usize,
}

const VENDORS: [Vendor; 4] = [
    Vendor {
        name: "Gemini API and Vertex AI",
        keywords: &[
            "type",
            "format",
            "title",
            "description",
            "nullable",
            "enum",
            "maxItems",
            "minItems",
            "properties",
            "required",
            "minProperties",
            "maxProperties",
            "minLength",
            "maxLength",
            "pattern",
            "example",
            "propertyOrdering",
            "default",
            "items",
            "minimum",
            "maximum",
        ],
        formats: &["enum", "date-time"],
        name_length: 64,
    },
    Vendor {
        name: "LangChain for Vertex AI",
        keywords: &["type", "format", "description", "nullable", "enum", "properties", "required", "items"],
        formats: &[],
        name_length: 64,
    },
    Vendor {
        name: "OpenAI, strict",
        keywords: &[
            "type",
            "description",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "enum",
            "const",
            "pattern",
            "format",
            "multipleOf",
            "maximum",
            "exclusiveMaximum",
            "minimum",
            "exclusiveMinimum",
            "minItems",
            "maxItems",
        ],
        formats: &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"],
        name_length: 64,
    },
    Vendor {
        name: "Anthropic, strict",
        keywords: &[
            "type",
            "description",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "enum",
            "const",
            "default",
            "format",
        ],
        formats: &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"],
        name_length: 128,
    },
];

/// What is known of a value; no vendor takes null as the only type.
const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

/// `OpenAI`: at most this many words in all closed sets of a function.
const MAX_WORDS: usize = 1000;
/// `OpenAI`: at most this many levels.
const MAX_LEVELS: usize = 10;

/// A schema inside another one, with its path.
fn visit<'a>(
    schema: &'a Map<String, Value>,
    path: &str,
    level: usize,
    look: &mut impl FnMut(&str, &'a Map<String, Value>),
) {
    assert!(level <= MAX_LEVELS, "{path} is too deep");
    look(path, schema);
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let inner = inner.as_object().unwrap_or_else(|| panic!("{path}.{name} is no schema"));
        visit(inner, &format!("{path}.{name}"), level + 1, look);
    }
    if let Some(items) = schema.get("items") {
        let items = items.as_object().unwrap_or_else(|| panic!("{path}: items is no schema"));
        visit(items, &format!("{path}[]"), level + 1, look);
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn check(path: &str, schema: &Map<String, Value>) {
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_else(|| panic!("{path} has not one type"));
    assert!(TYPES.contains(&kind), "{path}: {kind}");
    assert_eq!(
        kind == "array",
        schema.contains_key("items"),
        "{path}: a list says what it holds, and nothing else does"
    );
    assert!(kind == "object" || !schema.contains_key("properties"), "{path}");
    for vendor in VENDORS {
        for keyword in schema.keys() {
            assert!(vendor.keywords.contains(&keyword.as_str()), "{path}: {keyword} is not for {}", vendor.name);
        }
        if let Some(format) = schema.get("format").and_then(Value::as_str) {
            assert!(vendor.formats.contains(&format), "{path}: {format} is not for {}", vendor.name);
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for name in properties.into_iter().flatten().map(|(name, _)| name) {
        assert!(is_name(name), "{path}.{name} is no name");
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        let name = name.as_str().unwrap();
        assert!(properties.is_some_and(|properties| properties.contains_key(name)), "{path}: {name} is required");
    }
    if let Some(words) = schema.get("enum") {
        assert_eq!(kind, "string", "{path}: Gemini takes closed sets of texts only");
        let words = words.as_array().unwrap();
        assert!(!words.is_empty(), "{path}");
        assert!(words.iter().all(|word| word.as_str().is_some_and(|word| !word.is_empty())), "{path}: {words:?}");
    }
}

#[test]
fn every_vendor_takes_the_arguments_of_every_tool() {
    for tool in Registry::product().iter() {
        for vendor in VENDORS {
            assert!(is_name(tool.name()) && tool.name().len() <= vendor.name_length, "{}", tool.name());
        }
        let schema = tool.input_schema();
        let mut words = 0;
        visit(&schema, tool.name(), 0, &mut |path, schema| {
            check(path, schema);
            words += schema.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
        });
        assert!(words <= MAX_WORDS, "{}", tool.name());
        // OpenAI refuses an object that says nothing of its properties.
        let properties = schema.get("properties").and_then(Value::as_object).unwrap();
        for (name, property) in properties {
            let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(!description.trim().is_empty(), "{}.{name} has no description", tool.name());
        }
    }
}

#[test]
fn every_vendor_takes_the_answers_of_every_tool() {
    for tool in Registry::product().iter() {
        visit(&tool.output_schema(), tool.name(), 0, &mut check);
    }
}

/// Every word of a closed set is one that the tool knows.
#[tokio::test]
async fn closed_sets_hold_no_word_that_is_refused() {
    let context = crate::fakes::World::new().context();
    for tool in Registry::product().iter() {
        let schema = tool.input_schema();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if name == "subtypes" {
                // Which of them go depends on alert_type.
                continue;
            }
            let listed = property.get("items").and_then(|items| items.get("enum"));
            let words = listed.or_else(|| property.get("enum")).and_then(Value::as_array);
            for word in words.into_iter().flatten() {
                let value = if listed.is_some() { Value::Array(vec![word.clone()]) } else { word.clone() };
                let arguments = Map::from_iter([(name.clone(), value)]);
                if let Err(error) = tool.call(&context, arguments).await {
                    assert!(!error.message.contains("Must be one of"), "{}.{name}: {}", tool.name(), error.message);
                }
            }
        }
    }
}
