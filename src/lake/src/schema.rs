//! A log schema: YAML that types a log type, read and checked.

pub(crate) mod admission;
mod yaml;

use margay_domain::lake::LakeError;

use crate::{
    columns::{column_name, is_standard},
    ingest::indicators::Indicator,
    timestamp::TimeFormat,
};

/// A schema has at most this many fields at its top; more is a mistake or an attack.
const MAX_FIELDS: usize = 2000;
/// Objects and arrays lie in each other at most this deep; this also ends definitions that contain themselves.
const MAX_DEPTH: usize = 24;

/// A log schema, ready for use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    /// The log type.
    pub(crate) name: String,
    /// What is in such a log.
    pub(crate) description: String,
    /// Where the format is described.
    pub(crate) reference_url: String,
    /// The fields of an event, in order.
    pub(crate) fields: Vec<Field>,
}

/// A field of an event, or of an object in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// The key in the event.
    pub(crate) name: String,
    /// The column, for fields at the top.
    pub(crate) column: String,
    /// Other names that the key may have; the first name counts if both are there.
    pub(crate) aliases: Vec<String>,
    /// What it holds.
    pub(crate) description: String,
    /// Its type.
    pub(crate) kind: Kind,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Text.
    String {
        /// What the text is searched for.
        indicators: Vec<Indicator>,
    },
    /// An integer of at most 32 bit.
    Int,
    /// An integer of at most 64 bit.
    BigInt,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// A time.
    Timestamp {
        /// How it is written; the first that fits counts.
        formats: Vec<TimeFormat>,
        /// Whether it may be the time of the event.
        event_time: bool,
    },
    /// A list.
    Array {
        /// The type of its elements.
        element: Box<Kind>,
        /// Whether it may come as JSON in a text.
        embedded: bool,
    },
    /// An object.
    Object {
        /// The fields that are known; others are kept too.
        fields: Vec<Field>,
        /// Whether it may come as JSON in a text.
        embedded: bool,
    },
    /// Anything.
    Json {
        /// Whether it may come as JSON in a text.
        embedded: bool,
    },
}

impl Field {
    /// Whether its name is `name`, in any case.
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl Kind {
    fn has_event_time(&self) -> bool {
        match self {
            Self::Timestamp { event_time, .. } => *event_time,
            Self::Object { fields, .. } => fields.iter().any(|field| field.kind.has_event_time()),
            _ => false,
        }
    }

    /// Whether a text is to be read as JSON.
    pub(crate) const fn embedded(&self) -> bool {
        matches!(
            self,
            Self::Array { embedded: true, .. } | Self::Object { embedded: true, .. } | Self::Json { embedded: true }
        )
    }
}

impl Schema {
    /// Whether any of its fields may hold the time of an event.
    pub(crate) fn has_event_time(&self) -> bool {
        self.fields.iter().any(|field| field.kind.has_event_time())
    }

    /// Reads and checks the YAML of the schema of `name`.
    pub(crate) fn parse(name: &str, spec: &str) -> Result<Self, LakeError> {
        let bad = |message: String| LakeError::BadSchema { name: name.to_owned(), message };
        check_name(name).map_err(bad)?;
        let schema = yaml::read(name, spec).map_err(bad)?;
        schema.check().map_err(bad)?;
        Ok(schema)
    }

    /// What the YAML alone cannot say: names that collide and limits.
    fn check(&self) -> Result<(), String> {
        if self.fields.is_empty() {
            return Err("it has no fields".to_owned());
        }
        if self.fields.len() > MAX_FIELDS {
            return Err(format!("it has more than {MAX_FIELDS} fields"));
        }
        let mut columns = std::collections::BTreeMap::new();
        for field in &self.fields {
            if is_standard(&field.column) {
                return Err(format!("field {}: the column {} is added to every table", field.name, field.column));
            }
            // A name that is a field and an alias would give the value now to one, now to the other.
            if let Some(alias) =
                field.aliases.iter().find(|alias| self.fields.iter().any(|other| other.is_named(alias)))
            {
                return Err(format!("field {}: its alias {alias} is the name of a field", field.name));
            }
            if let Some(other) = columns.insert(field.column.as_str(), field.name.as_str()) {
                return Err(format!("the fields {other} and {} would share the column {}", field.name, field.column));
            }
        }
        Ok(())
    }
}

/// A log type is also part of a folder name, so only plain characters are taken.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= 100 && name.chars().all(plain) {
        return Ok(());
    }
    Err("a log type begins with a letter or digit and has only letters, digits, '.', '_' and '-', at most 100"
        .to_owned())
}

/// A field by its name.
pub(crate) fn field(name: String, aliases: Vec<String>, description: String, kind: Kind) -> Field {
    Field { column: column_name(&name), name, aliases, description, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(spec: &str) -> String {
        match Schema::parse("Custom.Test", spec) {
            Err(LakeError::BadSchema { message, .. }) => message,
            other => panic!("expected a bad schema, got {other:?}"),
        }
    }

    #[test]
    fn the_example_of_the_format_is_read() {
        let spec = r#"
schema: Custom.Test
description: "Sample"
referenceURL: "https://example.com"
fieldDiscoveryEnabled: false
version: 0
fields:
  - name: time
    description: Event timestamp
    required: true
    type: timestamp
    timeFormats:
      - rfc3339
    isEventTime: true
  - name: method
    description: The HTTP method used for the request
    type: string
"#;
        let schema = Schema::parse("Custom.Test", spec).unwrap();
        assert_eq!(schema.description, "Sample");
        assert_eq!(schema.fields.len(), 2);
        assert_eq!(schema.fields[1].kind, Kind::String { indicators: Vec::new() });
    }

    #[test]
    fn definitions_are_resolved_and_loops_end() {
        let spec = "
schema: Custom.Test
definitions:
  address: { type: object, fields: [{ name: ip, type: string, indicators: [ip] }] }
fields:
  - { name: source, type: ref, target: address }
";
        let schema = Schema::parse("Custom.Test", spec).unwrap();
        assert!(matches!(&schema.fields[0].kind, Kind::Object { fields, .. } if fields.len() == 1));
        let endless = "
definitions: { a: { type: array, element: { type: ref, target: a } } }
fields: [{ name: x, type: ref, target: a }]
";
        assert!(problem(endless).contains("deep"), "{}", problem(endless));
    }

    #[test]
    fn mistakes_are_named() {
        for (spec, word) in [
            ("fields: []", "no fields"),
            ("fields: [{ name: a, type: string, colour: red }]", "colour"),
            ("fields: [{ name: a, type: text }]", "text"),
            ("fields: [{ type: string }]", "name"),
            ("fields: [{ name: a, type: string, indicators: [ipv9] }]", "ipv9"),
            ("fields: [{ name: a, type: string, isEventTime: true }]", "isEventTime"),
            ("fields: [{ name: a, type: array }]", "element"),
            ("fields: [{ name: a, type: timestamp, timeFormats: [yesterday] }]", "yesterday"),
            ("fields: [{ name: a, type: ref, target: b }]", "b"),
            ("fields: [{ name: A, type: string }, { name: a, type: int }]", "share"),
            ("fields: [{ name: p_row_id, type: string }]", "every table"),
            ("schema: Custom.Other\nfields: [{ name: a, type: string }]", "Custom.Other"),
            ("parser: { xml: {} }\nfields: [{ name: a, type: string }]", "parser: xml cannot be used"),
            ("parser: { csv: { delimiter: ',' } }\nfields: [{ name: a, type: string }]", "Margay reads JSON"),
            ("fields:\n  - name: a\n    type: string\n    concat: { paths: [a] }", "line 4"),
            ("fields:\n  - name: a\n    type: string\n    concat: { paths: [a] }", "takes values as they are"),
            (
                "fields: [{ name: a, type: object, fields: [{ name: b, type: int, rename: { from: c } }] }]",
                "at the top",
            ),
            ("fields: [{ name: a, type: int, aliases: [B] }, { name: b, type: int }]", "alias"),
            ("fields: [", "line"),
        ] {
            let message = problem(spec);
            assert!(message.contains(word), "{spec}: {message}");
        }
    }

    #[test]
    fn a_log_type_cannot_leave_its_folder() {
        for name in ["", "../x", "a/b", "a b", ".hidden"] {
            assert!(Schema::parse(name, "fields: [{ name: a, type: string }]").is_err(), "{name}");
        }
    }
}
