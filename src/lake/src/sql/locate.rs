//! Where in a statement something is that the engine tells about only in words.

use datafusion::sql::sqlparser::{
    dialect::SnowflakeDialect,
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};

use super::{parse::position, rewrite::RENAMED};
use crate::columns::column_name;

/// How the engine tells that a value does not become one of another type.
const CASTS: [&str; 4] = ["cannot cast", "can't cast", "cast error", "unsupported cast"];

/// Operators, as the engine names them.
const OPERATORS: [&str; 16] =
    ["=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "AND", "OR", "LIKE", "BETWEEN"];

/// Names by which people call functions whose own name is the one that the engine tells.
const ALIASES: [(&str, &str); 12] = [
    ("char_length", "character_length"),
    ("date_format", "to_char"),
    ("datepart", "date_part"),
    ("datetrunc", "date_trunc"),
    ("ifnull", "nvl"),
    ("instr", "strpos"),
    ("len", "character_length"),
    ("length", "character_length"),
    ("position", "strpos"),
    ("pow", "power"),
    ("substring", "substr"),
    ("trim", "btrim"),
];

/// Line and column of what `message` is about: a cast, a name, a value or an operator that it mentions, in this order;
/// else the beginning of the statement.
pub(crate) fn find_place(sql: &str, message: &str) -> (u64, u64) {
    let tokens = significant(sql);
    cast(&tokens, message)
        .or_else(|| mentioned(&tokens, message))
        .or_else(|| operator(&tokens, message))
        .or_else(|| tokens.first())
        .and_then(|token| position(token.span.start))
        .unwrap_or((1, 1))
}

/// What of a statement may have met a value that it cannot take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Culprits {
    /// One of these operators or functions.
    Tokens(&'static [&'static str]),
    /// A function whose name begins so.
    Functions(&'static str),
    /// What makes values of a type, by the beginning of the engine's word for it.
    Conversions(&'static str),
    /// Anything.
    Unknown,
}

/// Functions that read values of a type, by the beginning of the engine's word for it.
const READERS: [(&str, &[&str]); 3] = [
    (
        "Timestamp",
        &["to_timestamp", "try_to_timestamp", "date_trunc", "date_part", "dateadd", "datediff", "time_slice"],
    ),
    ("Date", &["to_date", "date_trunc", "date_part"]),
    ("Time", &["to_time"]),
];

/// Where a statement met a value that it cannot take, and what the statement calls it.
#[derive(Debug)]
pub(crate) struct Spot {
    /// Line and column.
    pub(crate) position: (u64, u64),
    /// `a value of name`, the text itself in quotes if it is written in the statement, or `a value`.
    pub(crate) subject: String,
}

/// Finds the place of a failure from what may have failed. Of the engine's `message` only what the statement says in
/// the very same words is used.
pub(crate) fn spot(sql: &str, message: &str, culprits: Culprits) -> Spot {
    let tokens = significant(sql);
    let written = quoted(message).into_iter().filter(|text| !text.is_empty()).find_map(|text| {
        tokens.iter().find(|token| matches!(&token.token, Token::SingleQuotedString(value) if value == text))
    });
    let found = match culprits {
        Culprits::Conversions(_) if written.is_some() => written.map(|token| (token, Some(token.token.to_string()))),
        Culprits::Conversions(kind) => conversion(&tokens, kind),
        Culprits::Functions(beginning) => tokens
            .iter()
            .find(|token| matches!(&token.token, Token::Word(word) if begins_with(&word.value, beginning)))
            .map(|token| (token, None)),
        Culprits::Tokens(texts) => tokens
            .iter()
            .find(|token| texts.iter().any(|text| token.token.to_string().eq_ignore_ascii_case(text)))
            .map(|token| (token, None)),
        Culprits::Unknown => None,
    };
    let (token, subject) = found.map_or((tokens.first(), None), |(token, subject)| (Some(token), subject));
    Spot {
        position: token.and_then(|token| position(token.span.start)).unwrap_or((1, 1)),
        subject: subject.unwrap_or_else(|| "a value".to_owned()),
    }
}

/// The first cast to a type, or function that reads values of it, with the name of what it takes; else any cast.
fn conversion<'a>(tokens: &'a [TokenWithSpan], kind: &str) -> Option<(&'a TokenWithSpan, Option<String>)> {
    let readers = READERS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, readers)| *readers);
    let is_reader = |token: &Token| match token {
        Token::Word(word) => readers.iter().any(|reader| begins_with(&word.value, reader)),
        _ => false,
    };
    let casts = || tokens.iter().enumerate().filter(|(_, token)| is_cast(&token.token));
    let fits = |place: usize| tokens.get(place..).and_then(target).and_then(engine_type) == Some(kind);
    let (place, token) = casts()
        .find(|(place, _)| fits(*place))
        .or_else(|| tokens.iter().enumerate().find(|(_, token)| is_reader(&token.token)))
        .or_else(|| casts().next())?;
    Some((token, taken(tokens, place).map(|name| format!("a value of {name}"))))
}

/// The column that a cast or a call at a place takes, if it is a plain one.
fn taken(tokens: &[TokenWithSpan], place: usize) -> Option<&str> {
    let word = |place: Option<usize>| match tokens.get(place?).map(|token| &token.token) {
        Some(Token::Word(word)) => Some(word.value.as_str()),
        _ => None,
    };
    if tokens.get(place).is_some_and(|token| token.token == Token::DoubleColon) {
        return word(place.checked_sub(1));
    }
    if tokens.get(place + 1).is_none_or(|token| token.token != Token::LParen) {
        return None;
    }
    let mut last = place + 2;
    while tokens.get(last + 1).is_some_and(|token| token.token == Token::Period) {
        last += 2;
    }
    match tokens.get(last + 1).map(|token| &token.token) {
        Some(Token::Comma | Token::RParen) => word(Some(last)),
        Some(Token::Word(next)) if next.keyword == Keyword::AS => word(Some(last)),
        _ => None,
    }
}

fn begins_with(name: &str, beginning: &str) -> bool {
    name.get(..beginning.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(beginning))
}

fn is_cast(token: &Token) -> bool {
    match token {
        Token::DoubleColon => true,
        Token::Word(word) => word.keyword == Keyword::CAST,
        _ => false,
    }
}

/// The tokens of a statement without what lies between them.
fn significant(sql: &str) -> Vec<TokenWithSpan> {
    let tokens = Tokenizer::new(&SnowflakeDialect {}, sql).tokenize_with_location().unwrap_or_default();
    tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect()
}

/// The cast that failed: the first one to the type that is named, else the first one.
fn cast<'a>(tokens: &'a [TokenWithSpan], message: &str) -> Option<&'a TokenWithSpan> {
    let lower = message.to_ascii_lowercase();
    if !CASTS.iter().any(|sign| lower.contains(sign)) {
        return None;
    }
    let casts = || tokens.iter().enumerate().filter(|(_, token)| is_cast(&token.token));
    let fits = |place: usize| {
        tokens.get(place..).and_then(target).and_then(engine_type).is_some_and(|kind| message.contains(kind))
    };
    casts().find(|(place, _)| fits(*place)).or_else(|| casts().next()).map(|(_, token)| token)
}

/// The word for the type of a cast that begins at the first token.
fn target(tokens: &[TokenWithSpan]) -> Option<&str> {
    let mut depth = 0_usize;
    let mut is_next = false;
    for token in tokens {
        match &token.token {
            Token::Word(word) if is_next => return Some(&word.value),
            Token::Word(word) => is_next = depth == 1 && word.keyword == Keyword::AS,
            Token::DoubleColon if depth == 0 => is_next = true,
            Token::LParen => depth += 1,
            Token::RParen if depth <= 1 => return None,
            Token::RParen => depth -= 1,
            _ => is_next = false,
        }
    }
    None
}

/// What the engine calls a type.
fn engine_type(word: &str) -> Option<&'static str> {
    let kind = match word.to_ascii_lowercase().as_str() {
        "int" | "integer" | "bigint" | "smallint" | "tinyint" => "Int",
        "number" | "numeric" | "decimal" => "Decimal",
        "float" | "double" | "real" => "Float",
        "boolean" | "bool" => "Boolean",
        "date" => "Date",
        "datetime" => "Timestamp",
        other if other.starts_with("timestamp") => "Timestamp",
        _ => return None,
    };
    Some(kind)
}

/// The first name or value of the statement that stands in quotes in the message, else a name without quotes.
fn mentioned<'a>(tokens: &'a [TokenWithSpan], message: &str) -> Option<&'a TokenWithSpan> {
    let value = |text: &str| {
        tokens.iter().find(|token| match &token.token {
            Token::SingleQuotedString(value) | Token::Number(value, _) => value == text,
            _ => false,
        })
    };
    let name = |text: &str| {
        let mut names = text.split(|c: char| !is_part_of_name(c));
        names.find_map(|name| named(tokens, name).or_else(|| aliased(tokens, name)))
    };
    let bare = || {
        let words = message.split_whitespace().map(|word| word.trim_matches(|c: char| c == '.' || !is_part_of_name(c)));
        words.filter(|word| word.contains(['_', '.'])).find_map(|word| named(tokens, word))
    };
    quoted(message).into_iter().find_map(|text| value(text).or_else(|| name(text))).or_else(bare)
}

fn is_part_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '@' | '$')
}

/// Where a name stands; the part after the last dot counts.
fn named<'a>(tokens: &'a [TokenWithSpan], name: &str) -> Option<&'a TokenWithSpan> {
    let name = name.rsplit('.').next().filter(|name| !name.is_empty())?;
    tokens.iter().find(|token| match &token.token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name) || column_name(&word.value) == name,
        _ => false,
    })
}

/// Where a function stands that the engine calls by another name.
fn aliased<'a>(tokens: &'a [TokenWithSpan], name: &str) -> Option<&'a TokenWithSpan> {
    let names = RENAMED.iter().chain(&ALIASES).filter(|(_, other)| *other == name);
    names.map(|(written, _)| *written).find_map(|written| named(tokens, written))
}

/// The parts of a text that stand in quotes. An apostrophe inside of a word is none.
pub(crate) fn quoted(message: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open: Option<(char, usize)> = None;
    let mut before = ' ';
    for (place, character) in message.char_indices() {
        match open {
            None if matches!(character, '\'' | '"' | '`') && !before.is_alphanumeric() => {
                open = Some((character, place + 1));
            }
            Some((quote, from)) if character == quote => {
                found.extend(message.get(from..place));
                open = None;
            }
            _ => {}
        }
        before = character;
    }
    found
}

/// The first operator that the message mentions.
fn operator<'a>(tokens: &'a [TokenWithSpan], message: &str) -> Option<&'a TokenWithSpan> {
    let find = |operator: &str| tokens.iter().find(|token| token.token.to_string().eq_ignore_ascii_case(operator));
    if message.to_ascii_lowercase().contains("divide by zero") {
        return find("/").or_else(|| find("%"));
    }
    let words = message.split_whitespace().map(|word| if word == "!=" { "<>" } else { word });
    words.filter(|word| OPERATORS.contains(word)).find_map(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_mentions_is_found() {
        let sql =
            "SELECT abs(a),\n  b::int, CAST(c AS timestamp), \"@x\", 1 / 0\nFROM t WHERE a != 'word' AND d LIKE 5";
        for (message, place) in [
            ("Invalid function 'abs'.\nDid you mean 'ABS'?", (1, 8)),
            ("No function matches 'abs(Timestamp(µs, \"UTC\"))'. You might need to add explicit type casts.", (1, 8)),
            ("column \"panther_logs.public.t.b\" must appear in the GROUP BY clause", (2, 3)),
            ("column \"json_path(t.d,Utf8(\"k\"))\" must appear in the GROUP BY clause", (3, 30)),
            ("Cast error: Cannot cast string 'word' to value of Int64 type", (2, 4)),
            ("Cast error: Cannot cast string 'soon' to value of Timestamp type", (2, 11)),
            ("Cannot cast something", (2, 4)),
            ("Parser error: Error parsing timestamp from 'word': error parsing date", (3, 19)),
            ("Ambiguous reference to unqualified field at_sign_x.", (2, 33)),
            ("Arrow error: Divide by zero error", (2, 41)),
            ("Cannot infer common argument type for comparison operation Utf8 != Int64", (3, 16)),
            ("There isn't a common type to coerce Utf8 and Int64 in LIKE expression", (3, 32)),
            ("'mean' does not support zero arguments", (1, 1)),
            ("something else", (1, 1)),
        ] {
            assert_eq!(find_place(sql, message), place, "{message}");
        }
        assert_eq!(find_place("SELECT x, length()", "'character_length' does not support zero arguments"), (1, 11));
        assert_eq!(find_place("", "x"), (1, 1));
        assert_eq!(find_place("  SELECT 1", "x"), (1, 3));
    }
}
