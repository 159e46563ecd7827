//! `lookup_enrichment`.

use std::net::IpAddr;

use async_trait::async_trait;
use ipnet::IpNet;
use margay_domain::{
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    arguments,
    size::Budget,
    tool::{JsonObject, Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// At most so many values in one call.
const MAX_VALUES: usize = 50;
/// At most so many rows for one value.
const MAX_ROWS_PER_VALUE: usize = 100;

/// Looks values up in a lookup table.
pub(crate) struct LookupEnrichment;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// A name from list_enrichments.
    #[schemars(length(min = 1))]
    name: String,
    /// Key values; IP addresses or networks if the enrichment matches by cidr.
    #[schemars(length(min = 1, max = 50))]
    values: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    name: String,
    primary_key: String,
    match_kind: &'static str,
    results: Vec<Found>,
    matched_values: usize,
    unmatched_values: Vec<String>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    value: String,
    total_rows: usize,
    /// With p_match, the value that matched. The narrowest network comes first.
    rows: Vec<JsonObject>,
    truncated: bool,
}

#[async_trait]
impl TypedTool for LookupEnrichment {
    const NAME: &'static str = "lookup_enrichment";
    const TITLE: &'static str = "Look values up in an enrichment";
    const DESCRIPTION: &'static str = "Looks values up in one enrichment and returns the rows of each (at most 100 per value). Exact enrichments compare the whole key, case included; cidr ones find the networks around an address.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LookupRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let values = values(&input.values)?;
        let table = super::find(context, &input.name).await?;
        let matches = match table.match_kind {
            MatchKind::Exact => exact(context, &table, &values).await?,
            MatchKind::Cidr => within(context, &table, &values).await?,
        };
        let mut budget = Budget::new(context.ports.row_bytes());
        // Always one row, however large.
        let mut first = true;
        let mut fits = |row: &JsonObject| budget.take(row) | std::mem::take(&mut first);
        let results: Vec<Found> =
            values.into_iter().zip(matches).map(|(value, rows)| found(value, rows, &mut fits)).collect();
        let unmatched_values: Vec<String> =
            results.iter().filter(|found| found.total_rows == 0).map(|found| found.value.clone()).collect();
        let truncated = results.iter().any(|found| found.truncated);
        Ok(Output {
            matched_values: results.len() - unmatched_values.len(),
            hint: hint(&table, truncated),
            name: table.name,
            primary_key: table.primary_key,
            match_kind: table.match_kind.as_str(),
            results,
            unmatched_values,
            truncated,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.results.iter().map(|found| found.rows.len()).sum::<usize>()).ok()
    }
}

/// The values without blanks and doubles, in the given order.
fn values(given: &[String]) -> Result<Vec<String>, ToolError> {
    let mut values: Vec<String> = Vec::new();
    for value in given {
        let value = value.trim();
        if !value.is_empty() && !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }
    if values.is_empty() || values.len() > MAX_VALUES {
        return Err(ToolError::invalid_argument(format!("values must hold from 1 to {MAX_VALUES} values.")));
    }
    Ok(values)
}

/// For each value: the rows whose key is the value.
async fn exact(
    context: &ToolContext,
    table: &Enrichment,
    values: &[String],
) -> Result<Vec<Vec<JsonObject>>, ToolError> {
    let rows = context.ports.enrichments.rows_by_key(&table.id, values).await?;
    let rows_of = |value: &String| {
        rows.iter().filter(|row| row.key == *value).map(|row| row.row.clone()).collect::<Vec<JsonObject>>()
    };
    Ok(values.iter().map(rows_of).collect())
}

/// For each value: the rows whose key is a network around the value, narrowest first.
async fn within(
    context: &ToolContext,
    table: &Enrichment,
    values: &[String],
) -> Result<Vec<Vec<JsonObject>>, ToolError> {
    let wanted = values.iter().map(|value| network(value).ok_or(value)).collect::<Result<Vec<IpNet>, &String>>();
    let wanted = wanted.map_err(|value| {
        ToolError::invalid_argument(format!(
            "{} matches by network, and '{}' is neither an IP address nor a network such as 10.0.0.0/8.",
            table.name,
            arguments::shown(value)
        ))
    })?;
    let mut rows: Vec<(IpNet, EnrichmentRow)> = context
        .ports
        .enrichments
        .rows(&table.id)
        .await?
        .into_iter()
        .filter_map(|row| network(&row.key).map(|network| (network, row)))
        .collect();
    rows.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
    let rows_of = |wanted: &IpNet| {
        rows.iter()
            .filter(|(network, _)| network.contains(wanted))
            .map(|(_, row)| row.row.clone())
            .collect::<Vec<JsonObject>>()
    };
    Ok(wanted.iter().map(rows_of).collect())
}

/// Reads an address or a network. An IPv4 address in IPv6 form is the IPv4 address.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical())).or_else(|_| text.parse::<IpNet>()).ok()
}

fn found(value: String, rows: Vec<JsonObject>, fits: &mut impl FnMut(&JsonObject) -> bool) -> Found {
    let total_rows = rows.len();
    let with_match = |mut row: JsonObject| {
        row.insert("p_match".to_owned(), Value::from(value.as_str()));
        row
    };
    let rows: Vec<JsonObject> =
        rows.into_iter().take(MAX_ROWS_PER_VALUE).map(with_match).take_while(|row| fits(row)).collect();
    Found { truncated: rows.len() < total_rows, value, total_rows, rows }
}

fn hint(table: &Enrichment, truncated: bool) -> Option<String> {
    if truncated {
        return Some("Rows were left out (at most 100 per value, and all together no more than fits into one answer). Ask for fewer values.".to_owned());
    }
    (!table.enabled).then(|| "This enrichment is not in use for new events.".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        let mut world = World::new();
        world.enrichments = vec![
            fakes::enrichment("domains", MatchKind::Exact, &["evil.example", "evil.example", "odd.example"]),
            fakes::enrichment(
                "networks",
                MatchKind::Cidr,
                &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "not a network"],
            ),
        ];
        world
    }

    fn keys(found: &Value) -> Vec<String> {
        fakes::texts(&found["rows"], "key")
    }

    #[tokio::test]
    async fn exact_values_find_their_rows() {
        let asked =
            json!({ "name": "Domains", "values": ["evil.example", "EVIL.example", " evil.example ", "good.example"] });
        let answer = fakes::call(LookupEnrichment, &world().context(), asked).await.unwrap();
        assert_eq!(answer["name"], "domains");
        assert_eq!(fakes::texts(&answer["results"], "value"), ["evil.example", "EVIL.example", "good.example"]);
        assert_eq!(answer["results"][0]["total_rows"], 2);
        assert_eq!(
            answer["results"][0]["rows"][0],
            json!({ "key": "evil.example", "note": "about evil.example", "p_match": "evil.example" })
        );
        assert_eq!(answer["unmatched_values"], json!(["EVIL.example", "good.example"]));
        assert_eq!(answer["matched_values"], 1);
        assert_eq!(answer["truncated"], false);
    }

    #[tokio::test]
    async fn addresses_find_their_networks_narrowest_first() {
        let asked = json!({
            "name": "networks",
            "values": ["10.1.2.3", "10.1.9.9", "::ffff:10.9.9.9", "10.1.0.0/24", "2001:db8::1", "192.0.2.1", "0.0.0.0/0"],
        });
        let answer = fakes::call(LookupEnrichment, &world().context(), asked).await.unwrap();
        let results = &answer["results"];
        assert_eq!(keys(&results[0]), ["10.1.2.3", "10.1.0.0/16", "10.0.0.0/8"]);
        assert_eq!(keys(&results[1]), ["10.1.0.0/16", "10.0.0.0/8"]);
        assert_eq!(keys(&results[2]), ["10.0.0.0/8"]);
        assert_eq!(keys(&results[3]), ["10.1.0.0/16", "10.0.0.0/8"]);
        assert_eq!(keys(&results[4]), ["2001:db8::/32"]);
        assert_eq!(results[2]["rows"][0]["p_match"], "::ffff:10.9.9.9");
        assert_eq!(answer["unmatched_values"], json!(["192.0.2.1", "0.0.0.0/0"]));
    }

    #[tokio::test]
    async fn too_many_rows_are_cut_and_counted() {
        let many = vec!["evil.example"; MAX_ROWS_PER_VALUE + 1];
        let mut world = World::new();
        world.enrichments = vec![fakes::enrichment("domains", MatchKind::Exact, &many)];
        let asked = json!({ "name": "domains", "values": ["evil.example"] });
        let answer = fakes::call(LookupEnrichment, &world.context(), asked).await.unwrap();
        assert_eq!(answer["results"][0]["total_rows"], 101);
        assert_eq!(keys(&answer["results"][0]).len(), 100);
        assert_eq!(answer["truncated"], true);
        assert!(answer["hint"].as_str().unwrap().contains("fewer values"));
    }

    #[tokio::test]
    async fn bad_calls_say_what_is_valid() {
        let context = world().context();
        let unknown = fakes::refused(LookupEnrichment, &context, json!({ "name": "x", "values": ["a"] })).await;
        assert_eq!(unknown.code, "not_found");
        assert_eq!(unknown.message, "No enrichment found with name: x. There are: domains, networks.");
        let none = fakes::refused(LookupEnrichment, &context, json!({ "name": "domains", "values": [" "] })).await;
        assert_eq!(none.message, "values must hold from 1 to 50 values.");
        let many: Vec<String> = (0..51).map(|number| format!("v{number}")).collect();
        let many = fakes::refused(LookupEnrichment, &context, json!({ "name": "domains", "values": many })).await;
        assert_eq!(many.code, "invalid_argument");
        let host =
            fakes::refused(LookupEnrichment, &context, json!({ "name": "networks", "values": ["a host"] })).await;
        assert_eq!(host.code, "invalid_argument");
        assert!(host.message.contains("'a host' is neither an IP address nor a network"));
    }
}
