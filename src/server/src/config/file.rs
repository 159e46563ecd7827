//! The configuration file: TOML, with syntax errors that say where they are.

use std::{fs, path::Path};

use figment::{
    Metadata, Profile, Provider,
    providers::Serialized,
    value::{Dict, Map},
};

use super::ConfigError;

/// A file that was read and is TOML. What its keys mean is not known yet.
pub(super) struct ConfigFile<'a> {
    path: &'a Path,
    table: toml::Table,
}

impl<'a> ConfigFile<'a> {
    /// Reads `path`.
    pub(super) fn read(path: &'a Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable { file: path.to_path_buf(), reason })?;
        let table = text.parse::<toml::Table>().map_err(|error| syntax_error(path, &text, &error))?;
        Ok(Self { path, table })
    }
}

impl Provider for ConfigFile<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from("configuration file", self.path)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(&self.table).data()
    }
}

/// The parser's own text has several lines and a drawing; a terminal and a service manager want one sentence.
fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let (line, column) = position(text, error.span().map_or(text.len(), |span| span.start));
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    ConfigError::Syntax { file: path.to_path_buf(), line, column, message }
}

/// Line and column of a byte, both from 1; the column counts characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConfigError, toml::Table> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("margay.toml");
        fs::write(&path, text).unwrap();
        ConfigFile::read(&path).map_or_else(Ok, |file| Err(file.table))
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        for (byte, place) in [(0, (1, 1)), (3, (1, 3)), (4, (1, 4)), (5, (2, 1)), (6, (2, 2)), (99, (2, 2))] {
            assert_eq!(position("aßc\nd", byte), place, "{byte}");
        }
        assert_eq!(position("", 0), (1, 1));
    }

    #[test]
    fn a_syntax_error_is_one_sentence_with_its_place() {
        let error = read("[server]\nlisten = = 1\n").unwrap();
        assert!(matches!(&error, ConfigError::Syntax { line: 2, column: 10, .. }), "{error}");
        for text in ["[server", "listen\n", "a = 1\na = 2\n", "a = \"x\nb = 1\n", "a = [1\n", "\u{0}"] {
            let text = read(text).unwrap().to_string();
            assert!(
                text.contains("margay.toml, line 1, column ") || text.contains("margay.toml, line 2, column "),
                "{text}"
            );
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let Err(error) = ConfigFile::read(dir.path()) else { panic!("a folder is no file") };
        assert!(matches!(error, ConfigError::Unreadable { .. }));
        assert_eq!(error.to_string().lines().count(), 1);
    }
}
