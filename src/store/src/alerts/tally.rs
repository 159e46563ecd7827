//! How many alerts there are of each kind, over time.

use std::time::Duration;

use margay_domain::{
    alert::{AlertFilter, AlertTally},
    ports::StoreResult,
    role::LogTypeAccess,
};

use super::{filter, rows::TallyRow};
use crate::{
    engine::{Engine, builder, on_read},
    error::DbResult as _,
};

/// The shortest stretch, in microseconds: a second. Nothing is divided by zero.
const MIN_WIDTH: i64 = 1_000_000;
/// The longest stretch, in microseconds: 73000 years. Sums of two fit.
const MAX_WIDTH: i64 = i64::MAX / 4;

/// See `Alerts::tally`.
pub(super) async fn tally(
    engine: &Engine,
    filter: &AlertFilter,
    width: Duration,
    access: &LogTypeAccess,
) -> StoreResult<Vec<AlertTally>> {
    let width = i64::try_from(width.as_micros()).unwrap_or(MAX_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH);
    let rows = on_read!(engine, |pool| {
        // The remainder has the sign of the time on both engines; this makes it that of the stretch, also before 1970.
        let mut sql = builder(pool, "SELECT a.created_at - (a.created_at % ");
        sql.push_bind(width).push(" + ").push_bind(width).push(") % ").push_bind(width);
        sql.push(
            " AS begin, a.kind AS kind, a.severity AS severity, a.detection_id AS detection_id, COUNT(*) AS alerts \
             FROM alerts a WHERE 1 = 1",
        );
        filter::push_conditions(&mut sql, filter, access);
        sql.push(" GROUP BY 1, 2, 3, 4");
        sql.build_query_as::<TallyRow>().fetch_all(pool).await.db()?
    });
    let mut tallies = rows.into_iter().map(TallyRow::into_tally).collect::<StoreResult<Vec<_>>>()?;
    // Here, because storage knows severities and types as words.
    tallies.sort();
    Ok(tallies)
}
