//! What the engine returns, as JSON.

use std::collections::HashMap;

use datafusion::arrow::{
    array::{Array, AsArray as _, RecordBatch},
    datatypes::{
        DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field, Float16Type, Float32Type,
        Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
    util::display::array_value_to_string,
};
use margay_domain::{clock::Timestamp, lake::ColumnInfo};
use serde_json::{Map, Number, Value};

use crate::{
    columns::{ColumnType, Document},
    size::bytes,
};

/// Bytes that a value in an answer takes at most beside its content.
const VALUE_BYTES: usize = 80;
/// Bytes that an entry of an object takes beside its name and its value.
const ENTRY_BYTES: usize = 64;

/// The columns of an answer: their names, each once, and their types.
pub(crate) struct Columns(Vec<Column>);

struct Column {
    name: String,
    kind: String,
    json: bool,
}

impl Columns {
    /// The columns that `fields` stand for. A name that was there before gets `_2`, `_3` and so on; one that the engine
    /// made of an expression with literals is `column_` and its place.
    pub(crate) fn new<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Self {
        let mut columns: Vec<Column> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for field in fields {
            let place = columns.len() + 1;
            let given = if shows_literals(field.name()) { format!("column_{place}") } else { field.name().clone() };
            let mut name = given.clone();
            while let Some(count) = seen.get_mut(&name) {
                *count += 1;
                name = format!("{given}_{count}");
            }
            seen.insert(name.clone(), 1);
            columns.push(Column { name, kind: kind(field), json: Document::of_metadata(field.metadata()).is_some() });
        }
        Self(columns)
    }

    /// As an answer shows them.
    pub(crate) fn infos(&self) -> Vec<ColumnInfo> {
        let info = |column: &Column| ColumnInfo {
            name: column.name.clone(),
            kind: column.kind.clone(),
            description: String::new(),
        };
        self.0.iter().map(info).collect()
    }

    /// How many bytes of memory [`Self::row`] will take, at most.
    pub(crate) fn weight(&self, batch: &RecordBatch, row: usize) -> usize {
        let cells = self.0.iter().zip(batch.columns());
        let weights = cells.map(|(column, array)| {
            let value = bytes(array.as_ref(), row..row.saturating_add(1), VALUE_BYTES);
            let inner = if column.json { values_in(array.as_ref(), row).saturating_mul(VALUE_BYTES) } else { 0 };
            value.saturating_add(inner).saturating_add(column.name.len() + ENTRY_BYTES)
        });
        weights.fold(0, usize::saturating_add)
    }

    /// One row of a batch as an object.
    pub(crate) fn row(&self, batch: &RecordBatch, row: usize) -> Map<String, Value> {
        let cells = self.0.iter().zip(batch.columns());
        cells
            .map(|(column, array)| {
                let value = cell(array.as_ref(), row);
                (column.name.clone(), if column.json { parsed(value) } else { value })
            })
            .collect()
    }
}

/// Whether a name holds literals as the engine writes them, such as `Int64(1)`: nobody chose such a name.
fn shows_literals(name: &str) -> bool {
    const TYPES: [&str; 9] = [
        "Int64(",
        "UInt64(",
        "Float64(",
        "Utf8(",
        "Utf8View(",
        "LargeUtf8(",
        "Boolean(",
        "Decimal128(",
        "MonthDayNano(",
    ];
    name == "NULL" || TYPES.iter().any(|literal| name.contains(literal))
}

/// How many values the JSON in a text can have: one begins it, and every other one follows one of these characters.
fn values_in(array: &dyn Array, row: usize) -> usize {
    let Some(texts) = array.as_string_opt::<i32>().filter(|texts| texts.is_valid(row)) else { return 0 };
    texts.value(row).bytes().filter(|byte| matches!(byte, b'[' | b'{' | b',' | b':')).count()
}

/// A text that is JSON, as what it says.
fn parsed(value: Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

/// The type of a column in words.
fn kind(field: &Field) -> String {
    if let Some(column) = ColumnType::of_arrow(field) {
        return column.word().to_owned();
    }
    let word = match field.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => "int",
        DataType::UInt32 | DataType::UInt64 => "bigint",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            "decimal"
        }
        DataType::Timestamp(..) => "timestamp",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "binary",
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "array",
        DataType::Struct(_) | DataType::Map(..) => "object",
        DataType::Dictionary(_, value) => return kind(&Field::new(field.name(), value.as_ref().clone(), true)),
        DataType::Null => "null",
        _ => "string",
    };
    word.to_owned()
}

/// One value of an array as JSON. Times are RFC 3339 in UTC, binary is hex, numbers that JSON cannot write are null.
pub(crate) fn cell(array: &dyn Array, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal32(..) => decimal(&array.as_primitive::<Decimal32Type>().value_as_string(row)),
        DataType::Decimal64(..) => decimal(&array.as_primitive::<Decimal64Type>().value_as_string(row)),
        DataType::Decimal128(..) => decimal(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => decimal(&array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => hex(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => hex(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => hex(array.as_fixed_size_binary().value(row)),
        DataType::Timestamp(unit, _) => timestamp(array, *unit, row),
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref()),
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row).as_ref()),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let cells = fields.iter().zip(columns);
            Value::Object(cells.map(|(field, column)| (field.name().clone(), cell(column.as_ref(), row))).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let keys = entries.column(0);
            let values = entries.column(1);
            let pairs = (0..entries.len()).map(|entry| {
                let key = text(cell(keys.as_ref(), entry)).unwrap_or_default();
                (key, cell(values.as_ref(), entry))
            });
            Value::Object(pairs.collect())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = cell(dictionary.keys(), row).as_u64().and_then(|key| usize::try_from(key).ok());
            key.map_or(Value::Null, |key| cell(dictionary.values().as_ref(), key))
        }
        // Dates, times of day, intervals and the rare rest in their usual text.
        _ => array_value_to_string(array, row).map_or(Value::Null, Value::String),
    }
}

/// A value as the text that SQL sees: a string as it is, anything else as JSON; `None` for null.
pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn list(items: &dyn Array) -> Value {
    Value::Array((0..items.len()).map(|item| cell(items, item)).collect())
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn decimal(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(whole) => whole.into(),
        Err(_) => text.parse().map_or(Value::Null, float),
    }
}

fn hex(bytes: &[u8]) -> Value {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Value::String(text)
}

fn timestamp(array: &dyn Array, unit: TimeUnit, row: usize) -> Value {
    let micros = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000),
    };
    Value::String(Timestamp::from_micros(micros).to_rfc3339())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::{
        array::{
            ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
            StringViewArray, TimestampMicrosecondArray,
        },
        datatypes::Schema,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn values_become_json() {
        let mut tags = ListBuilder::new(StringBuilder::new());
        tags.append_value([Some("a"), None]);
        let decimal = Decimal128Array::from(vec![1250]).with_precision_and_scale(10, 2).unwrap();
        let arrays: [(ArrayRef, Value); 9] = [
            (Arc::new(Int64Array::from(vec![i64::MAX])), json!(i64::MAX)),
            (Arc::new(Int64Array::from(vec![None::<i64>])), json!(null)),
            (Arc::new(Float64Array::from(vec![f64::NAN])), json!(null)),
            (Arc::new(Float64Array::from(vec![0.5])), json!(0.5)),
            (Arc::new(StringViewArray::from(vec!["x"])), json!("x")),
            (Arc::new(BinaryArray::from_vec(vec![b"\x00\xff".as_slice()])), json!("00ff")),
            (Arc::new(decimal), json!(12.5)),
            (Arc::new(tags.finish()), json!(["a", null])),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![1_767_225_600_123_456]).with_timezone("UTC")),
                json!("2026-01-01T00:00:00.123456Z"),
            ),
        ];
        for (array, expected) in arrays {
            assert_eq!(cell(array.as_ref(), 0), expected, "{}", array.data_type());
        }
    }

    #[test]
    fn the_weight_of_a_row_counts_names_content_and_the_values_in_json() {
        let json_field = Field::new("a", DataType::Utf8, true)
            .with_metadata(HashMap::from([("margay.kind".to_owned(), "object".to_owned())]));
        let fields = vec![json_field, Field::new("text", DataType::Utf8, true)];
        let columns = Columns::new(&fields);
        let batch = RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            vec![
                Arc::new(StringArray::from(vec![r#"{"k":[1,2]}"#])),
                Arc::new(StringArray::from(vec!["x".repeat(1_000)])),
            ],
        )
        .unwrap();
        let entries = 2 * (VALUE_BYTES + ENTRY_BYTES) + "a".len() + "text".len();
        assert_eq!(columns.weight(&batch, 0), entries + 11 + 4 * VALUE_BYTES + 1_000);
    }

    #[test]
    fn literals_are_no_names() {
        let fields = ["Int64(1)", "n", "count(Int64(1))", "n"].map(|name| Field::new(name, DataType::Int64, true));
        let names: Vec<_> = Columns::new(&fields).infos().into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["column_1", "n", "column_3", "n_2"]);
    }

    #[test]
    fn names_are_told_apart_and_json_is_parsed() {
        let json_field = Field::new("a", DataType::Utf8, true)
            .with_metadata(HashMap::from([("margay.kind".to_owned(), "object".to_owned())]));
        let fields = vec![json_field, Field::new("a", DataType::Utf8, true), Field::new("a", DataType::Int64, true)];
        let columns = Columns::new(&fields);
        let batch = RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            vec![
                Arc::new(StringArray::from(vec![r#"{"k":1}"#])),
                Arc::new(StringArray::from(vec![r#"{"k":1}"#])),
                Arc::new(Int64Array::from(vec![7])),
            ],
        )
        .unwrap();
        assert_eq!(Value::Object(columns.row(&batch, 0)), json!({"a": {"k": 1}, "a_2": "{\"k\":1}", "a_3": 7}));
        let kinds: Vec<_> = columns.infos().into_iter().map(|column| column.kind).collect();
        assert_eq!(kinds, ["object", "string", "bigint"]);
    }
}
