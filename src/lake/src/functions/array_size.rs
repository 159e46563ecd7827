//! `array_size(array)`: how many elements a list, or a text that is a JSON array, has.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, Int64Builder},
        datatypes::DataType,
    },
    common::{Result, ScalarValue, plan_err, utils::take_function_args},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::rows::cell;

/// The function. Null for what is no array.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ArraySize {
    signature: Signature,
}

impl ArraySize {
    pub(super) fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ArraySize {
    fn name(&self) -> &'static str {
        "array_size"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [array] = take_function_args(self.name(), arguments)?;
        match array {
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Null => Ok(DataType::Int64),
            other => plan_err!("array_size needs an array, not {other}"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [array] = take_function_args(self.name(), args.args)?;
        let array = match array {
            ColumnarValue::Scalar(list) => {
                let size = size(list.to_array()?.as_ref(), 0);
                return Ok(ColumnarValue::Scalar(ScalarValue::Int64(size)));
            }
            ColumnarValue::Array(array) => array,
        };
        let mut sizes = Int64Builder::with_capacity(array.len());
        (0..array.len()).for_each(|row| sizes.append_option(size(array.as_ref(), row)));
        Ok(ColumnarValue::Array(Arc::new(sizes.finish())))
    }
}

/// How many elements the value in a row has.
fn size(array: &dyn Array, row: usize) -> Option<i64> {
    let size = match cell(array, row) {
        Value::Array(items) => items.len(),
        Value::String(document) => serde_json::from_str::<Vec<IgnoredAny>>(&document).ok()?.len(),
        _ => return None,
    };
    i64::try_from(size).ok()
}
