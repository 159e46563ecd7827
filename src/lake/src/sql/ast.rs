//! Parts of a tree, made by hand.

use datafusion::sql::sqlparser::{
    ast::{
        CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
        FunctionArguments, Ident, Interval, ObjectName, ObjectNamePart, Value,
    },
    tokenizer::Span,
};
use margay_domain::clock::Timestamp;

/// `'text'`.
pub(super) fn text(text: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).with_empty_span())
}

/// A number.
pub(super) fn number(number: impl ToString) -> Expr {
    Expr::Value(Value::Number(number.to_string(), false).with_empty_span())
}

/// A call. The span is that of what was written, so that errors point there.
pub(super) fn call(name: &str, arguments: Vec<Expr>, span: Span) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName::from(Ident::with_span(span, name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `INTERVAL '… unit'`.
pub(super) fn interval(amount: i64, unit: &str) -> Expr {
    Expr::Interval(Interval {
        value: Box::new(text(format!("{amount} {unit}"))),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}

/// A moment, in the type of `p_event_time`.
pub(super) fn moment(time: Timestamp, span: Span) -> Expr {
    let seconds = time.to_rfc3339();
    let seconds = seconds.split('.').next().unwrap_or_default();
    let micros = time.as_micros().rem_euclid(1_000_000);
    as_timestamp(text(format!("{seconds}.{micros:06}Z")), span)
}

/// An expression, cast to the type of `p_event_time`.
pub(super) fn as_timestamp(value: Expr, span: Span) -> Expr {
    call("arrow_cast", vec![value, text("Timestamp(Microsecond, Some(\"UTC\"))")], span)
}

/// `TRY_CAST(value AS DOUBLE)`.
pub(super) fn as_number(value: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::TryCast,
        expr: Box::new(value),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    }
}

/// The name of a function in lower case, if it is a plain one.
pub(super) fn function_name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.to_ascii_lowercase()),
        _ => None,
    }
}

/// Where the name of a function stands.
pub(super) fn function_span(function: &Function) -> Span {
    let first = function.name.0.first().and_then(ObjectNamePart::as_ident);
    first.map_or_else(Span::empty, |ident| ident.span)
}

/// The arguments of a call, if all of them are plain expressions.
pub(super) fn arguments(function: &Function) -> Option<Vec<Expr>> {
    match &function.args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::List(list) if list.clauses.is_empty() => list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                _ => None,
            })
            .collect(),
        FunctionArguments::List(_) | FunctionArguments::Subquery(_) => None,
    }
}

/// The text of a literal.
pub(super) fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The digits of a literal number.
pub(super) fn literal_number(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits),
            _ => None,
        },
        _ => None,
    }
}

/// The name of a table that has only one part, as the planner will see it.
pub(super) fn plain_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(normalized),
        _ => None,
    }
}

/// A name as the planner will see it: lower case unless it is quoted.
pub(super) fn normalized(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}
