//! The YAML of a log schema, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Field, Kind, MAX_DEPTH, Schema, field};
use crate::{ingest::indicators::Indicator, timestamp::TimeFormat};

/// Keys of the field that change values, which the lake does not do.
const TRANSFORMS: [&str; 4] = ["copy", "concat", "split", "mask"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SchemaYaml {
    schema: Option<String>,
    #[serde(default, rename = "version")]
    _version: i64,
    #[serde(default)]
    description: String,
    #[serde(default, rename = "referenceURL")]
    reference_url: String,
    #[serde(default, rename = "fieldDiscoveryEnabled")]
    _field_discovery_enabled: bool,
    parser: Option<BTreeMap<String, serde_norway::Value>>,
    fields: Vec<TypeYaml>,
    #[serde(default)]
    definitions: BTreeMap<String, TypeYaml>,
}

/// A field, an element or a definition.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TypeYaml {
    name: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    rename: Option<RenameYaml>,
    #[serde(default, rename = "required")]
    _required: bool,
    #[serde(default)]
    description: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    indicators: Vec<String>,
    #[serde(default, rename = "validate")]
    _validate: Option<serde_norway::Value>,
    #[serde(default, rename = "isEmbeddedJSON")]
    is_embedded_json: bool,
    #[serde(default)]
    time_formats: Vec<String>,
    time_format: Option<String>,
    #[serde(default)]
    is_event_time: bool,
    #[serde(default, rename = "isExpiration")]
    _is_expiration: bool,
    element: Option<Box<TypeYaml>>,
    #[serde(default)]
    fields: Vec<TypeYaml>,
    target: Option<String>,
}

/// How the field spells an alias.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameYaml {
    from: String,
}

type Definitions = BTreeMap<String, TypeYaml>;

/// Reads the YAML of the schema of `name`.
pub(super) fn read(name: &str, spec: &str) -> Result<Schema, String> {
    let yaml: SchemaYaml = serde_norway::from_str(spec).map_err(|error| explain(&error.to_string()))?;
    if let Some(other) = yaml.schema.filter(|other| other != name) {
        return Err(format!("it says that it is the schema of {other}"));
    }
    if let Some(parser) = yaml.parser.as_ref().and_then(|parser| parser.keys().next()) {
        return Err(format!(
            "parser: {parser} cannot be used, because Margay reads JSON; write the events as JSON, one on each line, and              leave parser out"
        ));
    }
    let fields = yaml.fields.iter().map(|f| read_field(f, "", &yaml.definitions, 0)).collect::<Result<_, _>>()?;
    Ok(Schema { name: name.to_owned(), description: yaml.description, reference_url: yaml.reference_url, fields })
}

/// The reader's message, and what to do where it is not clear from that.
fn explain(message: &str) -> String {
    match TRANSFORMS.iter().find(|key| message.contains(&format!("unknown field `{key}`"))) {
        Some(key) => format!("{message}; Margay takes values as they are, so leave {key} out"),
        None => message.to_owned(),
    }
}

fn read_field(yaml: &TypeYaml, path: &str, definitions: &Definitions, depth: usize) -> Result<Field, String> {
    let Some(name) = yaml.name.as_deref().filter(|name| !name.is_empty()) else {
        return Err(match path {
            "" => "a field has no name".to_owned(),
            path => format!("a field of {path} has no name"),
        });
    };
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let kind = read_kind(yaml, &path, definitions, depth)?;
    let aliases: Vec<String> =
        yaml.aliases.iter().chain(yaml.rename.as_ref().map(|rename| &rename.from)).cloned().collect();
    if !aliases.is_empty() && depth > 0 {
        return Err(format!("field {path}: aliases and rename can be used for fields at the top only"));
    }
    Ok(field(name.to_owned(), aliases, yaml.description.clone(), kind))
}

fn read_kind(yaml: &TypeYaml, path: &str, definitions: &Definitions, depth: usize) -> Result<Kind, String> {
    let bad = |message: &str| format!("field {path}: {message}");
    if depth > MAX_DEPTH {
        return Err(bad("its types lie too deep in each other, or a definition contains itself"));
    }
    check_keys(yaml).map_err(|message| bad(&message))?;
    let embedded = yaml.is_embedded_json;
    match yaml.kind.as_str() {
        "string" => {
            let indicators = yaml.indicators.iter().map(|name| {
                Indicator::parse(name).ok_or_else(|| {
                    bad(&format!("there is no indicator {name}; there are {}", Indicator::names().join(", ")))
                })
            });
            Ok(Kind::String { indicators: indicators.collect::<Result<_, _>>()? })
        }
        "int" | "smallint" => Ok(Kind::Int),
        "bigint" => Ok(Kind::BigInt),
        "float" => Ok(Kind::Float),
        "boolean" => Ok(Kind::Boolean),
        "timestamp" => {
            let formats = yaml.time_formats.iter().chain(&yaml.time_format);
            let mut formats = formats
                .map(|text| TimeFormat::parse(text).map_err(|message| bad(&message)))
                .collect::<Result<Vec<_>, _>>()?;
            if formats.is_empty() {
                formats.push(TimeFormat::Rfc3339);
            }
            Ok(Kind::Timestamp { formats, event_time: yaml.is_event_time })
        }
        "array" => {
            let Some(element) = &yaml.element else {
                return Err(bad("an array needs an element"));
            };
            if element.name.is_some() {
                return Err(bad("an element has no name"));
            }
            let element = read_kind(element, &format!("{path}[]"), definitions, depth + 1)?;
            Ok(Kind::Array { element: Box::new(element), embedded })
        }
        "object" => {
            let fields = yaml.fields.iter().map(|f| read_field(f, path, definitions, depth + 1));
            Ok(Kind::Object { fields: fields.collect::<Result<_, _>>()?, embedded })
        }
        "json" => Ok(Kind::Json { embedded }),
        "ref" => {
            let Some(target) = &yaml.target else {
                return Err(bad("a ref needs a target"));
            };
            let Some(definition) = definitions.get(target) else {
                return Err(bad(&format!("there is no definition named {target}")));
            };
            read_kind(definition, path, definitions, depth + 1)
        }
        other => Err(bad(&format!(
            "{other} is not a type; there are string, int, smallint, bigint, float, boolean, timestamp, array, object, \
             json and ref"
        ))),
    }
}

/// Refuses keys that mean nothing for the type, since they are slips.
fn check_keys(yaml: &TypeYaml) -> Result<(), String> {
    let kind = yaml.kind.as_str();
    let misplaced = [
        ("indicators", !yaml.indicators.is_empty(), kind == "string"),
        ("timeFormats", !yaml.time_formats.is_empty() || yaml.time_format.is_some(), kind == "timestamp"),
        ("isEventTime", yaml.is_event_time, kind == "timestamp"),
        ("isEmbeddedJSON", yaml.is_embedded_json, matches!(kind, "array" | "object" | "json")),
        ("element", yaml.element.is_some(), kind == "array"),
        ("fields", !yaml.fields.is_empty(), kind == "object"),
        ("target", yaml.target.is_some(), kind == "ref"),
    ];
    match misplaced.iter().find(|(_, given, fits)| *given && !*fits) {
        Some((key, ..)) => Err(format!("{key} means nothing for the type {kind}")),
        None => Ok(()),
    }
}
