//! Running a statement within its limits.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    catalog::TableProvider,
    common::{DataFusionError, ScalarValue, TableReference},
    datasource::{ViewTable, empty::EmptyTable, provider_as_source},
    execution::memory_pool::MemoryConsumer,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit},
    physical_plan::{ExecutionPlan, execute_stream},
    prelude::{SQLOptions, SessionContext, ident},
    sql::parser::Statement as EngineStatement,
};
use futures::StreamExt as _;
use margay_domain::lake::{ColumnInfo, LakeError, QueryResult};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    catalog::{ALL_LOGS, Database, Known},
    columns,
    engine::{Engine, provider, register},
    errors::{in_planning, in_rows, of_engine, placed},
    rows::Columns,
    sql::{Prepared, prepare},
    tables::Tables,
    worker::QueryJob,
};

/// Runs one read-only statement. The time limit is the caller's, who ends the process of this worker.
pub(crate) async fn run(engine: &Engine, tables: &Tables, request: &QueryJob) -> Result<QueryResult, LakeError> {
    let began = Instant::now();
    let database = Database::parse(&request.database)?;
    let sql = request.sql.as_str();
    let known = &request.known;
    let prepared = prepare(sql, database, known, request.now).map_err(|error| placed(error, sql))?;
    let context = engine.session();
    attach(&context, tables, known, &prepared).await.map_err(|error| placed(error, sql))?;
    let outcome = match plan(&context, prepared, request).await.map_err(|error| in_planning(&error, sql))? {
        Planned::Explained(explained) => explained,
        Planned::Runs(columns, physical) => {
            let rows = execute(engine, &context, columns, physical, request).await;
            rows.map_err(|error| in_rows(&error, sql))?
        }
    };
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(QueryResult { elapsed_ms, ..outcome })
}

/// Makes the tables of a statement known to its session, and no others.
async fn attach(
    context: &SessionContext,
    tables: &Tables,
    known: &Known,
    prepared: &Prepared,
) -> Result<(), LakeError> {
    let mut names = prepared.tables.clone();
    if prepared.all_logs {
        names.extend(known.iter().map(|(table, _)| table.to_owned()));
    }
    let mut opened = BTreeMap::new();
    for name in names {
        // It was there a moment ago; if it is gone now, it is unknown.
        let table = tables.open(&name).await?.ok_or_else(|| LakeError::UnknownTable(name.clone()))?;
        let provider = provider(&table, context).await.map_err(|error| of_engine(&error))?;
        opened.insert(name, provider);
    }
    if prepared.all_logs {
        let view = all_logs(&opened).map_err(|error| of_engine(&error))?;
        let views = vec![(ALL_LOGS.to_owned(), view)];
        register(context, Database::Views, views).map_err(|error| of_engine(&error))?;
    }
    opened.retain(|name, _| prepared.tables.contains(name));
    register(context, Database::Logs, opened.into_iter().collect()).map_err(|error| of_engine(&error))
}

/// The columns that every table has, of all tables.
fn all_logs(tables: &BTreeMap<String, Arc<dyn TableProvider>>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let standard = columns::standard_schema()?;
    let mut all: Option<LogicalPlan> = None;
    for (name, table) in tables {
        // A table that was made by an earlier version lacks the newest of them until the next ingest.
        let present = table.schema();
        let shared = standard.fields().iter().map(|column| match present.column_with_name(column.name()) {
            Some(_) => ident(column.name()),
            None => cast(lit(ScalarValue::Null), column.data_type().clone()).alias(column.name()),
        });
        let shared: Vec<Expr> = shared.collect();
        let name = TableReference::bare(name.clone());
        let scan = LogicalPlanBuilder::scan(name, provider_as_source(Arc::clone(table)), None)?;
        let plan = scan.project(shared)?.build()?;
        all = Some(match all {
            None => plan,
            Some(before) => LogicalPlanBuilder::from(before).union(plan)?.build()?,
        });
    }
    match all {
        Some(plan) => Ok(Arc::new(ViewTable::new(plan, None))),
        None => Ok(Arc::new(EmptyTable::new(standard))),
    }
}

/// A statement that was planned. No row has been read.
enum Planned {
    /// Only its plan was asked for.
    Explained(QueryResult),
    /// How its rows are made, and what its columns are.
    Runs(Columns, Arc<dyn ExecutionPlan>),
}

async fn plan(context: &SessionContext, prepared: Prepared, request: &QueryJob) -> Result<Planned, DataFusionError> {
    let state = context.state();
    let plan = state.statement_to_plan(EngineStatement::Statement(Box::new(prepared.statement))).await?;
    // Second line of defence behind the parser: a plan that writes anything is refused, subqueries included.
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan)?;
    if prepared.explain {
        // Only the logical plan: the physical one names files.
        return Ok(Planned::Explained(explained(&state.optimize(&plan)?)));
    }
    let columns = Columns::new(plan.schema().fields().iter().map(AsRef::as_ref));
    // One row more than is wanted tells whether there are more.
    let limited =
        LogicalPlanBuilder::from(plan).limit(request.offset, Some(request.max_rows.saturating_add(1)))?.build()?;
    Ok(Planned::Runs(columns, state.create_physical_plan(&limited).await?))
}

/// Reads the rows.
async fn execute(
    engine: &Engine,
    context: &SessionContext,
    columns: Columns,
    physical: Arc<dyn ExecutionPlan>,
    request: &QueryJob,
) -> Result<QueryResult, DataFusionError> {
    let mut stream = execute_stream(Arc::clone(&physical), engine.task(context, physical.as_ref()))?;
    // The rows of an answer count as memory of the query, and there is a limit on one answer.
    let memory = MemoryConsumer::new("rows of an answer").register(&context.runtime_env().memory_pool);
    let mut rows = Vec::new();
    let mut truncated = false;
    'batches: while let Some(batch) = stream.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            if rows.len() >= request.max_rows {
                truncated = true;
                break 'batches;
            }
            let weight = columns.weight(&batch, row);
            let fits = memory.size().saturating_add(weight) <= engine.answer_bytes();
            if !fits || memory.try_grow(weight).is_err() {
                if rows.is_empty() {
                    let message = format!("one row of the answer would take {weight} bytes of memory");
                    return Err(DataFusionError::ResourcesExhausted(message));
                }
                truncated = true;
                break 'batches;
            }
            rows.push(columns.row(&batch, row));
        }
    }
    drop(stream);
    let bytes_scanned = bytes_scanned(physical.as_ref());
    Ok(QueryResult { columns: columns.infos(), rows, truncated, elapsed_ms: 0, bytes_scanned })
}

fn explained(plan: &LogicalPlan) -> QueryResult {
    let cells = [("plan_type", "logical_plan".to_owned()), ("plan", plan.display_indent().to_string())];
    let column =
        |name: &str| ColumnInfo { name: name.to_owned(), kind: "string".to_owned(), description: String::new() };
    QueryResult {
        columns: cells.iter().map(|(name, _)| column(name)).collect(),
        rows: vec![cells.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect::<Map<_, _>>()],
        truncated: false,
        elapsed_ms: 0,
        bytes_scanned: None,
    }
}

/// What the scans of a plan have read.
fn bytes_scanned(plan: &dyn ExecutionPlan) -> Option<u64> {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
    let own = own.and_then(|value| u64::try_from(value.as_usize()).ok());
    let inputs = plan.children().into_iter().filter_map(|input| bytes_scanned(input.as_ref()));
    inputs.chain(own).reduce(u64::saturating_add)
}
