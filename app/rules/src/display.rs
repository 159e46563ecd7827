//! Text that others chose, as people and models may see it: names, user agents, arguments, values out of logs.
//!
//! A character that cannot be seen, or that changes how its neighbours look, lets one text pass for another: a client
//! poses as a known one, an audit event reads backwards, an instruction for a model hides in a name. There is one list
//! of them, [`is_deceptive`]. In evidence they are written out ([`shown`], [`json`]), in names they are dropped
//! ([`one_line`]), because a name never has to be read back.

use std::{borrow::Cow, fmt::Write as _};

/// Whether `character` cannot be seen or changes how its neighbours look.
///
/// What scripts need to be read stays: letters of every script and their combining marks are not on the list. The
/// joiners U+200C and U+200D and the variation selectors are, because they carry hidden text as well; without them
/// words and emoji fall back to a plainer form that can still be read.
pub const fn is_deceptive(character: char) -> bool {
    is_default_ignorable(character) || is_control(character) || is_blank(character)
}

/// The property Default_Ignorable_Code_Point, unassigned ones included, of which a later version of Unicode may make
/// use (Unicode 17.0, DerivedCoreProperties.txt): soft hyphen, joiners, bidirectional controls, fillers, variation
/// selectors, shorthand and musical format controls, tags.
const fn is_default_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// C0 and C1 controls, line and paragraph separator, interlinear annotation.
const fn is_control(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Characters that are assigned a blank picture and are no space: the empty braille pattern, the Khitan filler, the
/// null notehead.
const fn is_blank(character: char) -> bool {
    matches!(character, '\u{2800}' | '\u{16fe4}' | '\u{1d159}')
}

/// At most `limit` characters of `text`, with deceptive characters written out (`\u{202e}`, `\n`); an ellipsis stands
/// for the rest.
pub fn shown(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    let mut characters = text.chars();
    for character in characters.by_ref().take(limit) {
        if is_deceptive(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// A name in one line: without deceptive characters, with single spaces, at most `limit` characters.
pub fn one_line(text: &str, limit: usize) -> String {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_deceptive(*c)).collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(limit).collect::<String>().trim_end().to_owned()
}

/// JSON with every deceptive character as an escape (RFC 8259, section 7): the same value, and nothing in it can hide
/// or move a terminal's cursor. `text` has to be JSON; line breaks between its tokens stay.
pub fn json(text: &str) -> Cow<'_, str> {
    // Inside a string JSON has no bare line break.
    let escapes = |character: char| is_deceptive(character) && !matches!(character, '\n' | '\r' | '\t');
    if !text.contains(escapes) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let mut units = [0_u16; 2];
    for character in text.chars() {
        if escapes(character) {
            for unit in character.encode_utf16(&mut units) {
                // Writing to a `String` cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Default_Ignorable_Code_Point as Unicode's DerivedCoreProperties.txt lists it, line by line.
    const PROPERTY: [(u32, u32); 27] = [
        (0x00AD, 0x00AD),
        (0x034F, 0x034F),
        (0x061C, 0x061C),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180D),
        (0x180E, 0x180E),
        (0x180F, 0x180F),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x2064),
        (0x2065, 0x2065),
        (0x2066, 0x206F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFF8),
        (0x1BCA0, 0x1BCA3),
        (0x1D173, 0x1D17A),
        (0xE0000, 0xE0000),
        (0xE0001, 0xE0001),
        (0xE0002, 0xE001F),
        (0xE0020, 0xE007F),
        (0xE0080, 0xE00FF),
        (0xE0100, 0xE01EF),
        (0xE01F0, 0xE0FFF),
    ];

    /// What is on the list beside the property.
    const OTHERS: [(u32, u32); 7] = [
        (0x0000, 0x001F),
        (0x007F, 0x009F),
        (0x2028, 0x2029),
        (0x2800, 0x2800),
        (0xFFF9, 0xFFFB),
        (0x16FE4, 0x16FE4),
        (0x1D159, 0x1D159),
    ];

    fn characters(ranges: &[(u32, u32)]) -> impl Iterator<Item = char> + '_ {
        ranges.iter().flat_map(|(first, last)| *first..=*last).filter_map(char::from_u32)
    }

    #[test]
    fn the_list_is_the_property_and_the_named_others() {
        assert_eq!(characters(&PROPERTY).count(), 4174, "the total at the end of the property in the standard");
        let listed: Vec<char> = ('\0'..=char::MAX).filter(|c| is_deceptive(*c)).collect();
        let mut wanted: Vec<char> = characters(&PROPERTY).chain(characters(&OTHERS)).collect();
        wanted.sort_unstable();
        assert_eq!(listed, wanted);
    }

    #[test]
    fn no_deceptive_character_survives_any_form() {
        for character in characters(&PROPERTY).chain(characters(&OTHERS)) {
            let text = format!("a{character}b");
            let evidence = shown(&text, 10);
            assert!(!evidence.contains(is_deceptive), "{evidence}");
            assert!(evidence.starts_with("a\\") && evidence.ends_with('b'), "{evidence}");
            let name = one_line(&text, 10);
            assert!(name == "ab" || name == "a b", "{name}");
            let written = serde_json::to_string(&text).unwrap();
            let safe = json(&written);
            assert!(!safe.contains(is_deceptive), "{safe}");
            assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }

    #[test]
    fn evidence_is_cut_and_written_out() {
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("abcd", 3), "abc…");
        assert_eq!(shown("ä\u{202e}", 1), "ä…");
        assert_eq!(shown("a\r\nb", 9), "a\\r\\nb");
        assert_eq!(shown("a\u{202e}b\u{1b}", 9), "a\\u{202e}b\\u{1b}");
        assert_eq!(shown("👍\u{fe0f}\u{200d}", 9), "👍\\u{fe0f}\\u{200d}");
    }

    #[test]
    fn names_cannot_hide_anything() {
        assert_eq!(one_line("  Claude\r\n\tDesktop ", 200), "Claude Desktop");
        assert_eq!(one_line("Cl\u{200b}au\u{202e}de\0\u{1b}[31m", 200), "Claude[31m");
        assert_eq!(one_line("Claude\u{3164}\u{115f}\u{2800}(verified)", 200), "Claude(verified)");
        assert_eq!(one_line("\u{202e}\u{e0041}", 200), "");
        assert_eq!(one_line(&"a".repeat(300), 200).chars().count(), 200);
        assert_eq!(one_line("👩\u{200d}💻 team", 200), "👩💻 team");
    }

    #[test]
    fn names_of_all_scripts_stay_as_they_are() {
        for name in ["Übersicht 日本", "محمد علي", "שרה כהן", "अर्चना शर्मा", "Nguyễn Thị Hà", "สมชาย", "한국어", "Ωμέγα"]
        {
            assert_eq!(one_line(name, 200), name);
            assert_eq!(shown(name, 200), name);
        }
    }

    #[test]
    fn json_keeps_its_lines_and_its_value() {
        assert_eq!(json("{\n  \"a\": \"\u{9b}\u{e0041}\"\n}"), "{\n  \"a\": \"\\u009b\\udb40\\udc41\"\n}");
        assert!(matches!(json("{\n\t\"a\": \"ä\"\r\n}"), Cow::Borrowed(_)));
    }
}
