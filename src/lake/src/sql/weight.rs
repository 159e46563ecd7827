//! How much a statement becomes when the planner puts its parts into each other.
//!
//! A common table expression is planned again wherever it is named, and a filter is moved down by putting the
//! expressions of inner queries into it. So a short text can stand for a plan that no memory holds, and planning cannot
//! be interrupted. What is counted here is at least what the planner makes.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{Expr, Query, Select, SelectItem, Spanned as _, TableFactor, ValueWithSpan, Visit, Visitor},
    tokenizer::Span,
};
use margay_domain::lake::LakeError;

use super::{
    ast::{normalized, plain_name},
    parse::start,
};
use crate::{errors::bad_sql, functions::Limits};

/// A statement may have so many `SELECT`s, each counted as often as it is planned.
const MAX_SELECTS: u64 = 1_000;
/// The expressions of one query may have so many parts, with those of the queries below put into them.
const MAX_PARTS: u64 = 200_000;
/// A statement may call so many functions.
const MAX_CALLS: u64 = 1_000;
/// `CUBE`, `ROLLUP` and `GROUPING SETS` of a query may stand for so many groupings.
const MAX_GROUPINGS: u64 = 256;

/// The limits that the functions of a resolved query have to keep to. Refuses a query that becomes too large.
pub(super) fn limits(query: &Query) -> Result<Limits, LakeError> {
    let mut scale = Scale { frames: Vec::new(), calls: 0, columns: 0, parts: 0 };
    if let ControlFlow::Break(error) = query.visit(&mut scale) {
        return Err(*error);
    }
    if scale.calls > MAX_CALLS {
        let message = format!("the statement calls more than {MAX_CALLS} functions; split it");
        return Err(bad_sql(message, start(query.span())));
    }
    let limits = Limits::of(scale.calls, scale.columns, scale.parts);
    match query.visit(&mut Constants { most: limits.constant_bytes }) {
        ControlFlow::Continue(()) => Ok(limits),
        ControlFlow::Break(span) => {
            let message =
                format!("a text in this statement may have at most {} bytes; shorten it", limits.constant_bytes);
            Err(bad_sql(message, start(span)))
        }
    }
}

/// What a query counts where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weight {
    /// Its `SELECT`s, with those below.
    selects: u64,
    /// The parts of its largest column.
    column: u64,
}

/// A query that is being looked at.
struct Frame {
    /// Its common table expressions; those that have been looked at with their weight.
    expressions: Vec<(String, Option<Weight>)>,
    selects: u64,
    /// Parts of all expressions, and how many of them are columns.
    parts: u64,
    columns: u64,
    /// The same of the largest column that it returns.
    item_parts: u64,
    item_columns: u64,
    /// The largest column of what it reads.
    source: u64,
    groupings: u64,
}

/// Looks at all queries of a statement, from the inside out.
struct Scale {
    frames: Vec<Frame>,
    calls: u64,
    columns: u64,
    parts: u64,
}

impl Frame {
    fn new(query: &Query) -> Self {
        let expressions = query.with.iter().flat_map(|with| &with.cte_tables);
        Self {
            expressions: expressions.map(|expression| (normalized(&expression.alias.name), None)).collect(),
            selects: 0,
            parts: 0,
            columns: 0,
            item_parts: 0,
            item_columns: 0,
            source: 1,
            groupings: 1,
        }
    }

    /// Takes the weight of a query inside of this one: the next common table expression, or one that is read.
    fn take(&mut self, weight: Weight) {
        if let Some((_, open)) = self.expressions.iter_mut().find(|(_, known)| known.is_none()) {
            *open = Some(weight);
        } else {
            self.read(weight);
        }
    }

    fn read(&mut self, weight: Weight) {
        self.selects = self.selects.saturating_add(weight.selects);
        self.source = self.source.max(weight.column);
    }

    /// The parts of all expressions, with those of the queries below put into them.
    fn total(&self) -> u64 {
        self.columns.saturating_mul(self.source).saturating_add(self.parts)
    }

    fn weight(&self) -> Weight {
        let column = self.item_columns.saturating_mul(self.source).saturating_add(self.item_parts);
        Weight { selects: self.selects, column: column.max(self.source) }
    }
}

impl Visitor for Scale {
    type Break = Box<LakeError>;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        self.frames.push(Frame::new(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let Some(frame) = self.frames.pop() else { return ControlFlow::Continue(()) };
        let total = frame.total();
        if frame.selects > MAX_SELECTS || total > MAX_PARTS || frame.groupings > MAX_GROUPINGS {
            let message = "this query is too complex: queries that are used several times multiply, and so do their \
                           columns; use each of them less often";
            return ControlFlow::Break(Box::new(bad_sql(message, start(query.span()))));
        }
        self.parts = self.parts.saturating_add(total);
        if let Some(around) = self.frames.last_mut() {
            around.take(frame.weight());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        let Some(frame) = self.frames.last_mut() else { return ControlFlow::Continue(()) };
        frame.selects = frame.selects.saturating_add(1);
        for item in &select.projection {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
            let mut count = Count { depth: 0, parts: 0, columns: 0 };
            let _ = expr.visit(&mut count);
            frame.item_parts = frame.item_parts.max(count.parts);
            frame.item_columns = frame.item_columns.max(count.columns);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        let TableFactor::Table { name, args: None, .. } = factor else { return ControlFlow::Continue(()) };
        let Some(name) = plain_name(name) else { return ControlFlow::Continue(()) };
        let mut known = self.frames.iter().rev().flat_map(|frame| frame.expressions.iter().rev());
        let weight = known.find_map(|(expression, weight)| weight.filter(|_| *expression == name));
        if let (Some(weight), Some(frame)) = (weight, self.frames.last_mut()) {
            frame.read(weight);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        let Some(frame) = self.frames.last_mut() else { return ControlFlow::Continue(()) };
        frame.parts += 1;
        let groupings = |count: usize| u64::try_from(count).unwrap_or(u64::MAX).max(1);
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                frame.columns += 1;
                self.columns += 1;
            }
            Expr::Function(_) => self.calls += 1,
            Expr::Cube(sets) => {
                let count = 1_u64.checked_shl(u32::try_from(sets.len()).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
                frame.groupings = frame.groupings.saturating_mul(count);
            }
            Expr::Rollup(sets) => frame.groupings = frame.groupings.saturating_mul(groupings(sets.len() + 1)),
            Expr::GroupingSets(sets) => frame.groupings = frame.groupings.saturating_mul(groupings(sets.len())),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Counts the parts of an expression, without queries in it.
struct Count {
    depth: usize,
    parts: u64,
    columns: u64,
}

impl Visitor for Count {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.depth == 0 {
            self.parts += 1;
            self.columns += u64::from(matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)));
        }
        ControlFlow::Continue(())
    }
}

/// Finds a text that is too long.
struct Constants {
    most: usize,
}

impl Visitor for Constants {
    type Break = Span;

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Span> {
        // With quotes, and characters that are doubled.
        if value.value.to_string().len() > self.most.saturating_add(2) {
            return ControlFlow::Break(value.span);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse::parse;

    fn weigh(sql: &str) -> Result<Limits, LakeError> {
        limits(&parse(sql).unwrap().query)
    }

    /// `first`, then `levels` common table expressions, each made by `next` from the one before.
    fn chain(first: &str, levels: usize, next: impl Fn(String) -> String, last: &str) -> String {
        let made = (0..levels).map(|level| format!("t{} AS ({})", level + 1, next(format!("t{level}"))));
        let all: Vec<String> = std::iter::once(format!("t0 AS ({first})")).chain(made).collect();
        format!("WITH {} {}", all.join(", "), last.replace('?', &format!("t{levels}")))
    }

    fn is_too_complex(sql: &str) -> bool {
        match weigh(sql) {
            Ok(_) => false,
            Err(LakeError::BadSql { message, position: Some(_) }) => {
                assert!(message.contains("too complex"), "{message}");
                true
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_multiplies_is_refused() {
        let double = |table: String| format!("SELECT concat(v, v) AS v FROM {table}");
        assert!(is_too_complex(&chain("SELECT 'x' AS v", 30, double, "SELECT * FROM ? WHERE v <> ''")));
        assert!(!is_too_complex(&chain("SELECT 'x' AS v", 12, double, "SELECT * FROM ? WHERE v <> ''")));
        let join = |table: String| format!("SELECT a.v FROM {table} a CROSS JOIN {table} b");
        assert!(is_too_complex(&chain("SELECT 1 AS v", 30, join, "SELECT * FROM ?")));
        assert!(!is_too_complex(&chain("SELECT 1 AS v", 5, join, "SELECT * FROM ?")));
        let single = |table: String| format!("SELECT v + 1 AS v FROM {table}");
        assert!(!is_too_complex(&chain("SELECT 1 AS v", 50, single, "SELECT * FROM ? WHERE v > 0")));
        let nested =
            (0..17).fold("SELECT 'x' AS v".to_owned(), |inner, _| format!("SELECT v || v AS v FROM ({inner}) t"));
        assert!(is_too_complex(&nested));
        let columns = ["a"; 12].join(", ");
        assert!(is_too_complex(&format!("SELECT count(*) FROM (SELECT 1 AS a) t GROUP BY CUBE ({columns})")));
    }

    #[test]
    fn a_name_means_the_nearest_expression() {
        // The inner `a` is small, although the outer one is not.
        let large = vec!["v"; 200].join(" + ");
        let sql = format!(
            "WITH a AS (SELECT {large} AS v FROM (SELECT 1 AS v) t), b AS (WITH a AS (SELECT 1 AS v) SELECT v + v AS v FROM a) \
             SELECT {large} FROM b"
        );
        assert!(!is_too_complex(&sql));
    }

    #[test]
    fn limits_follow_from_the_statement() {
        let few = weigh("SELECT concat('a', 'b')").unwrap();
        let many = weigh(&format!("SELECT {}", vec!["concat(v, 'b')"; 500].join(", "))).unwrap();
        assert!(many.array_bytes < few.array_bytes && many.constant_bytes < few.constant_bytes);
        let calls = format!("SELECT {}", vec!["abs(1)"; 1_001].join(", "));
        assert!(matches!(weigh(&calls), Err(LakeError::BadSql { message, .. }) if message.contains("1000 functions")));
    }

    #[test]
    fn long_texts_are_refused_where_they_stand() {
        assert!(weigh(&format!("SELECT '{}' AS v", "x".repeat(90_000))).is_ok());
        let columns = vec!["v"; 2_000].join(", ");
        let sql = format!("SELECT '{}', {columns}", "x".repeat(5_000));
        assert!(matches!(weigh(&sql), Err(LakeError::BadSql { position: Some((1, 8)), .. })));
    }
}
