//! Reads the arguments of a call as the tool's input schema wants them: one pass for all tools, before serde.
//!
//! Models write `"5"` for 5 and `"[\"HIGH\"]"` for a list, clients whose numbers are doubles send `30.0`, and many send
//! null for what they leave out. What can mean one thing only is read as that. Everything else is an error that names the
//! argument, what came and what is wanted, in the words of JSON.

use serde_json::Value;

use super::{JsonObject, ToolError, names, noise, schema};
use crate::arguments::shown;

/// No tool takes more values in one list, and most take fewer. Without a bound a call of a megabyte could keep a
/// processor busy, or bind more than a database takes.
const MAX_VALUES: usize = 1000;

/// Arguments whose text is meant as it stands: "null" is a word to look for, and a number is not what was meant.
const FREE_TEXT: &[&str] = &["contains", "comment", "sql"];

/// What stands for "nothing" where null is taken but cannot be said by every model.
pub(crate) const NOTHING: &str = "none";

/// Arguments as a tool reads them.
#[derive(Debug)]
pub(super) struct Reading {
    /// Those that were given, in the types of the schema.
    pub(super) arguments: JsonObject,
    /// What was changed about them that the caller has to know.
    pub(super) notes: Vec<String>,
}

/// Reads `arguments` for the tool called `tool` with this unpublished `schema`.
pub(super) fn read(tool: &str, schema: &JsonObject, mut arguments: JsonObject) -> Result<Reading, ToolError> {
    noise::strip(schema, &mut arguments);
    let none = JsonObject::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema::required(schema);
    let mut reading = Reading { arguments: JsonObject::new(), notes: Vec::new() };
    let mut keys: Vec<(String, String)> = Vec::new();
    for (name, key, value) in names::sort(tool, properties, arguments)? {
        let Some(property) = properties.get(&name).and_then(Value::as_object) else { continue };
        let argument = Argument { name: &name, property, required: required.contains(&name.as_str()) };
        let Some(value) = argument.read(value, &mut reading.notes)? else { continue };
        let before = keys.iter().find(|(known, _)| *known == name).map(|(_, key)| key.clone());
        if let Some(before) = before {
            if reading.arguments.get(&name) != Some(&value) {
                return Err(ToolError::invalid_argument(format!(
                    "{before} and {key} are the same argument and were given with different values. Give {name} alone."
                )));
            }
            continue;
        }
        reading.arguments.insert(name.clone(), value);
        keys.push((name, key));
    }
    let missing = required.iter().find(|name| !reading.arguments.contains_key(**name));
    if let Some((name, property)) = missing.and_then(|name| Some((*name, properties.get(*name)?.as_object()?))) {
        let wanted = Argument { name, property, required: true }.wanted();
        return Err(ToolError::invalid_argument(format!("{name} is missing: it must be {wanted}.")));
    }
    Ok(reading)
}

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Truth,
    List,
}

/// One argument of a tool.
struct Argument<'a> {
    name: &'a str,
    property: &'a JsonObject,
    required: bool,
}

impl Argument<'_> {
    fn read(&self, given: Value, notes: &mut Vec<String>) -> Result<Option<Value>, ToolError> {
        if self.is_nothing(&given) {
            if self.property.get(schema::CLEARS) == Some(&Value::Bool(true)) {
                return Ok(Some(Value::from(NOTHING)));
            }
            return if self.required { Err(self.refuse(&given)) } else { Ok(None) };
        }
        let read = match self.kind() {
            Kind::Text => self.text(given),
            Kind::Whole => self.whole(given, notes),
            Kind::Truth => self.truth(given),
            Kind::List => self.list(given),
        };
        read.map(Some)
    }

    /// Whether `given` says that there is no value: null, the words that programs write for it, and, where an argument
    /// may be left out, a blank text.
    fn is_nothing(&self, given: &Value) -> bool {
        let Some(text) = given.as_str() else { return given.is_null() };
        let text = text.trim();
        let says_so = matches!(text, "null" | "undefined") && !FREE_TEXT.contains(&self.name);
        let clears = self.property.contains_key(schema::CLEARS);
        (text.is_empty() || says_so) && (!self.required || clears)
    }

    fn kind(&self) -> Kind {
        match schema::type_of(self.property) {
            Some("integer") => Kind::Whole,
            Some("boolean") => Kind::Truth,
            Some("array") => Kind::List,
            _ => Kind::Text,
        }
    }

    fn words(&self) -> Vec<&str> {
        self.property.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn bound(&self, keyword: &str) -> Option<i128> {
        self.property.get(keyword).and_then(Value::as_i64).map(i128::from)
    }

    /// A text; also the only entry of a list, and a whole number, as ids sometimes are.
    fn text(&self, given: Value) -> Result<Value, ToolError> {
        match given {
            Value::String(text) => Ok(self.word(text)),
            Value::Array(mut entries) if entries.len() == 1 && entries.first().is_some_and(Value::is_string) => {
                Ok(entries.pop().and_then(|entry| entry.as_str().map(|text| self.word(text.to_owned()))).into())
            }
            other => match whole(&other) {
                Some(number) if other.is_number() && !FREE_TEXT.contains(&self.name) => {
                    Ok(Value::from(number.to_string()))
                }
                _ => Err(self.refuse(&other)),
            },
        }
    }

    /// A word of a closed set in the spelling of the schema; what is no such word is left to the tool.
    fn word(&self, text: String) -> Value {
        let trimmed = text.trim();
        let known = self.words().into_iter().find(|word| word.eq_ignore_ascii_case(trimmed)).map(str::to_owned);
        Value::from(known.unwrap_or(text))
    }

    fn whole(&self, given: Value, notes: &mut Vec<String>) -> Result<Value, ToolError> {
        let number = whole(only(&given)).ok_or_else(|| self.refuse(&given))?;
        if self.bound("minimum").is_some_and(|minimum| number < minimum) {
            return Err(self.refuse(&given));
        }
        let read = match self.bound("maximum") {
            Some(maximum) if number > maximum => {
                notes.push(format!("{} was lowered from {number} to {maximum}, its maximum.", self.name));
                maximum
            }
            _ => number,
        };
        i64::try_from(read).map(Value::from).map_err(|_| self.refuse(&given))
    }

    fn truth(&self, given: Value) -> Result<Value, ToolError> {
        match only(&given) {
            Value::Bool(truth) => Ok(Value::Bool(*truth)),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            _ => Err(self.refuse(&given)),
        }
    }

    /// A list of texts; also a list written as text, a single entry, and words of a closed set with commas between them.
    fn list(&self, given: Value) -> Result<Value, ToolError> {
        let entries = match given {
            Value::Array(entries) => entries,
            Value::String(text) => self.entries_of(text)?,
            number @ Value::Number(_) => vec![number],
            other => return Err(self.refuse(&other)),
        };
        if entries.len() > MAX_VALUES {
            let name = self.name;
            return Err(ToolError::invalid_argument(format!("{name} must not hold more than {MAX_VALUES} values.")));
        }
        let entry = |(at, entry): (usize, Value)| match entry {
            Value::String(text) => Ok(self.word(text)),
            other => match whole(&other) {
                Some(number) => Ok(Value::from(number.to_string())),
                None => Err(self.refuse_as(&format!("its entry {} is {}", at + 1, sent(&other)))),
            },
        };
        entries.into_iter().enumerate().map(entry).collect::<Result<Vec<Value>, ToolError>>().map(Value::Array)
    }

    fn entries_of(&self, text: String) -> Result<Vec<Value>, ToolError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(self.refuse(&Value::String(text)));
        }
        if let Ok(Value::Array(entries)) = serde_json::from_str(trimmed) {
            return Ok(entries);
        }
        let words = self.words();
        if words.is_empty() {
            return Ok(vec![Value::from(trimmed)]);
        }
        // No word of a closed set holds a comma, a quote or a bracket.
        let inner = trimmed.trim_matches(['[', ']', '(', ')']);
        let entries = inner.split(',').map(|word| word.trim().trim_matches(['\'', '"']));
        Ok(entries.filter(|word| !word.is_empty()).map(Value::from).collect())
    }

    fn refuse(&self, given: &Value) -> ToolError {
        self.refuse_as(&format!("you sent {}", sent(given)))
    }

    fn refuse_as(&self, what: &str) -> ToolError {
        ToolError::invalid_argument(format!("{} must be {}; {what}.", self.name, self.wanted()))
    }

    fn wanted(&self) -> String {
        let words = self.words();
        match self.kind() {
            Kind::Text if words.is_empty() => "a text".to_owned(),
            Kind::Text => format!("one of {}", words.join(", ")),
            Kind::Truth => "true or false".to_owned(),
            Kind::List => {
                let example = Value::from(words.first().copied().unwrap_or_else(|| example(self.name)));
                format!("a list of texts such as [{example}]")
            }
            Kind::Whole => match (self.bound("minimum"), self.bound("maximum")) {
                (Some(minimum), Some(maximum)) => format!("a whole number from {minimum} to {maximum}"),
                (Some(minimum), None) => format!("a whole number, {minimum} or more"),
                _ => "a whole number such as 30".to_owned(),
            },
        }
    }
}

/// A value, or the only entry of a list.
fn only(given: &Value) -> &Value {
    match given.as_array().map(Vec::as_slice) {
        Some([entry]) => entry,
        _ => given,
    }
}

/// A whole number, also as text, and with a fraction of zero: to JSON Schema 30.0 is an integer.
fn whole(given: &Value) -> Option<i128> {
    match given {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| number.as_f64().and_then(without_fraction)),
        Value::String(text) => {
            let text = text.trim();
            let number = || text.parse::<f64>().ok().and_then(without_fraction);
            text.parse::<i128>().ok().or_else(number)
        }
        _ => None,
    }
}

fn without_fraction(number: f64) -> Option<i128> {
    let is_whole = number.is_finite() && number.fract() == 0.0;
    is_whole.then(|| format!("{number:.0}").parse().ok()).flatten()
}

/// A value that such an argument might have.
fn example(name: &str) -> &'static str {
    match name {
        "log_types" | "schema_names" => "AWS.CloudTrail",
        "indicators" | "values" => "203.0.113.9",
        "context_tags" | "tags" => "phishing",
        "resource_types" => "AWS.S3.Bucket",
        "detection_ids" => "AWS.Root.Login",
        _ => "id",
    }
}

/// What was sent, for an error.
fn sent(given: &Value) -> String {
    match given {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{}\"", shown(text)),
        Value::Array(entries) if entries.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{fakes::World, registry::Registry};

    fn object(value: Value) -> JsonObject {
        value.as_object().cloned().unwrap()
    }

    fn schema() -> JsonObject {
        object(json!({
            "type": "object",
            "properties": {
                "alert_id": { "type": "string" },
                "severities": { "type": ["array", "null"], "items": { "type": "string" }, "enum": ["HIGH", "LOW"] },
                "log_types": { "type": ["array", "null"], "items": { "type": "string" } },
                "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 50 },
                "event_count_min": { "type": ["integer", "null"], "minimum": 0 },
                "is_healthy": { "type": ["boolean", "null"] },
                "contains": { "type": ["string", "null"] },
                "status": { "type": ["string", "null"], "enum": ["OPEN", "CLOSED"] },
                "assignee_id": { "type": "string", "x-clears": true },
            },
        }))
    }

    fn one(name: &str, value: Value) -> Result<Option<Value>, String> {
        let arguments = JsonObject::from_iter([(name.to_owned(), value)]);
        read("t", &schema(), arguments)
            .map(|reading| reading.arguments.get(name).cloned())
            .map_err(|error| error.message)
    }

    #[test]
    fn what_means_one_thing_is_read() {
        for (name, given, read) in [
            ("limit", json!("5"), json!(5)),
            ("limit", json!(" 25 "), json!(25)),
            ("limit", json!("30.0"), json!(30)),
            ("limit", json!(30.0), json!(30)),
            ("limit", json!([7]), json!(7)),
            ("is_healthy", json!("True"), json!(true)),
            ("is_healthy", json!("false"), json!(false)),
            ("severities", json!("[\"HIGH\", \"low\"]"), json!(["HIGH", "LOW"])),
            ("severities", json!("HIGH"), json!(["HIGH"])),
            ("severities", json!("high, LOW"), json!(["HIGH", "LOW"])),
            ("severities", json!("['HIGH']"), json!(["HIGH"])),
            ("log_types", json!("a, b"), json!(["a, b"])),
            ("log_types", json!([12, "x", 3.0]), json!(["12", "x", "3"])),
            ("alert_id", json!(42), json!("42")),
            ("alert_id", json!(42.0), json!("42")),
            ("alert_id", json!(["x"]), json!("x")),
            ("status", json!(" open "), json!("OPEN")),
            ("contains", json!("null"), json!("null")),
            ("assignee_id", json!(null), json!("none")),
            ("assignee_id", json!("null"), json!("none")),
            ("assignee_id", json!(""), json!("none")),
        ] {
            assert_eq!(one(name, given.clone()), Ok(Some(read)), "{name} {given}");
        }
    }

    #[test]
    fn nothing_is_left_out() {
        for name in ["severities", "limit", "is_healthy", "status", "log_types"] {
            for given in [json!(null), json!("null"), json!("undefined"), json!(""), json!("  ")] {
                assert_eq!(one(name, given.clone()), Ok(None), "{name} {given}");
            }
        }
        assert_eq!(one("contains", json!("")), Ok(None));
    }

    #[test]
    fn errors_name_the_argument_what_came_and_what_is_wanted() {
        for (name, given, message) in [
            ("severities", json!(true), "severities must be a list of texts such as [\"HIGH\"]; you sent true."),
            ("severities", json!({}), "severities must be a list of texts such as [\"HIGH\"]; you sent an object."),
            (
                "log_types",
                json!(["a", null]),
                "log_types must be a list of texts such as [\"AWS.CloudTrail\"]; its entry 2 is null.",
            ),
            ("limit", json!("many"), "limit must be a whole number from 1 to 50; you sent the text \"many\"."),
            ("limit", json!(0), "limit must be a whole number from 1 to 50; you sent the number 0."),
            ("limit", json!(1.5), "limit must be a whole number from 1 to 50; you sent the number 1.5."),
            (
                "event_count_min",
                json!(-1),
                "event_count_min must be a whole number, 0 or more; you sent the number -1.",
            ),
            ("is_healthy", json!(1), "is_healthy must be true or false; you sent the number 1."),
            ("contains", json!(5), "contains must be a text; you sent the number 5."),
            ("contains", json!(["a", "b"]), "contains must be a text; you sent a list."),
            ("status", json!({}), "status must be one of OPEN, CLOSED; you sent an object."),
        ] {
            assert_eq!(one(name, given), Err(message.to_owned()));
        }
    }

    #[test]
    fn what_is_above_its_maximum_is_lowered_and_said() {
        for above in [json!(1000), json!("1000"), json!(1000.0)] {
            let reading = read("t", &schema(), object(json!({ "limit": above }))).unwrap();
            assert_eq!(reading.arguments, object(json!({ "limit": 50 })));
            assert_eq!(reading.notes, ["limit was lowered from 1000 to 50, its maximum."]);
        }
    }

    #[test]
    fn an_argument_under_two_names_needs_one_value() {
        let twice = |old: Value, new: Value| read("t", &schema(), object(json!({ "max_rows": old, "limit": new })));
        assert_eq!(twice(json!("5"), json!(5)).unwrap().arguments, object(json!({ "limit": 5 })));
        assert_eq!(twice(json!(null), json!(5)).unwrap().arguments, object(json!({ "limit": 5 })));
        assert_eq!(
            twice(json!(6), json!(5)).unwrap_err().message,
            "max_rows and limit are the same argument and were given with different values. Give limit alone."
        );
    }

    #[test]
    fn what_is_required_is_named() {
        let mut schema = schema();
        schema.insert("required".to_owned(), json!(["alert_id"]));
        let error = read("t", &schema, JsonObject::new()).unwrap_err();
        assert_eq!(error.message, "alert_id is missing: it must be a text.");
        let error = read("t", &schema, object(json!({ "alert_id": null }))).unwrap_err();
        assert_eq!(error.message, "alert_id must be a text; you sent null.");
    }

    #[test]
    fn lists_have_a_bound() {
        let error = one("log_types", Value::from(vec!["x"; MAX_VALUES + 1])).unwrap_err();
        assert_eq!(error, "log_types must not hold more than 1000 values.");
    }

    /// Words of the implementation, which say nothing to a model.
    const FOREIGN: &[&str] = &[
        "i64",
        "u64",
        "u16",
        "usize",
        "expected",
        "struct",
        "sequence",
        "invalid type",
        "unknown field",
        "serde",
        "Option",
        "Vec<",
        "floating point",
        "line 1",
    ];

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z0-9.,\\[\\]{}\" -]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// For every tool and every argument.
        #[test]
        fn any_value_is_read_or_refused_by_name(value in any_json()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let context = World::new().context();
            for tool in Registry::product().iter() {
                let schema = tool.input_schema();
                let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
                for (name, property) in &properties {
                    let arguments = JsonObject::from_iter([(name.clone(), value.clone())]);
                    let result = runtime.block_on(tool.call(&context, arguments));
                    // What the SQL of a statement lacks is told in the words of SQL.
                    let Err(error) = result.map_err(|error| (error.code != "invalid_sql").then_some(error)) else { continue };
                    let Some(error) = error else { continue };
                    for word in FOREIGN {
                        prop_assert!(!error.message.contains(word), "{}: {}", tool.name(), error.message);
                    }
                    let wrong = match property.get("type").and_then(Value::as_str) {
                        Some("string" | "array") => value.is_object() || value.is_boolean(),
                        _ => value.is_object() || value.as_array().is_some_and(|entries| entries.len() != 1),
                    };
                    if wrong {
                        prop_assert_eq!(error.code, "invalid_argument");
                        prop_assert!(error.message.starts_with(name.as_str()), "{}: {}", tool.name(), error.message);
                    }
                }
            }
        }
    }
}
