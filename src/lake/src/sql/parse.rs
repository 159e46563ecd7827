//! Exactly one statement: a query, or `EXPLAIN` of one.

use datafusion::sql::sqlparser::{
    ast::{DescribeAlias, Query, SetExpr, Statement},
    dialect::{Dialect, SnowflakeDialect},
    keywords::Keyword,
    parser::Parser,
    tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer},
};
use margay_domain::lake::LakeError;

use super::{depth, macros};
use crate::errors::{bad_sql, parser, shown};

/// Longer statements are refused.
const MAX_BYTES: usize = 100_000;
/// Operators of a statement. Trees are as deep as their chains are long, and dropping them takes stack.
const MAX_OPERATORS: usize = 600;
/// The parser's own limit of recursion. Never reached, because [`depth`] refuses earlier: near it the parser tries the
/// alternatives of every level, which takes twice the time with each.
const PARSER_DEPTH: usize = 400;

/// A query as it was written.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The query.
    pub(super) query: Box<Query>,
    /// Whether only its plan is asked for.
    pub(super) explain: bool,
}

/// Reads a statement. The dialect is the one that queries in the field are written in: it knows `column:path` and
/// `::`.
pub(super) fn parse(sql: &str) -> Result<Parsed, LakeError> {
    let dialect = SnowflakeDialect {};
    let tokens = tokens(sql, &dialect)?;
    check_first_word(&tokens)?;
    let parser_of = Parser::new(&dialect).with_recursion_limit(PARSER_DEPTH);
    let statements = parser_of.with_tokens_with_locations(tokens).parse_statements();
    let mut statements = statements.map_err(|error| at_the_end(parser(&error), sql))?.into_iter();
    let (Some(statement), None) = (statements.next(), statements.next()) else {
        return Err(LakeError::NotReadOnly(format!("{} statements", statements.count() + 2)));
    };
    match statement {
        Statement::Query(query) => Ok(Parsed { query: read_only(query)?, explain: false }),
        Statement::Explain { describe_alias: DescribeAlias::Explain, analyze: false, statement, .. } => {
            match *statement {
                Statement::Query(query) => Ok(Parsed { query: read_only(query)?, explain: true }),
                other => Err(not_read_only(&first_word(&other.to_string()))),
            }
        }
        // Running a statement to explain it shows the files it reads.
        Statement::Explain { analyze: true, .. } => Err(not_read_only("EXPLAIN ANALYZE")),
        other => Err(not_read_only(&first_word(&other.to_string()))),
    }
}

fn tokens(sql: &str, dialect: &dyn Dialect) -> Result<Vec<TokenWithSpan>, LakeError> {
    if sql.len() > MAX_BYTES {
        return Err(bad_sql(format!("the statement is longer than {MAX_BYTES} bytes"), None));
    }
    let mut tokens = Tokenizer::new(dialect, sql)
        .tokenize_with_location()
        .map_err(|error| bad_sql(error.message, position(error.location)))?;
    depth::check(&tokens)?;
    let mut operators = 0;
    for token in &tokens {
        operators += levels(&token.token);
        if operators > MAX_OPERATORS {
            let message =
                format!("the statement has more than {MAX_OPERATORS} operators; use IN (…) for long lists of values");
            return Err(bad_sql(message, position(token.span.start)));
        }
    }
    macros::quote_bare_offsets(&mut tokens);
    Ok(tokens)
}

/// How much deeper a token can make the tree.
const fn levels(token: &Token) -> usize {
    match token {
        Token::Word(word) => match word.keyword {
            Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::JOIN => 1,
            _ => 0,
        },
        Token::StringConcat
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::DoubleColon
        | Token::Colon
        | Token::LBracket => 1,
        _ => 0,
    }
}

/// Refuses what is no query by its first word: the parser does not know every statement there is.
fn check_first_word(tokens: &[TokenWithSpan]) -> Result<(), LakeError> {
    let first =
        tokens.iter().map(|token| &token.token).find(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon));
    match first {
        None | Some(Token::EOF) => Err(LakeError::NotReadOnly("no statement".to_owned())),
        Some(Token::Word(word)) => match word.keyword {
            Keyword::SELECT | Keyword::WITH | Keyword::EXPLAIN => Ok(()),
            _ => Err(not_read_only(&word.value.to_ascii_uppercase())),
        },
        Some(_) => Ok(()),
    }
}

/// Refuses queries that write or lock. Parts deeper down are checked where names are resolved.
fn read_only(query: Box<Query>) -> Result<Box<Query>, LakeError> {
    if !query.locks.is_empty() {
        return Err(not_read_only("SELECT … FOR UPDATE"));
    }
    match query.body.as_ref() {
        SetExpr::Insert(_) => Err(not_read_only("INSERT")),
        SetExpr::Update(_) => Err(not_read_only("UPDATE")),
        SetExpr::Delete(_) => Err(not_read_only("DELETE")),
        SetExpr::Merge(_) => Err(not_read_only("MERGE")),
        _ => Ok(query),
    }
}

/// The refusal of a kind of statement.
pub(super) fn not_read_only(kind: &str) -> LakeError {
    let article = if kind.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
    LakeError::NotReadOnly(format!("{article} {} statement", shown(kind)))
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

/// Line and column, if the place is known.
pub(super) fn position(place: Location) -> Option<(u64, u64)> {
    (place.line > 0).then_some((place.line, place.column))
}

/// Where a part of the statement begins.
pub(super) fn start(span: Span) -> Option<(u64, u64)> {
    position(span.start)
}

/// A statement that breaks off has its error at its end.
fn at_the_end(error: LakeError, sql: &str) -> LakeError {
    match error {
        LakeError::BadSql { message, position: None } if message.contains("the end of the statement") => {
            let line = sql.lines().count().max(1) as u64;
            let column = sql.lines().next_back().unwrap_or_default().chars().count() as u64 + 1;
            LakeError::BadSql { message, position: Some((line, column)) }
        }
        other => other,
    }
}
