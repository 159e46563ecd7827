//! What a person wrote, made ready for the engine: parsed, checked and rewritten.
//!
//! Nothing here looks at the text with patterns: the statement is parsed, every decision is made on the tree, and
//! the tree itself, not a text made from it, goes on to the planner.
//!
//! 1. [`parse`]: exactly one statement, a query or `EXPLAIN` of one.
//! 2. [`rewrite`]: macros and the spellings of the field become what the engine knows.
//! 3. [`scope`]: every table name is resolved against what the person may read, and every table of events must be
//!    filtered on time. A name that is not resolved here cannot be reached later: a session knows only the tables
//!    that were found, and its default database is empty.
//!
//! Before all that [`depth`] refuses, on the tokens, what the parser would have to go down too deeply for.
//! [`find_place`] and [`spot`] find the place of an error that the engine tells only in words.

mod ast;
mod depth;
mod locate;
mod macros;
mod parse;
mod rewrite;
mod scope;
mod time_filter;

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::Statement;
use margay_domain::{clock::Timestamp, lake::LakeError};

pub(crate) use locate::{Culprits, find_place, quoted, spot};

use crate::catalog::{Database, Known};

/// A statement that may run.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The query, with every table named in full.
    pub(crate) statement: Statement,
    /// Whether only its plan is asked for.
    pub(crate) explain: bool,
    /// The tables of log events that it reads.
    pub(crate) tables: BTreeSet<String>,
    /// Whether it reads the view of all logs.
    pub(crate) all_logs: bool,
}

/// Reads, checks and rewrites a statement.
pub(crate) fn prepare(sql: &str, database: Database, known: &Known, now: Timestamp) -> Result<Prepared, LakeError> {
    let parse::Parsed { mut query, explain } = parse::parse(sql)?;
    rewrite::rewrite(&mut query, now)?;
    let scope::Found { tables, all_logs } = scope::resolve(&mut query, database, known)?;
    Ok(Prepared { statement: Statement::Query(query), explain, tables, all_logs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let tables = [("aws_cloudtrail", "AWS.CloudTrail"), ("okta_systemlog", "Okta.SystemLog")];
        Known::of(tables.map(|(table, log_type)| (table.to_owned(), log_type.to_owned())))
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
    }

    fn prepared(sql: &str) -> Result<Prepared, LakeError> {
        prepare(sql, Database::Logs, &known(), now())
    }

    /// The rewritten statement as text.
    fn text(sql: &str) -> String {
        prepared(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")).statement.to_string()
    }

    /// The message up to the name in it, and the place.
    fn refusal(sql: &str) -> (String, Option<(u64, u64)>) {
        match prepared(sql) {
            Err(LakeError::BadSql { message, position }) => {
                let (what, _) = message.split_once(" named ").unwrap_or((message.as_str(), ""));
                (format!("{what} named"), position)
            }
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn good_statements_pass() {
        for sql in [
            "SELECT 1",
            "select 1;",
            "SELECT * FROM panther_logs.public.aws_cloudtrail WHERE p_occurs_since('1 d')",
            "SELECT * FROM panther_logs.aws_cloudtrail WHERE p_event_time > '2026-01-01'",
            "SELECT * FROM AWS_CloudTrail t WHERE t.p_event_time BETWEEN '2026-01-01' AND '2026-01-02'",
            "SELECT * FROM \"AWS.CloudTrail\" WHERE NOT (p_event_time < '2026-01-01')",
            "SELECT * FROM aws_cloudtrail WHERE '2026-01-01' <= p_event_time AND (a = 1 OR b = 2)",
            "SELECT * FROM aws_cloudtrail WHERE date_trunc('day', p_event_time) = '2026-01-01'",
            "WITH c AS (SELECT * FROM aws_cloudtrail WHERE p_occurs_since('6 h')) SELECT * FROM c JOIN c d ON c.a = d.a",
            "WITH aws_cloudtrail AS (SELECT 1 AS a) SELECT * FROM aws_cloudtrail",
            "SELECT * FROM aws_cloudtrail a JOIN okta_systemlog o ON a.x = o.x AND a.p_event_time = o.p_event_time \
             WHERE p_occurs_since('1 d', o)",
            "SELECT * FROM aws_cloudtrail WHERE p_occurs_since('1 d') UNION ALL \
             SELECT * FROM okta_systemlog WHERE p_occurs_since(3600)",
            "SELECT a FROM (SELECT a FROM aws_cloudtrail WHERE p_occurs_since('1 d')) x WHERE a IN \
             (SELECT b FROM okta_systemlog WHERE p_occurs_since('1 w'))",
            "EXPLAIN SELECT * FROM aws_cloudtrail WHERE p_occurs_since('1 d')",
            "SELECT * FROM panther_views.public.all_logs WHERE p_occurs_since('1 d')",
            "SELECT * FROM aws_cloudtrail WHERE p_occurs_since(90m) -- ; DROP TABLE x",
            "SELECT x FROM UNNEST([1, 2]) AS t(x)",
            "SELECT * FROM generate_series(1, 3)",
        ] {
            assert!(prepared(sql).is_ok(), "{sql}: {:?}", prepared(sql).err());
        }
    }

    #[test]
    fn only_one_query_may_run() {
        for (sql, kind) in [
            ("INSERT INTO aws_cloudtrail VALUES (1)", "INSERT"),
            ("DELETE FROM aws_cloudtrail", "DELETE"),
            ("UPDATE aws_cloudtrail SET a = 1", "UPDATE"),
            ("DROP TABLE aws_cloudtrail", "DROP"),
            ("CREATE TABLE t AS SELECT 1", "CREATE"),
            ("CREATE VIEW v AS SELECT 1", "CREATE"),
            ("COPY INTO x FROM y", "COPY"),
            ("SET a = 1", "SET"),
            ("SHOW TABLES", "SHOW"),
            ("DESCRIBE TABLE aws_cloudtrail", "DESCRIBE"),
            ("SELECT 1; SELECT 2", "2 statements"),
            ("/* x */ SELECT 1; DROP TABLE aws_cloudtrail", "2 statements"),
            ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "INSERT"),
            ("SELECT 1 INTO t", "SELECT INTO"),
            ("EXPLAIN INSERT INTO t VALUES (1)", "INSERT"),
            ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE"),
            ("", "no statement"),
            ("-- nothing", "no statement"),
        ] {
            match prepared(sql) {
                Err(LakeError::NotReadOnly(named)) => assert!(named.contains(kind), "{sql}: {named}"),
                other => panic!("{sql}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_table_of_events_needs_a_time_filter() {
        for sql in [
            "SELECT * FROM aws_cloudtrail",
            "SELECT * FROM aws_cloudtrail -- p_event_time > '2026-01-01'",
            "SELECT * FROM aws_cloudtrail /* p_occurs_since('1 d') */ WHERE a = 'p_occurs_since(''1 d'')'",
            "SELECT p_event_time FROM aws_cloudtrail ORDER BY p_event_time",
            "SELECT * FROM aws_cloudtrail WHERE p_event_time > '2026-01-01' OR a = 1",
            "SELECT * FROM aws_cloudtrail WHERE p_event_time IS NOT NULL",
            "SELECT * FROM aws_cloudtrail WHERE p_event_time <> '2026-01-01'",
            "SELECT * FROM aws_cloudtrail WHERE a IN (SELECT b FROM okta_systemlog WHERE p_occurs_since('1 d'))",
            "SELECT a FROM aws_cloudtrail WHERE p_occurs_since('1 d') UNION SELECT a FROM okta_systemlog",
            "SELECT * FROM aws_cloudtrail a, okta_systemlog o WHERE a.p_event_time > '2026-01-01'",
            "WITH c AS (SELECT * FROM aws_cloudtrail) SELECT * FROM c WHERE p_event_time > '2026-01-01'",
            "WITH aws_cloudtrail AS (SELECT * FROM aws_cloudtrail) SELECT * FROM aws_cloudtrail WHERE p_occurs_since('1d')",
            "SELECT (SELECT count(*) FROM aws_cloudtrail)",
            "SELECT 1 ORDER BY (SELECT count(*) FROM aws_cloudtrail)",
            "SELECT 1 FROM okta_systemlog o JOIN okta_systemlog p ON o.a = (SELECT max(a) FROM aws_cloudtrail) \
             WHERE p_occurs_since('1 d', o) AND p_occurs_since('1 d', p)",
            "EXPLAIN SELECT * FROM aws_cloudtrail",
            "SELECT * FROM panther_views.public.all_logs",
        ] {
            assert_eq!(prepared(sql).err(), Some(LakeError::NoTimeFilter), "{sql}");
        }
    }

    #[test]
    fn a_join_limits_only_the_side_that_it_filters() {
        let sql = |join: &str, on: &str| {
            format!("SELECT * FROM aws_cloudtrail a {join} okta_systemlog o ON a.x = o.x AND {on}")
        };
        let (left, right) = ("a.p_event_time > '2026-01-01'", "o.p_event_time > '2026-01-01'");
        let where_left = |sql: &str| format!("{sql} WHERE {left}");
        let where_right = |sql: &str| format!("{sql} WHERE {right}");
        // Whether ON limits the left table, and the right one.
        for (join, limits_left, limits_right) in [
            ("JOIN", true, true),
            ("INNER JOIN", true, true),
            ("LEFT JOIN", false, true),
            ("LEFT OUTER JOIN", false, true),
            ("RIGHT JOIN", true, false),
            ("RIGHT OUTER JOIN", true, false),
            ("FULL JOIN", false, false),
            ("FULL OUTER JOIN", false, false),
            ("LEFT SEMI JOIN", true, true),
            ("RIGHT SEMI JOIN", true, true),
            ("LEFT ANTI JOIN", false, true),
            ("RIGHT ANTI JOIN", true, false),
        ] {
            let passes = |sql: &str| match prepared(sql) {
                Ok(_) => true,
                Err(LakeError::NoTimeFilter) => false,
                Err(other) => panic!("{sql}: {other:?}"),
            };
            let both = sql(join, &format!("{left} AND {right}"));
            assert_eq!(passes(&where_right(&sql(join, left))), limits_left, "{join}, left");
            assert_eq!(passes(&where_left(&sql(join, right))), limits_right, "{join}, right");
            assert_eq!(passes(&both), limits_left && limits_right, "{join}, both");
            assert!(passes(&format!("{both} WHERE {left} AND {right}")), "{join}, WHERE");
        }
    }

    #[test]
    fn joins_in_joins_are_told_apart() {
        for (from, passes) in [
            // The inner join has dropped what ON does not meet before the outer one comes.
            ("aws_cloudtrail a JOIN one b ON SINCE LEFT JOIN one c ON a.x = c.x", true),
            ("one c LEFT JOIN (aws_cloudtrail a JOIN one b ON SINCE) ON a.x = c.x", true),
            // The left side of the last join are both tables before it.
            ("one c LEFT JOIN aws_cloudtrail a ON a.x = c.x JOIN one b ON SINCE", true),
            ("aws_cloudtrail a LEFT JOIN one b ON a.x = b.x LEFT JOIN one c ON SINCE", false),
            ("(aws_cloudtrail a LEFT JOIN one b ON SINCE) JOIN one c ON a.x = c.x", false),
            // A condition says nothing about a table that is not part of its join.
            ("aws_cloudtrail a, one b JOIN one c ON p_event_time > '2026-01-01'", false),
        ] {
            let from = from.replace("SINCE", "p_occurs_since('1 d', a)");
            let sql = format!("WITH one AS (SELECT 1 AS x, 2 AS p_event_time) SELECT 1 FROM {from}");
            assert_eq!(prepared(&sql).err(), if passes { None } else { Some(LakeError::NoTimeFilter) }, "{sql}");
        }
    }

    #[test]
    fn another_column_cannot_pass_for_the_time() {
        let sql = "SELECT * FROM aws_cloudtrail AS t (p_event_time) WHERE t.p_event_time > '2026-01-01'";
        assert!(matches!(prepared(sql), Err(LakeError::BadSql { position: Some((1, 36)), .. })), "{:?}", prepared(sql));
    }

    #[test]
    fn functions_that_are_not_listed_do_not_exist() {
        for (sql, name, place) in [
            ("SELECT input_file_name()", "input_file_name", (1, 8)),
            ("SELECT upper(x),\n  Nothing(x)", "Nothing", (2, 3)),
            ("SELECT repeat('a', 1000000000)", "repeat", (1, 8)),
            ("SELECT map(['a'], [1])", "map", (1, 8)),
            ("SELECT 1 WHERE a.b(1) = 2", "a.b", (1, 16)),
            ("SELECT 1 ORDER BY (SELECT pg_sleep(1))", "pg_sleep", (1, 27)),
            ("SELECT array_transform([1], x -> x)", "array_transform", (1, 8)),
        ] {
            let LakeError::BadSql { message, position } = prepared(sql).unwrap_err() else { panic!("{sql}") };
            assert!(message.starts_with(&format!("there is no function named {name}")), "{sql}: {message}");
            assert_eq!(position, Some(place), "{sql}");
        }
        assert!(
            prepared("SELECT substring(a, 1, 2), Count(*), row_number() OVER (ORDER BY a), ARRAY_CAT([1], [2])")
                .is_ok()
        );
    }

    #[test]
    fn other_tables_cannot_be_named() {
        for sql in [
            "SELECT * FROM github_audit WHERE p_occurs_since('1 d')",
            "SELECT * FROM panther_logs.public.github_audit",
            "SELECT * FROM \"/data/x.parquet\"",
            "SELECT * FROM panther_views.public.all_databases",
        ] {
            assert_eq!(refusal(sql), ("there is no table named".to_owned(), Some((1, 15))), "{sql}");
        }
        for sql in [
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM other.public.aws_cloudtrail",
            "SELECT * FROM a.b.c.d",
        ] {
            assert_eq!(refusal(sql), ("there is no database named".to_owned(), Some((1, 15))), "{sql}");
        }
        assert!(matches!(prepared("SELECT * FROM '/etc/passwd'"), Err(LakeError::BadSql { .. })));
        for sql in [
            "SELECT * FROM TABLE(flatten(x))",
            "SELECT * FROM aws_cloudtrail, LATERAL FLATTEN(input => x) WHERE p_occurs_since('1 d')",
            "SELECT * FROM read_parquet('x')",
            "SELECT * FROM aws_cloudtrail PIVOT(max(a) FOR b IN ('x')) WHERE p_occurs_since('1 d')",
        ] {
            assert!(matches!(prepared(sql), Err(LakeError::BadSql { .. })), "{sql}: {:?}", prepared(sql));
        }
        assert!(matches!(prepared("TABLE aws_cloudtrail"), Err(LakeError::NotReadOnly(_))));
    }

    #[test]
    fn names_are_completed() {
        let written = text(
            "SELECT aws_cloudtrail.a, panther_logs.public.aws_cloudtrail.b FROM panther_logs.AWS_CloudTrail \
                            WHERE p_event_time > '2026-01-01'",
        );
        assert!(written.contains("FROM panther_logs.public.aws_cloudtrail AS aws_cloudtrail"), "{written}");
        assert!(written.starts_with("SELECT aws_cloudtrail.a, aws_cloudtrail.b FROM"), "{written}");
        let found = prepared("SELECT * FROM aws_cloudtrail WHERE p_occurs_since('1 d')").unwrap();
        assert_eq!(found.tables.into_iter().collect::<Vec<_>>(), ["aws_cloudtrail"]);
        let found = prepare("SELECT * FROM all_logs WHERE p_occurs_since('1 d')", Database::Views, &known(), now());
        assert!(found.unwrap().all_logs);
    }

    #[test]
    fn spellings_of_the_field_are_rewritten() {
        for (sql, expected) in [
            ("SELECT a:b.c[0].\"x y\" AS v", "SELECT json_path(a, 'b', 'c', 0, 'x y') AS v"),
            ("SELECT a:b:c[0]:d AS v", "SELECT json_path(a, 'b', 'c', 0, 'd') AS v"),
            ("SELECT a[0] AS v", "SELECT json_path(a, 0) AS v"),
            ("SELECT iff(a, 1, 2) AS v", "SELECT CASE WHEN a THEN 1 ELSE 2 END AS v"),
            ("SELECT 'x'::VARIANT AS v", "SELECT 'x' AS v"),
            ("SELECT a::int AS v", "SELECT a::BIGINT AS v"),
            ("SELECT count_if(a) AS v", "SELECT count(*) FILTER (WHERE a) AS v"),
            ("SELECT parse_json(a):b AS v", "SELECT json_path(a, 'b') AS v"),
            ("SELECT array_construct(1, 2) AS v", "SELECT make_array(1, 2) AS v"),
            ("SELECT a FROM UNNEST([1]) t(a) WHERE a ILIKE ANY ('x%', 'y%')", "a ILIKE 'x%' OR a ILIKE 'y%'"),
            ("SELECT a:b > 5 AS v", "TRY_CAST(json_path(a, 'b') AS DOUBLE) > 5"),
            ("SELECT sum(a:b) AS v", "SELECT sum(TRY_CAST(json_path(a, 'b') AS DOUBLE)) AS v"),
            ("SELECT a:b = true AS v", "json_path(a, 'b') = 'true'"),
            ("SELECT date_trunc(hour, t) AS v", "SELECT date_trunc('hour', t) AS v"),
            ("SELECT hour(t) AS v", "SELECT date_part('hour', t) AS v"),
            ("SELECT dateadd(minute, -10, t) AS v", "SELECT t + INTERVAL '-10 minute' AS v"),
            ("SELECT time_slice(t, 15, 'MINUTE') AS v", "SELECT date_bin(INTERVAL '15 minute', t) AS v"),
            ("SELECT \"Foo\" FROM UNNEST([1]) t(foo)", "SELECT \"foo\" FROM"),
            ("SELECT a || b || c AS v", "SELECT a || b || c AS v"),
        ] {
            let written = text(sql);
            assert!(written.contains(expected), "{sql}: {written}");
        }
    }

    #[test]
    fn a_rewritten_column_keeps_the_name_that_was_written() {
        assert_eq!(text("SELECT a:b, count(*)"), "SELECT json_path(a, 'b') AS \"a:b\", count(*)");
    }

    #[test]
    fn the_present_is_that_of_the_request() {
        let literal = "arrow_cast('2026-01-31T12:00:00.000000Z', 'Timestamp(Microsecond, Some(\"UTC\"))')";
        for sql in ["SELECT p_current_timestamp() AS v", "SELECT CURRENT_TIMESTAMP AS v", "SELECT now() AS v"] {
            assert_eq!(text(sql), format!("SELECT {literal} AS v"), "{sql}");
        }
    }

    #[test]
    fn errors_have_a_position() {
        for (sql, position) in [
            ("SELECT *\nFROM aws_cloudtrail\nWHERE p_occurs_since('1 fortnight')", (3, 7)),
            ("SELECT FROM WHERE", (1, 13)),
            ("SELECT 'abc", (1, 8)),
            ("SELECT 1 +", (1, 11)),
            ("SELECT * FROM TABLE(flatten(x))", (1, 21)),
            ("SELECT *\n  FROM nothing", (2, 8)),
            ("SELECT *\n  FROM nowhere.public.aws_cloudtrail", (2, 8)),
        ] {
            match prepared(sql) {
                Err(LakeError::BadSql { position: Some(found), .. }) => assert_eq!(found, position, "{sql}"),
                other => panic!("{sql}: {other:?}"),
            }
        }
    }

    #[test]
    fn chains_of_operators_have_an_end() {
        let long = format!("SELECT 1{}", " + 1".repeat(100_000));
        let wide = format!("SELECT 1 WHERE {}", vec!["1 = 1"; 20_000].join(" OR "));
        for sql in [long, wide, format!("SELECT 1{}", " + 1".repeat(601))] {
            assert!(matches!(prepared(&sql), Err(LakeError::BadSql { .. })));
        }
        let list = vec!["'10.0.0.1'"; 2000].join(", ");
        assert!(prepared(&format!("SELECT 1 WHERE 'x' IN ({list})")).is_ok());
        assert!(prepared(&format!("SELECT 1{}", " + 1".repeat(600))).is_ok());
        assert!(prepared(&format!("SELECT 'a'{}", " || 'b'".repeat(600))).is_ok());
    }
}
