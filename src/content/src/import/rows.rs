//! The rows of a lookup table: CSV (RFC 4180) with a header line, or JSON lines.

use std::collections::{HashMap, HashSet};

use margay_domain::enrichment::EnrichmentRow;
use serde_json::{Map, Value};

/// Columns in order, and rows as in the file.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<EnrichmentRow>,
}

/// Reads a file by the ending of its name. The error names the line.
pub(super) fn read(filename: &str, bytes: &[u8], primary_key: &str) -> Result<Table, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let ending = filename.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let (columns, rows) = match ending.as_str() {
        "csv" => csv_rows(filename, bytes)?,
        "jsonl" | "ndjson" => json_rows(filename, bytes)?,
        _ => return Err(format!("`Filename`: expected a .csv or .jsonl file; found {filename:?}")),
    };
    if !columns.iter().any(|column| column == primary_key) {
        return Err(format!(
            "`LogTypeMap.PrimaryKey`: {filename} has no column {primary_key:?}; its columns are {}",
            columns.join(", ")
        ));
    }
    let mut lines: HashMap<String, u64> = HashMap::new();
    let rows = rows
        .into_iter()
        .map(|(line, row)| {
            let key = key_of(&row, primary_key)
                .ok_or_else(|| format!("{filename} line {line}: `{primary_key}` is empty; every row needs a value"))?;
            if let Some(first) = lines.insert(key.clone(), line) {
                return Err(format!("{filename} line {line}: the key {key:?} stands in line {first} already"));
            }
            Ok(EnrichmentRow { key, row })
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok(Table { columns, rows })
}

type Rows = (Vec<String>, Vec<(u64, Map<String, Value>)>);

fn csv_rows(filename: &str, bytes: &[u8]) -> Result<Rows, String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let columns: Vec<String> = reader
        .headers()
        .map_err(|error| csv_message(filename, bytes, &error))?
        .iter()
        .map(|name| name.trim().to_owned())
        .collect();
    if columns.is_empty() || columns.iter().any(String::is_empty) {
        return Err(format!("{filename} line 1: expected a header with a name for every column"));
    }
    if let Some(repeated) = repeated(&columns) {
        return Err(format!("{filename} line 1: the column {repeated:?} is named twice"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| csv_message(filename, bytes, &error))?;
        let line = record.position().map_or(0, |position| line_of(bytes, position));
        let row: Map<String, Value> = columns.iter().cloned().zip(record.iter().map(Value::from)).collect();
        rows.push((line, row));
    }
    Ok((columns, rows))
}

fn repeated(columns: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    columns.iter().find(|name| !seen.insert(name.as_str()))
}

/// The line a record begins in. The reader stands before the second half of a CR LF that ended the record before.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let next = usize::try_from(position.byte()).ok().and_then(|place| bytes.get(place));
    position.line() + u64::from(next == Some(&b'\n'))
}

fn csv_message(filename: &str, bytes: &[u8], error: &csv::Error) -> String {
    let line = error.position().map_or(1, |position| line_of(bytes, position));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{filename} line {line}: found {len} values; the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => format!("{filename} line {line}: not UTF-8 text"),
        _ => format!("{filename} line {line}: cannot be read as CSV"),
    }
}

fn json_rows(filename: &str, bytes: &[u8]) -> Result<Rows, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{filename} is not UTF-8 text"))?;
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (line, text) in (1_u64..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let row: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| format!("{filename} line {line}: expected a JSON object: {error}"))?;
        for name in row.keys() {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        rows.push((line, row));
    }
    Ok((columns, rows))
}

fn key_of(row: &Map<String, Value>, primary_key: &str) -> Option<String> {
    let text = match row.get(primary_key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_with_quotes_and_line_breaks() {
        let text = "\u{feff}ip,note\r\n10.0.0.1,\"a, \"\"b\"\"\nc\"\r\n10.0.0.2,\r\n";
        let table = read("x.csv", text.as_bytes(), "ip").unwrap();
        assert_eq!(table.columns, ["ip", "note"]);
        let [first, second] = table.rows.as_slice() else { panic!("{table:?}") };
        assert_eq!(Value::Object(first.row.clone()), json!({ "ip": "10.0.0.1", "note": "a, \"b\"\nc" }));
        assert_eq!(second.key, "10.0.0.2");
    }

    #[test]
    fn json_lines_keep_their_types() {
        let table =
            read("x.jsonl", b"{\"asn\": 64500, \"tags\": [\"a\"]}\n\n{\"asn\": 64501, \"name\": \"b\"}\n", "asn")
                .unwrap();
        assert_eq!(table.columns, ["asn", "tags", "name"]);
        assert_eq!(table.rows.first().map(|row| row.key.as_str()), Some("64500"));
    }

    #[test]
    fn bad_files_name_the_line() {
        let cases: [(&str, &[u8], &str); 8] = [
            ("x.csv", b"", "line 1: expected a header"),
            ("x.csv", b"ip,ip\n1,2\n", "named twice"),
            ("x.csv", b"ip,note\n1,2\n3\n", "line 3: found 1 values; the header has 2"),
            ("x.csv", b"ip,note\n1,2\n,2\n", "line 3: `ip` is empty"),
            ("x.csv", b"ip,note\n1,2\n1,3\n", "line 3: the key \"1\" stands in line 2 already"),
            ("x.csv", b"a,note\n1,2\n", "has no column \"ip\"; its columns are a, note"),
            ("x.jsonl", b"{\"ip\": 1}\n[1]\n", "line 2: expected a JSON object"),
            ("x.xlsx", b"", "expected a .csv or .jsonl file"),
        ];
        for (name, bytes, expected) in cases {
            let message = read(name, bytes, "ip").unwrap_err();
            assert!(message.contains(expected), "{message} should contain {expected}");
        }
    }
}
