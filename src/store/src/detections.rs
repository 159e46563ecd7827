//! The port `Detections`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    detection::Detection,
    ports::{Detections, StoreResult},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    codec::{from_json, readable, text, to_json},
    engine::{Engine, in_transaction, on_read},
    error::DbResult as _,
};

/// What a list leaves out.
#[derive(Default, Serialize, Deserialize)]
struct Source {
    body: String,
    tests: Vec<Value>,
}

#[derive(sqlx::FromRow)]
struct SummaryRow {
    summary: String,
    created_at: i64,
    last_modified: i64,
}

impl SummaryRow {
    fn into_detection(self, source: Source) -> StoreResult<Detection> {
        let summary: Detection = from_json("a detection", &self.summary)?;
        Ok(Detection {
            body: source.body,
            tests: source.tests,
            // The JSON has milliseconds only.
            created_at: Timestamp::from_micros(self.created_at),
            last_modified: Timestamp::from_micros(self.last_modified),
            ..summary
        })
    }
}

#[derive(sqlx::FromRow)]
struct DetectionRow {
    #[sqlx(flatten)]
    summary: SummaryRow,
    source: String,
}

/// Detections in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlDetections(pub(crate) Engine);

#[async_trait]
impl Detections for SqlDetections {
    async fn put(&self, detections: &[Detection]) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO detections (id, summary, source, created_at, last_modified) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET summary = excluded.summary, source = excluded.source, \
             created_at = excluded.created_at, last_modified = excluded.last_modified";
        in_transaction!(self.0, |tx| {
            for detection in detections {
                let tests = detection.tests.iter().map(|test| readable(test).into_owned()).collect();
                let source = Source { body: detection.body.clone(), tests };
                let summary = Detection { body: String::new(), tests: Vec::new(), ..detection.clone() };
                sqlx::query(SQL)
                    .bind(text(&detection.id))
                    .bind(to_json(&summary)?)
                    .bind(to_json(&source)?)
                    .bind(detection.created_at.as_micros())
                    .bind(detection.last_modified.as_micros())
                    .execute(&mut *tx)
                    .await
                    .db()?;
            }
        });
        Ok(())
    }

    async fn get(&self, id: &str) -> StoreResult<Option<Detection>> {
        const SQL: &str = "SELECT summary, source, created_at, last_modified FROM detections WHERE id = $1";
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, DetectionRow>(SQL).bind(text(id)).fetch_optional(pool).await.db()?
        });
        let Some(row) = row else { return Ok(None) };
        let source = from_json("source of a detection", &row.source)?;
        row.summary.into_detection(source).map(Some)
    }

    async fn list(&self) -> StoreResult<Vec<Detection>> {
        const SQL: &str = "SELECT summary, created_at, last_modified FROM detections ORDER BY id";
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, SummaryRow>(SQL).fetch_all(pool).await.db()?);
        rows.into_iter().map(|row| row.into_detection(Source::default())).collect()
    }
}
