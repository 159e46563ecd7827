//! `json_path(document, step, …)`: what `column:key.key[0]` means.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, StringBuilder},
        compute::cast,
        datatypes::DataType,
    },
    common::{Result, ScalarValue, plan_err},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::rows::{cell, text};

/// The name under which the function is registered.
pub(crate) const NAME: &str = "json_path";

/// A step down into a document.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The value of a key: exactly this one, else one that differs only in case.
    Key(String),
    /// An element, from 0.
    Index(usize),
}

/// The function. It returns text: strings as they are, everything else as JSON, and null for JSON null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct JsonPath {
    signature: Signature,
}

impl JsonPath {
    pub(super) fn new() -> Self {
        Self { signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for JsonPath {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((document, path)) = args.args.split_first() else {
            return plan_err!("{NAME} needs a document");
        };
        let steps = path.iter().map(step).collect::<Result<Vec<_>>>()?;
        match document {
            ColumnarValue::Array(documents) => Ok(ColumnarValue::Array(find(documents, &steps)?)),
            ColumnarValue::Scalar(document) => {
                let found = find(&document.to_array()?, &steps)?;
                ScalarValue::try_from_array(found.as_ref(), 0).map(ColumnarValue::Scalar)
            }
        }
    }
}

/// What the path leads to in every document.
fn find(documents: &ArrayRef, steps: &[Step]) -> Result<ArrayRef> {
    Ok(match documents.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = cast(documents, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            collect(texts.iter().map(|text| text.and_then(|text| look_up(text, steps))))
        }
        _ => {
            let rows = 0..documents.len();
            collect(rows.map(|row| walk(&cell(documents.as_ref(), row), steps).and_then(text)))
        }
    })
}

fn collect(texts: impl Iterator<Item = Option<String>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    texts.for_each(|text| builder.append_option(text));
    Arc::new(builder.finish())
}

fn step(value: &ColumnarValue) -> Result<Step> {
    let ColumnarValue::Scalar(scalar) = value else {
        return plan_err!("the path after ':' is fixed; it cannot come from a column");
    };
    if let Some(Some(key)) = scalar.try_as_str() {
        return Ok(Step::Key(key.to_owned()));
    }
    let index = match scalar {
        ScalarValue::Int64(Some(index)) => usize::try_from(*index).ok(),
        ScalarValue::Int32(Some(index)) => usize::try_from(*index).ok(),
        ScalarValue::UInt64(Some(index)) => usize::try_from(*index).ok(),
        _ => None,
    };
    if let Some(index) = index {
        Ok(Step::Index(index))
    } else {
        plan_err!("a step of a path is a key or a number from 0")
    }
}

/// Looks a path up in a document: first with the keys as they are, then ignoring case.
fn look_up(document: &str, steps: &[Step]) -> Option<String> {
    let find = |fold| {
        let mut reader = serde_json::Deserializer::from_str(document);
        Walk { steps, fold }.deserialize(&mut reader).ok().flatten()
    };
    find(false).or_else(|| find(true)).and_then(text)
}

/// The same in a value at hand.
fn walk(value: &Value, steps: &[Step]) -> Option<Value> {
    let mut value = value.clone();
    for (position, step) in steps.iter().enumerate() {
        value = match (step, value) {
            (Step::Index(index), Value::Array(mut items)) if *index < items.len() => items.swap_remove(*index),
            (Step::Key(key), Value::Object(object)) => {
                let exact = object.get(key);
                exact
                    .or_else(|| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, v)| v))?
                    .clone()
            }
            // A list of documents: from here on the element is text that is JSON.
            (_, Value::String(document)) => {
                return look_up(&document, steps.get(position..)?).map(Value::String);
            }
            _ => return None,
        };
    }
    Some(value)
}

/// Reads only as much of a document as the path needs; everything beside it is skipped unread.
#[derive(Clone, Copy)]
struct Walk<'a> {
    steps: &'a [Step],
    fold: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.steps.is_empty() {
            return serde::Deserialize::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((Step::Key(key), rest)) = self.steps.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        let mut found = None;
        while let Some(matches) = map.next_key_seed(KeyIs { key, fold: self.fold })? {
            if matches && found.is_none() {
                found = map.next_value_seed(Walk { steps: rest, fold: self.fold })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        if let Some((Step::Index(index), rest)) = self.steps.split_first() {
            for _ in 0..*index {
                if items.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = items.next_element_seed(Walk { steps: rest, fold: self.fold })?.flatten();
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Compares a key without copying it.
struct KeyIs<'a> {
    key: &'a str,
    fold: bool,
}

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(if self.fold { key.eq_ignore_ascii_case(self.key) } else { key == self.key })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn paths_are_followed_in_text() {
        let document = r#"{"a":{"b":[1,{"x y":"z"}],"B":2},"n":null,"t":true,"Arn":"arn:aws","o":{"k":1.5}}"#;
        let cases: [(&[Step], Option<&str>); 11] = [
            (&[key("a"), key("b"), Step::Index(1), key("x y")], Some("z")),
            (&[key("a"), key("b"), Step::Index(0)], Some("1")),
            (&[key("a"), key("b"), Step::Index(7)], None),
            (&[key("a"), key("B")], Some("2")),
            (&[key("arn")], Some("arn:aws")),
            (&[key("n")], None),
            (&[key("t")], Some("true")),
            (&[key("o")], Some(r#"{"k":1.5}"#)),
            (&[key("o"), key("k"), key("deeper")], None),
            (&[Step::Index(0)], None),
            (&[], Some(document)),
        ];
        for (steps, expected) in cases {
            assert_eq!(look_up(document, steps).as_deref(), expected, "{steps:?}");
        }
        assert_eq!(look_up("not json", &[key("a")]), None);
        assert_eq!(look_up("[10,20]", &[Step::Index(1)]).as_deref(), Some("20"));
    }

    #[test]
    fn paths_are_followed_in_values() {
        assert_eq!(walk(&json!(["a", "b"]), &[Step::Index(1)]), Some(json!("b")));
        assert_eq!(walk(&json!([r#"{"k":1}"#]), &[Step::Index(0), key("k")]), Some(json!("1")));
        assert_eq!(walk(&json!(["a"]), &[Step::Index(3)]), None);
        assert_eq!(walk(&json!({"K": 1}), &[key("k")]), Some(json!(1)));
    }
}
