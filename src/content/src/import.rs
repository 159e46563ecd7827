//! Reading detections, what they share, and lookup tables in the YAML layout of the field.
//!
//! Required keys are those of the layout; keys that Margay does not know are ignored. One file that cannot be
//! used never stops the rest: it becomes a [`Problem`] that names the key and what is expected.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use margay_domain::{
    clock::Timestamp,
    data_model::DataModel,
    detection::Detection,
    enrichment::{Enrichment, EnrichmentRow},
    global_helper::GlobalHelper,
};

mod analysis_type;
mod beside;
mod common;
mod correlation_rule;
mod data_model;
mod derived_rule;
mod disk;
mod document;
mod global;
mod keys;
mod lines;
mod lookup_table;
mod policy;
mod rows;
mod rule;

pub use analysis_type::AnalysisType;

use beside::Beside;
use document::Document;
use keys::{KeyResult, Keys};
use lines::Lines;

/// What an import found.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// The detections, in the order of their files.
    pub detections: Vec<Detection>,
    /// The code that detections share, in the order of its files.
    pub global_helpers: Vec<GlobalHelper>,
    /// The field names that detections use, in the order of their files.
    pub data_models: Vec<DataModel>,
    /// The lookup tables with their rows.
    pub enrichments: Vec<(Enrichment, Vec<EnrichmentRow>)>,
    /// Documents of kinds that Margay does not hold, and lookup tables whose rows are kept elsewhere.
    pub skipped: Vec<(PathBuf, AnalysisType)>,
    /// Documents and files that could not be used, by path.
    pub problems: Vec<Problem>,
    /// How many detections, global helpers and data models name a Python file that is not there; their body is empty.
    pub without_source: usize,
}

/// Something that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the imported folder.
    pub path: PathBuf,
    /// The document in the file, from 1; 0 if the file could not be read at all.
    pub document: usize,
    /// The line in the file, from 1, where the key is or the document begins; `None` if the file could not be read.
    pub line: Option<usize>,
    /// What is wrong: the key, and what is expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.document > 1 {
            write!(f, ", document {}", self.document)?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Why there was no import at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The folder is not there, or cannot be read.
    #[error("the folder {} cannot be read: {reason}", .path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// It is a file.
    #[error("{} is not a folder; name the folder that holds the .yml files", .path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
}

/// Reads every `*.yml` and `*.yaml` below `dir`, in the order of their paths.
///
/// Left out: names that begin with a dot, links out of `dir`, and files over 2 MB (a problem each).
pub fn read_dir(dir: &Path, now: Timestamp) -> Result<Imported, ImportError> {
    let unreadable = |reason| ImportError::Unreadable { path: dir.to_path_buf(), reason };
    let root = dir.canonicalize().map_err(unreadable)?;
    if !root.is_dir() {
        return Err(ImportError::NotAFolder { path: dir.to_path_buf() });
    }
    let walk = disk::walk(&root).map_err(unreadable)?;
    let mut reader = Reader::new(now);
    for (path, message) in walk.problems {
        reader.unreadable(&path, message);
    }
    for path in walk.files {
        let folder = root.join(&path).parent().map_or_else(|| root.clone(), Path::to_path_buf);
        match disk::text(&root, &path) {
            Ok(text) => reader.file(&path, &text, &disk::OnDisk { root: &root, folder }),
            Err(message) => reader.unreadable(&path, message),
        }
    }
    Ok(reader.finish())
}

/// Reads files at hand: path with `/` and text, among them those that `Filename` names.
pub fn read_files(files: &[(&str, &str)], now: Timestamp) -> Imported {
    let mut reader = Reader::new(now);
    for (path, text) in files {
        if !disk::is_yaml(Path::new(path)) {
            continue;
        }
        let folder = path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or_default();
        reader.file(Path::new(path), text, &beside::Embedded { files, folder });
    }
    reader.finish()
}

/// A detection as read from one document.
#[derive(Debug)]
struct Read {
    detection: Detection,
    without_source: bool,
    /// The rules whose matches it reads, for correlation rules.
    rules: Vec<String>,
}

impl Read {
    const fn complete(detection: Detection) -> Self {
        Self { detection, without_source: false, rules: Vec::new() }
    }
}

/// Collects what the files hold.
struct Reader {
    now: Timestamp,
    imported: Imported,
    /// Where each id of a kind and each table name (in lower case) was read.
    detection_paths: BTreeMap<String, PathBuf>,
    helper_paths: BTreeMap<String, PathBuf>,
    model_paths: BTreeMap<String, PathBuf>,
    table_paths: BTreeMap<String, PathBuf>,
    derived: Vec<derived_rule::Waiting>,
    /// Place among the detections, and the ids of the rules it reads.
    correlations: Vec<(usize, Vec<String>)>,
}

impl Reader {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            imported: Imported::default(),
            detection_paths: BTreeMap::new(),
            helper_paths: BTreeMap::new(),
            model_paths: BTreeMap::new(),
            table_paths: BTreeMap::new(),
            derived: Vec::new(),
            correlations: Vec::new(),
        }
    }

    /// A file that cannot be read.
    fn unreadable(&mut self, path: &Path, message: String) {
        self.imported.problems.push(Problem { path: path.to_path_buf(), document: 0, line: None, message });
    }

    /// A document that cannot be used.
    fn problem(&mut self, path: &Path, document: usize, lines: &Lines, message: String) {
        let line = Some(lines.of(&message));
        self.imported.problems.push(Problem { path: path.to_path_buf(), document, line, message });
    }

    fn file(&mut self, path: &Path, text: &str, beside: &dyn Beside) {
        let found = document::documents(text);
        for (number, message) in found.unreadable {
            self.problem(path, number, &Lines::new(text, number), message);
        }
        for document in found.read {
            let number = document.number;
            let lines = Lines::new(text, number);
            if let Err(message) = self.document(path, &lines, document, beside) {
                self.problem(path, number, &lines, message);
            }
        }
    }

    fn document(&mut self, path: &Path, lines: &Lines, document: Document, beside: &dyn Beside) -> KeyResult<()> {
        let keys = Keys::new(&document.keys);
        let kinds = || AnalysisType::ALL.map(AnalysisType::as_str).join(", ");
        let Some(word) = keys.text("AnalysisType")? else {
            return Err(keys.missing("AnalysisType", &format!("one of {}", kinds())));
        };
        let Some(analysis_type) = AnalysisType::parse(&word) else {
            return Err(format!("`AnalysisType`: expected one of {}; found {word:?}", kinds()));
        };
        match analysis_type {
            AnalysisType::Rule if keys.has("BaseDetection") => {
                let waiting = derived_rule::Waiting { path: path.to_path_buf(), lines: lines.clone(), document };
                self.derived.push(waiting);
                Ok(())
            }
            AnalysisType::Rule | AnalysisType::ScheduledRule => {
                self.add(path, rule::read(&document, analysis_type, beside, self.now)?)
            }
            AnalysisType::CorrelationRule => self.add(path, correlation_rule::read(&document, self.now)?),
            AnalysisType::Policy => self.add(path, policy::read(&document, beside, self.now)?),
            AnalysisType::LookupTable => {
                if let Some((enrichment, rows)) = lookup_table::read(&document, beside, self.now)? {
                    self.add_table(path, enrichment, rows)
                } else {
                    self.imported.skipped.push((path.to_path_buf(), analysis_type));
                    Ok(())
                }
            }
            AnalysisType::DataModel => {
                let (model, without_source) = data_model::read(&document, beside, self.now)?;
                note(&mut self.model_paths, &model.id, path, "data model")?;
                self.imported.without_source += usize::from(without_source);
                self.imported.data_models.push(model);
                Ok(())
            }
            AnalysisType::Global => {
                let (helper, without_source) = global::read(&document, beside, self.now)?;
                note(&mut self.helper_paths, &helper.id, path, "global helper")?;
                self.imported.without_source += usize::from(without_source);
                self.imported.global_helpers.push(helper);
                Ok(())
            }
            AnalysisType::SavedQuery
            | AnalysisType::ScheduledQuery
            | AnalysisType::Pack
            | AnalysisType::ScheduledPrompt => {
                self.imported.skipped.push((path.to_path_buf(), analysis_type));
                Ok(())
            }
        }
    }

    fn add(&mut self, path: &Path, read: Read) -> KeyResult<()> {
        note(&mut self.detection_paths, &read.detection.id, path, "detection")?;
        if !read.rules.is_empty() {
            self.correlations.push((self.imported.detections.len(), read.rules));
        }
        self.imported.without_source += usize::from(read.without_source);
        self.imported.detections.push(read.detection);
        Ok(())
    }

    fn add_table(&mut self, path: &Path, enrichment: Enrichment, rows: Vec<EnrichmentRow>) -> KeyResult<()> {
        let name = enrichment.name.to_lowercase();
        if let Some(first) = self.table_paths.get(&name) {
            return Err(format!(
                "the table {name:?} is in {} already; every table needs its own name",
                first.display()
            ));
        }
        self.table_paths.insert(name, path.to_path_buf());
        self.imported.enrichments.push((enrichment, rows));
        Ok(())
    }

    fn finish(mut self) -> Imported {
        // Only rules that stand for themselves can be a base, so the order of the files does not matter.
        let bases = self.imported.detections.len();
        for waiting in std::mem::take(&mut self.derived) {
            let candidates = self.imported.detections.get(..bases).unwrap_or_default();
            let added = derived_rule::resolve(&waiting.document, candidates, self.now).and_then(|detection| {
                let without_source = detection.body.is_empty();
                self.add(&waiting.path, Read { detection, without_source, rules: Vec::new() })
            });
            if let Err(message) = added {
                self.problem(&waiting.path, waiting.document.number, &waiting.lines, message);
            }
        }
        for (place, rules) in std::mem::take(&mut self.correlations) {
            let log_types = self.log_types_of(&rules);
            if let Some(detection) = self.imported.detections.get_mut(place) {
                detection.log_types = log_types;
            }
        }
        self.imported.problems.sort_by(|left, right| (&left.path, left.document).cmp(&(&right.path, right.document)));
        self.imported
    }

    /// The log types of the given rules, as far as they were imported too, in order and each once.
    fn log_types_of(&self, rules: &[String]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for rule in rules {
            let Some(detection) = self.imported.detections.iter().find(|detection| detection.id == *rule) else {
                continue;
            };
            for log_type in &detection.log_types {
                if !found.contains(log_type) {
                    found.push(log_type.clone());
                }
            }
        }
        found
    }
}

/// Notes where an id was read. The same one a second time is an error.
fn note(paths: &mut BTreeMap<String, PathBuf>, id: &str, path: &Path, what: &str) -> KeyResult<()> {
    if let Some(first) = paths.get(id) {
        return Err(format!("the id {id:?} is used in {} already; every {what} needs its own", first.display()));
    }
    paths.insert(id.to_owned(), path.to_path_buf());
    Ok(())
}

#[cfg(test)]
mod tests;
