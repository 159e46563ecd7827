//! `sized(value)`: the value, if it is not too large. The rewriter puts it around what the engine computes without a
//! function that could be held within limits.

use datafusion::{
    arrow::datatypes::DataType,
    common::{Result, utils::take_function_args},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};

use super::limits::Limits;

/// The name under which the function is registered.
pub(crate) const NAME: &str = "sized";

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct WithinLimits {
    signature: Signature,
    limits: Limits,
}

impl WithinLimits {
    pub(super) fn new(limits: Limits) -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable), limits }
    }
}

impl ScalarUDFImpl for WithinLimits {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [value] = take_function_args(self.name(), arguments)?;
        Ok(value.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        self.limits.check(&value)?;
        Ok(value)
    }
}
