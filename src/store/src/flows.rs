//! The port `Flows`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    flow::Flow,
    id::{ClientId, FlowId},
    ports::{Flows, StoreResult},
};

use crate::{
    codec::{hash, hash_bytes, micros, optional_text, text, timestamp},
    engine::{Engine, on_read, on_write},
    error::DbResult as _,
};

#[derive(sqlx::FromRow)]
struct FlowRow {
    id: String,
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
    code_challenge: String,
    scope: String,
    resource: String,
    browser: Vec<u8>,
    created_at: i64,
    expires_at: i64,
    decided_at: Option<i64>,
}

impl FlowRow {
    fn into_flow(self) -> StoreResult<Flow> {
        Ok(Flow {
            browser: hash("browser of a flow", &self.browser)?,
            id: FlowId::new(self.id),
            client_id: ClientId::new(self.client_id),
            redirect_uri: self.redirect_uri,
            state: self.state,
            code_challenge: self.code_challenge,
            scope: self.scope,
            resource: self.resource,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            decided_at: timestamp(self.decided_at),
        })
    }
}

/// Flows in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlFlows(pub(crate) Engine);

#[async_trait]
impl Flows for SqlFlows {
    async fn create(&self, flow: &Flow) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO flows (id, client_id, redirect_uri, state, code_challenge, scope, resource, \
             browser, created_at, expires_at, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(flow.id.as_str()))
                .bind(text(flow.client_id.as_str()))
                .bind(text(&flow.redirect_uri))
                .bind(optional_text(flow.state.as_deref()))
                .bind(text(&flow.code_challenge))
                .bind(text(&flow.scope))
                .bind(text(&flow.resource))
                .bind(hash_bytes(&flow.browser))
                .bind(flow.created_at.as_micros())
                .bind(flow.expires_at.as_micros())
                .bind(micros(flow.decided_at))
                .execute(pool)
                .await
                .naming("a flow with this id", "client")?
                .rows_affected()
        });
        Ok(())
    }

    async fn get(&self, id: &FlowId) -> StoreResult<Option<Flow>> {
        const SQL: &str = "SELECT id, client_id, redirect_uri, state, code_challenge, scope, resource, browser, \
             created_at, expires_at, decided_at FROM flows WHERE id = $1";
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, FlowRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        row.map(FlowRow::into_flow).transpose()
    }

    async fn decide(&self, id: &FlowId, now: Timestamp) -> StoreResult<bool> {
        // Row A12: single use. Of several at once exactly one changes the row.
        const SQL: &str = "UPDATE flows SET decided_at = $2 WHERE id = $1 AND decided_at IS NULL AND expires_at > $2";
        let decided = on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(text(id.as_str())).bind(now.as_micros()).execute(pool).await.db()?.rows_affected()
        });
        Ok(decided == 1)
    }

    async fn collect(&self, before: Timestamp) -> StoreResult<u64> {
        const SQL: &str = "DELETE FROM flows WHERE expires_at < $1 OR decided_at < $1";
        Ok(on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(before.as_micros()).execute(pool).await.db()?.rows_affected()
        }))
    }
}
