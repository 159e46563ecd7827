//! The port `Detections`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    detection::{Detection, DetectionKind},
    id::UserId,
    ports::{Detections, StoreResult},
};

use crate::{
    codec::{text, to_json},
    engine::{Engine, in_transaction},
    error::DbResult as _,
    sourced::{self, Parts, Source, Sourced, Statements, SummaryRow},
};

impl Sourced for Detection {
    const WHAT: &'static str = "a detection";
    const SQL: Statements = sourced::statements!("detections");

    fn id(&self) -> &str {
        &self.id
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            body: &mut self.body,
            tests: Some(&mut self.tests),
            created_at: &mut self.created_at,
            last_modified: &mut self.last_modified,
        }
    }
}

/// Detections in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlDetections(pub(crate) Engine);

#[async_trait]
impl Detections for SqlDetections {
    async fn put(&self, detections: &[Detection]) -> StoreResult<()> {
        sourced::put(&self.0, detections).await
    }

    async fn get(&self, id: &str) -> StoreResult<Option<Detection>> {
        sourced::get(&self.0, id).await
    }

    async fn list(&self) -> StoreResult<Vec<Detection>> {
        sourced::list(&self.0).await
    }

    async fn set_enabled(
        &self,
        id: &str,
        kind: DetectionKind,
        enabled: bool,
        by: &UserId,
        now: Timestamp,
    ) -> StoreResult<Option<(Detection, bool)>> {
        // Changes nothing. In PostgreSQL it locks the row, so that what is read here cannot be stale when it is
        // written; SQLite has one writer anyway.
        const HOLD: &str = "UPDATE detections SET last_modified = last_modified WHERE id = $1";
        const FIND: &str = "SELECT summary, created_at, last_modified FROM detections WHERE id = $1";
        const SET: &str = "UPDATE detections SET summary = $2, last_modified = $3 WHERE id = $1";
        let id = text(id);
        let changed = in_transaction!(self.0, |tx| {
            if sqlx::query(HOLD).bind(id.as_str()).execute(&mut *tx).await.db()?.rows_affected() == 0 {
                return Ok(None);
            }
            let row = sqlx::query_as::<_, SummaryRow>(FIND).bind(id.as_str()).fetch_one(&mut *tx).await.db()?;
            let found: Detection = row.complete(Source::default())?;
            if found.kind != kind {
                return Ok(None);
            }
            if found.enabled == enabled {
                return Ok(Some((found, false)));
            }
            let changed =
                Detection { enabled, last_modified: now, last_modified_by: Some(by.as_str().to_owned()), ..found };
            sqlx::query(SET)
                .bind(id.as_str())
                .bind(to_json(&changed)?)
                .bind(now.as_micros())
                .execute(&mut *tx)
                .await
                .db()?;
            changed
        });
        Ok(Some((changed, true)))
    }
}
