//! `lookup_table` with its rows in a file beside it.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use margay_domain::{
    clock::Timestamp,
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    id::EnrichmentId,
};
use sha2::{Digest as _, Sha256};

use super::{
    beside::{Beside, MAX_TABLE_BYTES},
    document::Document,
    keys::{KeyResult, Keys},
    rows,
};
use crate::hex::hex;

/// Keys whose presence says that the rows come from elsewhere.
const ELSEWHERE: [&str; 5] = ["Refresh", "Query", "AthenaQuery", "SnowflakeQuery", "DatabricksQuery"];

/// Names of key columns that hold networks.
const NETWORK_COLUMNS: [&str; 5] = ["network", "cidr", "cidrblock", "cidr_block", "subnet"];

/// The table with its rows; `None` if its rows are not in a file beside it.
pub(super) fn read(
    document: &Document,
    beside: &dyn Beside,
    now: Timestamp,
) -> KeyResult<Option<(Enrichment, Vec<EnrichmentRow>)>> {
    let keys = Keys::new(&document.keys);
    let name = keys.id("LookupName")?;
    let enabled = keys.required_boolean("Enabled")?;
    let Some(map) = keys.mapping("LogTypeMap")? else {
        return Err(keys.missing("LogTypeMap", "a mapping with `PrimaryKey` and `AssociatedLogTypes`"));
    };
    let map = Keys::nested(map, "LogTypeMap.");
    let primary_key = map.required_text("PrimaryKey", "the name of a column")?;
    let log_types = log_types(map)?;
    if !keys.has("Filename") {
        if ELSEWHERE.iter().any(|key| keys.has(key)) {
            return Ok(None);
        }
        return Err(keys.missing("Filename", "the name of a .csv or .jsonl file beside this file"));
    }
    keys.required_text("Schema", "the name of the table's schema")?;
    let filename = keys.required_text("Filename", "the name of a .csv or .jsonl file beside this file")?;
    let Some(bytes) = beside.read(&filename, MAX_TABLE_BYTES)? else {
        return Err(format!("`Filename`: there is no file {filename:?} beside this file"));
    };
    let mut table = rows::read(&filename, &bytes, &primary_key)?;
    let match_kind = match_kind(&primary_key, &table.rows);
    if match_kind == MatchKind::Cidr {
        for row in &mut table.rows {
            as_network(row);
        }
    }
    let enrichment = Enrichment {
        id: id_of(&name),
        name,
        description: keys.text("Description")?.unwrap_or_default(),
        primary_key,
        match_kind,
        columns: table.columns,
        log_types,
        enabled,
        row_count: i64::try_from(table.rows.len()).unwrap_or(i64::MAX),
        created_at: now,
        updated_at: now,
    };
    Ok(Some((enrichment, table.rows)))
}

fn log_types(map: Keys<'_>) -> KeyResult<Vec<String>> {
    let mut found = BTreeSet::new();
    for (position, item) in map.list("AssociatedLogTypes")?.iter().enumerate() {
        let Some(item) = item.as_object() else {
            let key = format!("AssociatedLogTypes[{position}]");
            return Err(map.wrong(&key, "a mapping with `LogType`", item));
        };
        let prefix = format!("LogTypeMap.AssociatedLogTypes[{position}].");
        found.insert(Keys::nested(item, &prefix).required_text("LogType", "the name of a log type")?);
    }
    Ok(found.into_iter().collect())
}

/// Networks if every key is one; a bare address counts as one where the column's name promises networks.
fn match_kind(primary_key: &str, rows: &[EnrichmentRow]) -> MatchKind {
    let promised = NETWORK_COLUMNS.iter().any(|name| name.eq_ignore_ascii_case(primary_key));
    let is_network =
        |row: &EnrichmentRow| row.key.parse::<IpNet>().is_ok() || (promised && row.key.parse::<IpAddr>().is_ok());
    if !rows.is_empty() && rows.iter().all(is_network) { MatchKind::Cidr } else { MatchKind::Exact }
}

/// A bare address as the network that holds only it.
fn as_network(row: &mut EnrichmentRow) {
    if let Ok(address) = row.key.parse::<IpAddr>() {
        row.key = IpNet::from(address).to_string();
    }
}

/// The same name gets the same id, so that an import can be repeated.
fn id_of(name: &str) -> EnrichmentId {
    let hash: [u8; 32] = Sha256::digest(name.to_lowercase().as_bytes()).into();
    let (start, _) = hash.split_at(13);
    EnrichmentId::new(format!("{}_{}", EnrichmentId::PREFIX, hex(start)))
}
