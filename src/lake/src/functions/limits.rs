//! How large the results of functions may become.
//!
//! What a function returns lies outside of the memory pool, and constants are computed while a statement is planned,
//! where no time limit can interrupt. So no function may return more than its share.

use datafusion::{
    arrow::array::Array,
    common::{DataFusionError, Result, ScalarValue, exec_err},
    logical_expr::ColumnarValue,
};

use crate::{engine::BATCH_ROWS, size::bytes};

/// All calls of a statement together may return so many bytes for one batch of rows.
const ALL_CALLS: u64 = 512 * 1024 * 1024;
/// One call may return so many bytes for a batch, whatever else is in the statement.
const ONE_CALL: (u64, u64) = (1024 * 1024, 64 * 1024 * 1024);
/// All constants of a statement together may become so many bytes when they are written out for every row of a batch.
const ALL_CONSTANTS: u64 = 1024 * 1024 * 1024;
/// One constant may have so many bytes.
const ONE_CONSTANT: (u64, u64) = (512, 256 * 1024);
/// The copies of constants that the planner makes may have so many bytes.
const ALL_COPIES: u64 = 256 * 1024 * 1024;
/// Every value counts so many bytes beside its content.
pub(super) const EACH: usize = 8;

/// The limits of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    /// What one call may return for a batch of rows, in bytes.
    pub(crate) array_bytes: usize,
    /// How large a constant may be, in bytes.
    pub(crate) constant_bytes: usize,
}

impl Limits {
    /// For a statement with so many calls of functions, so many mentions of columns, and so many parts after the
    /// planner has put expressions into each other.
    pub(crate) fn of(calls: u64, columns: u64, parts: u64) -> Self {
        let share = |all: u64, parts: u64, (least, most): (u64, u64)| {
            usize::try_from((all / parts.max(1)).clamp(least, most)).unwrap_or(usize::MAX)
        };
        let written_out = share(ALL_CONSTANTS / BATCH_ROWS as u64, columns, ONE_CONSTANT);
        Self {
            array_bytes: share(ALL_CALLS, calls, ONE_CALL),
            constant_bytes: share(ALL_COPIES, parts, ONE_CONSTANT).min(written_out),
        }
    }

    /// Refuses a result that is too large.
    pub(super) fn check(self, result: &ColumnarValue) -> Result<()> {
        match result {
            ColumnarValue::Array(array) => self.check_array(array.as_ref()),
            ColumnarValue::Scalar(scalar) => {
                let constant = scalar.to_array()?;
                within(bytes(constant.as_ref(), 0..1, EACH), self.constant_bytes, "a constant")
            }
        }
    }

    /// The same for an array.
    pub(super) fn check_array(self, array: &dyn Array) -> Result<()> {
        within(bytes(array, 0..array.len(), EACH), self.array_bytes, "the result of a function")
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(1, 1, 1)
    }
}

/// Refuses more than `most` bytes.
pub(super) fn within(size: usize, most: usize, what: &str) -> Result<()> {
    if size <= most {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!("{what} would have {size} bytes; {most} are allowed")))
}

/// The first row of a result as a constant.
pub(super) fn constant(result: ColumnarValue) -> Result<ColumnarValue> {
    match result {
        ColumnarValue::Array(array) if array.is_empty() => exec_err!("a function returned nothing"),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(array.as_ref(), 0).map(ColumnarValue::Scalar),
        scalar @ ColumnarValue::Scalar(_) => Ok(scalar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_shrinks_with_the_statement() {
        let small = Limits::of(1, 1, 10);
        assert_eq!((small.array_bytes, small.constant_bytes), (64 * 1024 * 1024, 256 * 1024));
        let wide = Limits::of(64, 128, 1_000);
        assert_eq!((wide.array_bytes, wide.constant_bytes), (8 * 1024 * 1024, 4 * 1024));
        let huge = Limits::of(1_000_000, 1_000_000, 1_000_000);
        assert_eq!((huge.array_bytes, huge.constant_bytes), (1024 * 1024, 512));
    }
}
