//! Where in its file something is that a message is about.

/// The lines of one document.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// Its first line in the file, from 1.
    first: usize,
    lines: Vec<String>,
}

impl Lines {
    /// Of the document with this number, from 1.
    pub(super) fn new(text: &str, number: usize) -> Self {
        let mut document = 1;
        let mut any = false;
        let mut found = Self { first: 1, lines: Vec::new() };
        for (position, line) in text.lines().enumerate() {
            let begins = line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
            if begins && any {
                document += 1;
            }
            any |= begins || is_content(line);
            if document != number {
                continue;
            }
            if found.lines.is_empty() {
                found.first = position + 1;
            }
            found.lines.push(if begins { String::new() } else { line.to_owned() });
        }
        found
    }

    /// The line that a message is about: that of the key that it names first between `` ` ``, or as far as that is
    /// there; else that of a key that is no text; else the first one that says anything.
    pub(super) fn of(&self, message: &str) -> usize {
        if let Some(line) = own_line(message) {
            return line;
        }
        let path = message.strip_prefix('`').and_then(|rest| rest.split('`').next());
        let line = path.and_then(|path| self.of_path(path)).or_else(|| self.of_odd_key(message));
        let first = || self.lines.iter().position(|line| is_content(line)).unwrap_or_default();
        self.first + line.unwrap_or_else(first)
    }

    /// `LogTypeMap.AssociatedLogTypes[1].LogType`: each key below the one before it, each place among its items.
    fn of_path(&self, path: &str) -> Option<usize> {
        let mut found = None;
        let mut from = 0;
        for part in path.split('.') {
            let (key, place) = match part.split_once('[') {
                Some((key, rest)) => (key, rest.trim_end_matches(']').parse::<usize>().ok()),
                None => (part, None),
            };
            let rest = self.lines.get(from..)?.iter();
            let Some(line) = rest.clone().position(|line| is_key(line, key, found.is_none())) else { break };
            from += line;
            found = Some(from);
            if let Some(place) = place {
                let items = self.lines.get(from + 1..)?.iter().enumerate();
                let indent = |line: &str| line.len() - line.trim_start().len();
                let first = items.clone().find(|(_, line)| line.trim_start().starts_with('-'));
                let depth = first.map(|(_, line)| indent(line));
                let is_item = |line: &str| line.trim_start().starts_with('-') && Some(indent(line)) == depth;
                let item = items.filter(|(_, line)| is_item(line)).nth(place);
                let Some((line, _)) = item else { break };
                from += line + 1;
                found = Some(from);
            }
        }
        found
    }

    /// Where a key is a list, a mapping or a tagged value, as in a template that was not filled in.
    fn of_odd_key(&self, message: &str) -> Option<usize> {
        if !message.starts_with("a key is") {
            return None;
        }
        let starts = |line: &str| line.trim_start().trim_start_matches("- ").starts_with(['?', '{', '[', '!']);
        let holds = |line: &str| line.contains(": {{") || line.contains("- {{");
        self.lines.iter().position(|line| starts(line) || holds(line))
    }
}

/// The line that a message of the YAML reader names itself.
fn own_line(message: &str) -> Option<usize> {
    message.strip_prefix("not valid YAML")?;
    let (_, place) = message.rsplit_once(" at line ")?;
    place.split(' ').next()?.parse().ok()
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn is_key(line: &str, key: &str, top: bool) -> bool {
    let plain = if top { line } else { line.trim_start().trim_start_matches("- ").trim_start() };
    let plain = plain.trim_start_matches(['"', '\'']);
    let rest = plain.strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
    rest.is_some_and(|rest| rest.starts_with(':')) || (!top && line.contains(&format!("{key}:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\n---\nA: 1\nB: 2\n---\n\n# another\nAnalysisType: rule\nSeverity: none\nMap:\n  Key: x\n  \
                        List:\n    - Type: a\n      More: b\n    - Type:\n        - c\n\"Quoted\": 1\n";

    #[test]
    fn messages_are_about_lines() {
        let second = Lines::new(TEXT, 2);
        for (message, line) in [
            ("`Severity`: expected one of", 9),
            ("`Quoted`: expected", 17),
            ("`Map.Key`: expected", 11),
            ("`Map.List[1].Type`: expected", 15),
            ("`Map.List[0].Type`: expected", 13),
            ("`Map.List[0]`: expected", 13),
            ("`Map.Missing` is missing", 10),
            ("`Missing` is missing", 8),
            ("something else", 8),
            ("not valid YAML: oops at line 12 column 3", 12),
        ] {
            assert_eq!(second.of(message), line, "{message}");
        }
        assert_eq!(Lines::new(TEXT, 1).of("`B`: expected"), 4);
        assert_eq!(Lines::new("A: 1\n{{ x }}: 2\n", 1).of("a key is a list, a mapping"), 2);
        assert_eq!(Lines::new("A: 1\nB: {{ x }}\n", 1).of("a key is a list, a mapping"), 2);
        assert_eq!(Lines::new("", 1).of("anything"), 1);
        assert_eq!(Lines::new("A: 1", 7).of("`A`: anything"), 1);
    }
}
