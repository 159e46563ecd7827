//! The SQL of a search.

use std::collections::BTreeSet;

use margay_domain::{
    clock::Timestamp,
    lake::{LOGS_DATABASE, table_name},
};

use super::indicator::{Column, Indicator};

/// The view of the events of all log types.
const ALL_LOGS: &str = "panther_views.public.all_logs";
/// Longer times are counted by day instead of by hour, in hours.
const MAX_HOURS: u64 = 48;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Search {
    /// The values.
    pub(super) indicators: Vec<Indicator>,
    /// Only events of these tables of log events; of all if there are none.
    pub(super) tables: Vec<String>,
    /// Events at or after.
    pub(super) from: Timestamp,
    /// Events before.
    pub(super) until: Timestamp,
}

/// A text as a literal of SQL that nothing in it can end. The lake reads a backslash in a literal as the beginning of an
/// escape, so that it is doubled, as a quote is.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A table of log events as it is named in SQL, where a name that begins with a digit needs quotes.
fn full_name(table: &str) -> String {
    let quote = if table.starts_with(|first: char| first.is_ascii_digit()) { "\"" } else { "" };
    format!("{LOGS_DATABASE}.{quote}{table}{quote}")
}

impl Search {
    /// The columns that are searched, each once.
    pub(super) fn columns(&self) -> BTreeSet<Column> {
        self.indicators.iter().flat_map(|indicator| indicator.columns.iter().copied()).collect()
    }

    /// The stretch in which events are counted.
    pub(super) fn stretch(&self) -> &'static str {
        if self.until.since(self.from).as_secs() > MAX_HOURS * 3600 { "day" } else { "hour" }
    }

    /// How many events there are by log type and stretch, the newest first, and in `n0`, `n1` … how many of them hold
    /// each indicator.
    pub(super) fn counts(&self) -> String {
        let numbers = 0..self.indicators.len();
        let hits: Vec<String> = self
            .indicators
            .iter()
            .enumerate()
            .map(|(number, indicator)| format!("({}) AS i{number}", contains(indicator)))
            .collect();
        let any: Vec<String> = numbers.clone().map(|number| format!("i{number}")).collect();
        let counts: Vec<String> = numbers.map(|number| format!("count_if(i{number}) AS n{number}")).collect();
        let begin = format!("date_trunc('{}', p_event_time)", self.stretch());
        format!(
            "SELECT p_log_type, {begin} AS begins_at, count(*) AS events, min(p_event_time) AS first_seen, \
             max(p_event_time) AS last_seen, {} FROM (SELECT p_log_type, p_event_time, {} FROM {}) AS found WHERE {} \
             GROUP BY p_log_type, {begin} ORDER BY begins_at DESC, p_log_type",
            counts.join(", "),
            hits.join(", "),
            self.events(),
            any.join(" OR "),
        )
    }

    /// The events, newest first, with the columns that are searched.
    pub(super) fn newest(&self) -> String {
        let any: Vec<String> = self.indicators.iter().map(contains).collect();
        format!(
            "SELECT p_event_time, p_log_type, p_row_id, {} FROM {} WHERE {} ORDER BY p_event_time DESC, p_row_id DESC",
            self.column_names(),
            self.events(),
            any.join(" OR "),
        )
    }

    /// How to look at the whole events of a log type that hold `indicator`.
    pub(super) fn example(&self, log_type: &str, indicator: &Indicator) -> String {
        format!(
            "SELECT * FROM {} WHERE p_occurs_between('{}', '{}') AND ({})",
            full_name(&table_name(log_type)),
            self.from.to_rfc3339(),
            self.until.to_rfc3339(),
            contains(indicator),
        )
    }

    fn column_names(&self) -> String {
        self.columns().into_iter().map(Column::name).collect::<Vec<_>>().join(", ")
    }

    /// The events of the time that is searched, with the columns that are searched, as a table after `FROM`. The lake
    /// wants each table to be limited in time where it is named.
    fn events(&self) -> String {
        let columns = self.column_names();
        let (from, until) = (self.from.to_rfc3339(), self.until.to_rfc3339());
        let of_table = |table: &str| {
            format!(
                "SELECT p_log_type, p_event_time, p_row_id, {columns} FROM {table} \
                 WHERE p_event_time >= '{from}' AND p_event_time < '{until}'"
            )
        };
        let parts: Vec<String> = if self.tables.is_empty() {
            vec![of_table(ALL_LOGS)]
        } else {
            self.tables.iter().map(|table| of_table(&full_name(table))).collect()
        };
        format!("({}) AS searched", parts.join(" UNION ALL "))
    }
}

/// The condition that an event holds an indicator.
fn contains(indicator: &Indicator) -> String {
    let conditions: Vec<String> = indicator
        .columns
        .iter()
        .flat_map(|column| {
            indicator.forms.iter().map(move |form| format!("ARRAY_CONTAINS({}, {})", literal(form), column.name()))
        })
        .collect();
    conditions.join(" OR ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fakes;

    fn search(values: &[&str], hours: u64) -> Search {
        Search {
            indicators: values.iter().map(|value| Indicator::read(value, None).unwrap()).collect(),
            tables: Vec::new(),
            from: fakes::now().minus(std::time::Duration::from_hours(hours)),
            until: fakes::now(),
        }
    }

    /// Reads a literal as SQL does, with or without escapes: what it says, and what follows it.
    fn read(sql: &str, escapes: bool) -> Option<(String, String)> {
        let mut rest = sql.strip_prefix('\'')?.chars().peekable();
        let mut text = String::new();
        loop {
            match rest.next()? {
                '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
                '\'' => return Some((text, rest.collect())),
                '\\' if escapes => text.push(rest.next()?),
                other => text.push(other),
            }
        }
    }

    #[test]
    fn quotes_and_backslashes_are_doubled() {
        assert_eq!(literal("O'Neil"), "'O''Neil'");
        assert_eq!(literal("CORP\\ana"), "'CORP\\\\ana'");
        assert_eq!(literal("\\' OR 1=1 --"), "'\\\\'' OR 1=1 --'");
        assert_eq!(literal(""), "''");
    }

    #[test]
    fn counts_are_by_hour_then_by_day() {
        assert_eq!(
            search(&["203.0.113.7", "a@b.c"], 24).counts(),
            "SELECT p_log_type, date_trunc('hour', p_event_time) AS begins_at, count(*) AS events, \
             min(p_event_time) AS first_seen, max(p_event_time) AS last_seen, count_if(i0) AS n0, count_if(i1) AS n1 \
             FROM (SELECT p_log_type, p_event_time, (ARRAY_CONTAINS('203.0.113.7', p_any_ip_addresses)) AS i0, \
             (ARRAY_CONTAINS('a@b.c', p_any_emails) OR ARRAY_CONTAINS('a@b.c', p_any_usernames) \
             OR ARRAY_CONTAINS('a@b.c', p_any_actor_ids)) AS i1 \
             FROM (SELECT p_log_type, p_event_time, p_row_id, p_any_actor_ids, p_any_emails, p_any_ip_addresses, \
             p_any_usernames FROM panther_views.public.all_logs WHERE p_event_time >= '2026-03-09T12:00:00.000Z' \
             AND p_event_time < '2026-03-10T12:00:00.000Z') AS searched) AS found WHERE i0 OR i1 \
             GROUP BY p_log_type, date_trunc('hour', p_event_time) ORDER BY begins_at DESC, p_log_type"
        );
        assert_eq!(search(&["x"], 48).stretch(), "hour");
        assert!(search(&["x"], 49).counts().contains("date_trunc('day', p_event_time)"));
    }

    #[test]
    fn the_newest_come_with_the_columns_that_are_searched() {
        let search = Search { tables: vec!["a_b".to_owned(), "1c".to_owned()], ..search(&["203.0.113.7"], 1) };
        assert_eq!(
            search.newest(),
            "SELECT p_event_time, p_log_type, p_row_id, p_any_ip_addresses FROM (SELECT p_log_type, p_event_time, \
             p_row_id, p_any_ip_addresses FROM panther_logs.public.a_b \
             WHERE p_event_time >= '2026-03-10T11:00:00.000Z' AND p_event_time < '2026-03-10T12:00:00.000Z' UNION ALL SELECT p_log_type, p_event_time, p_row_id, \
             p_any_ip_addresses FROM panther_logs.public.\"1c\" WHERE p_event_time >= '2026-03-10T11:00:00.000Z' \
             AND p_event_time < '2026-03-10T12:00:00.000Z') AS searched \
             WHERE ARRAY_CONTAINS('203.0.113.7', p_any_ip_addresses) ORDER BY p_event_time DESC, p_row_id DESC"
        );
        assert_eq!(
            search.example("AWS.CloudTrail", search.indicators.first().unwrap()),
            "SELECT * FROM panther_logs.public.aws_cloudtrail WHERE p_occurs_between('2026-03-10T11:00:00.000Z', \
             '2026-03-10T12:00:00.000Z') AND (ARRAY_CONTAINS('203.0.113.7', p_any_ip_addresses))"
        );
    }

    #[test]
    fn the_largest_search_is_within_what_the_lake_takes() {
        // The longest of each kind that can be long, in as many forms and columns as there can be; and one of every kind.
        let names = |n: u32| format!("{n:02}{}", "x".repeat(498));
        let emails = |n: u32| format!("{n:02}{}@X", "X".repeat(496));
        let arns = |n: u32| format!("arn:{n:02}{}", "X".repeat(494));
        let short = ["203.0.113.7", "123456789012", "i-0abc", "Aa:bb:cc:dd:ee:0f"].map(str::to_owned);
        let hashes = [32, 40, 64].map(|length| "A".repeat(length));
        let long = (0..11).map(names).chain([emails(0), arns(0)]);
        for values in [
            (0..20).map(names).collect::<Vec<String>>(),
            (0..20).map(emails).collect(),
            (0..20).map(arns).collect(),
            short.into_iter().chain(hashes).chain(long).collect(),
        ] {
            assert_eq!(values.len(), 20);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            // A log type has at most 100 characters.
            let tables: Vec<String> = (0..50).map(|n| format!("{n:02}{}", "x".repeat(98))).collect();
            for tables in [Vec::new(), tables] {
                let search = Search { tables, ..search(&values, 48) };
                for sql in [search.counts(), search.newest()] {
                    assert!(sql.len() < 100_000, "{}", sql.len());
                    let count = |word: &str| sql.matches(word).count();
                    let operators = count(" OR ") + count(" AND ") + count(" UNION ") + count("*");
                    assert!(operators < 600, "{operators}");
                    assert!(count("(") < 1000, "{}", count("("));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_literal(text in any::<String>(), after in any::<String>()) {
            prop_assume!(!after.starts_with('\''));
            let sql = format!("{}{after}", literal(&text));
            prop_assert_eq!(read(&sql, true), Some((text, after.clone())));
            // Neither does it where a backslash means itself.
            prop_assert_eq!(read(&sql, false).map(|(_, rest)| rest), Some(after));
        }

        #[test]
        fn no_text_of_quotes_and_backslashes_leaves_its_literal(text in r"['\\;0n%a \-]{0,12}") {
            let sql = format!("{}) OR (1=1", literal(&text));
            prop_assert_eq!(read(&sql, true), Some((text, ") OR (1=1".to_owned())));
            prop_assert_eq!(read(&sql, false).map(|(_, rest)| rest), Some(") OR (1=1".to_owned()));
        }
    }
}
