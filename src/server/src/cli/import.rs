//! `margay import DIR`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use margay_content::import::Imported;
use margay_domain::detection::Detection;

use super::{Context, output::counted, shown};
use crate::wiring::Parts;

/// How many files of a kind are named.
const NAMED: usize = 5;

/// What is imported.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder. All files below it are read whose name ends in .yml or .yaml.
    dir: PathBuf,
    /// Exit with status 0 although there are documents of kinds that Margay does not hold, such as saved queries.
    #[arg(long)]
    allow_unsupported: bool,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let parts = Parts::open_or_create(&context.config).await?;
    let imported = margay_content::import::read_dir(&args.dir, parts.clock.now())?;
    let detections = parts.store.detections();
    let before = detections.list().await?;
    detections.put(&imported.detections).await?;
    let enabled_again = enabled_again(&before, &detections.list().await?);
    let schemas = parts.store.log_schemas().list().await?;
    let unfed = unfed(&imported.detections, schemas.iter().map(|schema| schema.name.as_str()));
    let left_out = left_out(&imported);
    parts.store.global_helpers().put(&imported.global_helpers).await?;
    parts.store.data_models().put(&imported.data_models).await?;
    for (enrichment, rows) in &imported.enrichments {
        parts.store.enrichments().put(enrichment, rows).await?;
    }
    if context.json {
        let problems: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
        say!(
            "{}",
            serde_json::json!({
                "detections": imported.detections.len(),
                "global_helpers": imported.global_helpers.len(),
                "data_models": imported.data_models.len(),
                "enrichments": imported.enrichments.len(),
                "enabled_again": enabled_again,
                "skipped": imported.skipped.len(),
                "left_out": left_out,
                "log_types_without_schema": unfed,
                "without_source": imported.without_source,
                "problems": problems,
            })
        )?;
    } else {
        say!(
            "{} detections, {} global helpers, {} data models, {} enrichments imported",
            imported.detections.len(),
            imported.global_helpers.len(),
            imported.data_models.len(),
            imported.enrichments.len()
        )?;
        if enabled_again > 0 {
            say!(
                "{enabled_again} detections that were disabled are enabled again, because their files say so; \
                 to keep one disabled, write Enabled: false into its file"
            )?;
        }
        if !left_out.is_empty() {
            let count = counted(imported.skipped.len() as u64, "document was", "documents were");
            say!("{count} left out, because Margay does not hold such content:")?;
            for (kind, files) in &left_out {
                let named: Vec<String> = files.iter().take(NAMED).map(|file| file.display().to_string()).collect();
                let more = files.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more (--json names all)") } else { String::new() };
                say!("  {} {kind}: {}{more}", files.len(), shown(&named.join(", ")))?;
            }
        }
        if !unfed.is_empty() {
            let count =
                counted(unfed.len() as u64, "log type that detections read has", "log types that detections read have");
            say!("{count} no log schema, so no events of it can be stored; `margay schema add` adds one:")?;
            say!("  {}", shown(&unfed.iter().copied().collect::<Vec<_>>().join(", ")))?;
        }
        if imported.without_source > 0 {
            say!("{} of them came without their Python file, so their source is empty", imported.without_source)?;
        }
        for problem in &imported.problems {
            say!("  {}", shown(&problem.to_string()))?;
        }
    }
    parts.store.close().await;
    outcome(&args.dir, &imported, args.allow_unsupported)
}

/// The files of documents of kinds that are not held, by kind.
fn left_out(imported: &Imported) -> BTreeMap<&'static str, Vec<&Path>> {
    let mut kinds: BTreeMap<&'static str, Vec<&Path>> = BTreeMap::new();
    for (file, kind) in &imported.skipped {
        kinds.entry(kind.as_str()).or_default().push(file);
    }
    kinds
}

/// The log types that enabled detections read and for which there is no log schema.
fn unfed<'a>(detections: &'a [Detection], schemas: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let known: BTreeSet<&str> = schemas.collect();
    let enabled = detections.iter().filter(|detection| detection.enabled);
    enabled
        .flat_map(|detection| &detection.log_types)
        .map(String::as_str)
        .filter(|name| !known.contains(name))
        .collect()
}

/// How many detections were disabled before and are enabled after an import. Somebody may have disabled them on purpose.
fn enabled_again(before: &[Detection], after: &[Detection]) -> usize {
    let disabled: BTreeSet<&str> =
        before.iter().filter(|detection| !detection.enabled).map(|detection| detection.id.as_str()).collect();
    after.iter().filter(|detection| detection.enabled && disabled.contains(detection.id.as_str())).count()
}

/// An import that left something out has failed, as far as scripts can tell.
fn outcome(dir: &Path, imported: &Imported, allow_unsupported: bool) -> Result<()> {
    let nothing = imported.detections.is_empty()
        && imported.global_helpers.is_empty()
        && imported.data_models.is_empty()
        && imported.enrichments.is_empty();
    let problems = match imported.problems.as_slice() {
        [only] => format!("1 document cannot be used: {only}"),
        [first, ..] => format!("{} documents cannot be used, the first: {first}", imported.problems.len()),
        [] if allow_unsupported || imported.skipped.is_empty() => return Ok(()),
        [] => {
            let count = counted(imported.skipped.len() as u64, "document", "documents");
            bail!("{count} of kinds that Margay does not hold left out; --allow-unsupported makes that no failure")
        }
    };
    let what = if nothing { "nothing was imported" } else { "not everything was imported" };
    bail!("{what} from {}: {problems}", dir.display())
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
        outcome(Path::new("folder"), &imported, false).err().map(|error| error.to_string())
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
    fn an_import_fails_if_something_is_left_out() {
        assert_eq!(text(&[("good.yml", GOOD)]), None);
        // Nothing to import is no failure.
        assert_eq!(text(&[]), None);
        for good in [GOOD, HELPER, MODEL] {
            let some = text(&[("good.yml", good), ("bad.yml", BAD)]).unwrap();
            assert!(
                some.starts_with("not everything was imported from folder: 1 document cannot be used: bad.yml"),
                "{some}"
            );
        }
        let other = text(&[("good.yml", GOOD), ("other.yml", OTHER)]).unwrap();
        assert!(other.starts_with("1 document of kinds that Margay does not hold"), "{other}");
        let imported = read_files(&[("good.yml", GOOD), ("other.yml", OTHER)], Timestamp::from_seconds(1_800_000_000));
        assert!(outcome(Path::new("folder"), &imported, true).is_ok());
        let one = text(&[("bad.yml", BAD), ("other.yml", OTHER)]).unwrap();
        assert!(
            one.starts_with("nothing was imported from folder: 1 document cannot be used: bad.yml, line 1: `"),
            "{one}"
        );
        let two = text(&[("bad.yml", BAD), ("worse.yml", "AnalysisType: [")]).unwrap();
        assert!(two.contains("2 documents cannot be used, the first: bad.yml"), "{two}");
        assert_eq!(two.lines().count(), 1);
    }

    #[test]
    fn what_is_left_out_and_what_is_not_fed_is_named() {
        let imported = read_files(
            &[("a.yml", OTHER), ("b.yml", OTHER), ("good.yml", GOOD), ("c.yml", "AnalysisType: pack\nPackID: p\n")],
            Timestamp::from_seconds(1_800_000_000),
        );
        let expected: [(&str, Vec<&Path>); 2] =
            [("pack", vec![Path::new("c.yml")]), ("saved_query", vec![Path::new("a.yml"), Path::new("b.yml")])];
        assert_eq!(left_out(&imported), BTreeMap::from(expected));
        assert_eq!(unfed(&imported.detections, ["X.Y"].into_iter()), BTreeSet::from(["A.B"]));
        assert!(unfed(&imported.detections, ["A.B"].into_iter()).is_empty());
    }
}
