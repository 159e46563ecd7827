//! The lake as the rest of the product sees it.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use margay_domain::{
    alert::EventRef,
    clock::Timestamp,
    entropy::Entropy,
    id::UserId,
    lake::{
        ColumnInfo, DatabaseInfo, IngestReport, LakeError, QueryRequest, QueryResult, TableInfo, TableSchema,
        table_name,
    },
    log_schema::LogSchema,
    ports::{DataLake, LogSchemas},
    role::LogTypeAccess,
};
use serde_json::{Map, Value};

#[cfg(test)]
use crate::worker::Runner;
use crate::{
    catalog::{ALL_LOGS, Database, Known, databases},
    columns::{self, ColumnType},
    errors::unavailable,
    ingest::{
        IngestError, Input,
        files::{IngestOptions, Ingested, Reading, ingest_events, ingest_input, is_same_file, rejects_of},
    },
    schema::{Schema, admission},
    tables::{Tables, arrow_schema, table_path},
    worker::{Answer, EventsJob, Job, Pool, QueryJob, Setup, Spill, WorkerCommand, spill_folder},
};

/// How long the events of an alert are looked for.
const EVENTS_TIMEOUT: Duration = Duration::from_mins(1);

/// Where the lake is, how much it may use, and what its queries run in.
#[derive(Clone, Debug)]
pub struct LakeConfig {
    /// The folder of the lake; made if it is not there.
    pub root: PathBuf,
    /// Bytes of memory that all queries together may use for what they sort, group and join.
    pub memory_limit_bytes: usize,
    /// Bytes of disk that they may use for what does not fit into memory.
    pub spill_limit_bytes: u64,
    /// What statements run in.
    pub execution: Execution,
}

/// What statements run in.
#[derive(Clone, Debug)]
pub enum Execution {
    /// Processes of their own.
    Workers {
        /// How one is started.
        command: WorkerCommand,
        /// At most this many; each has its share of memory and disk.
        most: NonZeroUsize,
    },
    /// The process of the test.
    #[cfg(test)]
    InProcess,
}

/// Tables of events in a local folder, and SQL over them. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Lake(Arc<Inner>);

struct Inner {
    tables: Tables,
    root: PathBuf,
    queries: Queries,
    schemas: Arc<dyn LogSchemas>,
    entropy: Arc<dyn Entropy>,
    /// Parsed log schemas with the text they were parsed from.
    parsed: Mutex<HashMap<String, (String, Arc<Schema>)>>,
}

/// Where statements run.
enum Queries {
    Workers(Pool),
    #[cfg(test)]
    InProcess(Arc<Runner>),
}

impl Queries {
    /// What [`Pool::run`] does.
    async fn run(&self, job: Job, timeout: Duration, person: Option<&UserId>) -> Answer {
        match self {
            Self::Workers(pool) => pool.run(job, timeout, person).await,
            #[cfg(test)]
            Self::InProcess(runner) => {
                let runner = Arc::clone(runner);
                let mut task = tokio::task::JoinSet::new();
                task.spawn(async move { runner.run(job).await });
                match tokio::time::timeout(timeout, task.join_next()).await {
                    Ok(Some(Ok(answer))) => answer,
                    Ok(_) => Answer::Failed(LakeError::Crashed),
                    Err(_) => Answer::Failed(LakeError::TimedOut(timeout.as_secs())),
                }
            }
        }
    }
}

impl Lake {
    /// Opens the lake. Fails with [`LakeError::Unavailable`] if its folder is not there and cannot be made.
    pub fn open(
        config: LakeConfig,
        schemas: Arc<dyn LogSchemas>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LakeError> {
        let bad = |error: std::io::Error| {
            unavailable(format!("the folder {} cannot be used: {error}", config.root.display()))
        };
        if !config.root.is_dir() {
            std::fs::create_dir_all(&config.root).map_err(bad)?;
        }
        let root = config.root.canonicalize().map_err(bad)?;
        let folder = spill_folder(&root);
        let setup = |workers: NonZeroUsize| Setup {
            root: root.clone(),
            memory_bytes: config.memory_limit_bytes / workers,
            spill: folder.map(|folder| Spill { folder, bytes: config.spill_limit_bytes / workers.get() as u64 }),
        };
        let queries = match config.execution {
            Execution::Workers { command, most } => Queries::Workers(Pool::new(command, setup(most), most)),
            #[cfg(test)]
            Execution::InProcess => Queries::InProcess(Arc::new(Runner::new(setup(NonZeroUsize::MIN))?)),
        };
        let tables = Tables::new(root.clone());
        Ok(Self(Arc::new(Inner { tables, root, queries, schemas, entropy, parsed: Mutex::default() })))
    }

    /// Starts a first query worker in the background, so that the first query does not wait for it.
    pub fn warm(&self) {
        let lake = self.clone();
        tokio::spawn(async move {
            match &lake.0.queries {
                Queries::Workers(pool) => pool.warm().await,
                #[cfg(test)]
                Queries::InProcess(_) => {}
            }
        });
    }

    /// Ends all queries and their workers.
    pub fn close(&self) {
        match &self.0.queries {
            Queries::Workers(pool) => pool.close(),
            #[cfg(test)]
            Queries::InProcess(_) => {}
        }
    }

    /// Reads events from `input` into the table of `log_type`: all of it or nothing. What is no event goes, as it is, to
    /// the file for rejected pieces. What [`DataLake::ingest_file`] does, with errors that tell about files.
    pub async fn ingest(
        &self,
        log_type: &str,
        input: &Input,
        options: IngestOptions,
        now: Timestamp,
    ) -> Result<Ingested, IngestError> {
        let rejects = options.rejects.clone().unwrap_or_else(|| rejects_of(input));
        if input.path().is_some_and(|file| is_same_file(file, &rejects)) {
            return Err(IngestError::RejectsAreInput { path: rejects });
        }
        let stored = self.0.stored(log_type).await?;
        let schema = self.0.parse(&stored)?;
        let entropy = Arc::clone(&self.0.entropy);
        let reading = Reading { schema: &schema, revision: stored.revision, now, entropy };
        Box::pin(ingest_input(&self.0.tables, &reading, input, options)).await
    }

    /// Whether a log schema may be added beside `others`: its YAML is good, its name does not collide with one of
    /// theirs, and every column that its table has already keeps its type. Returns what to tell about it, in sentences.
    pub async fn check_new_schema(
        &self,
        name: &str,
        spec: &str,
        others: &[LogSchema],
    ) -> Result<Vec<&'static str>, LakeError> {
        let bad = |message: String| LakeError::BadSchema { name: name.to_owned(), message };
        let schema = Schema::parse(name, spec)?;
        admission::check_name(name, others).map_err(bad)?;
        if let Some(table) = self.0.tables.open(&table_name(name)).await? {
            admission::check_columns(&schema, arrow_schema(&table)?.as_ref()).map_err(bad)?;
        }
        Ok(if schema.has_event_time() {
            Vec::new()
        } else {
            vec!["no field is marked with isEventTime: true, so events get the time at which they are read"]
        })
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
        let QueryRequest { sql, database, max_rows, offset, timeout, now, log_types, person } = request;
        let known = self.0.known(&log_types).await?;
        let job = Job::Query(QueryJob { sql, database, max_rows, offset, now, known });
        match self.0.queries.run(job, timeout, person.as_ref()).await {
            Answer::Rows(result) => Ok(result),
            Answer::Failed(error) => Err(error),
            Answer::Events(_) => Err(LakeError::Crashed),
        }
    }

    async fn events(&self, refs: &[EventRef], access: &LogTypeAccess) -> Result<Vec<Map<String, Value>>, LakeError> {
        let known = self.0.known(access).await?;
        let job = Job::Events(EventsJob { refs: refs.to_vec(), known });
        match self.0.queries.run(job, EVENTS_TIMEOUT, None).await {
            Answer::Events(events) => Ok(events),
            Answer::Failed(error) => Err(error),
            Answer::Rows(_) => Err(LakeError::Crashed),
        }
    }

    async fn ingest_file(
        &self,
        log_type: &str,
        file: &Path,
        rejects: Option<&Path>,
        now: Timestamp,
    ) -> Result<IngestReport, LakeError> {
        let input = Input::File(file.to_path_buf());
        let options = IngestOptions { rejects: rejects.map(Path::to_path_buf), ..IngestOptions::default() };
        let ingested = self.ingest(log_type, &input, options, now).await?;
        Ok(ingested.report)
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
