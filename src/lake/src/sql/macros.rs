//! The time macros `p_occurs_…` and `p_current_timestamp`.

use std::time::Duration;

use datafusion::sql::sqlparser::{
    ast::{BinaryOperator, Expr, Function, Ident, Value},
    tokenizer::{Span, Token, TokenWithSpan, Whitespace},
};
use margay_domain::{clock::Timestamp, lake::LakeError};

use super::{
    ast::{arguments, as_timestamp, function_name, function_span, literal_number, literal_text, moment},
    parse::start,
};
use crate::{columns::EVENT_TIME, errors::bad_sql, timestamp};

/// What an offset may look like, for errors.
const OFFSETS: &str = "a number and a unit such as '30 s', '15 m', '6 h', '2 d' or '1 w', or a number of seconds";

/// Units with their length in seconds.
const UNITS: [(&[&str], u64); 5] = [
    (&["", "s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
    (&["w", "wk", "wks", "week", "weeks"], 604_800),
];

/// Reads an offset.
pub(super) fn parse_offset(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim().to_ascii_lowercase();
    let seconds = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|(_, seconds)| *seconds)?;
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// Puts quotes around an offset that was written without: `p_occurs_since(90m)`.
pub(super) fn quote_bare_offsets(tokens: &mut [TokenWithSpan]) {
    let is_macro = |token: &Token| match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.to_ascii_lowercase().starts_with("p_occurs_"),
        _ => false,
    };
    for position in 0..tokens.len() {
        let Some([name, open, number, unit]) = tokens.get_mut(position..position + 4) else { return };
        if !is_macro(&name.token) || open.token != Token::LParen {
            continue;
        }
        if let (Token::Number(digits, _), Token::Word(word)) = (&number.token, &unit.token)
            && parse_offset(&format!("{digits}{}", word.value)).is_some()
        {
            number.token = Token::SingleQuotedString(format!("{digits} {}", word.value));
            unit.token = Token::Whitespace(Whitespace::Space);
        }
    }
}

/// The predicate or the moment that a macro stands for; `None` if the function is none.
pub(super) fn expand(function: &Function, now: Timestamp) -> Result<Option<Expr>, LakeError> {
    let Some(name) = function_name(function) else { return Ok(None) };
    let call = Call { name: &name, span: function_span(function), now };
    let bounds = match name.as_str() {
        "p_current_timestamp" => return Ok(Some(moment(now, call.span))),
        "p_occurs_since" | "p_occurs_after" | "p_occurs_before" => 1,
        "p_occurs_between" | "p_occurs_around" => 2,
        _ => return Ok(None),
    };
    let given = arguments(function).ok_or_else(|| call.bad("takes plain arguments"))?;
    let (Some(times), Some(rest)) = (given.get(..bounds), given.get(bounds..)) else {
        return Err(call.bad(match name.as_str() {
            "p_occurs_since" => "needs an offset, for example p_occurs_since('1 d')",
            "p_occurs_between" => "needs two times, for example p_occurs_between('2026-01-01', '2026-01-02')",
            "p_occurs_around" => {
                "needs a time and an offset, for example p_occurs_around('2026-01-01T12:00:00Z', '10 m')"
            }
            _ => "needs a time, for example '2026-01-01T12:00:00Z'",
        }));
    };
    let column = call.column(rest)?;
    let expanded = match (name.as_str(), times) {
        ("p_occurs_since", [offset]) => {
            let from = moment(now.minus(call.offset(offset)?), call.span);
            compare(column, BinaryOperator::GtEq, from)
        }
        ("p_occurs_after", [time]) => compare(column, BinaryOperator::Gt, call.time(time)?),
        ("p_occurs_before", [time]) => compare(column, BinaryOperator::Lt, call.time(time)?),
        ("p_occurs_between", [from, until]) => between(column, call.time(from)?, call.time(until)?),
        ("p_occurs_around", [time, offset]) => {
            let offset = call.offset(offset)?;
            let time = literal_text(time)
                .and_then(timestamp::parse)
                .ok_or_else(|| call.bad("needs a time written out, for example '2026-01-01T12:00:00Z'"))?;
            between(column, moment(time.minus(offset), call.span), moment(time.plus(offset), call.span))
        }
        _ => return Ok(None),
    };
    Ok(Some(expanded))
}

fn compare(column: Expr, op: BinaryOperator, time: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(column), op, right: Box::new(time) }
}

fn between(column: Expr, low: Expr, high: Expr) -> Expr {
    Expr::Between { expr: Box::new(column), negated: false, low: Box::new(low), high: Box::new(high) }
}

/// A macro as it was written.
struct Call<'a> {
    name: &'a str,
    span: Span,
    now: Timestamp,
}

impl Call<'_> {
    fn bad(&self, problem: &str) -> LakeError {
        bad_sql(format!("{} {problem}", self.name), start(self.span))
    }

    /// `'1 d'`, or a number of seconds.
    fn offset(&self, argument: &Expr) -> Result<Duration, LakeError> {
        let text = literal_text(argument).or_else(|| literal_number(argument));
        let Some(text) = text else {
            return Err(self.bad(&format!("needs an offset that is written out: {OFFSETS}")));
        };
        let offset = parse_offset(text);
        // An offset beyond the beginning of time is a slip of the unit.
        offset
            .filter(|offset| self.now.minus(*offset) > Timestamp::from_micros(0))
            .ok_or_else(|| self.bad(&format!("does not understand the offset '{text}'; use {OFFSETS}")))
    }

    /// A time that is written out, or an expression.
    fn time(&self, argument: &Expr) -> Result<Expr, LakeError> {
        let Some(text) = literal_text(argument) else {
            return Ok(as_timestamp(argument.clone(), self.span));
        };
        let time = timestamp::parse(text).ok_or_else(|| {
            self.bad(&format!("does not understand the time '{text}'; use '2026-01-01' or '2026-01-01T12:00:00Z'"))
        })?;
        Ok(moment(time, self.span))
    }

    /// The column that is compared, from the optional alias of a table and the optional name of a column.
    fn column(&self, rest: &[Expr]) -> Result<Expr, LakeError> {
        let name = |argument: &Expr| match argument {
            Expr::Identifier(ident) => Some(ident.clone()),
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => Some(Ident::with_span(self.span, text.as_str())),
                _ => None,
            },
            _ => None,
        };
        let event_time = || Ident::with_span(self.span, EVENT_TIME);
        let (alias, column) = match rest {
            [] => return Ok(Expr::Identifier(event_time())),
            [alias] => (name(alias), Some(event_time())),
            [alias, column] => (name(alias), name(column)),
            _ => return Err(self.bad("has too many arguments")),
        };
        match (alias, column) {
            // An empty alias leaves the column unqualified.
            (Some(alias), Some(column)) if alias.value.is_empty() => Ok(Expr::Identifier(column)),
            (Some(alias), Some(column)) => Ok(Expr::CompoundIdentifier(vec![alias, column])),
            _ => Err(self.bad("takes the alias of a table and the name of a column last")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        for (text, seconds) in [
            ("30 s", 30),
            ("15 m", 900),
            ("6 h", 21_600),
            ("2 d", 172_800),
            ("1 w", 604_800),
            ("2 weeks", 1_209_600),
            ("96 hrs", 345_600),
            ("1 day", 86_400),
            ("5m", 300),
            ("3 DAYS", 259_200),
            ("3600", 3_600),
            (" 1  hour ", 3_600),
        ] {
            assert_eq!(parse_offset(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "d", "1 fortnight", "-1 d", "1.5 h", "1 d 2 h", "99999999999999999999 d", "18446744073709551615 w"]
        {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }
}
