//! The lake as the rest of the product sees it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use margay_domain::{
    alert::EventRef,
    clock::Timestamp,
    entropy::Entropy,
    lake::{
        ColumnInfo, DatabaseInfo, IngestReport, LakeError, QueryRequest, QueryResult, TableInfo, TableSchema,
        table_name,
    },
    log_schema::LogSchema,
    ports::{DataLake, LogSchemas},
    role::LogTypeAccess,
};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::{
    catalog::{ALL_LOGS, Database, Known, databases},
    columns::{self, ColumnType},
    engine::Engine,
    errors::unavailable,
    events,
    ingest::{
        IngestError,
        files::{Reading, ingest_events, ingest_file, is_same_file, rejects_beside},
    },
    query,
    schema::Schema,
    tables::{Tables, arrow_schema, table_path},
};

/// The folder for what a query cannot keep in memory, below the root.
const SPILL_FOLDER: &str = ".spill";

/// Where the lake is and how much it may use.
#[derive(Clone, Debug)]
pub struct LakeConfig {
    /// The folder of the lake; made if it is not there.
    pub root: PathBuf,
    /// So many bytes of memory all queries together may use for what they sort, group and join.
    pub memory_limit_bytes: usize,
    /// So many bytes of disk they may use for what does not fit into memory.
    pub spill_limit_bytes: u64,
}

impl LakeConfig {
    /// A lake in `root` with limits that fit a small machine: 256 MB of memory, 4 GB of disk.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), memory_limit_bytes: 256 * 1024 * 1024, spill_limit_bytes: 4 * 1024 * 1024 * 1024 }
    }
}

/// Tables of events in a local folder, and SQL over them. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Lake(Arc<Inner>);

struct Inner {
    tables: Tables,
    root: PathBuf,
    engine: Engine,
    schemas: Arc<dyn LogSchemas>,
    entropy: Arc<dyn Entropy>,
    /// Parsed log schemas with the text they were parsed from.
    parsed: Mutex<HashMap<String, (String, Arc<Schema>)>>,
}

impl Lake {
    /// Opens the lake. Fails with [`LakeError::Unavailable`] if its folder cannot be made or written.
    pub fn open(
        config: LakeConfig,
        schemas: Arc<dyn LogSchemas>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LakeError> {
        let bad = |error: std::io::Error| {
            unavailable(format!("the folder {} cannot be used: {error}", config.root.display()))
        };
        let spill = config.root.join(SPILL_FOLDER);
        std::fs::create_dir_all(&spill).map_err(bad)?;
        let root = config.root.canonicalize().map_err(bad)?;
        let engine = Engine::new(config.memory_limit_bytes, config.spill_limit_bytes, root.join(SPILL_FOLDER))?;
        let tables = Tables::new(root.clone());
        Ok(Self(Arc::new(Inner { tables, root, engine, schemas, entropy, parsed: Mutex::default() })))
    }

    /// Reads JSON lines from `file` into the table of `log_type`: all of it or nothing. Lines that are no events go, as
    /// they are, to `rejects`, or to [`rejects_beside`] the file. What [`DataLake::ingest_file`] does, with errors that
    /// tell about files.
    pub async fn ingest(
        &self,
        log_type: &str,
        file: &Path,
        rejects: Option<&Path>,
        now: Timestamp,
    ) -> Result<IngestReport, IngestError> {
        let rejects = rejects.map_or_else(|| rejects_beside(file), Path::to_path_buf);
        if is_same_file(file, &rejects) {
            return Err(IngestError::RejectsAreInput { path: rejects });
        }
        let stored = self.0.stored(log_type).await?;
        let schema = self.0.parse(&stored)?;
        let entropy = Arc::clone(&self.0.entropy);
        let reading = Reading { schema: &schema, revision: stored.revision, now, entropy };
        Box::pin(ingest_file(&self.0.tables, &reading, file, &rejects)).await
    }

    /// The folder of the table of a log type.
    pub fn table_path(&self, log_type: &str) -> PathBuf {
        table_path(&self.0.root, &table_name(log_type))
    }
}

impl Inner {
    /// What a person may read.
    async fn known(&self, access: &LogTypeAccess) -> Result<Known, LakeError> {
        let schemas = self.schemas.list().await.map_err(unavailable)?;
        Ok(Known::new(&schemas, &self.tables.names().await?, access))
    }

    async fn stored(&self, log_type: &str) -> Result<LogSchema, LakeError> {
        let stored = self.schemas.get(log_type).await.map_err(unavailable)?;
        stored.ok_or_else(|| LakeError::UnknownLogType(log_type.to_owned()))
    }

    /// A log schema, parsed; parsed again only when its text changed.
    fn parse(&self, stored: &LogSchema) -> Result<Arc<Schema>, LakeError> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((spec, schema)) = parsed.get(&stored.name)
            && *spec == stored.spec
        {
            return Ok(Arc::clone(schema));
        }
        let schema = Arc::new(Schema::parse(&stored.name, &stored.spec)?);
        parsed.insert(stored.name.clone(), (stored.spec.clone(), Arc::clone(&schema)));
        Ok(schema)
    }

    /// The columns of a table of log events.
    async fn log_columns(&self, table: &str, log_type: &str) -> Result<Vec<ColumnInfo>, LakeError> {
        let opened = self.tables.open(table).await?.ok_or_else(|| LakeError::UnknownTable(table.to_owned()))?;
        let schema = self.parse(&self.stored(log_type).await?)?;
        let mut descriptions: HashMap<&str, &str> =
            schema.fields.iter().map(|field| (field.column.as_str(), field.description.as_str())).collect();
        let standard = columns::standard();
        descriptions.extend(standard.iter().map(|(name, _, description)| (*name, *description)));
        let info = |(name, kind): (&str, &'static str)| ColumnInfo {
            name: name.to_owned(),
            kind: kind.to_owned(),
            description: descriptions.get(name).copied().unwrap_or_default().to_owned(),
        };
        let fields = arrow_schema(&opened)?;
        let columns = fields.fields().iter();
        let columns = columns
            .map(|field| (field.name().as_str(), ColumnType::of_arrow(field).map_or("string", ColumnType::word)));
        Ok(columns.map(info).collect())
    }
}

/// The view of all logs, for lists.
fn all_logs() -> TableInfo {
    TableInfo {
        name: ALL_LOGS.to_owned(),
        description: "The p_ columns of every table of log events that you may read.".to_owned(),
        log_type: None,
    }
}

#[async_trait]
impl DataLake for Lake {
    async fn databases(&self) -> Result<Vec<DatabaseInfo>, LakeError> {
        Ok(databases())
    }

    async fn tables(&self, database: &str, access: &LogTypeAccess) -> Result<Vec<TableInfo>, LakeError> {
        if Database::parse(database)? == Database::Views {
            return Ok(vec![all_logs()]);
        }
        let schemas = self.0.schemas.list().await.map_err(unavailable)?;
        let known = Known::new(&schemas, &self.0.tables.names().await?, access);
        let described = |log_type: &str| {
            let schema = schemas.iter().find(|schema| schema.name == log_type);
            schema.map(|schema| schema.description.clone()).unwrap_or_default()
        };
        let info = |(table, log_type): (&str, &str)| TableInfo {
            name: table.to_owned(),
            description: described(log_type),
            log_type: Some(log_type.to_owned()),
        };
        Ok(known.iter().map(info).collect())
    }

    async fn table_schema(
        &self,
        database: &str,
        table: &str,
        access: &LogTypeAccess,
    ) -> Result<TableSchema, LakeError> {
        let unknown = || LakeError::UnknownTable(table.to_owned());
        if Database::parse(database)? == Database::Views {
            if !table.eq_ignore_ascii_case(ALL_LOGS) {
                return Err(unknown());
            }
            let columns = columns::standard().into_iter().map(|(name, column, description)| ColumnInfo {
                name: name.to_owned(),
                kind: column.word().to_owned(),
                description: description.to_owned(),
            });
            return Ok(TableSchema { table: all_logs(), columns: columns.collect() });
        }
        let known = self.0.known(access).await?;
        let (name, log_type) = known.find(table).ok_or_else(unknown)?;
        let columns = self.0.log_columns(name, log_type).await?;
        let description = self.0.stored(log_type).await?.description;
        let table = TableInfo { name: name.to_owned(), description, log_type: Some(log_type.to_owned()) };
        Ok(TableSchema { table, columns })
    }

    async fn query(&self, request: QueryRequest) -> Result<QueryResult, LakeError> {
        let timeout = request.timeout;
        let lake = Arc::clone(&self.0);
        let run = async move {
            let known = lake.known(&request.log_types).await?;
            query::run(&lake.engine, &lake.tables, &known, &request).await
        };
        // A task of its own, so that its time ends even while it computes. It ends when the set is dropped.
        let mut task = JoinSet::new();
        task.spawn(run.in_current_span());
        match tokio::time::timeout(timeout, task.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(Some(Err(failed))) => Err(unavailable(failed)),
            Ok(None) => Err(unavailable("the query did not run")),
            Err(_) => Err(LakeError::TimedOut(timeout.as_secs())),
        }
    }

    async fn events(&self, refs: &[EventRef], access: &LogTypeAccess) -> Result<Vec<Map<String, Value>>, LakeError> {
        let known = self.0.known(access).await?;
        events::look_up(&self.0.engine, &self.0.tables, &known, refs).await
    }

    async fn ingest_file(
        &self,
        log_type: &str,
        file: &Path,
        rejects: Option<&Path>,
        now: Timestamp,
    ) -> Result<IngestReport, LakeError> {
        self.ingest(log_type, file, rejects, now).await.map_err(LakeError::from)
    }

    async fn ingest_events(
        &self,
        log_type: &str,
        events: Vec<Map<String, Value>>,
        now: Timestamp,
    ) -> Result<(IngestReport, Vec<EventRef>), LakeError> {
        let stored = self.0.stored(log_type).await?;
        let schema = self.0.parse(&stored)?;
        let entropy = Arc::clone(&self.0.entropy);
        let reading = Reading { schema: &schema, revision: stored.revision, now, entropy };
        ingest_events(&self.0.tables, &reading, events).await
    }

    fn check_schema(&self, name: &str, spec: &str) -> Result<(), LakeError> {
        Schema::parse(name, spec).map(|_| ())
    }
}
