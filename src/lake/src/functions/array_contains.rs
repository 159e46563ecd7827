//! `array_contains(value, array)`: the value first, as in the queries of the field; the other order works too.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, BooleanBuilder, StringArray},
        compute::{cast, kernels::cmp::eq},
        datatypes::DataType,
    },
    common::{Result, ScalarValue, plan_err, utils::take_function_args},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};
use serde_json::Value;

use crate::rows::{cell, text};

/// The function. Values are compared as text, since elements of JSON have no type. Null if either side is null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ArrayContains {
    signature: Signature,
}

impl ArrayContains {
    pub(super) fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ArrayContains {
    fn name(&self) -> &'static str {
        "array_contains"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [first, second] = take_function_args(self.name(), arguments)?;
        let searchable =
            |data_type: &DataType| is_list(data_type) || is_text(data_type) || *data_type == DataType::Null;
        if (is_list(first) && !is_list(second)) || searchable(second) {
            return Ok(DataType::Boolean);
        }
        plan_err!("array_contains(value, array) needs an array as its second argument")
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [first, second] = take_function_args(self.name(), args.args)?;
        let swapped = is_list(&first.data_type()) && !is_list(&second.data_type());
        let (needle, haystack) = if swapped { (second, first) } else { (first, second) };
        let haystack = match haystack {
            // A list that is written out is searched as a set; it is not copied for every row.
            ColumnarValue::Scalar(list) => {
                return contained(needle, &list);
            }
            ColumnarValue::Array(lists) => lists,
        };
        let found = match (constant_text(&needle), haystack.data_type()) {
            (Some(text), DataType::List(element)) if is_text(element.data_type()) => contains_text(&haystack, &text)?,
            _ => contains_any(&needle.into_array(rows)?, &haystack),
        };
        Ok(ColumnarValue::Array(found))
    }
}

const fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

const fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn constant_text(value: &ColumnarValue) -> Option<String> {
    match value {
        ColumnarValue::Scalar(scalar) => ScalarValue::try_as_str(scalar).flatten().map(str::to_owned),
        ColumnarValue::Array(_) => None,
    }
}

/// The common case: one text in a column of lists of texts. All elements are compared at once.
fn contains_text(haystack: &ArrayRef, needle: &str) -> Result<ArrayRef> {
    let lists = haystack.as_list::<i32>();
    let elements = cast(lists.values(), &DataType::Utf8)?;
    let equal = eq(elements.as_string::<i32>(), &StringArray::new_scalar(needle))?;
    let mut found = BooleanBuilder::with_capacity(lists.len());
    for (row, window) in lists.value_offsets().windows(2).enumerate() {
        let (&[from, to], true) = (window, lists.is_valid(row)) else {
            found.append_null();
            continue;
        };
        let mut range = usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
        found.append_value(range.any(|element| equal.is_valid(element) && equal.value(element)));
    }
    Ok(Arc::new(found.finish()))
}

/// Every value in one list.
fn contained(needle: ColumnarValue, list: &ScalarValue) -> Result<ColumnarValue> {
    let items = items(cell(list.to_array()?.as_ref(), 0));
    let items: Option<HashSet<String>> = items.map(|items| items.into_iter().filter_map(text).collect());
    let is_in = |needle: Value| Some(items.as_ref()?.contains(&text(needle)?));
    match needle {
        ColumnarValue::Scalar(needle) => {
            let found = is_in(cell(needle.to_array()?.as_ref(), 0));
            Ok(ColumnarValue::Scalar(ScalarValue::Boolean(found)))
        }
        ColumnarValue::Array(needles) => {
            let mut found = BooleanBuilder::with_capacity(needles.len());
            (0..needles.len()).for_each(|row| found.append_option(is_in(cell(needles.as_ref(), row))));
            Ok(ColumnarValue::Array(Arc::new(found.finish())))
        }
    }
}

/// The elements of a list, or of a text that is a JSON array.
fn items(list: Value) -> Option<Vec<Value>> {
    match list {
        Value::Array(items) => Some(items),
        Value::String(document) => serde_json::from_str(&document).ok(),
        _ => None,
    }
}

/// Every other case, row by row.
fn contains_any(needles: &ArrayRef, haystack: &ArrayRef) -> ArrayRef {
    let mut found = BooleanBuilder::with_capacity(haystack.len());
    for row in 0..haystack.len() {
        let needle = text(cell(needles.as_ref(), row));
        found.append_option(match (needle, items(cell(haystack.as_ref(), row))) {
            (Some(needle), Some(items)) => Some(items.into_iter().filter_map(text).any(|item| item == needle)),
            _ => None,
        });
    }
    Arc::new(found.finish())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{BooleanArray, Int64Array, ListBuilder, StringBuilder};

    use super::*;

    fn lists() -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("10.0.0.1"), None]);
        lists.append_null();
        lists.append_value([Some("x"), Some("10.0.0.1")]);
        lists.append_value([Some("x")]);
        Arc::new(lists.finish())
    }

    fn expected() -> BooleanArray {
        BooleanArray::from(vec![Some(true), None, Some(true), Some(false)])
    }

    #[test]
    fn one_text_is_found_in_lists() {
        assert_eq!(contains_text(&lists(), "10.0.0.1").unwrap().as_boolean(), &expected());
        // A part of a longer array keeps its own rows.
        let part = lists().slice(2, 2);
        assert_eq!(
            contains_text(&part, "10.0.0.1").unwrap().as_boolean(),
            &BooleanArray::from(vec![Some(true), Some(false)])
        );
    }

    #[test]
    fn one_list_is_searched_for_every_value() {
        let list = ScalarValue::try_from_array(lists().as_ref(), 2).unwrap();
        let needles: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, Some("y")]));
        let found = contained(ColumnarValue::Array(needles), &list).unwrap().into_array(3).unwrap();
        assert_eq!(found.as_boolean(), &BooleanArray::from(vec![Some(true), None, Some(false)]));
        let needle = ColumnarValue::Scalar(ScalarValue::from("10.0.0.1"));
        let found = contained(needle, &list).unwrap();
        assert!(matches!(found, ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))), "{found:?}");
    }

    #[test]
    fn other_values_are_compared_as_text() {
        let needles: ArrayRef = Arc::new(StringArray::from(vec!["10.0.0.1"; 4]));
        assert_eq!(contains_any(&needles, &lists()).as_boolean(), &expected());
        let needles: ArrayRef = Arc::new(Int64Array::from(vec![2, 2]));
        let documents: ArrayRef = Arc::new(StringArray::from(vec!["[1,2]", "no"]));
        assert_eq!(contains_any(&needles, &documents).as_boolean(), &BooleanArray::from(vec![Some(true), None]));
    }
}
