//! `margay import DIR`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use margay_content::import::Imported;
use margay_domain::detection::Detection;

use super::Context;
use crate::wiring::Parts;

/// Import detections, global helpers, data models and enrichments from a folder in the YAML layout of the field.
///
/// What is there with the same id is replaced: whether a detection is enabled is then what its file says.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; all `.yml` files below it are read.
    dir: PathBuf,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let parts = Parts::open_or_create(&context.config).await?;
    let imported = margay_content::import::read_dir(&args.dir, parts.clock.now())?;
    let detections = parts.store.detections();
    let before = detections.list().await?;
    detections.put(&imported.detections).await?;
    let enabled_again = enabled_again(&before, &detections.list().await?);
    parts.store.global_helpers().put(&imported.global_helpers).await?;
    parts.store.data_models().put(&imported.data_models).await?;
    for (enrichment, rows) in &imported.enrichments {
        parts.store.enrichments().put(enrichment, rows).await?;
    }
    if context.json {
        let problems: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
        println!(
            "{}",
            serde_json::json!({
                "detections": imported.detections.len(),
                "global_helpers": imported.global_helpers.len(),
                "data_models": imported.data_models.len(),
                "enrichments": imported.enrichments.len(),
                "enabled_again": enabled_again,
                "skipped": imported.skipped.len(),
                "without_source": imported.without_source,
                "problems": problems,
            })
        );
    } else {
        println!(
            "{} detections, {} global helpers, {} data models, {} enrichments imported",
            imported.detections.len(),
            imported.global_helpers.len(),
            imported.data_models.len(),
            imported.enrichments.len()
        );
        if enabled_again > 0 {
            println!(
                "{enabled_again} detections that were disabled are enabled again, because their files say so; \
                 to keep one disabled, write Enabled: false into its file"
            );
        }
        if !imported.skipped.is_empty() {
            println!("{} documents of kinds that Margay does not hold were left out", imported.skipped.len());
        }
        if imported.without_source > 0 {
            println!("{} of them came without their Python file, so their source is empty", imported.without_source);
        }
        for problem in &imported.problems {
            println!("  {problem}");
        }
    }
    parts.store.close().await;
    outcome(&args.dir, &imported)
}

/// How many detections were disabled before and are enabled after an import. Somebody may have disabled them on purpose.
fn enabled_again(before: &[Detection], after: &[Detection]) -> usize {
    let disabled: BTreeSet<&str> =
        before.iter().filter(|detection| !detection.enabled).map(|detection| detection.id.as_str()).collect();
    after.iter().filter(|detection| detection.enabled && disabled.contains(detection.id.as_str())).count()
}

/// An import of which nothing is left because of mistakes has failed.
fn outcome(dir: &Path, imported: &Imported) -> Result<()> {
    let nothing = imported.detections.is_empty()
        && imported.global_helpers.is_empty()
        && imported.data_models.is_empty()
        && imported.enrichments.is_empty();
    if imported.problems.is_empty() || !nothing {
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
    const HELPER: &str = "AnalysisType: global\nGlobalID: helpers\nFilename: helpers.py\n";
    const MODEL: &str = "AnalysisType: datamodel\nDataModelID: M\nEnabled: true\nLogTypes: [A.B]\n\
                         Mappings: [{Name: user, Path: who}]\n";
    const OTHER: &str = "AnalysisType: saved_query\nQueryName: all\nQuery: SELECT 1\n";

    fn text(files: &[(&str, &str)]) -> Option<String> {
        let imported = read_files(files, Timestamp::from_seconds(1_800_000_000));
        outcome(Path::new("folder"), &imported).err().map(|error| error.to_string())
    }

    #[test]
    fn only_what_was_disabled_is_enabled_again() {
        let detections = |ids: [(&str, bool); 4]| -> Vec<Detection> {
            let [good] = read_files(&[("good.yml", GOOD)], Timestamp::from_seconds(0)).detections.try_into().unwrap();
            ids.map(|(id, enabled)| Detection { id: id.to_owned(), enabled, ..Detection::clone(&good) }).to_vec()
        };
        let before = detections([("a", false), ("b", false), ("c", true), ("gone", false)]);
        let after = detections([("a", true), ("b", false), ("c", true), ("new", true)]);
        assert_eq!(enabled_again(&before, &after), 1);
        assert_eq!(enabled_again(&[], &after), 0);
        assert_eq!(enabled_again(&after, &before), 0);
    }

    #[test]
    fn an_import_fails_if_mistakes_leave_nothing() {
        assert_eq!(text(&[("good.yml", GOOD)]), None);
        for good in [GOOD, HELPER, MODEL] {
            assert_eq!(text(&[("good.yml", good), ("bad.yml", BAD)]), None);
        }
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
