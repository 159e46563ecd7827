//! `margay import DIR`.

use std::path::PathBuf;

use anyhow::Result;

use super::Context;
use crate::wiring::Parts;

/// Import detections and enrichments from a folder in the YAML layout of the field.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; all `.yml` files below it are read.
    dir: PathBuf,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let parts = Parts::open(&context.config).await?;
    let imported = margay_content::import::read_dir(&args.dir, parts.clock.now())?;
    parts.store.detections().put(&imported.detections).await?;
    for (enrichment, rows) in &imported.enrichments {
        parts.store.enrichments().put(enrichment, rows).await?;
    }
    if context.json {
        let problems: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
        println!(
            "{}",
            serde_json::json!({
                "detections": imported.detections.len(),
                "enrichments": imported.enrichments.len(),
                "skipped": imported.skipped.len(),
                "without_source": imported.without_source,
                "problems": problems,
            })
        );
    } else {
        println!("{} detections, {} enrichments imported", imported.detections.len(), imported.enrichments.len());
        if !imported.skipped.is_empty() {
            println!("{} documents of kinds that Margay does not hold were left out", imported.skipped.len());
        }
        if imported.without_source > 0 {
            println!("{} detections came without their Python file, so their source is empty", imported.without_source);
        }
        for problem in &imported.problems {
            println!("  {problem}");
        }
    }
    parts.store.close().await;
    Ok(())
}
