//! The port `Alerts`.

mod change;
mod filter;
mod put;
mod rows;
mod tally;
mod terms;

use std::time::Duration;

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, AlertChange, AlertComment, AlertFilter, AlertPosition, AlertTally, EventRef},
    clock::Timestamp,
    id::{AlertId, UserId},
    ports::{Alerts, StoreError, StoreResult},
    role::LogTypeAccess,
};

use self::rows::{AlertRow, AlertWithEventsRow, CommentRow, StoredEventRef, alert_columns};
use crate::{
    codec::{count, from_json, text},
    engine::{Engine, builder, on_read, on_write},
    error::DbResult as _,
};

/// Alerts in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlAlerts(pub(crate) Engine);

#[async_trait]
impl Alerts for SqlAlerts {
    async fn put(&self, alerts: &[Alert]) -> StoreResult<()> {
        put::put(&self.0, alerts).await
    }

    async fn get(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Option<Alert>> {
        const SQL: &str = concat!("SELECT ", alert_columns!(), ", a.events AS events FROM alerts a WHERE a.id = ");
        let row = on_read!(self.0, |pool| {
            let mut sql = builder(pool, SQL);
            sql.push_bind(text(id.as_str()));
            filter::push_access(&mut sql, access);
            sql.build_query_as::<AlertWithEventsRow>().fetch_optional(pool).await.db()?
        });
        let Some(row) = row else { return Ok(None) };
        let events: Vec<StoredEventRef> = from_json("events of an alert", &row.events)?;
        let alert = row.alert.into_alert(events.into_iter().map(EventRef::from).collect())?;
        Ok(alert.seen_with(access))
    }

    async fn list(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertPosition>,
        limit: u32,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<Alert>> {
        const SQL: &str = concat!("SELECT ", alert_columns!(), " FROM alerts a WHERE 1 = 1");
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, SQL);
            filter::push_conditions(&mut sql, filter, access);
            filter::push_page(&mut sql, filter.ascending, after, limit);
            sql.build_query_as::<AlertRow>().fetch_all(pool).await.db()?
        });
        let seen = |row: AlertRow| row.into_alert(Vec::new()).map(|alert| alert.seen_with(access));
        rows.into_iter().filter_map(|row| seen(row).transpose()).collect()
    }

    async fn count(&self, filter: &AlertFilter, access: &LogTypeAccess) -> StoreResult<u64> {
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, "SELECT COUNT(*) FROM alerts a WHERE 1 = 1");
            filter::push_conditions(&mut sql, filter, access);
            sql.build_query_scalar::<i64>().fetch_one(pool).await.db()?
        });
        Ok(count(rows))
    }

    async fn tally(
        &self,
        filter: &AlertFilter,
        width: Duration,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertTally>> {
        tally::tally(&self.0, filter, width, access).await
    }

    async fn change(
        &self,
        ids: &[AlertId],
        change: &AlertChange,
        by: &UserId,
        now: Timestamp,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertId>> {
        change::change(&self.0, ids, change, (by, now), access).await
    }

    async fn add_comment(&self, comment: &AlertComment, access: &LogTypeAccess) -> StoreResult<()> {
        let alert_id = text(comment.alert_id.as_str());
        let added = on_write!(self.0, |pool| {
            let mut sql =
                builder(pool, "INSERT INTO alert_comments (id, alert_id, body, created_by, created_at) SELECT ");
            let mut values = sql.separated(", ");
            values.push_bind(text(&comment.id)).push("a.id").push_bind(text(&comment.body));
            values.push_bind(text(&comment.created_by)).push_bind(comment.created_at.as_micros());
            sql.push(" FROM alerts a WHERE a.id = ").push_bind(alert_id);
            filter::push_access(&mut sql, access);
            sql.build().execute(pool).await.naming("a comment with this id", "alert")?.rows_affected()
        });
        if added == 0 { Err(StoreError::NotFound("alert")) } else { Ok(()) }
    }

    async fn comments(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Vec<AlertComment>> {
        const SQL: &str = "SELECT c.id AS id, c.alert_id AS alert_id, c.body AS body, c.created_by AS created_by, \
             c.created_at AS created_at FROM alert_comments c JOIN alerts a ON a.id = c.alert_id WHERE a.id = ";
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, SQL);
            sql.push_bind(text(id.as_str()));
            filter::push_access(&mut sql, access);
            sql.push(" ORDER BY c.created_at, c.id");
            sql.build_query_as::<CommentRow>().fetch_all(pool).await.db()?
        });
        Ok(rows.into_iter().map(CommentRow::into_comment).collect())
    }
}
