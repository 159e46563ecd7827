//! Does what a worker is asked.

use margay_domain::lake::LakeError;

use super::{
    Setup,
    protocol::{Answer, Job},
};
use crate::{engine::Engine, events, query, tables::Tables};

/// The query engine over a lake. Between two jobs it keeps only tables that are open.
pub(crate) struct Runner {
    engine: Engine,
    tables: Tables,
}

impl Runner {
    /// Fails with [`LakeError::Unavailable`] where the engine cannot use its folder.
    pub(crate) fn new(setup: Setup) -> Result<Self, LakeError> {
        let engine = Engine::new(setup.memory_bytes, setup.spill)?;
        Ok(Self { engine, tables: Tables::new(setup.root) })
    }

    /// Does a job. Dropping the future ends it where the engine hands back control.
    pub(crate) async fn run(&self, job: Job) -> Answer {
        let outcome = match job {
            Job::Query(job) => query::run(&self.engine, &self.tables, &job).await.map(Answer::Rows),
            Job::Events(job) => {
                events::look_up(&self.engine, &self.tables, &job.known, &job.refs).await.map(Answer::Events)
            }
        };
        outcome.unwrap_or_else(Answer::Failed)
    }
}
