//! The query engine: one runtime with its limits, and a fresh session for every query.

use std::{num::NonZeroUsize, sync::Arc};

use datafusion::{
    catalog::{CatalogProvider as _, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider as _, TableProvider},
    common::DataFusionError,
    execution::{
        SessionStateBuilder, SessionStateDefaults, TaskContext,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    physical_plan::{ExecutionPlan, joins::NestedLoopJoinExec},
    prelude::{SessionConfig, SessionContext},
};
use deltalake::DeltaTable;
use margay_domain::lake::LakeError;

use crate::{
    catalog::{Database, SCHEMA},
    errors::unavailable,
    functions,
    worker::Spill,
};

/// Rows of a batch. Fewer than usual: what expressions make of a batch lies outside of the memory pool.
const BATCH_ROWS: usize = 2048;

/// A query is split into this many parts at most; each needs memory of its own.
const MAX_PARTITIONS: usize = 4;

/// Whether texts are read as string views. The lists in the `p_any_` columns would become lists of views too, which
/// not every function of lists takes.
const STRING_VIEWS: bool = false;

/// What every query of a worker runs on.
pub(crate) struct Engine {
    runtime: Arc<RuntimeEnv>,
    /// The same without a folder for what does not fit into memory.
    in_memory: Arc<RuntimeEnv>,
    partitions: usize,
    answer_bytes: usize,
}

impl Engine {
    /// A query may use this much memory, and put what does not fit into a folder, if there is one.
    pub(crate) fn new(memory_bytes: usize, spill: Option<Spill>) -> Result<Self, LakeError> {
        // The log of a query that ran out of memory names its five largest parts.
        let shown = NonZeroUsize::MIN.saturating_add(4);
        let memory = TrackConsumersPool::new(FairSpillPool::new(memory_bytes), shown);
        let disk = match spill {
            Some(Spill { folder, bytes }) => DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::Directories(vec![folder]))
                .with_max_temp_directory_size(bytes),
            None => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(memory))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(unavailable)?;
        let no_disk =
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled).build().map_err(unavailable)?;
        let in_memory = Arc::new(RuntimeEnv { disk_manager: Arc::new(no_disk), ..RuntimeEnv::clone(&runtime) });
        let partitions = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_PARTITIONS);
        Ok(Self { runtime, in_memory, partitions, answer_bytes: memory_bytes / 4 })
    }

    /// How many bytes of memory the rows of one answer may take.
    pub(crate) const fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// In what a plan of a session runs. A nested-loop join that finds no memory would run its inputs a second time to
    /// put them on disk, which tables of events do not bear; without a disk it says that there is no memory.
    pub(crate) fn task(&self, context: &SessionContext, plan: &dyn ExecutionPlan) -> Arc<TaskContext> {
        let task = context.task_ctx();
        if !has_nested_loop(plan) {
            return task;
        }
        Arc::new(TaskContext::from(&context.state()).with_runtime(Arc::clone(&self.in_memory)))
    }

    /// A session that knows no table. It reads no file by its name, shows no information schema, and its default
    /// database is empty, so that only tables that are registered by their full name can be reached. It offers the
    /// functions of `functions`, and knows no others.
    pub(crate) fn session(&self) -> SessionContext {
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
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_expr_planners(SessionStateDefaults::default_expr_planners())
            .with_scalar_functions(functions::scalar())
            .with_aggregate_functions(functions::aggregate())
            .with_window_functions(functions::window())
            .with_table_function_list(functions::table())
            .build();
        SessionContext::new_with_state(state)
    }
}

fn has_nested_loop(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<NestedLoopJoinExec>() || plan.children().into_iter().any(|input| has_nested_loop(input.as_ref()))
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
