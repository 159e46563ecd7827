//! How many bytes values take, without copying them.

use std::ops::Range;

use datafusion::arrow::{
    array::{Array, AsArray as _, OffsetSizeTrait},
    datatypes::DataType,
};

/// A value of a type whose width is not known takes at most so many bytes.
const OTHER_WIDTH: usize = 32;

/// The bytes of the given rows of an array: the content of every value, and `each` for every value, also for those in
/// lists and objects.
pub(crate) fn bytes(array: &dyn Array, rows: Range<usize>, each: usize) -> usize {
    let count = rows.len();
    let content = match array.data_type() {
        DataType::Null | DataType::Boolean => count,
        DataType::Utf8 => within(array.as_string::<i32>().value_offsets(), &rows).len(),
        DataType::LargeUtf8 => within(array.as_string::<i64>().value_offsets(), &rows).len(),
        DataType::Binary => within(array.as_binary::<i32>().value_offsets(), &rows).len(),
        DataType::LargeBinary => within(array.as_binary::<i64>().value_offsets(), &rows).len(),
        DataType::Utf8View => {
            let texts = array.as_string_view();
            rows.filter(|row| texts.is_valid(*row)).map(|row| texts.value(row).len()).fold(0, usize::saturating_add)
        }
        DataType::BinaryView => {
            let values = array.as_binary_view();
            rows.filter(|row| values.is_valid(*row)).map(|row| values.value(row).len()).fold(0, usize::saturating_add)
        }
        DataType::FixedSizeBinary(width) => usize::try_from(*width).unwrap_or_default().saturating_mul(count),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            bytes(lists.values().as_ref(), within(lists.value_offsets(), &rows), each)
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            bytes(lists.values().as_ref(), within(lists.value_offsets(), &rows), each)
        }
        DataType::FixedSizeList(_, length) => {
            let length = usize::try_from(*length).unwrap_or_default();
            let items = rows.start.saturating_mul(length)..rows.end.saturating_mul(length);
            bytes(array.as_fixed_size_list().values().as_ref(), items, each)
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|column| bytes(column.as_ref(), rows.clone(), each)).fold(0, usize::saturating_add)
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            bytes(maps.entries(), within(maps.value_offsets(), &rows), each)
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            if values.is_empty() {
                return count.saturating_mul(each);
            }
            let keys = dictionary.normalized_keys();
            let keys = keys.get(rows).unwrap_or_default().iter();
            keys.map(|key| bytes(values.as_ref(), *key..key.saturating_add(1), 0)).fold(0, usize::saturating_add)
        }
        other => other.primitive_width().unwrap_or(OTHER_WIDTH).saturating_mul(count),
    };
    content.saturating_add(count.saturating_mul(each))
}

/// What the given rows cover of the values that `offsets` point into.
fn within<O: OffsetSizeTrait>(offsets: &[O], rows: &Range<usize>) -> Range<usize> {
    let at = |row: usize| offsets.get(row).map_or(0, |offset| offset.as_usize());
    at(rows.start)..at(rows.end)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, ListBuilder, StringArray, StringBuilder, StringViewArray};

    use super::*;

    #[test]
    fn content_and_values_count() {
        let texts = StringArray::from(vec![Some("abc"), None, Some("de")]);
        assert_eq!(bytes(&texts, 0..3, 0), 5);
        assert_eq!(bytes(&texts, 2..3, 8), 10);
        assert_eq!(bytes(&texts.slice(1, 2), 0..2, 0), 2);
        assert_eq!(bytes(&StringViewArray::from(vec![Some("abc"), None]), 0..2, 1), 5);
        assert_eq!(bytes(&Int64Array::from(vec![1, 2]), 0..2, 8), 32);
    }

    #[test]
    fn lists_count_their_elements() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("abc"), None]);
        lists.append_null();
        lists.append_value([Some("de")]);
        let lists = lists.finish();
        assert_eq!(bytes(&lists, 0..1, 8), 3 + 2 * 8 + 8);
        assert_eq!(bytes(&lists, 1..3, 8), 2 + 8 + 2 * 8);
        assert_eq!(bytes(&lists.slice(2, 1), 0..1, 0), 2);
    }
}
