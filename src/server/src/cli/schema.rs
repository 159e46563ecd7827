//! `margay schema list|check|add`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use margay_domain::log_schema::LogSchema;
use serde::Deserialize;

use super::{Context, shown};
use crate::{config::Config, data_folder, wiring::Parts};

/// What to do with log schemas.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Show all log types that have a schema.
    List,
    /// Say whether schemas could be added, and what is wrong with them. Changes nothing.
    Check {
        /// YAML files, each with one schema.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Add schemas, or replace your own of the same name.
    ///
    /// Every name can be used that is not one of a schema that comes with Margay. Add a schema again to add fields to it;
    /// the type of a field cannot change once there are events.
    Add {
        /// YAML files, each with one schema.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// What the store keeps beside the YAML.
#[derive(Deserialize)]
struct Head {
    schema: String,
    #[serde(default)]
    description: String,
    #[serde(default, rename = "referenceURL")]
    reference_url: String,
}

pub(super) async fn run(context: &Context, command: SchemaCommand) -> Result<()> {
    match command {
        SchemaCommand::List => {
            let parts = Parts::open(&context.config).await?;
            let schemas = parts.store.log_schemas().list().await?;
            context.print_rows(&["LOG TYPE", "REVISION", "MANAGED", "DESCRIPTION"], &schemas, |schema| {
                let revision = schema.revision.to_string();
                vec![schema.name.clone(), revision, schema.is_managed.to_string(), schema.description.clone()]
            })?;
            parts.store.close().await;
        }
        SchemaCommand::Check { files } => check(&context.config, &files).await?,
        SchemaCommand::Add { files } => {
            let parts = Parts::open_or_create(&context.config).await?;
            // All of them are judged before the first one is added.
            for judged in judge(&parts, &files).await? {
                parts.store.log_schemas().put(&judged.schema).await?;
                say!("Added {}", judged.schema.name)?;
                judged.tell()?;
            }
            parts.store.close().await;
        }
    }
    Ok(())
}

/// Judges beside what is installed, as adding does. Where there is no installation none is made: the schemas that come
/// with Margay are there in any case.
async fn check(config: &Config, files: &[PathBuf]) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let parts = if data_folder::find(config).is_ok() {
        Parts::open(config).await?
    } else {
        let mut config = config.clone();
        scratch.path().clone_into(&mut config.data.dir);
        config.database.url.clear();
        Parts::open_or_create(&config).await?
    };
    for judged in judge(&parts, files).await? {
        say!("{}: {} is good", judged.file.display(), judged.schema.name)?;
        judged.tell()?;
    }
    parts.store.close().await;
    Ok(())
}

/// A schema that can be added.
struct Judged {
    file: PathBuf,
    schema: LogSchema,
    /// What its author may want to know.
    notes: Vec<&'static str>,
}

impl Judged {
    fn tell(&self) -> Result<()> {
        self.notes.iter().try_for_each(|note| say!("  Note: {note}."))
    }
}

/// Reads schemas and refuses those that cannot be added beside the others.
async fn judge(parts: &Parts, files: &[PathBuf]) -> Result<Vec<Judged>> {
    let mut others = parts.store.log_schemas().list().await?;
    let mut all = Vec::new();
    for file in files {
        let named = || shown(&file.display().to_string());
        let spec = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", named()))?;
        let head: Head = serde_norway::from_str(&spec).with_context(named)?;
        let notes = parts.lake.check_new_schema(&head.schema, &spec, &others).await.with_context(named)?;
        let now = parts.clock.now();
        let schema = LogSchema {
            name: head.schema,
            description: head.description,
            spec,
            revision: 1,
            is_managed: false,
            is_archived: false,
            reference_url: head.reference_url,
            created_at: now,
            updated_at: now,
        };
        if all.iter().any(|before: &Judged| before.schema.name == schema.name) {
            bail!("{}: the schema {} is in another of these files, too", named(), schema.name);
        }
        others.push(schema.clone());
        all.push(Judged { file: file.clone(), schema, notes });
    }
    Ok(all)
}
