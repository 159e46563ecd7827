//! `datamodel`: field names that detections use, each with a path into the event or a function in Python.

use margay_domain::{
    clock::Timestamp,
    data_model::{DataModel, DataModelMapping},
};
use serde_json::Value;

use super::{
    beside::Beside,
    common,
    document::Document,
    keys::{KeyResult, Keys},
};

/// The data model, and whether the Python file that it names is not there.
pub(super) fn read(document: &Document, beside: &dyn Beside, now: Timestamp) -> KeyResult<(DataModel, bool)> {
    let keys = Keys::new(&document.keys);
    let id = keys.id("DataModelID")?;
    let enabled = keys.required_boolean("Enabled")?;
    filled(keys, "LogTypes", "log type")?;
    let log_types = keys.texts("LogTypes")?;
    let mappings = mappings(keys)?;
    // Only functions need a file.
    let named = keys.has("Filename") || mappings.iter().any(|mapping| mapping.method.is_some());
    let python = if named { common::python(document, beside)? } else { None };
    let without_source = named && python.is_none();
    let model = DataModel {
        display_name: keys.display_name()?.unwrap_or_else(|| id.clone()),
        id,
        description: keys.text("Description")?.unwrap_or_default(),
        enabled,
        log_types,
        mappings,
        body: python.unwrap_or_default(),
        managed: false,
        created_at: now,
        last_modified: now,
    };
    Ok((model, without_source))
}

/// A list that must not be empty.
fn filled<'a>(keys: Keys<'a>, key: &str, what: &str) -> KeyResult<&'a [Value]> {
    if !keys.has(key) {
        return Err(keys.missing(key, &format!("a list with at least one {what}")));
    }
    let items = keys.list(key)?;
    if items.is_empty() {
        return Err(format!("`{key}`: expected a list with at least one {what}; found an empty list"));
    }
    Ok(items)
}

fn mappings(keys: Keys<'_>) -> KeyResult<Vec<DataModelMapping>> {
    filled(keys, "Mappings", "mapping")?
        .iter()
        .enumerate()
        .map(|(position, item)| {
            let Some(item) = item.as_object() else {
                let what = "a mapping with `Name`, and `Path` or `Method`";
                return Err(keys.wrong(&format!("Mappings[{position}]"), what, item));
            };
            let prefix = format!("Mappings[{position}].");
            let item = Keys::nested(item, &prefix);
            let name = item.required_text("Name", "the name of a field")?;
            item.exactly_one("Path", "Method").map_err(|message| format!("`Mappings[{position}]`: {message}"))?;
            Ok(DataModelMapping { name, path: item.text("Path")?, method: item.text("Method")? })
        })
        .collect()
}
