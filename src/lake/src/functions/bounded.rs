//! Functions of the engine that can return far more than they get, held within the limits of the statement.

use std::{ops::Range, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef},
        compute::concat,
        datatypes::{DataType, FieldRef},
    },
    common::Result,
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};

use super::{
    growth::{Argument, Growth, PIECE_BYTES},
    limits::{EACH, Limits, constant, within},
};
use crate::size::bytes;

/// A function that is asked only for as much as its result may have.
///
/// Its rewriting into other expressions is left out, since those would not be held within limits.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    limits: Limits,
}

impl Bounded {
    pub(super) const fn new(inner: Arc<ScalarUDF>, growth: Growth, limits: Limits) -> Self {
        Self { inner, growth, limits }
    }

    /// A call whose arguments are all constant; often while the statement is planned.
    fn of_constants(&self, args: ScalarFunctionArgs, arguments: &[Argument]) -> Result<ColumnarValue> {
        within(self.growth.bound(arguments, 0), self.limits.array_bytes, self.name())?;
        let result = constant(self.inner.invoke_with_args(ScalarFunctionArgs { number_rows: 1, ..args })?)?;
        self.limits.check(&result)?;
        Ok(result)
    }

    /// Which rows are worked on at once.
    fn pieces(&self, arguments: &[Argument], rows: usize) -> Result<Vec<Range<usize>>> {
        let mut pieces = Vec::new();
        let (mut from, mut sum) = (0, 0_usize);
        for row in 0..rows {
            let bound = self.growth.bound(arguments, row);
            within(bound, self.limits.array_bytes, self.name())?;
            if row > from && sum.saturating_add(bound) > PIECE_BYTES {
                pieces.push(from..row);
                (from, sum) = (row, 0);
            }
            sum = sum.saturating_add(bound);
        }
        pieces.push(from..rows);
        Ok(pieces)
    }
}

/// A part of the rows of a call.
fn part_of(args: &ScalarFunctionArgs, rows: &Range<usize>) -> ScalarFunctionArgs {
    let values = args.args.iter().map(|value| match value {
        ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(rows.start, rows.len())),
        scalar @ ColumnarValue::Scalar(_) => scalar.clone(),
    });
    ScalarFunctionArgs {
        args: values.collect(),
        arg_fields: args.arg_fields.clone(),
        number_rows: rows.len(),
        return_field: Arc::clone(&args.return_field),
        config_options: Arc::clone(&args.config_options),
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // A test of a text against a constant pattern becomes a faster one; both return only true or false.
        if self.growth == Growth::Regex && matches!(args.get(1), Some(Expr::Literal(..))) {
            return self.inner.simplify(args, info);
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arguments = args.args.iter().map(Argument::new).collect::<Result<Vec<_>>>()?;
        if args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_))) {
            return self.of_constants(args, &arguments);
        }
        let pieces = self.pieces(&arguments, args.number_rows)?;
        if pieces.len() == 1 {
            let result = self.inner.invoke_with_args(args)?;
            self.limits.check(&result)?;
            return Ok(result);
        }
        let mut parts: Vec<ArrayRef> = Vec::with_capacity(pieces.len());
        let mut total = 0_usize;
        for rows in &pieces {
            let part = self.inner.invoke_with_args(part_of(&args, rows))?.into_array(rows.len())?;
            total = total.saturating_add(bytes(part.as_ref(), 0..part.len(), EACH));
            within(total, self.limits.array_bytes, self.name())?;
            parts.push(part);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&parts)?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::{
        arrow::{
            array::{AsArray as _, StringArray},
            datatypes::Field,
        },
        common::{DataFusionError, ScalarValue},
        config::ConfigOptions,
        functions::{regex::regexp_replace, string::replace},
    };

    use super::*;

    fn text(text: &str) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(text.to_owned())))
    }

    fn column(texts: &[String]) -> ColumnarValue {
        ColumnarValue::Array(Arc::new(StringArray::from_iter_values(texts)))
    }

    fn call(function: &Bounded, args: Vec<ColumnarValue>, rows: usize) -> Result<ColumnarValue> {
        let field = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
        let arg_fields = args.iter().map(|_| field("argument")).collect();
        function.invoke_with_args(ScalarFunctionArgs {
            args,
            arg_fields,
            number_rows: rows,
            return_field: field("result"),
            config_options: Arc::new(ConfigOptions::default()),
        })
    }

    fn is_refused(result: &Result<ColumnarValue>) -> bool {
        matches!(result, Err(DataFusionError::ResourcesExhausted(_)))
    }

    #[test]
    fn pieces_give_the_same_result_as_the_whole() {
        let function = Bounded::new(replace(), Growth::Replace, Limits::default());
        // The results can have 2 MB each, so that they come in pieces of eight.
        let texts: Vec<String> = (0..20).map(|n| format!("{n}{}a", "b".repeat(2_000))).collect();
        let arguments = vec![column(&texts), text("a"), text(&"c".repeat(1_000))];
        let found = call(&function, arguments, 20).unwrap().into_array(20).unwrap();
        let found = found.as_string::<i32>();
        assert_eq!(found.len(), 20);
        for (row, text) in texts.iter().enumerate() {
            assert_eq!(found.value(row), text.replace('a', &"c".repeat(1_000)));
        }
    }

    #[test]
    fn what_grows_too_much_is_refused_before_it_is_made() {
        let limits = Limits { array_bytes: 1_000_000, constant_bytes: 10_000 };
        let function = Bounded::new(replace(), Growth::Replace, limits);
        let long = "a".repeat(5_000);
        assert!(is_refused(&call(&function, vec![text(&long), text("a"), text(&long)], 1)));
        assert!(is_refused(&call(&function, vec![text(&long), text("a"), text("bbb")], 1)));
        assert!(is_refused(&call(&function, vec![column(&vec![long.clone(); 300]), text("x"), text("y")], 300)));
        assert!(call(&function, vec![column(&vec![long; 100]), text("x"), text("y")], 100).is_ok());
    }

    #[test]
    fn a_pattern_replaces_once_or_everywhere() {
        let limits = Limits { array_bytes: 100_000, constant_bytes: 100_000 };
        let function = Bounded::new(regexp_replace(), Growth::RegexReplace, limits);
        let long = "a".repeat(1_000);
        let once = call(&function, vec![text(&long), text("a"), text(&"b".repeat(500))], 1);
        assert!(once.is_ok(), "{once:?}");
        assert!(is_refused(&call(&function, vec![text(&long), text("a"), text(&"b".repeat(500)), text("g")], 1)));
        assert!(is_refused(&call(&function, vec![text(&long), text("a+"), text(&"\\0".repeat(200))], 1)));
    }
}
