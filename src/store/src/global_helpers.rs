//! The port `GlobalHelpers`.

use async_trait::async_trait;
use margay_domain::{
    global_helper::GlobalHelper,
    ports::{GlobalHelpers, StoreResult},
};

use crate::{
    engine::Engine,
    sourced::{self, Parts, Sourced, Statements},
};

impl Sourced for GlobalHelper {
    const WHAT: &'static str = "a global helper";
    const SQL: Statements = sourced::statements!("global_helpers");

    fn id(&self) -> &str {
        &self.id
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            body: &mut self.body,
            tests: None,
            created_at: &mut self.created_at,
            last_modified: &mut self.last_modified,
        }
    }
}

/// Global helpers in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlGlobalHelpers(pub(crate) Engine);

#[async_trait]
impl GlobalHelpers for SqlGlobalHelpers {
    async fn put(&self, helpers: &[GlobalHelper]) -> StoreResult<()> {
        sourced::put(&self.0, helpers).await
    }

    async fn get(&self, id: &str) -> StoreResult<Option<GlobalHelper>> {
        sourced::get(&self.0, id).await
    }

    async fn list(&self) -> StoreResult<Vec<GlobalHelper>> {
        sourced::list(&self.0).await
    }
}
