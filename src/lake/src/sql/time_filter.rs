//! Whether a condition limits the time of a table of events.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Ident, Query, UnaryOperator, Visit as _, Visitor};

use super::ast::normalized;
use crate::columns::EVENT_TIME;

/// Whether every row of the table called `alias` that meets `condition` meets a comparison of its `p_event_time`.
///
/// Both sides of an `OR` have to compare it, one side of an `AND` is enough; under `NOT` it is the other way round.
pub(super) fn limits(condition: &Expr, alias: &str) -> bool {
    walk(condition, alias, false)
}

fn walk(condition: &Expr, alias: &str, negated: bool) -> bool {
    match condition {
        Expr::Nested(inner) => walk(inner, alias, negated),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => walk(expr, alias, !negated),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => both(left, right, alias, negated, negated),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => both(left, right, alias, negated, !negated),
        Expr::BinaryOp { left, op, right } => {
            let compares = match op {
                BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => true,
                BinaryOperator::Eq => !negated,
                _ => false,
            };
            compares && (mentions(left, alias) || mentions(right, alias))
        }
        Expr::Between { expr, negated: not, .. } | Expr::InList { expr, negated: not, .. } => {
            *not == negated && mentions(expr, alias)
        }
        _ => false,
    }
}

/// Left and right of `AND` and `OR`. Chains lean to the left, so the right side is short and looked at first.
fn both(left: &Expr, right: &Expr, alias: &str, negated: bool, all: bool) -> bool {
    let right = walk(right, alias, negated);
    if all { right && walk(left, alias, negated) } else { right || walk(left, alias, negated) }
}

/// Whether an expression names `p_event_time` of the table, outside of subqueries.
fn mentions(expr: &Expr, alias: &str) -> bool {
    let mut finder = Finder { alias, depth: 0 };
    expr.visit(&mut finder).is_break()
}

struct Finder<'a> {
    alias: &'a str,
    depth: usize,
}

impl Visitor for Finder<'_> {
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
        let found = self.depth == 0
            && match expr {
                Expr::Identifier(column) => is_event_time(column),
                Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                    [.., table, column] => is_event_time(column) && normalized(table) == self.alias,
                    _ => false,
                },
                _ => false,
            };
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn is_event_time(column: &Ident) -> bool {
    column.value.eq_ignore_ascii_case(EVENT_TIME)
}
