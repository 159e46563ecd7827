//! The query engine: one runtime with its limits, and a fresh session for every query.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use datafusion::{
    catalog::{CatalogProvider as _, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider as _, TableProvider},
    common::DataFusionError,
    execution::{
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::{SessionConfig, SessionContext},
};
use deltalake::DeltaTable;
use margay_domain::lake::LakeError;

use crate::{
    catalog::{Database, SCHEMA},
    errors::unavailable,
    functions::{self, Limits},
};

/// Rows of a batch. Fewer than usual: what expressions make of a batch lies outside of the memory pool.
pub(crate) const BATCH_ROWS: usize = 2048;

/// Whether texts are read as string views. The lists in the `p_any_` columns would become lists of views too, which
/// not every function of lists takes.
const STRING_VIEWS: bool = false;

/// What every query runs on.
pub(crate) struct Engine {
    runtime: Arc<RuntimeEnv>,
    partitions: usize,
    answer_bytes: usize,
}

impl Engine {
    /// All queries together may use so much memory, and so much of the folder for what does not fit.
    pub(crate) fn new(memory_bytes: usize, spill_bytes: u64, spill_folder: PathBuf) -> Result<Self, LakeError> {
        // The log of a query that ran out of memory names its five largest parts.
        let shown = NonZeroUsize::MIN.saturating_add(4);
        let memory = TrackConsumersPool::new(FairSpillPool::new(memory_bytes), shown);
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![spill_folder]))
            .with_max_temp_directory_size(spill_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(memory))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(unavailable)?;
        let partitions = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self { runtime, partitions, answer_bytes: memory_bytes / 4 })
    }

    /// How many bytes of memory the rows of one answer may take.
    pub(crate) const fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// A session that knows no table. It reads no file by its name, shows no information schema, and its default
    /// database is empty, so that only tables that are registered by their full name can be reached. Its functions
    /// keep to `limits`.
    pub(crate) fn session(&self, limits: Limits) -> SessionContext {
        let mut config = SessionConfig::new()
            .with_target_partitions(self.partitions)
            .with_batch_size(BATCH_ROWS)
            .with_information_schema(false)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema("margay", "empty");
        let options = config.options_mut();
        options.sql_parser.collect_spans = true;
        options.sql_parser.map_string_types_to_utf8view = STRING_VIEWS;
        options.execution.parquet.schema_force_view_types = STRING_VIEWS;
        // Without it the tables hand no filter to the Parquet reader, and nothing in a file would be skipped.
        options.execution.parquet.pushdown_filters = true;
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&self.runtime));
        functions::install(&context, limits);
        context
    }
}

/// A table as the engine reads it.
pub(crate) async fn provider(
    table: &DeltaTable,
    context: &SessionContext,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    table.table_provider().with_session(Arc::new(context.state())).await
}

/// Makes tables known to a session under their full names.
pub(crate) fn register(
    context: &SessionContext,
    database: Database,
    tables: Vec<(String, Arc<dyn TableProvider>)>,
) -> Result<(), DataFusionError> {
    let schema = MemorySchemaProvider::new();
    for (name, table) in tables {
        schema.register_table(name, table)?;
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::new(schema))?;
    context.register_catalog(database.catalog(), Arc::new(catalog));
    Ok(())
}
