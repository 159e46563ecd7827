//! `margay ingest LOG_TYPE INPUT…`.

use std::{
    collections::HashSet,
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use margay_domain::{
    clock::Timestamp,
    lake::{IngestReport, LakeError},
    log_source::{LogSource, SourceVolume},
};
use margay_lake::{IngestError, IngestOptions, Ingested, Input, Progress, is_same_file, rejects_of};

use super::{Context, output::counted, shown};
use crate::wiring::Parts;

/// How many rejected pieces and events without a time are named for each input.
const NAMED: usize = 10;

/// What is stored, and what becomes of what cannot be.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The log type, for example AWS.CloudTrail. `margay schema list` shows all of them.
    log_type: String,
    /// Files, folders with files, or - for standard input. In folders, files whose name begins with a dot or ends in
    /// .rejected are passed over.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Keep what is rejected in this file, which must not hold anything yet. Without it, that is the file's name with
    /// .rejected appended (stdin.rejected for standard input), which each ingest of the same file replaces.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Reject events without a time that can be read. Without it they are stored with the time of the ingest, and
    /// their column p_event_time_source says p_parse_time.
    #[arg(long)]
    reject_without_time: bool,
}

/// What was left out of all inputs.
#[derive(Default)]
struct Total {
    inputs: u64,
    read: u64,
    found: u64,
    stored: u64,
    rejected: u64,
    kept: Vec<PathBuf>,
    failed: Vec<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let inputs = inputs(&args.inputs)?;
    if args.rejects.is_some() && inputs.len() > 1 {
        bail!("--rejects can be given with one file only, and there are {}", inputs.len());
    }
    check_rejects(&inputs, args.rejects.as_deref())?;
    let parts = Parts::open_or_create(&context.config).await?;
    let mut total = Total { inputs: inputs.len() as u64, ..Total::default() };
    let mut reports = Vec::new();
    for input in &inputs {
        let now = parts.clock.now();
        let progress = progress(input);
        let options = IngestOptions {
            rejects: args.rejects.clone(),
            reject_without_time: args.reject_without_time,
            progress: progress.clone(),
        };
        let outcome = parts.lake.ingest(&args.log_type, input, options, now).await;
        if progress.is_some() {
            // The cursor goes back to the beginning of the line, which is emptied.
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
        let ingested = match outcome {
            Ok(ingested) => ingested,
            Err(error) => {
                // What fails in the lake fails for the next input, too. Other errors are about this one, and name it.
                let (error, is_last) = match error {
                    IngestError::Lake(error) => (format!("{input}: {}", of_lake(error)), true),
                    error => (error.to_string(), false),
                };
                if context.json {
                    reports.push(serde_json::json!({ "file": input.to_string(), "error": error }));
                } else if inputs.len() > 1 {
                    say!("{}", shown(&error))?;
                }
                total.failed.push(error);
                if is_last {
                    break;
                }
                continue;
            }
        };
        total.read += 1;
        let report = &ingested.report;
        if let Some(volume) = volume(&args.log_type, report, now) {
            parts.store.log_sources().record(&[volume], now).await.with_context(|| {
                format!("the events of {input} are stored, but could not be counted; do not read it again")
            })?;
        }
        total.add(&ingested);
        if context.json {
            let rejects = &ingested.rejects;
            reports.push(serde_json::json!({ "file": input.to_string(), "report": report, "rejects": rejects }));
        } else {
            for line in lines(input, &ingested) {
                say!("{}", shown(&line))?;
            }
        }
    }
    if context.json {
        say!("{}", super::json_text(&reports)?)?;
    } else if total.inputs > 1 {
        say!(
            "In all: {} of {} stored, {}",
            total.stored,
            events(total.found),
            counted(total.inputs, "input", "inputs")
        )?;
    }
    parts.store.close().await;
    total.outcome()
}

impl Total {
    fn add(&mut self, ingested: &Ingested) {
        self.found += ingested.report.lines;
        self.stored += ingested.report.stored;
        self.rejected += ingested.report.rejected_total;
        self.kept.extend(ingested.rejects.clone());
    }

    /// How many inputs were not ingested, or not even tried.
    fn left(&self) -> u64 {
        self.inputs.saturating_sub(self.read)
    }

    /// An ingest that left something out has failed, as far as scripts can tell.
    fn outcome(&self) -> Result<()> {
        let kept = match self.kept.as_slice() {
            [] => String::new(),
            [only] => format!("; what was rejected is kept in {}", only.display()),
            several => format!("; what was rejected is kept in {} files that end in .rejected", several.len()),
        };
        let rejected = || format!("{} of {} left out{kept}", self.rejected, were(self.found));
        match (self.failed.as_slice(), self.rejected) {
            ([], 0) => Ok(()),
            ([], _) => bail!("{}", rejected()),
            ([only], 0) if self.inputs == 1 => bail!("{only}"),
            ([first, ..], 0) => bail!("{} of {} inputs were left out, the first: {first}", self.left(), self.inputs),
            ([first, ..], _) => bail!(
                "{} of {} inputs were left out, the first: {first}; of the others, {}",
                self.left(),
                self.inputs,
                rejected()
            ),
        }
    }
}

fn events(count: u64) -> String {
    counted(count, "event", "events")
}

fn were(count: u64) -> String {
    counted(count, "event was", "events were")
}

/// What to tell a person about an input.
fn lines(input: &Input, ingested: &Ingested) -> Vec<String> {
    let Ingested { report, rejects, replaced_rejects } = ingested;
    let mut lines = vec![format!("{input}: {} of {} stored", report.stored, events(report.lines))];
    lines.extend(report.rejected.iter().take(NAMED).map(|piece| format!("  line {}: {}", piece.line, piece.reason)));
    if report.rejected_total > 0 {
        let kept = rejects.as_ref().map(|path| format!(", kept in {}", path.display())).unwrap_or_default();
        lines.push(format!("  {} rejected{kept}", report.rejected_total));
    }
    if *replaced_rejects {
        let path = rejects.clone().unwrap_or_else(|| rejects_of(input));
        let what = if rejects.is_some() { "replaced" } else { "removed, because nothing is rejected any more" };
        lines.push(format!("  {} of an earlier ingest was {what}", path.display()));
    }
    if report.without_time > 0 {
        lines.push(format!(
            "  {} no time that can be read: p_event_time is the time of this ingest, and p_event_time_source says \
             p_parse_time",
            counted(report.without_time, "event has", "events have")
        ));
        let examples = report.without_time_examples.iter().take(NAMED);
        lines.extend(examples.filter_map(|one| Some(format!("    line {}: {}", one.line, one.found.as_ref()?))));
    }
    let notes = [
        (report.repaired, "event has", "events have", "bad characters, which became U+FFFD"),
        (
            report.duplicate_keys,
            "name comes",
            "names come",
            "twice in one object: the last value counts, the others are kept in p_unmapped",
        ),
        (report.unwrapped, "object was", "objects were", "opened for the events inside; the rest is not kept"),
        (report.misfits, "value does", "values do", "not fit the type of the column: kept in p_unmapped instead"),
    ];
    let notes = notes.iter().filter(|(count, ..)| *count > 0);
    lines.extend(notes.map(|(count, one, many, what)| format!("  {} {what}", counted(*count, one, many))));
    lines
}

/// The lake's error, with the commands that help at a terminal.
fn of_lake(error: LakeError) -> String {
    match error {
        LakeError::UnknownLogType(name) => format!(
            "there is no log schema named {name}; `margay schema list` shows all of them, `margay schema add` adds one"
        ),
        other => other.to_string(),
    }
}

/// Tells a person at a terminal how far a long ingest is.
fn progress(input: &Input) -> Option<Progress> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let name = shown(&input.to_string());
    Some(Arc::new(move |bytes, events| {
        // That it cannot be shown does not matter.
        let _ = write!(io::stderr(), "\r\u{1b}[K{name}: {} MB read, {events} events", bytes / 1_000_000);
    }))
}

/// What the source of the command line brought with a file that was read at `now`; `None` if nothing was stored.
fn volume(log_type: &str, report: &IngestReport, now: Timestamp) -> Option<SourceVolume> {
    (report.stored > 0).then(|| SourceVolume {
        begin: now,
        source_id: LogSource::command_line(now).id,
        log_type: log_type.to_owned(),
        bytes: report.bytes,
        events: report.stored,
    })
}

/// Files, the files of folders, and standard input.
fn inputs(named: &[PathBuf]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in named {
        if path.as_os_str() == "-" {
            if inputs.contains(&Input::Standard) {
                bail!("standard input can be read once only");
            }
            inputs.push(Input::Standard);
        } else if path.is_dir() {
            let before = inputs.len();
            walk(path, &mut HashSet::new(), &mut inputs)?;
            if inputs.len() == before {
                bail!("there are no files in the folder {}", path.display());
            }
        } else {
            inputs.push(Input::File(path.clone()));
        }
    }
    Ok(inputs)
}

/// All files below a folder, sorted. Each folder and file is visited once, so that links cannot make a loop.
fn walk(folder: &Path, visited: &mut HashSet<PathBuf>, inputs: &mut Vec<Input>) -> Result<()> {
    let unreadable = || format!("the folder {} cannot be read", folder.display());
    if !visited.insert(folder.canonicalize().with_context(unreadable)?) {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(unreadable)?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || name.ends_with(".rejected") {
            continue;
        }
        if path.is_dir() {
            walk(&path, visited, inputs)?;
        } else if path.is_file() && path.canonicalize().is_ok_and(|real| visited.insert(real)) {
            inputs.push(Input::File(path));
        }
    }
    Ok(())
}

/// Refuses, before anything is opened, to write rejected pieces over something that is to be read or that somebody else
/// wrote.
fn check_rejects(inputs: &[Input], rejects: Option<&Path>) -> Result<()> {
    if let Some(rejects) = rejects.filter(|path| fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0))
    {
        bail!("{} holds something already; name another file with --rejects", rejects.display());
    }
    for input in inputs {
        let kept = rejects.map_or_else(|| rejects_of(input), Path::to_path_buf);
        let read = inputs.iter().filter_map(Input::path).find(|read| is_same_file(read, &kept));
        if let Some(read) = read {
            bail!(
                "the rejected lines of {input} would go into {}, which is read too; name another file with --rejects",
                read.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_counted() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let report = IngestReport { lines: 3, stored: 2, bytes: 70, rejected_total: 1, ..IngestReport::default() };
        let counted = volume("A.B", &report, now).unwrap();
        assert_eq!((counted.begin, counted.bytes, counted.events, counted.log_type.as_str()), (now, 70, 2, "A.B"));
        assert_eq!(counted.source_id.as_str(), "src_command_line");
        assert_eq!(volume("A.B", &IngestReport { lines: 3, ..IngestReport::default() }, now), None);
    }

    #[test]
    fn folders_are_walked_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("logs/2026/01")).unwrap();
        for name in ["logs/b.json", "logs/2026/01/a.json.gz", "logs/.hidden", "logs/b.json.rejected", "single"] {
            fs::write(path(name), "{}\n").unwrap();
        }
        std::os::unix::fs::symlink(path("logs"), path("logs/2026/loop")).unwrap();
        std::os::unix::fs::symlink(path("logs/b.json"), path("logs/again.json")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("logs/broken")).unwrap();
        let found = inputs(&[path("single"), path("logs"), PathBuf::from("-"), path("missing")]).unwrap();
        let names = |name: &str| Input::File(path(name));
        let expected = [
            names("single"),
            names("logs/2026/01/a.json.gz"),
            names("logs/again.json"),
            Input::Standard,
            names("missing"),
        ];
        assert_eq!(found, expected);
        fs::create_dir(path("empty")).unwrap();
        assert!(inputs(&[path("empty")]).is_err_and(|error| error.to_string().contains("no files")));
        assert!(inputs(&["-".into(), "-".into()]).is_err());
    }

    #[test]
    fn rejected_lines_never_overwrite_what_is_read_or_what_somebody_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a", "b", "a.rejected"] {
            fs::write(path(name), "x\n").unwrap();
        }
        fs::write(path("empty"), "").unwrap();
        fs::create_dir(path("c")).unwrap();
        let refused = |files: &[&str], rejects: Option<PathBuf>| {
            let files: Vec<Input> = files.iter().map(|name| Input::File(path(name))).collect();
            check_rejects(&files, rejects.as_deref()).map_err(|error| error.to_string())
        };
        assert_eq!(refused(&["a", "b"], None), Ok(()));
        assert_eq!(refused(&["a"], Some(path("new"))), Ok(()));
        assert_eq!(refused(&["a"], Some(path("empty"))), Ok(()));
        assert_eq!(refused(&["missing"], Some(path("missing"))), Ok(()));
        assert!(refused(&["a"], Some(path("b"))).is_err_and(|text| text.contains("holds something already")));
        assert!(refused(&["a"], Some(path("a"))).is_err_and(|text| text.contains("--rejects")));
        assert!(refused(&["empty"], Some(path("c/../empty"))).is_err_and(|text| text.contains("read too")));
        assert!(refused(&["b", "a", "a.rejected"], None).is_err());
        std::os::unix::fs::symlink(path("empty"), path("link")).unwrap();
        assert!(refused(&["empty"], Some(path("link"))).is_err());
    }

    #[test]
    fn a_report_names_everything_that_is_not_as_it_was() {
        let report = IngestReport {
            lines: 9,
            stored: 8,
            rejected_total: 1,
            repaired: 1,
            duplicate_keys: 2,
            unwrapped: 1,
            without_time: 3,
            misfits: 1,
            ..IngestReport::default()
        };
        let ingested = Ingested { report, rejects: Some("x.rejected".into()), replaced_rejects: true };
        insta::assert_snapshot!(lines(&Input::File("x".into()), &ingested).join("\n"));
        let mut total = Total { inputs: 1, ..Total::default() };
        assert!(total.outcome().is_ok());
        total.add(&ingested);
        assert_eq!(
            total.outcome().unwrap_err().to_string(),
            "1 of 9 events were left out; what was rejected is kept in x.rejected"
        );
    }
}
