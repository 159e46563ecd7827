//! A small check of values against the JSON Schemas that the tools declare.
//!
//! It knows the keywords that these schemas use and refuses every other one, so that nothing goes unchecked.

mod vendors;

use serde_json::Value;

/// Whether `value` conforms to `schema`; else the path and the reason.
pub(crate) fn check(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let keywords = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Object(keywords) => keywords,
        other => return Err(format!("{path}: {other} is not a schema")),
    };
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "description" | "default" | "format" | "properties" => {}
            "type" => check_type(wanted, value, path)?,
            "required" => check_required(wanted, value, path)?,
            "additionalProperties" => check_others(wanted, keywords.get("properties"), value, path)?,
            "items" => check_items(wanted, value, path)?,
            "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems" => {
                check_bound(keyword, wanted, value, path)?;
            }
            other => return Err(format!("{path}: the keyword {other} is not known to this check")),
        }
    }
    let Some(properties) = keywords.get("properties").and_then(Value::as_object) else { return Ok(()) };
    let Some(object) = value.as_object() else { return Ok(()) };
    for (name, property) in properties {
        if let Some(value) = object.get(name) {
            check(property, value, &format!("{path}.{name}"))?;
        }
    }
    Ok(())
}

fn check_type(wanted: &Value, value: &Value, path: &str) -> Result<(), String> {
    let fits = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        _ => false,
    };
    let fits = wanted.as_array().map_or_else(|| fits(wanted), |names| names.iter().any(fits));
    if fits { Ok(()) } else { Err(format!("{path}: {value} is not of type {wanted}")) }
}

fn check_required(wanted: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Some(object) = value.as_object() else { return Ok(()) };
    let missing =
        wanted.as_array().into_iter().flatten().filter_map(Value::as_str).find(|name| !object.contains_key(*name));
    missing.map_or(Ok(()), |name| Err(format!("{path}: {name} is missing")))
}

fn check_others(wanted: &Value, properties: Option<&Value>, value: &Value, path: &str) -> Result<(), String> {
    let Some(object) = value.as_object() else { return Ok(()) };
    for (name, value) in object {
        if properties.is_some_and(|properties| properties.get(name).is_some()) {
            continue;
        }
        if wanted == &Value::Bool(false) {
            return Err(format!("{path}: {name} is not allowed"));
        }
        check(wanted, value, &format!("{path}.{name}"))?;
    }
    Ok(())
}

fn check_items(wanted: &Value, value: &Value, path: &str) -> Result<(), String> {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(wanted, item, &format!("{path}[{index}]"))?;
    }
    Ok(())
}

fn check_bound(keyword: &str, wanted: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Some(bound) = wanted.as_i64() else { return Err(format!("{path}: {keyword} is not a whole number")) };
    let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let measured = match keyword {
        "minimum" | "maximum" => value.as_i64(),
        "minLength" | "maxLength" => value.as_str().map(|text| length(text.chars().count())),
        _ => value.as_array().map(|items| length(items.len())),
    };
    let fits = measured.is_none_or(|n| if keyword.starts_with("min") { n >= bound } else { n <= bound });
    if fits { Ok(()) } else { Err(format!("{path}: {value} is beyond {keyword} {bound}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_tells_good_from_bad() {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "n": { "type": ["integer", "null"], "minimum": 1, "maximum": 5, "format": "int64" },
                "list": { "type": "array", "items": { "type": "string", "minLength": 1 }, "maxItems": 2 },
                "any": true,
            },
            "required": ["n"],
        });
        for good in [json!({ "n": 1 }), json!({ "n": null, "list": ["a", "b"], "any": [1] })] {
            check(&schema, &good, "$").unwrap();
        }
        for bad in [
            json!([]),
            json!({}),
            json!({ "n": 0 }),
            json!({ "n": 6 }),
            json!({ "n": 1.5 }),
            json!({ "n": 1, "other": 1 }),
            json!({ "n": 1, "list": ["a", "b", "c"] }),
            json!({ "n": 1, "list": [""] }),
            json!({ "n": 1, "list": [null] }),
        ] {
            assert!(check(&schema, &bad, "$").is_err(), "{bad}");
        }
        assert!(check(&json!({ "oneOf": [] }), &json!(1), "$").is_err());
        let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        check(&map, &json!({ "a": "b" }), "$").unwrap();
        assert!(check(&map, &json!({ "a": 1 }), "$").is_err());
    }
}
