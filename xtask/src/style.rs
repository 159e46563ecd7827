//! Bundles the style sheet: follows `@import "./file.css" layer(name);` lines, in order.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

/// The text of `main` with every imported file in its place. Other lines stay as they are.
pub(crate) fn bundle(main: &Path) -> Result<String> {
    let text = fs::read_to_string(main).with_context(|| format!("cannot read {}", main.display()))?;
    let folder = main.parent().context("a style sheet lies in a folder")?;
    let mut out = String::new();
    for line in text.lines() {
        let Some(import) = line.trim().strip_prefix("@import ") else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let mut parts = import.trim_end_matches(';').splitn(2, char::is_whitespace);
        let file = parts.next().unwrap_or_default().trim_matches('"');
        let layer = parts.next().map(str::trim).unwrap_or_default();
        let body = bundle(&folder.join(file))?;
        match layer.strip_prefix("layer(").and_then(|rest| rest.strip_suffix(')')) {
            Some(name) => out.extend(["@layer ", name, " {\n", &body, "}\n"]),
            None if layer.is_empty() => out.push_str(&body),
            None => bail!("{}: cannot read the import {import:?}", main.display()),
        }
    }
    Ok(out)
}
