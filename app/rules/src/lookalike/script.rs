//! Which writing system a letter belongs to.

/// The scripts of Unicode Standard Annex #24 that names are written in, by their ranges. What is not here has none.
const SCRIPTS: &[(&str, &[(u32, u32)])] = &[
    (
        LATIN,
        &[
            (0x41, 0x5A),
            (0x61, 0x7A),
            (0xAA, 0xAA),
            (0xBA, 0xBA),
            (0xC0, 0xD6),
            (0xD8, 0xF6),
            (0xF8, 0x2B8),
            (0x1D00, 0x1D25),
            (0x1D2C, 0x1D5C),
            (0x1D62, 0x1D65),
            (0x1D6B, 0x1D77),
            (0x1D79, 0x1DBE),
            (0x1E00, 0x1EFF),
            (0x2071, 0x2071),
            (0x207F, 0x207F),
            (0x2090, 0x209C),
            (0x212A, 0x212B),
            (0x2160, 0x2188),
            (0x2C60, 0x2C7F),
            (0xA722, 0xA7FF),
            (0xAB30, 0xAB64),
            (0xFB00, 0xFB06),
            (0xFF21, 0xFF3A),
            (0xFF41, 0xFF5A),
        ],
    ),
    ("Greek", &[(0x370, 0x3E1), (0x3F0, 0x3FF), (0x1F00, 0x1FFF)]),
    ("Coptic", &[(0x3E2, 0x3EF), (0x2C80, 0x2CFF)]),
    ("Cyrillic", &[(0x400, 0x52F), (0x1C80, 0x1C8A), (0xA640, 0xA69F)]),
    ("Armenian", &[(0x531, 0x58F), (0xFB13, 0xFB17)]),
    ("Hebrew", &[(0x591, 0x5F4), (0xFB1D, 0xFB4F)]),
    ("Arabic", &[(0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)]),
    ("Syriac", &[(0x700, 0x74F)]),
    ("Thaana", &[(0x780, 0x7BF)]),
    ("N\u{2019}Ko", &[(0x7C0, 0x7FF)]),
    ("Devanagari", &[(0x900, 0x97F)]),
    ("Bengali", &[(0x980, 0x9FF)]),
    ("Gurmukhi", &[(0xA00, 0xA7F)]),
    ("Gujarati", &[(0xA80, 0xAFF)]),
    ("Oriya", &[(0xB00, 0xB7F)]),
    ("Tamil", &[(0xB80, 0xBFF)]),
    ("Telugu", &[(0xC00, 0xC7F)]),
    ("Kannada", &[(0xC80, 0xCFF)]),
    ("Malayalam", &[(0xD00, 0xD7F)]),
    ("Sinhala", &[(0xD80, 0xDFF)]),
    ("Thai", &[(0xE00, 0xE7F)]),
    ("Lao", &[(0xE80, 0xEFF)]),
    ("Tibetan", &[(0xF00, 0xFFF)]),
    ("Myanmar", &[(0x1000, 0x109F)]),
    ("Georgian", &[(0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)]),
    (HANGUL, &[(0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97F), (0xAC00, 0xD7FB), (0xFFA1, 0xFFDC)]),
    ("Ethiopic", &[(0x1200, 0x139F), (0x2D80, 0x2DDF)]),
    ("Cherokee", &[(0x13A0, 0x13FF), (0xAB70, 0xABBF)]),
    ("Canadian Aboriginal", &[(0x1400, 0x167F)]),
    ("Tifinagh", &[(0x2D30, 0x2D7F)]),
    ("Khmer", &[(0x1780, 0x17FF)]),
    ("Mongolian", &[(0x1820, 0x18AF)]),
    (HIRAGANA, &[(0x3041, 0x3096), (0x309D, 0x309F)]),
    (KATAKANA, &[(0x30A1, 0x30FA), (0x30FD, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF6F), (0xFF71, 0xFF9D)]),
    (BOPOMOFO, &[(0x3105, 0x312F), (0x31A0, 0x31BF)]),
    (
        HAN,
        &[
            (0x2E80, 0x2FD5),
            (0x3005, 0x3005),
            (0x3007, 0x3007),
            (0x3021, 0x3029),
            (0x3400, 0x4DBF),
            (0x4E00, 0x9FFF),
            (0xF900, 0xFAFF),
            (0x20000, 0x3FFFD),
        ],
    ),
    ("Lisu", &[(0xA4D0, 0xA4FF)]),
    ("Vai", &[(0xA500, 0xA63F)]),
    ("Deseret", &[(0x10400, 0x1044F)]),
];

const LATIN: &str = "Latin";
const HANGUL: &str = "Hangul";
const HIRAGANA: &str = "Hiragana";
const KATAKANA: &str = "Katakana";
const BOPOMOFO: &str = "Bopomofo";
const HAN: &str = "Han";

/// The scripts that one word may have together: UTS #39 section 5.2, Highly Restrictive.
const TOGETHER: [&[&str]; 3] = [&[LATIN, HAN, HIRAGANA, KATAKANA], &[LATIN, HAN, BOPOMOFO], &[LATIN, HAN, HANGUL]];

/// The script of a letter; `None` for digits, signs, marks and letters that belong to no single script.
pub(super) fn script(c: char) -> Option<&'static str> {
    if !c.is_alphabetic() {
        return None;
    }
    let code = u32::from(c);
    let holds = |ranges: &[(u32, u32)]| ranges.iter().any(|(first, last)| (*first..=*last).contains(&code));
    SCRIPTS.iter().find(|(_, ranges)| holds(ranges)).map(|(name, _)| *name)
}

/// The letters of a word that do not belong beside its others, each once; empty if its scripts go together.
pub(super) fn strangers(word: &str) -> Vec<(char, &'static str)> {
    let letters: Vec<(char, &'static str)> = word.chars().filter_map(|c| Some((c, script(c)?))).collect();
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for (_, script) in &letters {
        match counts.iter_mut().find(|(known, _)| known == script) {
            Some((_, count)) => *count += 1,
            None => counts.push((*script, 1)),
        }
    }
    if counts.len() < 2 || TOGETHER.iter().any(|set| counts.iter().all(|(script, _)| set.contains(script))) {
        return Vec::new();
    }
    // Beside Latin letters the others are the strangers; else those of the rarer scripts.
    let home = match counts.iter().find(|(script, _)| *script == LATIN) {
        Some((latin, _)) => *latin,
        None => counts.iter().rev().max_by_key(|(_, count)| *count).map_or(LATIN, |(script, _)| *script),
    };
    let mut strangers: Vec<(char, &'static str)> = Vec::new();
    for letter in letters {
        if letter.1 != home && !strangers.contains(&letter) {
            strangers.push(letter);
        }
    }
    strangers
}
