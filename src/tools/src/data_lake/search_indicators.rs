//! `search_indicators`.

mod indicator;
mod matches;
mod statement;

use std::time::Duration;

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    lake::{LOGS_DATABASE, QueryRequest, QueryResult, table_name},
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    indicator::{Column, Indicator},
    matches::{Found, LeftOut, Match},
    statement::Search,
};
use crate::{
    arguments,
    tool::{JsonObject, Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// At most so many values in one call.
const MAX_INDICATORS: usize = 20;
/// At most so many log types in one call.
const MAX_LOG_TYPES: usize = 50;
/// How far back a search goes if no start is given.
const DEFAULT_SPAN: Duration = Duration::from_hours(24);
/// The longest time that is searched, in days.
const MAX_DAYS: u64 = 31;
/// At most so many stretches of log types are counted, the newest.
const MAX_COUNTS: usize = 2000;
/// When a query is given up.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Searches all log types for indicators.
pub(crate) struct SearchIndicators;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Values such as 203.0.113.9 or ana@example.com.
    #[schemars(length(min = 1, max = 20))]
    indicators: Vec<String>,
    /// ISO-8601. Default: 24 hours before end_date.
    start_date: Option<String>,
    /// Exclusive. Default: now.
    end_date: Option<String>,
    /// The column to look in. Default: by the shape of each value.
    #[schemars(extend("enum" = Column::NAMES))]
    indicator_name: Option<String>,
    /// Names such as AWS.CloudTrail. Default: all.
    #[schemars(length(max = 50))]
    log_types: Option<Vec<String>>,
    /// Newest events shown; default 50.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    indicators: Vec<Hits>,
    /// Most events first. Timelines are by hour or by day (UTC).
    matches: Vec<Match>,
    total_events: u64,
    /// All numbers are lower bounds.
    counts_are_partial: bool,
    searched: Range,
    events: Vec<JsonObject>,
    truncated: bool,
    hint: String,
}

#[derive(Serialize, JsonSchema)]
struct Hits {
    value: String,
    events: u64,
}

#[derive(Serialize, JsonSchema)]
struct Range {
    columns: Vec<&'static str>,
    from: String,
    until: String,
    /// No date was given.
    defaulted: bool,
}

#[async_trait]
impl TypedTool for SearchIndicators {
    const NAME: &'static str = "search_indicators";
    const TITLE: &'static str = "Search for indicators";
    const DESCRIPTION: &'static str = "Finds events of all log types that hold any of these values (IP addresses, domains, e-mail addresses, hashes, user names, ARNs ...), compared as a whole with the p_any_ columns. Tells which occur, where, how often and when, with the newest events. Covers the last 24 hours by default, at most 31 days. Next: query_data_lake with the SQL in `hint`.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::DataAnalyticsRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 50, 1..=200)?);
        let (start, end) = arguments::range(input.start_date, input.end_date)?;
        let (from, until) = span(start, end, context.ports.clock.now())?;
        let column = arguments::optional(input.indicator_name).map(|name| Column::parse(&name)).transpose()?;
        let indicators = indicators(&input.indicators, column)?;
        let search = Search { indicators, tables: tables(context, input.log_types).await?, from, until };
        let counts = query(context, search.counts(), MAX_COUNTS).await?;
        let mut found = matches::read(&counts.rows, search.indicators.len());
        let newest = if found.total == 0 { Vec::new() } else { query(context, search.newest(), limit).await?.rows };
        let (left_out, mut budget) = found.fit(context.ports.row_bytes());
        // Always the newest one, however large.
        let events: Vec<JsonObject> = newest
            .into_iter()
            .map(|event| matching(event, &search.indicators))
            .enumerate()
            .take_while(|(at, event)| budget.take(event) || *at == 0)
            .map(|(_, event)| event)
            .collect();
        let all_shown = u64::try_from(events.len()).is_ok_and(|shown| shown >= found.total);
        Ok(Output {
            hint: hint(&search, &found, left_out, counts.truncated),
            truncated: counts.truncated || !all_shown,
            searched: Range {
                columns: search.columns().into_iter().map(Column::name).collect(),
                from: from.to_rfc3339(),
                until: until.to_rfc3339(),
                defaulted: start.is_none() && end.is_none(),
            },
            indicators: search
                .indicators
                .into_iter()
                .zip(found.per_indicator)
                .map(|(indicator, events)| Hits { value: indicator.value, events })
                .collect(),
            matches: found.matches,
            total_events: found.total,
            counts_are_partial: counts.truncated,
            events,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.events.len()).ok()
    }
}

/// The time that is searched.
fn span(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<(Timestamp, Timestamp), ToolError> {
    let until = end.unwrap_or(now);
    let from = start.unwrap_or_else(|| until.minus(DEFAULT_SPAN));
    if from >= until {
        return Err(ToolError::invalid_argument("start_date must be earlier than now."));
    }
    if until.since(from) > Duration::from_hours(MAX_DAYS * 24) {
        return Err(ToolError::invalid_argument(format!(
            "start_date and end_date must not be more than {MAX_DAYS} days apart. Search a longer time in parts."
        )));
    }
    Ok((from, until))
}

/// The values without blanks and doubles, in the given order.
fn indicators(given: &[String], column: Option<Column>) -> Result<Vec<Indicator>, ToolError> {
    let bad_number = || ToolError::invalid_argument(format!("indicators must hold from 1 to {MAX_INDICATORS} values."));
    // First, so that looking for doubles is little work.
    if given.len() > MAX_INDICATORS {
        return Err(bad_number());
    }
    let mut values: Vec<&str> = Vec::new();
    for value in given.iter().map(|value| value.trim()) {
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() {
        return Err(bad_number());
    }
    values.into_iter().map(|value| Indicator::read(value, column)).collect()
}

/// The tables of these log types, each once; none if none were given. A log type that may not be read looks like one of
/// which there is nothing (promise 1).
async fn tables(context: &ToolContext, given: Option<Vec<String>>) -> Result<Vec<String>, ToolError> {
    if given.as_ref().is_some_and(|given| given.len() > MAX_LOG_TYPES) {
        return Err(ToolError::invalid_argument(format!("log_types must hold at most {MAX_LOG_TYPES} names.")));
    }
    let given = arguments::list(given);
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let known = context.ports.lake.tables(LOGS_DATABASE, &context.principal.role.log_types).await?;
    let (mut tables, mut missing) = (Vec::new(), Vec::new());
    for name in given {
        let table = table_name(&name);
        if known.iter().any(|known| known.name == table) {
            tables.push(table);
        } else {
            missing.push(format!("'{}'", arguments::shown(&name)));
        }
    }
    if !missing.is_empty() {
        return Err(ToolError::not_found(format!(
            "There are no events of {}. list_database_tables shows the log types that have some.",
            missing.join(", ")
        )));
    }
    tables.sort_unstable();
    tables.dedup();
    Ok(tables)
}

/// Runs a statement with what the caller may read.
async fn query(context: &ToolContext, sql: String, max_rows: usize) -> Result<QueryResult, ToolError> {
    let request = QueryRequest {
        sql,
        database: LOGS_DATABASE.to_owned(),
        max_rows,
        offset: 0,
        timeout: TIMEOUT,
        now: context.ports.clock.now(),
        log_types: context.principal.role.log_types.clone(),
        person: Some(context.principal.user.id.clone()),
    };
    Ok(context.ports.lake.query(request).await?)
}

/// An event without the columns of indicators that hold none of `indicators`.
fn matching(mut event: JsonObject, indicators: &[Indicator]) -> JsonObject {
    event.retain(|name, content| {
        !name.starts_with("p_any_") || indicators.iter().any(|indicator| indicator.is_in(name, content))
    });
    event
}

fn hint(search: &Search, found: &Found, left_out: LeftOut, counts_cut: bool) -> String {
    if found.total == 0 {
        let columns: Vec<&str> = search.columns().into_iter().map(Column::name).collect();
        return format!(
            "No event of that time holds one of these values in {}. Give start_date to look further back, or indicator_name if a value is of another kind than it looks.",
            columns.join(", ")
        );
    }
    let mut sentences = Vec::new();
    if counts_cut {
        sentences.push("Only the newest part was counted; shorten the time or name log_types.".to_owned());
    }
    if left_out.timelines {
        sentences.push("The timelines did not fit; shorten the time or name log_types.".to_owned());
    }
    if left_out.log_types > 0 {
        sentences.push(format!("{} more log types with fewer events did not fit.", left_out.log_types));
    }
    let strongest = found.strongest.and_then(|strongest| search.indicators.get(strongest));
    if let (Some(first), Some(indicator)) = (found.matches.first(), strongest) {
        sentences.push(format!("Whole events: {}", search.example(&first.log_type, indicator)));
    }
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, PoisonError};

    use margay_domain::role::LogTypeAccess;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        fakes::{self, World},
        tool::Tool as _,
    };

    /// The fakes answer both queries with the same rows, so that these are made for both.
    fn row(id: &str, events: u64) -> JsonObject {
        fakes::object(json!({
            "p_log_type": "AWS.CloudTrail",
            "begins_at": "2026-03-10T11:00:00.000Z",
            "events": events,
            "first_seen": "2026-03-10T11:10:00.000Z",
            "last_seen": "2026-03-10T11:20:00.000Z",
            "n0": events,
            "p_row_id": id,
            "p_any_ip_addresses": ["203.0.113.7", "10.0.0.1"],
            "p_any_usernames": ["ana"],
        }))
    }

    fn world() -> Arc<World> {
        let tables = vec![fakes::table("AWS.CloudTrail"), fakes::table("Okta.SystemLog")];
        Arc::new(World { rows: vec![row("r1", 3)], tables, ..World::new() })
    }

    async fn search(world: &Arc<World>, arguments: Value) -> Value {
        fakes::call(SearchIndicators, &World::context_of(world), arguments).await.unwrap()
    }

    fn statements(world: &World) -> Vec<String> {
        let queries = world.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.iter().map(|request| request.sql.clone()).collect()
    }

    #[tokio::test]
    async fn matches_come_with_counts_and_newest_events() {
        let answer = search(&world(), json!({ "indicators": ["203.0.113.7", " 203.0.113.7", ""] })).await;
        assert_eq!(answer["indicators"], json!([{ "value": "203.0.113.7", "events": 3 }]));
        assert_eq!(answer["matches"][0]["log_type"], "AWS.CloudTrail");
        assert_eq!((&answer["total_events"], &answer["counts_are_partial"]), (&json!(3), &json!(false)));
        assert_eq!(
            answer["searched"],
            json!({
                "columns": ["p_any_ip_addresses"],
                "from": "2026-03-09T12:00:00.000Z",
                "until": "2026-03-10T12:00:00.000Z",
                "defaulted": true,
            })
        );
        // Only the columns that hold the value stay.
        assert_eq!(answer["events"][0]["p_any_ip_addresses"], json!(["203.0.113.7", "10.0.0.1"]));
        assert!(answer["events"][0].get("p_any_usernames").is_none());
        assert_eq!(answer["truncated"], true);
        let hint = answer["hint"].as_str().unwrap();
        assert!(hint.starts_with("Whole events: SELECT * FROM panther_logs.public.aws_cloudtrail WHERE"), "{hint}");
    }

    #[tokio::test]
    async fn the_lake_is_told_limits_and_access() {
        let log_types = LogTypeAccess::Deny(vec!["A".to_owned()]);
        let tables = vec![fakes::table("AWS.CloudTrail"), fakes::table("Okta.SystemLog")];
        let rows = vec![row("r1", 1)];
        let world = Arc::new(World { log_types: log_types.clone(), rows, tables, ..World::new() });
        let arguments = json!({
            "indicators": ["ana"],
            "indicator_name": "usernames",
            "log_types": ["okta.systemlog", "Okta.SystemLog", " okta_systemlog "],
            "start_date": "2026-02-10",
            "end_date": "2026-03-01",
            "limit": 7,
        });
        let answer = search(&world, arguments).await;
        assert_eq!((&answer["truncated"], &answer["searched"]["defaulted"]), (&json!(false), &json!(false)));
        let queries = world.queries.lock().unwrap_or_else(PoisonError::into_inner);
        let [counts, newest] = queries.as_slice() else { panic!("{} queries", queries.len()) };
        assert_eq!((counts.max_rows, newest.max_rows), (MAX_COUNTS, 7));
        for request in [counts, newest] {
            assert_eq!((&request.log_types, request.timeout, request.offset), (&log_types, TIMEOUT, 0));
            assert!(request.sql.contains("p_event_time >= '2026-02-10T00:00:00.000Z'"), "{}", request.sql);
            assert!(request.sql.contains("p_event_time < '2026-03-01T00:00:00.000Z'"), "{}", request.sql);
            assert_eq!(request.sql.matches(" FROM panther_logs.public.okta_systemlog ").count(), 1, "{}", request.sql);
            assert!(!request.sql.contains("all_logs") && !request.sql.contains("cloudtrail"), "{}", request.sql);
            assert!(request.sql.contains("ARRAY_CONTAINS('ana', p_any_usernames)"), "{}", request.sql);
            assert!(!request.sql.contains("p_any_actor_ids"), "{}", request.sql);
        }
    }

    #[tokio::test]
    async fn values_stay_in_their_literals() {
        let world = world();
        let value = "x\\', p_any_usernames) OR ('1'='1";
        search(&world, json!({ "indicators": [value] })).await;
        let statements = statements(&world);
        assert_eq!(statements.len(), 2);
        for sql in statements {
            assert!(sql.contains("'x\\\\'', p_any_usernames) OR (''1''=''1'"), "{sql}");
        }
    }

    #[tokio::test]
    async fn log_types_without_events_and_denied_ones_look_alike() {
        let log_types = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
        let tables = vec![fakes::table("AWS.CloudTrail"), fakes::table("Okta.SystemLog")];
        let world = Arc::new(World { log_types, tables, ..World::new() });
        let context = World::context_of(&world);
        for name in ["Okta.SystemLog", "okta_systemlog", "GitHub.Audit", "x') OR ('1'='1"] {
            let arguments = json!({ "indicators": ["ana"], "log_types": ["AWS.CloudTrail", name] });
            let error = fakes::refused(SearchIndicators, &context, arguments).await;
            let message = format!(
                "There are no events of '{}'. list_database_tables shows the log types that have some.",
                arguments::shown(name)
            );
            assert_eq!((error.code, error.message), ("not_found", message));
        }
        assert!(statements(&world).is_empty());
    }

    #[tokio::test]
    async fn the_example_is_about_the_log_type_with_most_events() {
        let row = |log_type: &str, events: u64, n0: u64, n1: u64| {
            let mut row = row("r", events);
            for (name, value) in [("p_log_type", json!(log_type)), ("n0", json!(n0)), ("n1", json!(n1))] {
                row.insert(name.to_owned(), value);
            }
            row
        };
        let rows = vec![row("AWS.CloudTrail", 4, 4, 0), row("Okta.SystemLog", 9, 0, 9)];
        let world = Arc::new(World { rows, ..World::new() });
        let answer = search(&world, json!({ "indicators": ["203.0.113.7", "198.51.100.1"] })).await;
        let hint = answer["hint"].as_str().unwrap();
        assert!(hint.contains("panther_logs.public.okta_systemlog") && hint.contains("198.51.100.1"), "{hint}");
        assert!(!hint.contains("203.0.113.7"), "{hint}");
    }

    #[tokio::test]
    async fn without_a_match_nothing_more_is_asked() {
        let world = Arc::new(World::new());
        let answer = search(&world, json!({ "indicators": ["ana"] })).await;
        assert_eq!((&answer["total_events"], &answer["truncated"]), (&json!(0), &json!(false)));
        assert_eq!((&answer["matches"], &answer["events"]), (&json!([]), &json!([])));
        assert_eq!(answer["indicators"][0]["events"], 0);
        let hint = answer["hint"].as_str().unwrap();
        assert!(hint.starts_with("No event of that time holds one of these values in p_any_actor_ids, "), "{hint}");
        assert!(hint.contains(", p_any_usernames. Give start_date"), "{hint}");
        assert_eq!(statements(&world).len(), 1);
    }

    #[tokio::test]
    async fn counts_that_are_cut_say_so() {
        let rows = (0..=MAX_COUNTS).map(|n| row(&format!("r{n}"), 1)).collect();
        let answer = search(&Arc::new(World { rows, ..World::new() }), json!({ "indicators": ["203.0.113.7"] })).await;
        assert_eq!((&answer["truncated"], &answer["counts_are_partial"]), (&json!(true), &json!(true)));
        assert_eq!(fakes::texts(&answer["events"], "p_row_id").len(), 50);
        assert!(answer["hint"].as_str().unwrap().starts_with("Only the newest part was counted"));
    }

    #[tokio::test]
    async fn large_events_make_a_shorter_answer() {
        let large = |n: usize| {
            let mut row = row(&format!("r{n}"), 1);
            row.insert(
                "p_any_ip_addresses".to_owned(),
                json!(["203.0.113.7", "x".repeat(fakes::MAX_RESULT_BYTES / 3)]),
            );
            row
        };
        let world = Arc::new(World { rows: (0..3).map(large).collect(), ..World::new() });
        let answer = search(&world, json!({ "indicators": ["203.0.113.7"] })).await;
        assert_eq!(fakes::texts(&answer["events"], "p_row_id"), ["r0", "r1"]);
        assert_eq!((&answer["total_events"], &answer["truncated"]), (&json!(3), &json!(true)));
    }

    #[tokio::test]
    async fn timelines_give_way_to_matches_and_events() {
        let rows = (0..10).map(|n| row(&format!("r{n}"), 1)).collect();
        let mut context = World { rows, ..World::new() }.context();
        context.ports.max_result_bytes = 600;
        let answer = fakes::call(SearchIndicators, &context, json!({ "indicators": ["203.0.113.7"] })).await.unwrap();
        assert_eq!((&answer["matches"][0]["events"], &answer["total_events"]), (&json!(10), &json!(10)));
        assert!(answer["matches"][0].get("timeline").is_none(), "{answer}");
        assert_eq!((&answer["events"][0]["p_row_id"], &answer["truncated"]), (&json!("r0"), &json!(true)));
        let hint = answer["hint"].as_str().unwrap();
        assert!(hint.starts_with("The timelines did not fit; shorten the time or name log_types. Whole"), "{hint}");
        context.ports.max_result_bytes = 10;
        let answer = fakes::call(SearchIndicators, &context, json!({ "indicators": ["203.0.113.7"] })).await.unwrap();
        assert_eq!((&answer["matches"], &answer["total_events"]), (&json!([]), &json!(10)));
        assert!(answer["hint"].as_str().unwrap().ends_with("1 more log types with fewer events did not fit."));
    }

    #[tokio::test]
    async fn bad_arguments_are_refused() {
        let context = World::new().context();
        let many = vec!["a"; 21];
        let log_types = vec!["A.B"; 51];
        for (arguments, message) in [
            (json!({ "indicators": [] }), "indicators must hold from 1 to 20 values."),
            (json!({ "indicators": [" "] }), "indicators must hold from 1 to 20 values."),
            (json!({ "indicators": many }), "indicators must hold from 1 to 20 values."),
            (
                json!({ "indicators": ["a"], "limit": 0 }),
                "limit must be a whole number from 1 to 200; you sent the number 0.",
            ),
            (json!({ "indicators": ["a"], "log_types": log_types }), "log_types must hold at most 50 names."),
            (json!({ "indicators": ["a"], "start_date": "2026-03-11" }), "start_date must be earlier than now."),
            (
                json!({ "indicators": ["a"], "start_date": "2026-03-02", "end_date": "2026-03-01" }),
                "end_date must be later than start_date.",
            ),
            (
                json!({ "indicators": ["a"], "start_date": "2026-01-01", "end_date": "2026-03-01" }),
                "start_date and end_date must not be more than 31 days apart. Search a longer time in parts.",
            ),
            (
                json!({ "indicators": ["a"], "indicator_name": "md5_hashes" }),
                "'a' is not an MD5 of 32 hex digits, and p_any_md5_hashes holds nothing else.",
            ),
        ] {
            let error = fakes::refused(SearchIndicators, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
    }

    #[tokio::test]
    async fn the_text_says_that_values_are_data() {
        let context = World::context_of(&world());
        let arguments = fakes::object(json!({ "indicators": ["203.0.113.7"] }));
        let output = SearchIndicators.call(&context, arguments).await.unwrap();
        assert!(output.text.starts_with(crate::untrusted::NOTICE));
        assert_eq!(output.rows, Some(1));
    }
}
