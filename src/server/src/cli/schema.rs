//! `margay schema list|check|add`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use margay_domain::{log_schema::LogSchema, ports::DataLake as _};
use serde::Deserialize;

use super::Context;
use crate::{config::Config, wiring::Parts};

/// What to do with log schemas.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Show all log types.
    List,
    /// Say whether the YAML files can be used.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Add schemas, or replace those of the same name. Names must begin with `Custom.`.
    Add {
        /// The files.
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
            for file in files {
                let (head, spec) = read(&parts, &file)?;
                if !head.schema.starts_with("Custom.") {
                    bail!("{}: the name of an own schema must begin with Custom., not {}", file.display(), head.schema);
                }
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
                parts.store.log_schemas().put(&schema).await?;
                println!("Added {}", schema.name);
            }
            parts.store.close().await;
        }
    }
    Ok(())
}

/// Needs no installation, and touches none: the lake that reads the schemas is made for this moment only.
async fn check(config: &Config, files: &[PathBuf]) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut config = config.clone();
    scratch.path().clone_into(&mut config.data.dir);
    config.database.url.clear();
    let parts = Parts::open_or_create(&config).await?;
    for file in files {
        let (head, _) = read(&parts, file)?;
        println!("{}: {} is good", file.display(), head.schema);
    }
    parts.store.close().await;
    Ok(())
}

fn read(parts: &Parts, file: &std::path::Path) -> Result<(Head, String)> {
    let spec = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let head: Head = serde_norway::from_str(&spec).with_context(|| format!("{}", file.display()))?;
    parts.lake.check_schema(&head.schema, &spec).with_context(|| format!("{}", file.display()))?;
    Ok((head, spec))
}
