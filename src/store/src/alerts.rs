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
    ports::{Alerts, StoreResult},
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

    async fn get(&self, id: &AlertId) -> StoreResult<Option<Alert>> {
        const SQL: &str = concat!("SELECT ", alert_columns!(), ", a.events AS events FROM alerts a WHERE a.id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, AlertWithEventsRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        let Some(row) = row else { return Ok(None) };
        let events: Vec<StoredEventRef> = from_json("events of an alert", &row.events)?;
        row.alert.into_alert(events.into_iter().map(EventRef::from).collect()).map(Some)
    }

    async fn list(&self, filter: &AlertFilter, after: Option<&AlertPosition>, limit: u32) -> StoreResult<Vec<Alert>> {
        const SQL: &str = concat!("SELECT ", alert_columns!(), " FROM alerts a WHERE 1 = 1");
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, SQL);
            filter::push_conditions(&mut sql, filter);
            filter::push_page(&mut sql, filter.ascending, after, limit);
            sql.build_query_as::<AlertRow>().fetch_all(pool).await.db()?
        });
        rows.into_iter().map(|row| row.into_alert(Vec::new())).collect()
    }

    async fn count(&self, filter: &AlertFilter) -> StoreResult<u64> {
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, "SELECT COUNT(*) FROM alerts a WHERE 1 = 1");
            filter::push_conditions(&mut sql, filter);
            sql.build_query_scalar::<i64>().fetch_one(pool).await.db()?
        });
        Ok(count(rows))
    }

    async fn tally(&self, filter: &AlertFilter, width: Duration) -> StoreResult<Vec<AlertTally>> {
        tally::tally(&self.0, filter, width).await
    }

    async fn change(
        &self,
        ids: &[AlertId],
        change: &AlertChange,
        by: &UserId,
        now: Timestamp,
    ) -> StoreResult<Vec<AlertId>> {
        change::change(&self.0, ids, change, by, now).await
    }

    async fn add_comment(&self, comment: &AlertComment) -> StoreResult<()> {
        const SQL: &str =
            "INSERT INTO alert_comments (id, alert_id, body, created_by, created_at) VALUES ($1, $2, $3, $4, $5)";
        on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(&comment.id))
                .bind(text(comment.alert_id.as_str()))
                .bind(text(&comment.body))
                .bind(text(&comment.created_by))
                .bind(comment.created_at.as_micros())
                .execute(pool)
                .await
                .naming("a comment with this id", "alert")?
                .rows_affected()
        });
        Ok(())
    }

    async fn comments(&self, id: &AlertId) -> StoreResult<Vec<AlertComment>> {
        const SQL: &str = "SELECT id, alert_id, body, created_by, created_at FROM alert_comments \
             WHERE alert_id = $1 ORDER BY created_at, id";
        let rows = on_read!(self.0, |pool| {
            sqlx::query_as::<_, CommentRow>(SQL).bind(text(id.as_str())).fetch_all(pool).await.db()?
        });
        Ok(rows.into_iter().map(CommentRow::into_comment).collect())
    }
}
