//! The port `Flows`.

mod allow;

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    flow::{Answer, Decision, Flow},
    grant::{AuthorizationCode, Grant},
    id::{ClientId, FlowId, UserId},
    ports::{Flows, ReplacedGrant, StoreError, StoreResult},
};

use crate::{
    codec::{hash, hash_bytes, micros, optional_text, permissions_from_json, permissions_to_json, text, timestamp},
    engine::{Engine, on_read, on_write},
    error::DbResult as _,
};

const ALLOW: &str = "allow";
const DENY: &str = "deny";

/// Row A12: single use. Of several at once exactly one changes the row.
const DECIDE: &str = "UPDATE flows SET decided_at = $2, decision = $3, decided_by = $4, permissions = $5, code = $6 \
     WHERE id = $1 AND decided_at IS NULL AND expires_at > $2";

/// Decides a flow on the executor `$on` of either engine, a pool or a transaction; the number of changed rows.
macro_rules! decide {
    ($on:expr, $id:expr, $decision:expr) => {{
        let (id, decision) = ($id, $decision);
        let (word, permissions, code) = $crate::flows::answer_columns(decision.answer)?;
        $crate::error::DbResult::db(
            sqlx::query($crate::flows::DECIDE)
                .bind($crate::codec::text(id.as_str()))
                .bind(decision.at.as_micros())
                .bind(word)
                .bind($crate::codec::text(decision.by.as_str()))
                .bind(permissions)
                .bind(code)
                .execute($on)
                .await,
        )?
        .rows_affected()
    }};
}
use decide;

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
    issuer: Option<String>,
    decided_at: Option<i64>,
    decision: Option<String>,
    decided_by: Option<String>,
    permissions: Option<String>,
    code: Option<Vec<u8>>,
    recorded: bool,
}

/// An answer in its columns: the word, the permissions, the hash of the code.
type AnswerColumns = (&'static str, Option<String>, Option<Vec<u8>>);

fn answer_columns(answer: Answer) -> StoreResult<AnswerColumns> {
    Ok(match answer {
        Answer::Allow { permissions, code } => {
            (ALLOW, Some(permissions_to_json(permissions)?), Some(hash_bytes(&code)))
        }
        Answer::Deny => (DENY, None, None),
    })
}

impl FlowRow {
    /// What was decided, if the version that decided it kept that.
    fn decision(&self) -> StoreResult<Option<Decision>> {
        let (Some(at), Some(word), Some(by)) = (self.decided_at, &self.decision, &self.decided_by) else {
            return Ok(None);
        };
        let answer = match (word.as_str(), &self.permissions, &self.code) {
            (ALLOW, Some(permissions), Some(code)) => Answer::Allow {
                permissions: permissions_from_json("permissions of a decision", permissions)?,
                code: hash("code of a decision", code)?,
            },
            (DENY, _, _) => Answer::Deny,
            _ => return Err(StoreError::Corrupt("a flow is decided by half".to_owned())),
        };
        let (at, by) = (Timestamp::from_micros(at), UserId::new(by.as_str()));
        Ok(Some(Decision { at, by, answer, recorded: self.recorded }))
    }

    fn into_flow(self) -> StoreResult<Flow> {
        Ok(Flow {
            decision: self.decision()?,
            browser: hash("browser of a flow", &self.browser)?,
            id: FlowId::new(self.id),
            client_id: ClientId::new(self.client_id),
            redirect_uri: self.redirect_uri,
            state: self.state,
            code_challenge: self.code_challenge,
            scope: self.scope,
            resource: self.resource,
            issuer: self.issuer,
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
             browser, created_at, expires_at, decided_at, issuer) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
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
                .bind(optional_text(flow.issuer.as_deref()))
                .execute(pool)
                .await
                .naming("a flow with this id", "client")?
                .rows_affected()
        });
        Ok(())
    }

    async fn get(&self, id: &FlowId) -> StoreResult<Option<Flow>> {
        const SQL: &str = "SELECT id, client_id, redirect_uri, state, code_challenge, scope, resource, browser, \
             created_at, expires_at, issuer, decided_at, decision, decided_by, permissions, code, recorded \
             FROM flows WHERE id = $1";
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, FlowRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        row.map(FlowRow::into_flow).transpose()
    }

    async fn decide(&self, id: &FlowId, decision: &Decision) -> StoreResult<bool> {
        let decided = on_write!(self.0, |pool| decide!(pool, id, decision));
        Ok(decided == 1)
    }

    async fn allow(
        &self,
        id: &FlowId,
        decision: &Decision,
        grant: &Grant,
        code: &AuthorizationCode,
    ) -> StoreResult<Option<Vec<ReplacedGrant>>> {
        allow::allow(&self.0, id, decision, grant, code).await
    }

    async fn recorded(&self, id: &FlowId) -> StoreResult<()> {
        const SQL: &str = "UPDATE flows SET recorded = TRUE WHERE id = $1 AND decided_at IS NOT NULL";
        on_write!(self.0, |pool| sqlx::query(SQL).bind(text(id.as_str())).execute(pool).await.db()?.rows_affected());
        Ok(())
    }

    async fn collect(&self, before: Timestamp) -> StoreResult<u64> {
        const SQL: &str = "DELETE FROM flows WHERE expires_at < $1 OR decided_at < $1";
        Ok(on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(before.as_micros()).execute(pool).await.db()?.rows_affected()
        }))
    }
}
