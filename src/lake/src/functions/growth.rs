//! How much larger than its arguments the result of a function can be.

use datafusion::{
    arrow::array::ArrayRef,
    common::{Result, ScalarValue},
    logical_expr::ColumnarValue,
};

use super::limits::EACH;
use crate::size::bytes;

/// Rows are worked on in pieces whose results can have at most so many bytes, or one by one.
pub(super) const PIECE_BYTES: usize = 16 * 1024 * 1024;
/// An expression that is not constant is compiled for every row and kept until the piece is done.
const PATTERN_BYTES: usize = PIECE_BYTES / 8;

/// The kind of a function whose result can be larger than each of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// All arguments behind each other.
    Sum,
    /// The same with the first one between all others.
    Joined,
    /// So many times the first argument.
    Times(usize),
    /// `replace(text, from, to)`.
    Replace,
    /// `regexp_replace(text, pattern, to, flags)`.
    RegexReplace,
    /// `regexp_match(text, pattern)`: a text for every group.
    RegexMatch,
    /// Tells only about a text; but patterns take memory.
    Regex,
    /// `array_to_string(array, delimiter, null)`.
    ArrayText,
    /// `array_replace(array, from, to)`.
    ArrayReplace,
    /// `string_to_array(text, delimiter)`.
    Split,
    /// `to_char(time, format)`.
    Format,
}

/// Functions that can grow, by name. Others of the engine return less than they get, or a value of fixed size.
pub(super) const GROWING: [(&str, Growth); 23] = [
    ("array_append", Growth::Sum),
    ("array_concat", Growth::Sum),
    ("array_prepend", Growth::Sum),
    ("array_replace", Growth::ArrayReplace),
    ("array_replace_all", Growth::ArrayReplace),
    ("array_replace_n", Growth::ArrayReplace),
    ("array_to_string", Growth::ArrayText),
    ("array_union", Growth::Sum),
    ("arrays_zip", Growth::Sum),
    ("concat", Growth::Sum),
    ("concat_ws", Growth::Joined),
    ("encode", Growth::Times(2)),
    ("make_array", Growth::Sum),
    ("overlay", Growth::Sum),
    ("regexp_count", Growth::Regex),
    ("regexp_instr", Growth::Regex),
    ("regexp_like", Growth::Regex),
    ("regexp_match", Growth::RegexMatch),
    ("regexp_replace", Growth::RegexReplace),
    ("replace", Growth::Replace),
    ("string_to_array", Growth::Split),
    ("to_char", Growth::Format),
    ("translate", Growth::Times(4)),
];

impl Growth {
    /// The result for a row has at most so many bytes.
    pub(super) fn bound(self, arguments: &[Argument], row: usize) -> usize {
        let size = |position: usize| arguments.get(position).map_or(0, |argument| argument.bytes(row));
        let sum = || arguments.iter().map(|argument| argument.bytes(row)).fold(EACH, usize::saturating_add);
        match self {
            Self::Sum => sum().saturating_add(arguments.len().saturating_mul(EACH)),
            Self::Joined => sum().saturating_add(size(0).saturating_mul(arguments.len())),
            Self::Times(factor) => size(0).saturating_mul(factor).saturating_add(2 * EACH),
            Self::Replace => {
                let places = size(0) / size(1).max(1) + 1;
                size(0).saturating_add(places.saturating_mul(size(2)))
            }
            Self::RegexReplace => {
                let flags = arguments.get(3);
                let many = flags.is_some_and(|flags| flags.text().is_none_or(|flags| flags.contains('g')));
                let places = if many { size(0) + 1 } else { 1 };
                let references = arguments.get(2).map_or(0, |to| to.count(row, &['$', '\\']));
                let replaced = places.saturating_mul(size(2));
                let repeated = size(0).saturating_mul(references);
                size(0).saturating_add(replaced).saturating_add(repeated).max(pattern(arguments))
            }
            Self::RegexMatch => {
                let groups = arguments.get(1).map_or(0, |pattern| pattern.count(row, &['('])) + 1;
                (size(0) + EACH).saturating_mul(groups).max(pattern(arguments))
            }
            Self::Regex => pattern(arguments),
            Self::ArrayText => {
                let between = size(1).saturating_add(size(2)).saturating_add(4 * EACH);
                size(0).saturating_mul(4).saturating_add((size(0) / EACH).saturating_mul(between))
            }
            Self::ArrayReplace => size(0).saturating_add((size(0) / EACH).saturating_mul(size(2) + EACH)),
            Self::Split => size(0).saturating_mul(1 + EACH / 2).saturating_add(2 * EACH),
            Self::Format => size(1).saturating_mul(32).saturating_add(8 * EACH),
        }
    }
}

/// What compiling the pattern of a row takes beyond what is shared by all rows.
fn pattern(arguments: &[Argument]) -> usize {
    if arguments.get(1).is_some_and(|pattern| !pattern.is_constant()) { PATTERN_BYTES } else { 0 }
}

/// An argument of a function, to be measured.
pub(super) struct Argument {
    /// One row if it is constant.
    values: ArrayRef,
    constant: Option<ScalarValue>,
}

impl Argument {
    pub(super) fn new(value: &ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Array(array) => Ok(Self { values: ArrayRef::clone(array), constant: None }),
            ColumnarValue::Scalar(scalar) => Ok(Self { values: scalar.to_array()?, constant: Some(scalar.clone()) }),
        }
    }

    const fn is_constant(&self) -> bool {
        self.constant.is_some()
    }

    /// The text of a constant.
    fn text(&self) -> Option<&str> {
        self.constant.as_ref()?.try_as_str().flatten()
    }

    /// The bytes of the value in a row; the elements of a list count [`EACH`] beside their content.
    fn bytes(&self, row: usize) -> usize {
        let row = if self.is_constant() { 0 } else { row };
        bytes(self.values.as_ref(), row..row.saturating_add(1), EACH).saturating_sub(EACH)
    }

    /// How often one of some characters can stand in a text; for a text that is not constant as often as it can.
    fn count(&self, row: usize, wanted: &[char]) -> usize {
        self.text().map_or_else(|| self.bytes(row), |text| text.matches(wanted).count())
    }
}
