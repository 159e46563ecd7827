//! The tables: one Delta table per log type, in a folder of its own.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use deltalake::{
    DeltaTable, DeltaTableBuilder, DeltaTableError, TableProperty,
    kernel::{StructField, engine::arrow_conversion::TryIntoArrow as _},
};
use margay_domain::lake::{LOGS_DATABASE, LakeError, table_name};
use url::Url;

use crate::{
    columns::{self, ColumnType, EVENT_TIME, PARSE_TIME},
    errors::{is_conflict, one_line, storage, unavailable, unreadable},
    schema::Schema,
};

/// The folder in which a Delta table keeps its log; a folder without it is no table.
const DELTA_LOG: &str = "_delta_log";
/// How often a change of a table's columns is tried when other programs change it too.
const ATTEMPTS: usize = 5;

/// The folder of a table of log events: `<root>/panther_logs.public/<table>`.
pub fn table_path(root: &Path, table: &str) -> PathBuf {
    root.join(LOGS_DATABASE).join(table)
}

/// The tables of log events below one folder.
pub(crate) struct Tables {
    root: PathBuf,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// What is remembered of a table.
#[derive(Default)]
struct Slot {
    /// As last read; brought up to date by reading only what is new.
    loaded: tokio::sync::Mutex<Option<DeltaTable>>,
    /// Held while the table is made or its columns change.
    change: tokio::sync::Mutex<()>,
}

impl Tables {
    /// The tables below `root`, an absolute path of a folder that exists.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, slots: Mutex::default() }
    }

    fn slot(&self, table: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(table.to_owned()).or_default())
    }

    /// The names of the tables that exist.
    pub(crate) async fn names(&self) -> Result<BTreeSet<String>, LakeError> {
        let folder = self.root.join(LOGS_DATABASE);
        let read = move || -> Result<BTreeSet<String>, LakeError> {
            match std::fs::read_dir(&folder) {
                Ok(entries) => Ok(entries
                    .flatten()
                    .filter(|entry| entry.path().join(DELTA_LOG).is_dir())
                    .filter_map(|entry| entry.file_name().into_string().ok())
                    .collect()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
                Err(error) => Err(unavailable(error)),
            }
        };
        tokio::task::spawn_blocking(read).await.map_err(unavailable)?
    }

    /// A table as it is now; `None` if there is none.
    pub(crate) async fn open(&self, table: &str) -> Result<Option<DeltaTable>, LakeError> {
        let slot = self.slot(table);
        let mut loaded = slot.loaded.lock().await;
        if let Some(known) = loaded.as_mut() {
            match known.update_state().await {
                Ok(()) => return Ok(Some(known.clone())),
                // Somebody may have removed the folder; then it is read anew.
                Err(error) => {
                    tracing::warn!(error = one_line(&error), table, "a table could not be brought up to date");
                }
            }
            *loaded = None;
        }
        if !self.folder(table).join(DELTA_LOG).is_dir() {
            return Ok(None);
        }
        match self.builder(table)?.load().await {
            Ok(fresh) => {
                *loaded = Some(fresh.clone());
                Ok(Some(fresh))
            }
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(error) => Err(unreadable(table, &error)),
        }
    }

    /// The table of a log schema with all of its columns; made or widened where needed.
    pub(crate) async fn ensure(&self, schema: &Schema) -> Result<DeltaTable, LakeError> {
        let name = table_name(&schema.name);
        let slot = self.slot(&name);
        let _changing = slot.change.lock().await;
        let wanted = columns::of_schema(schema);
        let mut problem = None;
        for _ in 0..ATTEMPTS {
            let outcome = match self.open(&name).await? {
                None => self.create(&name, schema, &wanted).await?,
                Some(table) => {
                    let missing = missing(&table, &wanted)?;
                    if missing.is_empty() {
                        return Ok(table);
                    }
                    table.add_columns().with_fields(missing).await
                }
            };
            match outcome {
                Ok(table) => return Ok(table),
                // Another program was faster; look again at what it made.
                Err(error) => problem = Some(error),
            }
        }
        Err(problem.map_or_else(|| LakeError::Unavailable("the table could not be made".to_owned()), |e| storage(&e)))
    }

    async fn create(
        &self,
        name: &str,
        schema: &Schema,
        wanted: &[(String, ColumnType)],
    ) -> Result<Result<DeltaTable, DeltaTableError>, LakeError> {
        tokio::fs::create_dir_all(self.folder(name)).await.map_err(unavailable)?;
        let table = self.builder(name)?.build().map_err(|error| storage(&error))?;
        let fields: Vec<StructField> = wanted.iter().map(|(column, kind)| kind.delta_field(column)).collect();
        let created = table
            .create()
            .with_table_name(&schema.name)
            .with_columns(fields)
            // Only times are worth statistics in the log; the Parquet files have their own for every column.
            .with_configuration_property(
                TableProperty::DataSkippingStatsColumns,
                Some(format!("{EVENT_TIME},{PARSE_TIME}")),
            )
            .await;
        Ok(created)
    }

    fn folder(&self, table: &str) -> PathBuf {
        table_path(&self.root, table)
    }

    fn builder(&self, table: &str) -> Result<DeltaTableBuilder, LakeError> {
        let folder = self.folder(table);
        let url = Url::from_directory_path(&folder)
            .map_err(|()| LakeError::Unavailable(format!("{} is not an absolute path", folder.display())))?;
        DeltaTableBuilder::from_url(url).map_err(|error| storage(&error))
    }
}

/// The columns of a table.
pub(crate) fn arrow_schema(table: &DeltaTable) -> Result<SchemaRef, LakeError> {
    let state = table.snapshot().map_err(|error| storage(&error))?;
    let schema: ArrowSchema = state.schema().as_ref().try_into_arrow().map_err(unavailable)?;
    Ok(Arc::new(schema))
}

fn missing(table: &DeltaTable, wanted: &[(String, ColumnType)]) -> Result<Vec<StructField>, LakeError> {
    let present = arrow_schema(table)?;
    let present: HashSet<&str> = present.fields().iter().map(|field| field.name().as_str()).collect();
    let missing = wanted.iter().filter(|(name, _)| !present.contains(name.as_str()));
    Ok(missing.map(|(name, kind)| kind.delta_field(name)).collect())
}

/// Adds files to a table in one commit. Other commits in between do not matter: files are only added.
pub(crate) async fn commit(mut table: DeltaTable, files: Vec<deltalake::kernel::Add>) -> Result<(), LakeError> {
    use deltalake::{
        kernel::{
            Action,
            transaction::{CommitBuilder, CommitProperties},
        },
        protocol::{DeltaOperation, SaveMode},
    };

    let Some(first) = files.first().map(|file| file.path.clone()) else { return Ok(()) };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let actions = files.iter().cloned().map(Action::Add).collect();
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let snapshot = table.snapshot().map_err(|error| storage(&error))?;
        let outcome = CommitBuilder::from(CommitProperties::default())
            .with_actions(actions)
            .build(Some(snapshot), table.log_store(), operation)
            .await;
        let Err(error) = outcome else { return Ok(()) };
        table.update_state().await.map_err(|error| storage(&error))?;
        // Work after the commit (a checkpoint) may fail although the commit stands; it must not be repeated then.
        if table.get_file_uris().map_err(|error| storage(&error))?.any(|uri| uri.ends_with(&first)) {
            tracing::warn!(%error, "a commit stands, but the work after it failed");
            return Ok(());
        }
        if attempt >= ATTEMPTS || !is_conflict(&error) {
            return Err(storage(&error));
        }
    }
}
