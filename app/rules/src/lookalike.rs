//! Names of clients that pose as another: letters of two scripts in a word, or a name that looks like a known one.
//!
//! After Unicode Technical Standard #39: two texts are confusable if their skeletons are equal (section 4), and the
//! scripts of a word must go together as in the level Highly Restrictive (section 5.2), so that `Claude 日本語` is
//! nothing special and `Clаude` with a Cyrillic letter is. A name that is written as a known one says nothing here:
//! whether anybody vouches for it is another question.

mod letters;
mod script;

use std::{collections::HashMap, fmt::Write as _, sync::LazyLock};

use crate::display::is_deceptive;
use letters::LETTERS;
use script::{script, strangers};

/// Clients that people know by name.
const KNOWN: &[&str] = &[
    "Claude",
    "Claude Code",
    "Claude Desktop",
    "Anthropic",
    "ChatGPT",
    "OpenAI",
    "Codex",
    "Codex CLI",
    "Cursor",
    "VS Code",
    "Visual Studio Code",
    "Visual Studio",
    "GitHub Copilot",
    "Microsoft Copilot",
    "Copilot",
    "Goose",
    "Gemini",
    "Gemini CLI",
    "Windsurf",
    "Cline",
    "Roo Code",
    "n8n",
    "Zed",
    "MCP Inspector",
    "JetBrains",
    "IntelliJ IDEA",
    "Perplexity",
    "Le Chat",
    "Mistral",
    "LM Studio",
    "LibreChat",
    "Open WebUI",
    "Raycast",
    "Postman",
    "Zapier",
    "Kiro",
    "Amazon Q",
    "Margay",
];

/// Names of fewer letters are not compared by digits that stand for letters: `Z3D` is no `Zed`.
const LONG_ENOUGH: usize = 5;
/// A known name has at most this many words.
const MAX_WORDS: usize = 4;
/// At most this many letters are listed in a sentence.
const MAX_LISTED: usize = 4;

/// A known name, read in the ways that names are compared.
struct Known {
    name: &'static str,
    plain: String,
    skeleton: String,
    loose: String,
}

static KNOWN_NAMES: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let read = |name: &&'static str| {
        let whole: String = words(name).concat();
        Known { name, plain: plain(&whole), skeleton: skeleton(&whole, false), loose: skeleton(&whole, true) }
    };
    KNOWN.iter().map(read).collect()
});

static LETTER_OF: LazyLock<HashMap<char, &'static str>> = LazyLock::new(|| {
    let pairs = LETTERS.iter().flat_map(|(letter, characters)| characters.chars().map(move |c| (c, *letter)));
    pairs.collect()
});

/// Why a name must not be taken at its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookalike {
    /// The client whose name it imitates, if it is a known one.
    pub imitates: Option<&'static str>,
    /// Letters that do not belong beside the others of their word, with their scripts.
    pub strangers: Vec<(char, &'static str)>,
    /// The words that look like the known name, as they are written; empty if there is none.
    written: String,
}

impl Lookalike {
    /// Judges a name; `None` if it shows nothing but itself.
    pub fn of(name: &str) -> Option<Self> {
        let words = words(name);
        let mut all: Vec<(char, &'static str)> = Vec::new();
        for stranger in words.iter().flat_map(|word| strangers(word)) {
            if !all.contains(&stranger) {
                all.push(stranger);
            }
        }
        let imitated = imitated(&words);
        if imitated.is_none() && all.is_empty() {
            return None;
        }
        let (imitates, written) = imitated.map_or((None, String::new()), |(known, written)| (Some(known), written));
        Some(Self { imitates, strangers: all, written })
    }

    /// A few words for a list.
    pub fn chip(&self) -> String {
        match self.imitates {
            Some(known) => format!("Imitates {known}"),
            None => format!("Mixed scripts: {}", listed(&self.strangers)),
        }
    }

    /// What is wrong with the name, in whole sentences.
    pub fn sentence(&self) -> String {
        let mixed = |start: &str| {
            let mut scripts: Vec<&str> = self.strangers.iter().map(|(_, script)| *script).collect();
            scripts.sort_unstable();
            scripts.dedup();
            let count = if scripts.len() == 1 { "two scripts" } else { "several scripts" };
            format!("{start} letters of {count}: {}.", listed(&self.strangers))
        };
        let Some(known) = self.imitates else {
            return format!("{} It may imitate another name.", mixed("This name mixes, within one word,"));
        };
        let how = if self.strangers.is_empty() { self.dress() } else { mixed("It mixes") };
        format!("This name imitates {known}. {how}")
    }

    /// How a known name is written whose words are each in one script.
    fn dress(&self) -> String {
        let odd: Vec<char> = self.written.chars().filter(|c| !c.is_ascii() && !is_unseen(*c)).collect();
        let mut letters: Vec<(char, &'static str)> = Vec::new();
        for c in odd.iter().copied() {
            let letter = (c, script(c).unwrap_or("special form"));
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
        if !letters.is_empty() {
            return format!("It is written with characters that only look like its letters: {}.", listed(&letters));
        }
        if self.written.is_ascii() {
            return format!("It is written \u{201c}{}\u{201d}.", self.written);
        }
        "It has characters that cannot be seen or that mark its letters.".to_owned()
    }
}

/// `а, е (Cyrillic), ο (Greek)`; the first few.
fn listed(letters: &[(char, &'static str)]) -> String {
    let mut text = String::new();
    let shown: Vec<_> = letters.iter().take(MAX_LISTED).collect();
    for (position, (c, script)) in shown.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        // Writing into a string cannot fail.
        let _ = write!(text, "{separator}{c}");
        if shown.get(position + 1).is_none_or(|(_, next)| next != script) {
            let _ = write!(text, " ({script})");
        }
    }
    if letters.len() > MAX_LISTED {
        text.push_str(" and others");
    }
    text
}

/// The known name that some words of a name look like without being it, and these words.
fn imitated(words: &[String]) -> Option<(&'static str, String)> {
    // Whole names first: `Сlaude Code` imitates Claude Code, not only Claude.
    for length in (1..=MAX_WORDS.min(words.len())).rev() {
        for some in words.windows(length) {
            let written: String = some.concat();
            let (plain, skeleton, loose) = (plain(&written), skeleton(&written, false), skeleton(&written, true));
            let known = KNOWN_NAMES.iter().find(|known| {
                known.plain != plain
                    && (known.skeleton == skeleton || known.plain.len() >= LONG_ENOUGH && known.loose == loose)
            });
            if let Some(known) = known {
                return Some((known.name, some.join(" ")));
            }
        }
    }
    None
}

/// Runs of characters that are letters, digits, look like letters, or cannot be seen.
fn words(name: &str) -> Vec<String> {
    let within =
        |c: char| c.is_alphanumeric() || is_unseen(c) || matches!(c, '@' | '$' | '|') || letter_of(c).is_some();
    name.split(|c: char| !within(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What is written, without regard to case.
fn plain(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// What a text looks like. `loose` also reads digits that stand for letters.
fn skeleton(text: &str, loose: bool) -> String {
    let mut seen = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_unseen(*c)) {
        match c {
            'i' | 'I' | '1' | '|' => seen.push('l'),
            '0' => seen.push('o'),
            '@' => seen.push('a'),
            '$' => seen.push('s'),
            '3' if loose => seen.push('e'),
            '4' if loose => seen.push('a'),
            '5' if loose => seen.push('s'),
            '7' if loose => seen.push('t'),
            _ if c.is_ascii() => seen.push(c.to_ascii_lowercase()),
            _ => match letter_of(c) {
                Some(letters) => seen.push_str(&letters),
                None => seen.extend(c.to_lowercase()),
            },
        }
    }
    seen.replace("rn", "m").replace("vv", "w")
}

/// The letters of the Latin alphabet that a character outside of ASCII looks like.
fn letter_of(c: char) -> Option<String> {
    if c.is_ascii() {
        return None;
    }
    if let Some(letters) = LETTER_OF.get(&c) {
        return Some((*letters).to_owned());
    }
    let code = u32::from(c);
    let ascii = match code {
        // Fullwidth forms.
        0xFF10..=0xFF19 | 0xFF21..=0xFF3A | 0xFF41..=0xFF5A => code - 0xFEE0,
        // Mathematical letters come in alphabets of 52, capitals first, and digits in tens.
        0x1D400..=0x1D6A3 => match (code - 0x1D400) % 52 {
            capital @ 0..=25 => 0x61 + capital,
            small => 0x61 + small - 26,
        },
        0x1D7CE..=0x1D7FF => 0x30 + (code - 0x1D7CE) % 10,
        // Circled, parenthesized, squared, and the letters of flags.
        0x24B6..=0x24CF => code - 0x24B6 + 0x61,
        0x24D0..=0x24E9 => code - 0x24D0 + 0x61,
        0x249C..=0x24B5 => code - 0x249C + 0x61,
        0x1F110..=0x1F129 => code - 0x1F110 + 0x61,
        0x1F130..=0x1F149 => code - 0x1F130 + 0x61,
        0x1F150..=0x1F169 => code - 0x1F150 + 0x61,
        0x1F170..=0x1F189 => code - 0x1F170 + 0x61,
        0x1F1E6..=0x1F1FF => code - 0x1F1E6 + 0x61,
        _ => return None,
    };
    let letter = char::from_u32(ascii)?.to_ascii_lowercase();
    Some(skeleton(letter.encode_utf8(&mut [0; 4]), false))
}

/// Marks on letters, and what takes no place: neither changes what a name is read as.
fn is_unseen(c: char) -> bool {
    let mark = matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}');
    mark || is_deceptive(c)
}
