//! The spellings that queries in the field use become those of the engine.
//!
//! How to add one: a line in [`RENAMED`] if only the name differs, else an arm in [`replacement`].

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{
        ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, DuplicateTreatment, ExactNumberInfo, Expr,
        Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, JsonPath, JsonPathElem,
        NullTreatment, ObjectName, Query, Select, SelectItem, Spanned as _, TimezoneInfo, UnaryOperator, Value,
        VisitMut as _, VisitorMut, helpers::attached_token::AttachedToken,
    },
    tokenizer::Span,
};
use margay_domain::{clock::Timestamp, lake::LakeError};

use super::{
    ast::{
        arguments, as_number, as_timestamp, call, function_name, function_span, interval, literal_number, literal_text,
        moment, number, text,
    },
    macros::expand,
    parse::start,
};
use crate::{
    columns::{EVENT_TIME, PARSE_TIME},
    errors::bad_sql,
    functions::{self, JSON_PATH},
    timestamp,
};

/// Functions of another name.
pub(super) const RENAMED: [(&str, &str); 17] = [
    ("approx_count_distinct", "approx_distinct"),
    ("array_cat", "array_concat"),
    ("array_construct", "make_array"),
    ("array_intersection", "array_intersect"),
    ("array_unique_agg", "array_agg"),
    ("arrays_overlap", "array_has_any"),
    ("booland_agg", "bool_and"),
    ("boolor_agg", "bool_or"),
    ("endswith", "ends_with"),
    ("len", "length"),
    ("listagg", "string_agg"),
    ("startswith", "starts_with"),
    ("to_timestamp_ltz", "to_timestamp"),
    ("to_timestamp_ntz", "to_timestamp"),
    ("to_timestamp_tz", "to_timestamp"),
    ("try_to_timestamp", "to_timestamp"),
    ("try_to_timestamp_ntz", "to_timestamp"),
];

/// Functions that take a part of a time, by the name of the part.
const PARTS: [(&str, &str); 12] = [
    ("year", "year"),
    ("quarter", "quarter"),
    ("month", "month"),
    ("week", "week"),
    ("day", "day"),
    ("dayofmonth", "day"),
    ("dayofweek", "dow"),
    ("dayofyear", "doy"),
    ("hour", "hour"),
    ("minute", "minute"),
    ("second", "second"),
    ("weekofyear", "week"),
];

/// Functions of numbers; a path into a document is read as a number for them.
const NUMERIC: [&str; 6] = ["sum", "avg", "median", "stddev", "stddev_pop", "stddev_samp"];

/// Units of time, with other names for them and their length in seconds if it is always the same.
const UNITS: [(&str, &[&str], Option<i64>); 10] = [
    ("year", &["year", "years", "y", "yy", "yyyy", "yr"], None),
    ("quarter", &["quarter", "quarters", "q", "qtr"], None),
    ("month", &["month", "months", "mm", "mon", "mons"], None),
    ("week", &["week", "weeks", "w", "wk"], Some(604_800)),
    ("day", &["day", "days", "d", "dd"], Some(86_400)),
    ("hour", &["hour", "hours", "h", "hh", "hr", "hrs"], Some(3_600)),
    ("minute", &["minute", "minutes", "m", "mi", "min", "mins"], Some(60)),
    ("second", &["second", "seconds", "s", "sec", "secs"], Some(1)),
    ("millisecond", &["millisecond", "milliseconds", "ms"], None),
    ("microsecond", &["microsecond", "microseconds", "us"], None),
];

/// Longer names of columns are cut.
const MAX_NAME: usize = 200;

/// Rewrites a query in place.
pub(super) fn rewrite(query: &mut Query, now: Timestamp) -> Result<(), LakeError> {
    let mut rewriter = Rewriter { now, written: Vec::new() };
    match query.visit(&mut rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Rewriter {
    now: Timestamp,
    /// What the columns of the `SELECT`s around were called before they changed.
    written: Vec<Vec<Option<String>>>,
}

impl VisitorMut for Rewriter {
    type Break = Box<LakeError>;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        self.written.push(select.projection.iter().map(written_name).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        for (item, written) in select.projection.iter_mut().zip(self.written.pop().unwrap_or_default()) {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some(written) = written
                && expr.to_string() != written
            {
                let alias = Ident::with_quote('"', written.chars().take(MAX_NAME).collect::<String>());
                *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match self.rewrite(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

/// What a column without an alias is called.
fn written_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => None,
        SelectItem::UnnamedExpr(expr) => Some(expr.to_string()),
        _ => None,
    }
}

/// The expression itself, with something harmless left in its place.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, text(""))
}

impl Rewriter {
    fn rewrite(&self, expr: &mut Expr) -> Result<(), LakeError> {
        match expr {
            Expr::JsonAccess { value, path } => {
                let span = value.span();
                let steps = steps(path, span)?;
                *expr = json_path(take(value), steps, span);
            }
            Expr::Function(function) => {
                if let Some(expanded) = expand(function, self.now)? {
                    *expr = expanded;
                } else if let Some(other) = replacement(function, self.now)? {
                    *expr = other;
                } else {
                    check(function)?;
                }
            }
            Expr::Cast { expr: inner, data_type, .. } => match cast_target(data_type) {
                Target::Same => {}
                Target::Nothing => *expr = take(inner),
                Target::Other(other) => *data_type = other,
            },
            Expr::BinaryOp { left, op, right } => operands(left, op, right),
            Expr::Between { expr: value, low, high, .. } => {
                if is_number(low) || is_number(high) {
                    numeric(value);
                }
                time_of(value, low);
                time_of(value, high);
            }
            Expr::InList { expr: value, list, .. } => {
                if !list.is_empty() && list.iter().all(is_number) {
                    numeric(value);
                }
            }
            Expr::Like { any: true, negated, expr: value, pattern, escape_char } => {
                let like = |pattern: Expr| Expr::Like {
                    any: false,
                    negated: *negated,
                    expr: value.clone(),
                    pattern: Box::new(pattern),
                    escape_char: escape_char.clone(),
                };
                *expr = any_of(patterns(pattern), *negated, like);
            }
            Expr::ILike { any: true, negated, expr: value, pattern, escape_char } => {
                let like = |pattern: Expr| Expr::ILike {
                    any: false,
                    negated: *negated,
                    expr: value.clone(),
                    pattern: Box::new(pattern),
                    escape_char: escape_char.clone(),
                };
                *expr = any_of(patterns(pattern), *negated, like);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The steps of `:a.b[0]` as arguments.
fn steps(path: &JsonPath, span: Span) -> Result<Vec<Expr>, LakeError> {
    let step = |element: &JsonPathElem| match element {
        JsonPathElem::Dot { key, .. } => Ok(text(key.as_str())),
        JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => {
            let index = literal_number(key).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            if index.is_some() || literal_text(key).is_some() {
                return Ok(key.clone());
            }
            Err(bad_sql("a path takes a number from 0 or a quoted key in brackets", start(span)))
        }
    };
    path.path.iter().map(step).collect()
}

/// A path into `value`; a path into a path is one path.
fn json_path(mut value: Expr, steps: Vec<Expr>, span: Span) -> Expr {
    if let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = &mut value
        && is_named(name, JSON_PATH)
    {
        list.args.extend(steps.into_iter().map(|step| FunctionArg::Unnamed(FunctionArgExpr::Expr(step))));
        return value;
    }
    let mut arguments = vec![value];
    arguments.extend(steps);
    call(JSON_PATH, arguments, span)
}

fn is_named(name: &ObjectName, expected: &str) -> bool {
    matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|ident| ident.value == expected))
}

fn is_json_path(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => is_named(&function.name, JSON_PATH),
        Expr::Nested(inner) => is_json_path(inner),
        _ => false,
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => literal_number(expr).is_some(),
        other => literal_number(other).is_some(),
    }
}

/// Reads a path into a document as a number; documents have no types that the planner could see.
fn numeric(expr: &mut Expr) {
    if is_json_path(expr) {
        *expr = as_number(take(expr));
    }
}

fn operands(left: &mut Expr, op: &BinaryOperator, right: &mut Expr) {
    use BinaryOperator as Op;

    match op {
        Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => {
            numeric(left);
            numeric(right);
        }
        Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => {
            if is_number(right) {
                numeric(left);
            }
            if is_number(left) {
                numeric(right);
            }
            truth_as_text(left, right);
            truth_as_text(right, left);
            time_of(left, right);
            time_of(right, left);
        }
        _ => {}
    }
}

/// A path gives text, so `true` beside it is the text `true`.
fn truth_as_text(path: &Expr, other: &mut Expr) {
    if is_json_path(path)
        && let Expr::Value(value) = other
        && let Value::Boolean(truth) = value.value
    {
        value.value = Value::SingleQuotedString(truth.to_string());
    }
}

/// A time that is written out beside a time of the lake gets its very type, so that files can be skipped by it.
fn time_of(column: &Expr, other: &mut Expr) {
    let name = match column {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    let is_time = |name: &Ident| [EVENT_TIME, PARSE_TIME].iter().any(|time| name.value.eq_ignore_ascii_case(time));
    if name.is_some_and(is_time)
        && let Some(time) = literal_text(other).and_then(timestamp::parse)
    {
        *other = moment(time, Span::empty());
    }
}

/// Refuses a function that is not on the list: it does not exist. What the field calls by another name has been
/// rewritten by now.
fn check(function: &Function) -> Result<(), LakeError> {
    let name = function_name(function);
    if name.is_some_and(|name| functions::exists(&name)) {
        return Ok(());
    }
    let message = format!("there is no function named {}", function.name);
    Err(bad_sql(message, start(function_span(function))))
}

enum Target {
    /// The engine knows the type.
    Same,
    /// The cast means nothing here.
    Nothing,
    /// The engine knows it by another name, or means another width by this one.
    Other(DataType),
}

fn cast_target(data_type: &DataType) -> Target {
    let timestamp = || Target::Other(DataType::Timestamp(None, TimezoneInfo::None));
    match data_type {
        DataType::Array(ArrayElemTypeDef::None) => Target::Nothing,
        DataType::Int(None) | DataType::Integer(None) => Target::Other(DataType::BigInt(None)),
        DataType::Float(_) | DataType::Real => Target::Other(DataType::Double(ExactNumberInfo::None)),
        DataType::TimestampNtz(_) | DataType::Datetime(_) => timestamp(),
        DataType::Custom(name, modifiers) => match name.to_string().to_ascii_lowercase().as_str() {
            "variant" | "object" => Target::Nothing,
            "timestamp_ltz" | "timestamp_tz" => timestamp(),
            "number" => Target::Other(DataType::Decimal(decimal(modifiers))),
            _ => Target::Same,
        },
        _ => Target::Same,
    }
}

/// `NUMBER`, `NUMBER(p)` or `NUMBER(p, s)`.
fn decimal(modifiers: &[String]) -> ExactNumberInfo {
    let precision = modifiers.first().and_then(|text| text.parse().ok()).unwrap_or(38);
    let scale = modifiers.get(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    ExactNumberInfo::PrecisionAndScale(precision, scale)
}

/// The patterns of `LIKE ANY (…)`.
fn patterns(pattern: &Expr) -> Vec<Expr> {
    match pattern {
        Expr::Tuple(patterns) => patterns.clone(),
        Expr::Nested(inner) => vec![inner.as_ref().clone()],
        other => vec![other.clone()],
    }
}

fn any_of(patterns: Vec<Expr>, negated: bool, like: impl Fn(Expr) -> Expr) -> Expr {
    let op = if negated { BinaryOperator::And } else { BinaryOperator::Or };
    let all = patterns.into_iter().map(like).reduce(|left, right| binary(left, op.clone(), right));
    Expr::Nested(Box::new(all.unwrap_or_else(|| text(""))))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// What a function of the field is here. Changes in place where only a detail differs.
fn replacement(function: &mut Function, now: Timestamp) -> Result<Option<Expr>, LakeError> {
    let Some(name) = function_name(function) else { return Ok(None) };
    let span = function_span(function);
    if let Some((_, other)) = RENAMED.iter().find(|(written, _)| *written == name) {
        function.name = ObjectName::from(Ident::with_span(span, *other));
    }
    match (name.as_str(), &mut function.args) {
        ("array_unique_agg", FunctionArguments::List(list)) => {
            list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
        }
        (numbers, FunctionArguments::List(list)) if NUMERIC.contains(&numbers) => {
            if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_mut_slice() {
                numeric(argument);
            }
        }
        _ => {}
    }
    if matches!(name.as_str(), "array_agg" | "array_unique_agg") && function.over.is_none() {
        // Queries in the field do not expect nulls in the lists they collect.
        function.null_treatment.get_or_insert(NullTreatment::IgnoreNulls);
    }
    let Some(given) = arguments(function) else { return Ok(None) };
    if name == "count_if"
        && let [condition] = given.as_slice()
        && function.filter.is_none()
    {
        function.name = ObjectName::from(Ident::with_span(span, "count"));
        function.filter = Some(Box::new(condition.clone()));
        let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
        function.args =
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() });
        return Ok(None);
    }
    simple(&name, &given, now, span)
}

/// Functions without more than arguments.
fn simple(name: &str, given: &[Expr], now: Timestamp, span: Span) -> Result<Option<Expr>, LakeError> {
    let expr = match (name, given) {
        ("iff", [condition, then, otherwise]) => case(condition, then, otherwise),
        ("parse_json" | "try_parse_json" | "to_variant" | "to_json", [document]) => document.clone(),
        ("zeroifnull", [value]) => call("coalesce", vec![value.clone(), number(0)], span),
        ("charindex", [part, whole]) => call("strpos", vec![whole.clone(), part.clone()], span),
        ("to_number" | "to_double" | "to_decimal" | "try_to_number" | "try_to_double" | "try_to_decimal", [value]) => {
            as_number(value.clone())
        }
        ("now" | "current_timestamp" | "localtimestamp" | "sysdate" | "systimestamp" | "getdate", []) => {
            moment(now, span)
        }
        ("current_date", []) => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(text(now.to_rfc3339().chars().take(10).collect::<String>())),
            data_type: DataType::Date,
            array: false,
            format: None,
        },
        ("convert_timezone", [zone, time]) if is_utc(zone) => as_timestamp(time.clone(), span),
        ("convert_timezone", [from, to, time]) if is_utc(from) && is_utc(to) => as_timestamp(time.clone(), span),
        ("date_trunc", [part @ Expr::Identifier(_), time]) => {
            let (part, _) = unit(part, name, span)?;
            call(name, vec![text(part), time.clone()], span)
        }
        ("dateadd" | "timeadd" | "timestampadd", [part, amount, time]) => {
            let (part, _) = unit(part, name, span)?;
            let amount = whole(amount, name, span)?;
            binary(as_time(time, span), BinaryOperator::Plus, length(amount, part))
        }
        ("datediff" | "timediff" | "timestampdiff", [part, from, until]) => {
            difference(unit(part, name, span)?, &as_time(from, span), &as_time(until, span), span)?
        }
        ("time_slice", [time, amount, part, ..]) => {
            let (part, _) = unit(part, name, span)?;
            let amount = whole(amount, name, span)?;
            call("date_bin", vec![length(amount, part), as_time(time, span)], span)
        }
        (name, [time]) => match PARTS.iter().find(|(function, _)| *function == name) {
            Some((_, part)) => call("date_part", vec![text(*part), as_time(time, span)], span),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(expr))
}

fn case(condition: &Expr, then: &Expr, otherwise: &Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: condition.clone(), result: then.clone() }],
        else_result: Some(Box::new(otherwise.clone())),
    }
}

fn is_utc(zone: &Expr) -> bool {
    literal_text(zone).is_some_and(|zone| zone.eq_ignore_ascii_case("utc"))
}

/// A time; one that is written out is a text until it is cast.
fn as_time(time: &Expr, span: Span) -> Expr {
    if literal_text(time).is_some() { as_timestamp(time.clone(), span) } else { time.clone() }
}

/// A unit of time, written as a word or as a text, with its length in seconds if it is always the same.
fn unit(part: &Expr, name: &str, span: Span) -> Result<(&'static str, Option<i64>), LakeError> {
    let written = match part {
        Expr::Identifier(ident) => Some(ident.value.as_str()),
        other => literal_text(other),
    };
    let lower = written.unwrap_or_default().to_ascii_lowercase();
    let found = UNITS.iter().find(|(_, names, _)| names.contains(&lower.as_str()));
    found.map(|(unit, _, seconds)| (*unit, *seconds)).ok_or_else(|| {
        let units: Vec<_> = UNITS.iter().map(|(unit, ..)| *unit).collect();
        bad_sql(format!("{name} needs a unit of time: {}", units.join(", ")), start(span))
    })
}

/// A whole number that is written out.
fn whole(amount: &Expr, name: &str, span: Span) -> Result<i64, LakeError> {
    let (sign, digits) = match amount {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => (-1, literal_number(expr)),
        other => (1, literal_number(other)),
    };
    let number = digits.and_then(|digits| digits.parse::<i64>().ok()).and_then(|number| number.checked_mul(sign));
    number.ok_or_else(|| bad_sql(format!("{name} needs a whole number that is written out"), start(span)))
}

/// So many units as an interval.
fn length(amount: i64, unit: &str) -> Expr {
    if unit == "quarter" { interval(amount.saturating_mul(3), "month") } else { interval(amount, unit) }
}

/// How many borders of a unit lie between two times.
fn difference(unit: (&str, Option<i64>), from: &Expr, until: &Expr, span: Span) -> Result<Expr, LakeError> {
    let part = |part: &str, time: &Expr| call("date_part", vec![text(part), time.clone()], span);
    let minus =
        |part: &dyn Fn(&Expr) -> Expr| Expr::Nested(Box::new(binary(part(until), BinaryOperator::Minus, part(from))));
    let years = || minus(&|time: &Expr| part("year", time));
    let within = |unit: &'static str, many: i64| {
        binary(
            binary(years(), BinaryOperator::Multiply, number(many)),
            BinaryOperator::Plus,
            minus(&|time: &Expr| part(unit, time)),
        )
    };
    let count = match unit {
        ("year", _) => years(),
        ("quarter", _) => within("quarter", 4),
        ("month", _) => within("month", 12),
        (unit, Some(seconds)) => {
            let epoch = |time: &Expr| part("epoch", &call("date_trunc", vec![text(unit), time.clone()], span));
            binary(minus(&epoch), BinaryOperator::Divide, number(seconds))
        }
        (unit, None) => return Err(bad_sql(format!("datediff does not count {unit}s"), start(span))),
    };
    Ok(Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(count),
        data_type: DataType::BigInt(None),
        array: false,
        format: None,
    })
}
