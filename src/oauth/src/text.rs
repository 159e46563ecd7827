//! Text that clients made up: names and URIs that people will read (row OD8).

/// Whether `c` cannot be seen or changes how its neighbours are shown: controls, zero-width and bidirectional
/// marks, tags. With them a name could pose as another.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `limit` characters of `text`, with hidden characters made visible.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut short = String::new();
    for c in text.chars().take(limit) {
        if is_hidden(c) {
            short.extend(c.escape_default());
        } else {
            short.push(c);
        }
    }
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}

/// A name in one line: without hidden characters, with single spaces, at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(limit).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_cut_and_made_visible() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…");
        assert_eq!(cut("a\r\nb", 9), "a\\r\\nb");
        assert_eq!(cut("a\u{202e}b", 9), "a\\u{202e}b");
    }

    #[test]
    fn od8_names_cannot_hide_anything() {
        assert_eq!(one_line("  Claude\r\n\tDesktop ", 200), "Claude Desktop");
        assert_eq!(one_line("Cl\u{200b}au\u{202e}de\0\u{1b}[31m", 200), "Claude[31m");
        assert_eq!(one_line("Übersicht 日本", 200), "Übersicht 日本");
        assert_eq!(one_line("\u{202e}", 200), "");
        assert_eq!(one_line(&"a".repeat(300), 200).chars().count(), 200);
    }
}
