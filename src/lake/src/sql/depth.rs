//! How deep a statement is, counted on its tokens before the parser sees them.
//!
//! The parser goes down by recursion, and where something does not fit it tries the alternatives: a word such as
//! `CAST` may be the name of a column, a parenthesis in `FROM` a query or a join. Each level of those doubles the work.

use datafusion::sql::sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};
use margay_domain::lake::LakeError;

use super::parse::position;
use crate::errors::bad_sql;

/// Levels of a statement. Queries of people have fewer than ten.
const MAX_DEPTH: usize = 40;
/// Levels that the parser may have to try in two ways: at most a few thousand tries.
const MAX_TRIED_TWICE: usize = 12;
/// Names with dots between them. The name of a column with all before it has four.
const MAX_NAMES: usize = 8;

/// Refuses a statement that is nested too deeply, at the token where it becomes so.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), LakeError> {
    let mut levels = Levels::default();
    let mut before: Option<&Token> = None;
    for token in tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))) {
        levels.take(&token.token, before);
        if levels.is_too_deep() {
            let message = "the statement is nested too deeply here; move inner parts to WITH, or write it with fewer \
                           parentheses, lists, casts and signs inside of each other";
            return Err(bad_sql(message, position(token.span.start)));
        }
        before = Some(&token.token);
    }
    Ok(())
}

#[derive(Default)]
struct Levels {
    open: Vec<Level>,
    /// Signs and words before an operand that the parser goes down for, since the last `,` or `AND` on this level.
    prefixes: usize,
    /// Types in angle brackets, which are counted but not closed: `ARRAY<ARRAY<…`.
    types: usize,
    /// Names and dots in a row, and whether a `:` was among them, behind which the parser reads a path without going
    /// down.
    names: usize,
    in_path: bool,
    depth: usize,
    tried_twice: usize,
}

/// Something that is open.
struct Level {
    is_case: bool,
    /// The prefixes of the level around it.
    prefixes: usize,
    is_tried_twice: bool,
}

impl Levels {
    fn is_too_deep(&self) -> bool {
        let depth = self.depth.saturating_add(self.prefixes).saturating_add(self.types);
        depth > MAX_DEPTH
            || self.tried_twice > MAX_TRIED_TWICE
            || (self.names > MAX_NAMES && !self.in_path)
            || self.names > MAX_DEPTH
    }

    fn take(&mut self, token: &Token, before: Option<&Token>) {
        self.take_name(token, before);
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => self.open(false, is_tried_twice(token, before)),
            Token::RParen | Token::RBracket | Token::RBrace => {
                // What is open inside of brackets ends with them.
                while self.close().is_some_and(|level| level.is_case) {}
            }
            Token::Lt if before.is_some_and(is_type_of_types) => self.types += 1,
            Token::Comma | Token::SemiColon => self.prefixes = 0,
            Token::Arrow | Token::Tilde | Token::ExclamationMark => self.prefixes += 1,
            Token::Plus | Token::Minus if !before.is_some_and(is_operand) => self.prefixes += 1,
            Token::Word(word) => match word.keyword {
                Keyword::CASE if word.quote_style.is_none() => self.open(true, false),
                Keyword::END if self.open.last().is_some_and(|level| level.is_case) => {
                    self.close();
                }
                Keyword::NOT | Keyword::INTERVAL | Keyword::PRIOR | Keyword::EXPLAIN | Keyword::DESCRIBE => {
                    self.prefixes += 1;
                }
                keyword if ends_an_operand(keyword) => self.prefixes = 0,
                _ => {}
            },
            _ => {}
        }
    }

    fn take_name(&mut self, token: &Token, before: Option<&Token>) {
        match token {
            Token::Period => self.names += 1,
            Token::Colon => self.in_path = true,
            _ if matches!(before, Some(Token::Period | Token::Colon)) => {}
            _ => (self.names, self.in_path) = (0, false),
        }
    }

    fn open(&mut self, is_case: bool, is_tried_twice: bool) {
        self.depth = self.depth.saturating_add(1).saturating_add(self.prefixes);
        self.tried_twice += usize::from(is_tried_twice);
        self.open.push(Level { is_case, prefixes: std::mem::take(&mut self.prefixes), is_tried_twice });
    }

    fn close(&mut self) -> Option<Level> {
        let level = self.open.pop()?;
        self.depth = self.depth.saturating_sub(level.prefixes.saturating_add(1));
        self.tried_twice = self.tried_twice.saturating_sub(usize::from(level.is_tried_twice));
        self.prefixes = level.prefixes;
        Some(level)
    }
}

/// Whether the parser may read an opening bracket in two ways: behind a word that begins an expression of its own and
/// may be a name as well, and in `((`.
fn is_tried_twice(token: &Token, before: Option<&Token>) -> bool {
    match before {
        Some(Token::LParen) => *token == Token::LParen,
        Some(Token::Word(word)) => matches!(
            word.keyword,
            Keyword::ARRAY
                | Keyword::CASE
                | Keyword::CAST
                | Keyword::CEIL
                | Keyword::CONVERT
                | Keyword::EXISTS
                | Keyword::EXTRACT
                | Keyword::FLOOR
                | Keyword::INTERVAL
                | Keyword::MAP
                | Keyword::MATCH
                | Keyword::NOT
                | Keyword::OVERLAY
                | Keyword::POSITION
                | Keyword::SAFE_CAST
                | Keyword::STRUCT
                | Keyword::SUBSTR
                | Keyword::SUBSTRING
                | Keyword::TRIM
                | Keyword::TRY_CAST
                | Keyword::TRY_CONVERT
        ),
        _ => false,
    }
}

fn is_type_of_types(token: &Token) -> bool {
    matches!(token, Token::Word(word) if matches!(word.keyword, Keyword::ARRAY | Keyword::STRUCT | Keyword::MAP))
}

/// Whether a sign behind this token stands between two operands.
fn is_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword || !ends_an_operand(word.keyword),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::RParen
        | Token::RBracket
        | Token::RBrace => true,
        _ => false,
    }
}

/// Whether a new operand begins behind this word, on the level where the one before it began.
const fn ends_an_operand(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::SELECT
            | Keyword::DISTINCT
            | Keyword::FROM
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::BY
            | Keyword::HAVING
            | Keyword::QUALIFY
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::ON
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse::parse;

    fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
        format!("SELECT {}{inner}{}", open.repeat(levels), close.repeat(levels))
    }

    fn is_too_deep(sql: &str) -> bool {
        match parse(sql) {
            Err(LakeError::BadSql { message, position }) if message.contains("nested too deeply") => {
                assert!(position.is_some(), "{sql}");
                true
            }
            _ => false,
        }
    }

    /// Every one of these was thinkable as a way to keep the parser busy. If one passed the check, this test would not
    /// end.
    #[test]
    fn depth_of_every_kind_is_refused_before_the_parser() {
        for (open, inner, close) in [
            ("(", "1", ")"),
            ("abs(", "1", ")"),
            ("[", "1", "]"),
            ("ARRAY[", "1", "]"),
            ("CAST(", "1", " AS INT)"),
            ("TRY_CAST(", "1", " AS INT)"),
            ("TRIM(", "1", ")"),
            ("SUBSTRING(", "1", ", 1)"),
            ("CASE WHEN ", "1", " THEN 1 END"),
            ("CASE ", "1", " WHEN 1 THEN 1 END"),
            ("CASE (", "1", ") WHEN 1 THEN 1 END"),
            ("- ", "1", ""),
            ("-(", "1", ")"),
            ("+", "1", ""),
            ("~ ", "1", ""),
            ("! ", "1", ""),
            ("NOT ", "1", ""),
            ("NOT (", "1", ")"),
            ("NOT a = ", "1", ""),
            ("-a ^ ", "1", ""),
            ("x -> ", "1", ""),
            ("INTERVAL ", "'1 d'", ""),
            ("INTERVAL (", "1", ")"),
            ("EXISTS (SELECT ", "1", ")"),
            ("(SELECT ", "1", ")"),
            ("1 FROM (SELECT ", "1", ")"),
            ("1 FROM ((SELECT ", "1", "))"),
            ("1 IN (", "1", ")"),
            ("ARRAY<", "INT", ">"),
            ("STRUCT<a ", "INT", ">"),
            ("MAP{'a': ", "1", "}"),
            ("{'a': ", "1", "}"),
            ("a.", "a", ""),
            ("f(x) OVER (PARTITION BY ", "1", ")"),
        ] {
            for levels in [45, 48, 200, 3_000] {
                let sql = nested(open, inner, close, levels);
                assert!(is_too_deep(&sql), "{levels} {open}");
                // The same without its end, where the parser would try most.
                assert!(is_too_deep(&nested(open, "", "", levels)), "{levels} {open}, cut");
            }
        }
        let deep = format!("SELECT x::{}INT{}", "ARRAY<".repeat(60), ">".repeat(60));
        assert!(is_too_deep(&deep));
        assert!(is_too_deep(&format!("{}SELECT 1", "EXPLAIN ".repeat(60))));
    }

    /// Up to the limit the parser is quick, also where it fails.
    #[test]
    fn what_is_just_allowed_ends() {
        for (open, close, levels) in [
            ("ARRAY[", "]", MAX_TRIED_TWICE),
            ("CAST(", " AS INT)", MAX_TRIED_TWICE),
            ("TRIM(", ")", MAX_TRIED_TWICE),
            ("NOT (", ")", MAX_TRIED_TWICE),
            ("abs(", ")", 38),
            ("CASE WHEN ", " THEN 1 END", 38),
            ("- ", "", 38),
        ] {
            assert!(parse(&nested(open, "1", close, levels)).is_ok(), "{open}");
            assert!(parse(&nested(open, "1 +", close, levels)).is_err(), "{open}");
        }
    }

    #[test]
    fn queries_of_people_pass() {
        for sql in [
            "SELECT start, end, case FROM t WHERE end > 1 AND (end < 2)",
            "SELECT CASE WHEN a = 1 THEN -1 ELSE +1 END, CASE a WHEN 1 THEN 2 END FROM t",
            "SELECT panther_logs.public.aws_cloudtrail.useridentity:a.b.c.d.e.f.g.h.i.j FROM t",
            "SELECT ((a + b) * (c - d)) / ((e)) FROM t WHERE NOT (NOT (a))",
        ] {
            assert!(!is_too_deep(sql), "{sql}");
        }
        let many = |part: &str, between: &str| vec![part; 300].join(between);
        for sql in [
            format!("SELECT {}", many("-1", ", ")),
            format!("SELECT {}", many("CASE WHEN NOT a THEN -1 END", ", ")),
            format!("SELECT 1 WHERE {}", many("NOT a = -1", " AND ")),
            format!("SELECT 1 WHERE x IN ({})", many("(1)", ", ")),
            format!("SELECT {}", many("t.a - t.b", ", ")),
            format!("SELECT 1 WHERE {}", many("t.a IS NULL", " AND ")),
        ] {
            assert!(!is_too_deep(&sql), "{}", &sql[..60]);
        }
    }
}
