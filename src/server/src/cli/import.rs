//! `margay import DIR`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use margay_content::import::Imported;

use super::Context;
use crate::wiring::Parts;

/// Import detections and enrichments from a folder in the YAML layout of the field.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; all `.yml` files below it are read.
    dir: PathBuf,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let parts = Parts::open_or_create(&context.config).await?;
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
    outcome(&args.dir, &imported)
}

/// An import of which nothing is left because of mistakes has failed.
fn outcome(dir: &Path, imported: &Imported) -> Result<()> {
    if imported.problems.is_empty() || !imported.detections.is_empty() || !imported.enrichments.is_empty() {
        return Ok(());
    }
    let problems = match imported.problems.as_slice() {
        [only] => only.to_string(),
        [first, ..] => format!("{} documents have problems, the first: {first}", imported.problems.len()),
        [] => String::new(),
    };
    bail!("nothing was imported from {}: {problems}", dir.display())
}

#[cfg(test)]
mod tests {
    use margay_content::import::read_files;
    use margay_domain::clock::Timestamp;

    use super::*;

    const GOOD: &str = "AnalysisType: rule\nRuleID: Good\nEnabled: true\nSeverity: Low\nLogTypes: [A.B]\n\
                        Detection: [{Key: a, Condition: Equals, Value: b}]\n";
    const BAD: &str = "AnalysisType: rule\n";
    const OTHER: &str = "AnalysisType: global\nGlobalID: helpers\nFilename: helpers.py\n";

    fn text(files: &[(&str, &str)]) -> Option<String> {
        let imported = read_files(files, Timestamp::from_seconds(1_800_000_000));
        outcome(Path::new("folder"), &imported).err().map(|error| error.to_string())
    }

    #[test]
    fn an_import_fails_if_mistakes_leave_nothing() {
        assert_eq!(text(&[("good.yml", GOOD)]), None);
        assert_eq!(text(&[("good.yml", GOOD), ("bad.yml", BAD)]), None);
        // Nothing to import is no failure.
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[("other.yml", OTHER)]), None);
        let one = text(&[("bad.yml", BAD), ("other.yml", OTHER)]).unwrap();
        assert!(one.starts_with("nothing was imported from folder: bad.yml: `"), "{one}");
        let two = text(&[("bad.yml", BAD), ("worse.yml", "AnalysisType: [")]).unwrap();
        assert!(two.contains("2 documents have problems, the first: bad.yml"), "{two}");
        assert_eq!(two.lines().count(), 1);
    }
}
