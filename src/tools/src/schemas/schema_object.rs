//! A log schema as the tools show it, with the field names of the API.

use margay_domain::log_schema::LogSchema;
use schemars::JsonSchema;
use serde::Serialize;

// What lists show. Doc comments become part of each schema and cost a model's context: none on what speaks for itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchemaObject {
    name: String,
    description: String,
    revision: i64,
    is_archived: bool,
    is_managed: bool,
    #[serde(rename = "referenceURL")]
    reference_url: String,
    created_at: String,
    updated_at: String,
}

impl SchemaObject {
    pub(crate) fn new(schema: &LogSchema) -> Self {
        Self {
            name: schema.name.clone(),
            description: schema.description.clone(),
            revision: schema.revision,
            is_archived: schema.is_archived,
            is_managed: schema.is_managed,
            reference_url: schema.reference_url.clone(),
            created_at: schema.created_at.to_rfc3339(),
            updated_at: schema.updated_at.to_rfc3339(),
        }
    }
}

// One schema with its text. Its schema is in words, which are shorter.
#[derive(Serialize)]
pub(crate) struct SchemaDetails {
    #[serde(flatten)]
    schema: SchemaObject,
    spec: String,
}

impl SchemaDetails {
    pub(crate) fn new(schema: &LogSchema) -> Self {
        Self { schema: SchemaObject::new(schema), spec: schema.spec.clone() }
    }
}

/// Whether the spec has a field whose name contains `part`, which is in lower case.
///
/// Looks for `name:` lines instead of parsing: hundreds of schemas are searched with each call.
pub(crate) fn has_field(spec: &str, part: &str) -> bool {
    spec.lines().filter_map(field_name).any(|name| name.to_lowercase().contains(part))
}

/// The field name that a line of a spec gives.
fn field_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("- ").map_or(line, str::trim_start);
    let value = line.strip_prefix("name:")?;
    let value = value.split(" #").next().unwrap_or(value);
    let name = value.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "schema: Custom.Sample\nfields:\n  - name: sourceIPAddress # from\n    type: string\n  - required: true\n    name: \"user\"\n  -   name: 'a b'\n    description: the name: of it\n";

    #[test]
    fn names_of_fields_are_found() {
        let names: Vec<&str> = SPEC.lines().filter_map(field_name).collect();
        assert_eq!(names, ["sourceIPAddress", "user", "a b"]);
        assert!(has_field(SPEC, "ipaddr"));
        assert!(!has_field(SPEC, "sample"));
        assert!(!has_field("", "x"));
    }
}
