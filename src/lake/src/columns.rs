//! Which columns a table has, and how they are typed in Delta, in Arrow and in words.

use std::collections::HashMap;

use datafusion::arrow::{
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
};
use deltalake::kernel::{ArrayType, DataType as DeltaType, StructField, engine::arrow_conversion::TryIntoArrow as _};

use crate::schema::{Kind, Schema as LogSchema};

/// The time of the event, in whole milliseconds: file statistics of Delta tables are kept in milliseconds, and a
/// time that is finer than its statistics could be pruned away.
pub(crate) const EVENT_TIME: &str = "p_event_time";
/// Where [`EVENT_TIME`] is from: a field of the event, or [`PARSE_TIME`] if none of them holds a time.
pub(crate) const EVENT_TIME_SOURCE: &str = "p_event_time_source";
/// The log type.
pub(crate) const LOG_TYPE: &str = "p_log_type";
/// The id of the row.
pub(crate) const ROW_ID: &str = "p_row_id";
/// When the event was read, in whole milliseconds.
pub(crate) const PARSE_TIME: &str = "p_parse_time";
/// The revision of the log schema.
pub(crate) const SCHEMA_VERSION: &str = "p_schema_version";
/// The id of the log source.
pub(crate) const SOURCE_ID: &str = "p_source_id";
/// The name of the log source.
pub(crate) const SOURCE_LABEL: &str = "p_source_label";
/// What the schema does not know, and values that do not fit their column.
pub(crate) const UNMAPPED: &str = "p_unmapped";

/// The columns whose values are indicators, by name. [`crate::ingest::indicators::Any`] counts in this order.
pub(crate) const ANY: [(&str, &str); 15] = [
    ("p_any_actor_ids", "Ids of users and roles in the event."),
    ("p_any_aws_account_ids", "AWS account ids in the event."),
    ("p_any_aws_arns", "ARNs in the event."),
    ("p_any_aws_instance_ids", "EC2 instance ids in the event."),
    ("p_any_aws_tags", "AWS tags in the event."),
    ("p_any_domain_names", "Host and domain names in the event."),
    ("p_any_emails", "E-mail addresses in the event."),
    ("p_any_ip_addresses", "IP addresses in the event."),
    ("p_any_mac_addresses", "MAC addresses in the event."),
    ("p_any_md5_hashes", "MD5 hashes in the event."),
    ("p_any_serial_numbers", "Serial numbers in the event."),
    ("p_any_sha1_hashes", "SHA-1 hashes in the event."),
    ("p_any_sha256_hashes", "SHA-256 hashes in the event."),
    ("p_any_trace_ids", "Ids that tie events together."),
    ("p_any_usernames", "User names in the event."),
];

/// The key of the field metadata that says which kind of JSON a text column holds.
const KIND_KEY: &str = "margay.kind";

/// A value that is not a list and not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Text.
    Text,
    /// 32 bit.
    Int,
    /// 64 bit.
    BigInt,
    /// 64 bit.
    Float,
    /// True or false.
    Boolean,
    /// Microseconds in UTC.
    Timestamp,
}

/// What a text column with JSON in it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// An object.
    Object,
    /// An array whose elements are not scalars.
    Array,
    /// Anything.
    Json,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// One value.
    One(Scalar),
    /// A list of values.
    List(Scalar),
    /// JSON as text.
    Json(Document),
}

impl Scalar {
    const fn delta(self) -> DeltaType {
        match self {
            Self::Text => DeltaType::STRING,
            Self::Int => DeltaType::INTEGER,
            Self::BigInt => DeltaType::LONG,
            Self::Float => DeltaType::DOUBLE,
            Self::Boolean => DeltaType::BOOLEAN,
            Self::Timestamp => DeltaType::TIMESTAMP,
        }
    }

    const fn of_arrow(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Self::Text),
            DataType::Int32 => Some(Self::Int),
            DataType::Int64 => Some(Self::BigInt),
            DataType::Float64 => Some(Self::Float),
            DataType::Boolean => Some(Self::Boolean),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Some(Self::Timestamp),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
        }
    }
}

impl Document {
    const fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::Json => "json",
        }
    }

    /// What the metadata of `field` says it holds.
    pub(crate) fn of_metadata(metadata: &HashMap<String, String>) -> Option<Self> {
        match metadata.get(KIND_KEY)?.as_str() {
            "object" => Some(Self::Object),
            "array" => Some(Self::Array),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl ColumnType {
    /// The type of the column of a field of a log schema.
    pub(crate) fn of_kind(kind: &Kind) -> Self {
        match kind {
            Kind::String { .. } => Self::One(Scalar::Text),
            Kind::Int => Self::One(Scalar::Int),
            Kind::BigInt => Self::One(Scalar::BigInt),
            Kind::Float => Self::One(Scalar::Float),
            Kind::Boolean => Self::One(Scalar::Boolean),
            Kind::Timestamp { .. } => Self::One(Scalar::Timestamp),
            Kind::Array { element, .. } => match Self::of_kind(element) {
                Self::One(scalar) => Self::List(scalar),
                Self::List(_) | Self::Json(_) => Self::Json(Document::Array),
            },
            Kind::Object { .. } => Self::Json(Document::Object),
            Kind::Json { .. } => Self::Json(Document::Json),
        }
    }

    /// The type of a column as it stands in a table; `None` if the lake never makes such a column.
    pub(crate) fn of_arrow(field: &Field) -> Option<Self> {
        match field.data_type() {
            DataType::List(element) => Scalar::of_arrow(element.data_type()).map(Self::List),
            other => match (Scalar::of_arrow(other)?, Document::of_metadata(field.metadata())) {
                (Scalar::Text, Some(document)) => Some(Self::Json(document)),
                (scalar, _) => Some(Self::One(scalar)),
            },
        }
    }

    /// In words of SQL.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::One(scalar) => scalar.word(),
            Self::List(_) => "array",
            Self::Json(document) => document.word(),
        }
    }

    /// As a column of a Delta table. Every column may be null.
    pub(crate) fn delta_field(self, name: &str) -> StructField {
        match self {
            Self::One(scalar) => StructField::nullable(name, scalar.delta()),
            Self::List(scalar) => StructField::nullable(name, ArrayType::new(scalar.delta(), true)),
            Self::Json(document) => {
                StructField::nullable(name, DeltaType::STRING).with_metadata([(KIND_KEY, document.word())])
            }
        }
    }
}

/// The column of a field: lower case, since names in SQL ignore case; what a name in SQL or in a Delta table cannot
/// have becomes `_`, and `@` is spelled out.
pub(crate) fn column_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    for character in field.chars() {
        match character {
            'a'..='z' | '0'..='9' | '_' => name.push(character),
            'A'..='Z' => name.push(character.to_ascii_lowercase()),
            '@' => name.push_str("at_sign_"),
            _ => name.push('_'),
        }
    }
    name
}

/// The columns that every table has: name, type, description.
pub(crate) fn standard() -> Vec<(&'static str, ColumnType, &'static str)> {
    let one = ColumnType::One;
    let mut columns = vec![
        (EVENT_TIME, one(Scalar::Timestamp), "When the event happened (UTC). Every query must filter on it."),
        (
            EVENT_TIME_SOURCE,
            one(Scalar::Text),
            "The field that p_event_time is from; p_parse_time if the event holds no time that can be read.",
        ),
        (LOG_TYPE, one(Scalar::Text), "The log type."),
        (ROW_ID, one(Scalar::Text), "The id of the row; unique."),
        (PARSE_TIME, one(Scalar::Timestamp), "When the event was read (UTC)."),
        (SCHEMA_VERSION, one(Scalar::Int), "The revision of the log schema that the event was read with."),
        (SOURCE_ID, one(Scalar::Text), "The id of the log source."),
        (SOURCE_LABEL, one(Scalar::Text), "The name of the log source."),
    ];
    columns.extend(ANY.iter().map(|(name, description)| (*name, ColumnType::List(Scalar::Text), *description)));
    columns.push((
        UNMAPPED,
        ColumnType::Json(Document::Object),
        "What the log schema does not know, and values that do not fit their column.",
    ));
    columns
}

/// [`standard`] as the columns of an empty table.
pub(crate) fn standard_schema() -> Result<SchemaRef, ArrowError> {
    let field = |(name, column, _): (&str, ColumnType, &str)| -> Result<Field, ArrowError> {
        (&column.delta_field(name)).try_into_arrow()
    };
    let fields = standard().into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Ok(SchemaRef::new(Schema::new(fields)))
}

/// Whether a column of that name is one of [`standard`].
pub(crate) fn is_standard(name: &str) -> bool {
    standard().iter().any(|(column, ..)| *column == name)
}

/// The columns of the table of a log schema: its fields first, then [`standard`].
pub(crate) fn of_schema(schema: &LogSchema) -> Vec<(String, ColumnType)> {
    schema
        .fields
        .iter()
        .map(|field| (field.column.clone(), ColumnType::of_kind(&field.kind)))
        .chain(standard().into_iter().map(|(name, column, _)| (name.to_owned(), column)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_plain() {
        assert_eq!(column_name("eventName"), "eventname");
        assert_eq!(column_name("@timestamp"), "at_sign_timestamp");
        assert_eq!(column_name("x-request id.v"), "x_request_id_v");
    }

    #[test]
    fn a_type_survives_the_way_through_a_table() {
        let types = [
            ColumnType::One(Scalar::Timestamp),
            ColumnType::One(Scalar::BigInt),
            ColumnType::List(Scalar::Text),
            ColumnType::List(Scalar::Int),
            ColumnType::Json(Document::Object),
            ColumnType::Json(Document::Array),
        ];
        for column in types {
            let delta = column.delta_field("c");
            let arrow: Field = (&delta).try_into_arrow().unwrap();
            assert_eq!(ColumnType::of_arrow(&arrow), Some(column), "{}", column.word());
        }
    }

    #[test]
    fn the_indicator_columns_are_sorted() {
        assert!(ANY.iter().zip(ANY.iter().skip(1)).all(|(left, right)| left.0 < right.0));
    }
}
