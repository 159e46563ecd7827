//! The port `DataModels`.

use async_trait::async_trait;
use margay_domain::{
    data_model::DataModel,
    ports::{DataModels, StoreResult},
};

use crate::{
    engine::Engine,
    sourced::{self, Parts, Sourced, Statements},
};

impl Sourced for DataModel {
    const WHAT: &'static str = "a data model";
    const SQL: Statements = sourced::statements!("data_models");

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

/// Data models in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlDataModels(pub(crate) Engine);

#[async_trait]
impl DataModels for SqlDataModels {
    async fn put(&self, models: &[DataModel]) -> StoreResult<()> {
        sourced::put(&self.0, models).await
    }

    async fn get(&self, id: &str) -> StoreResult<Option<DataModel>> {
        sourced::get(&self.0, id).await
    }

    async fn list(&self) -> StoreResult<Vec<DataModel>> {
        sourced::list(&self.0).await
    }
}
