//! The scheduled rule: what every identity read from every bucket, hour by hour.

use std::{collections::BTreeMap, time::Duration};

use margay_domain::clock::Timestamp;
use serde_json::{Value, json};

use super::{
    logs::{CLOUDTRAIL, Event, Logs},
    raise::Finding,
};

/// The id of the detection.
pub(super) const ID: &str = "AWS.S3.BytesReadPerIdentity";

const LIMIT: u64 = 1024 * 1024 * 1024;
const HOUR: i64 = 3600;

/// Whether the query behind the rule counts the event.
pub(super) fn counts(event: &Event) -> bool {
    event.get("eventName").and_then(Value::as_str) == Some("GetObject") && !event.contains_key("errorCode")
}

/// One row of the query's result, with the events in it.
#[derive(Default)]
struct Row {
    bytes: u64,
    matches: Vec<(Timestamp, usize)>,
}

/// What the rule finds. Rows of the same identity and bucket within a day go to one alert, as the detection says.
pub(super) fn findings(logs: &Logs, period: Duration) -> Vec<Finding> {
    // By identity, bucket and hour; an ordered map keeps the hours of a pair together and in order.
    let mut rows: BTreeMap<(&str, &str, i64), Row> = BTreeMap::new();
    for (place, (time, event)) in logs.of(CLOUDTRAIL).iter().enumerate().filter(|(_, (_, event))| counts(event)) {
        let arn = nested(event, "userIdentity", "arn").and_then(Value::as_str).unwrap_or("unknown");
        let bucket = nested(event, "requestParameters", "bucketName").and_then(Value::as_str).unwrap_or("unknown");
        let bytes = nested(event, "additionalEventData", "bytesTransferredOut").and_then(Value::as_u64).unwrap_or(0);
        let row = rows.entry((arn, bucket, time.as_seconds().div_euclid(HOUR))).or_default();
        row.bytes += bytes;
        row.matches.push((*time, place));
    }
    let mut found: Vec<Finding> = Vec::new();
    for ((arn, bucket, hour), row) in rows.into_iter().filter(|(_, row)| row.bytes > LIMIT) {
        let title = format!("AWS: {arn} read more than 1 GB from {bucket}");
        let raised = Timestamp::from_seconds((hour + 1) * HOUR + 95);
        let matches = row.matches.iter().map(|(_, place)| (CLOUDTRAIL.to_owned(), *place));
        let last = row.matches.last().map(|(time, _)| *time);
        if let Some(earlier) = found.last_mut().filter(|it| it.title == title && raised < it.raised.plus(period)) {
            earlier.matches.extend(matches);
            earlier.last = last;
            continue;
        }
        found.push(Finding {
            title,
            context: json!({ "actor": arn, "bucket": bucket, "objects": row.matches.len(), "bytes_out": row.bytes }),
            matches: matches.collect(),
            first: row.matches.first().map(|(time, _)| *time),
            last,
            raised,
        });
    }
    found
}

fn nested<'a>(event: &'a Event, outer: &str, inner: &str) -> Option<&'a Value> {
    event.get(outer)?.get(inner)
}
