//! Whether the tables of events that a `SELECT` reads are limited in time.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, Query, Select, TableFactor, TableWithJoins,
    UnaryOperator, Visit as _, Visitor,
};

use super::ast::normalized;
use crate::columns::EVENT_TIME;

/// Whether every table of events in the `FROM` of a `SELECT`, whose names are resolved, is limited by `WHERE` or by the
/// `ON` of a join.
pub(super) fn is_limited(select: &Select) -> bool {
    let by_where = |alias: &String| select.selection.as_ref().is_some_and(|condition| limits(condition, alias));
    select.from.iter().flat_map(unlimited).all(|alias| by_where(&alias))
}

/// The aliases of the tables of events that no `ON` limits.
fn unlimited(table: &TableWithJoins) -> Vec<String> {
    let mut open = unlimited_in(&table.relation);
    for join in &table.joins {
        let mut right = unlimited_in(&join.relation);
        if let Some((condition, sides)) = on(&join.join_operator) {
            open.retain(|alias| !(sides.left && limits(condition, alias)));
            right.retain(|alias| !(sides.right && limits(condition, alias)));
        }
        open.append(&mut right);
    }
    open
}

fn unlimited_in(factor: &TableFactor) -> Vec<String> {
    match factor {
        // A name of one part is a common table expression, which was looked at where it stands.
        TableFactor::Table { name, alias: Some(alias), args: None, .. } if name.0.len() > 1 => {
            vec![normalized(&alias.name)]
        }
        TableFactor::NestedJoin { table_with_joins, .. } => unlimited(table_with_joins),
        _ => Vec::new(),
    }
}

/// The sides of a join of which only rows that meet the condition are used.
struct Sides {
    left: bool,
    right: bool,
}

/// The condition of a join. An outer join and an anti join return the rows of a side also if they do not meet it.
fn on(operator: &JoinOperator) -> Option<(&Expr, Sides)> {
    let (constraint, left, right) = match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint) => (constraint, true, true),
        JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint) => (constraint, false, true),
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::RightAnti(constraint) => (constraint, true, false),
        // A full join returns all rows of both sides; no other join has a condition that counts.
        _ => return None,
    };
    match constraint {
        JoinConstraint::On(condition) => Some((condition, Sides { left, right })),
        _ => None,
    }
}

/// Whether every row of the table called `alias` that meets `condition` meets a comparison of its `p_event_time`.
///
/// Both sides of an `OR` have to compare it, one side of an `AND` is enough; under `NOT` it is the other way round.
fn limits(condition: &Expr, alias: &str) -> bool {
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
