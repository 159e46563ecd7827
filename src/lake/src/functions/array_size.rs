//! `array_size(array)`: how many elements a list, or a text that is a JSON array, has.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array as _, Int64Builder},
        datatypes::DataType,
    },
    common::{Result, plan_err, utils::take_function_args},
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
        let rows = args.number_rows;
        let [array] = take_function_args(self.name(), args.args)?;
        let array = array.into_array(rows)?;
        let mut sizes = Int64Builder::with_capacity(array.len());
        for row in 0..array.len() {
            let size = match cell(array.as_ref(), row) {
                Value::Array(items) => Some(items.len()),
                Value::String(document) => {
                    serde_json::from_str::<Vec<IgnoredAny>>(&document).ok().map(|items| items.len())
                }
                _ => None,
            };
            sizes.append_option(size.and_then(|size| i64::try_from(size).ok()));
        }
        Ok(ColumnarValue::Array(Arc::new(sizes.finish())))
    }
}
