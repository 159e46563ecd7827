//! Names of tables: which one is meant, whether the person may read it, and whether it is filtered on time.

use std::{
    collections::{BTreeSet, HashSet},
    ops::ControlFlow,
};

use datafusion::sql::sqlparser::{
    ast::{
        Expr, FunctionArg, FunctionArgExpr, Ident, Join, ObjectName, Query, Select, SelectItem,
        SelectItemQualifiedWildcardKind, SetExpr, Spanned as _, TableAlias, TableFactor, TableWithJoins, VisitMut,
        VisitorMut,
    },
    tokenizer::Span,
};
use margay_domain::lake::LakeError;

use super::{
    ast::{normalized, plain_name},
    parse::{not_read_only, start},
    time_filter::is_limited,
};
use crate::{
    catalog::{ALL_LOGS, Database, Known, SCHEMA},
    columns::column_name,
    errors::bad_sql,
    functions,
};

/// What a query reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Tables of log events.
    pub(super) tables: BTreeSet<String>,
    /// The view of all logs.
    pub(super) all_logs: bool,
}

/// Resolves every table of a query, in place, and demands a filter on time for each table of events.
pub(super) fn resolve(query: &mut Query, database: Database, known: &Known) -> Result<Found, LakeError> {
    let mut resolver = Resolver { database, known, found: Found::default(), quoted: HashSet::new() };
    resolver.query(query, &[])?;
    let Resolver { found, quoted, .. } = resolver;
    let mut columns = Columns { quoted };
    let _ = VisitMut::visit(query, &mut columns);
    Ok(found)
}

struct Resolver<'a> {
    database: Database,
    known: &'a Known,
    found: Found,
    /// Aliases in quotes: names that must keep their case.
    quoted: HashSet<String>,
}

type Done = Result<(), LakeError>;

impl Resolver<'_> {
    /// A query, with the names of the common table expressions around it.
    fn query(&mut self, query: &mut Query, outer: &[String]) -> Done {
        if !query.locks.is_empty() {
            return Err(not_read_only("SELECT … FOR UPDATE"));
        }
        if query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return Err(bad_sql("FOR, SETTINGS, FORMAT and |> are not available", start(query.body.span())));
        }
        let mut scope = outer.to_vec();
        if let Some(with) = &mut query.with {
            for expression in &mut with.cte_tables {
                let name = normalized(&expression.alias.name);
                self.note_alias(&expression.alias);
                // A recursive expression sees itself, any other only what stands before it.
                if with.recursive {
                    scope.push(name);
                    self.query(&mut expression.query, &scope)?;
                } else {
                    self.query(&mut expression.query, &scope)?;
                    scope.push(name);
                }
            }
        }
        self.set_expr(&mut query.body, &scope)?;
        self.nested(&mut query.order_by, &scope)?;
        self.nested(&mut query.limit_clause, &scope)?;
        self.nested(&mut query.fetch, &scope)
    }

    fn set_expr(&mut self, body: &mut SetExpr, scope: &[String]) -> Done {
        match body {
            SetExpr::Select(select) => self.select(select, scope),
            SetExpr::Query(query) => self.query(query, scope),
            SetExpr::SetOperation { left, right, .. } => {
                self.set_expr(left, scope)?;
                self.set_expr(right, scope)
            }
            SetExpr::Values(values) => self.nested(values, scope),
            SetExpr::Insert(_) => Err(not_read_only("INSERT")),
            SetExpr::Update(_) => Err(not_read_only("UPDATE")),
            SetExpr::Delete(_) => Err(not_read_only("DELETE")),
            SetExpr::Merge(_) => Err(not_read_only("MERGE")),
            SetExpr::Table(_) => Err(bad_sql("TABLE is not available; use SELECT * FROM …", start(body.span()))),
        }
    }

    fn select(&mut self, select: &mut Select, scope: &[String]) -> Done {
        if select.into.is_some() {
            return Err(not_read_only("SELECT INTO"));
        }
        let mut from = std::mem::take(&mut select.from);
        for table in &mut from {
            self.table_with_joins(table, scope)?;
        }
        // Queries inside the other clauses; `FROM` has been looked at.
        self.nested(select, scope)?;
        select.from = from;
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => self.note(alias),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    // `panther_logs.public.t.*` is `t.*`, since every table has its own name as an alias.
                    let table = name.0.pop();
                    *name = ObjectName(table.into_iter().collect());
                }
                _ => {}
            }
        }
        if is_limited(select) { Ok(()) } else { Err(LakeError::NoTimeFilter) }
    }

    fn table_with_joins(&mut self, table: &mut TableWithJoins, scope: &[String]) -> Done {
        self.table_factor(&mut table.relation, scope)?;
        for Join { relation, join_operator, .. } in &mut table.joins {
            self.table_factor(relation, scope)?;
            self.nested(join_operator, scope)?;
        }
        Ok(())
    }

    /// Resolves a table. One of events always has an alias afterwards, and a name of three parts.
    fn table_factor(&mut self, factor: &mut TableFactor, scope: &[String]) -> Done {
        let span = factor.span();
        unnest(factor);
        match factor {
            TableFactor::Table { name, args: Some(args), alias, .. } => {
                let function = plain_name(name);
                if !function.as_deref().is_some_and(|name| functions::TABLE.contains(&name)) {
                    return Err(bad_sql(format!("{name} is not a table function that is available"), start(span)));
                }
                self.note_optional(alias.as_ref());
                self.nested(&mut args.args, scope)
            }
            TableFactor::Table {
                name, alias, with_hints, version, partitions, json_path, sample, index_hints, ..
            } => {
                if !with_hints.is_empty()
                    || version.is_some()
                    || !partitions.is_empty()
                    || json_path.is_some()
                    || sample.is_some()
                    || !index_hints.is_empty()
                {
                    return Err(bad_sql("a table takes only a name and an alias", start(span)));
                }
                self.note_optional(alias.as_ref());
                if plain_name(name).is_some_and(|name| scope.contains(&name)) {
                    return Ok(());
                }
                let table = self.table(name, span)?;
                let alias = alias.get_or_insert_with(|| TableAlias {
                    explicit: true,
                    name: Ident::with_span(span, table),
                    columns: Vec::new(),
                    at: None,
                });
                // Another column could be called `p_event_time` and pass for it.
                if let Some(column) = alias.columns.first() {
                    let message = "the columns of a table of events keep their names; rename them after SELECT";
                    return Err(bad_sql(message, start(column.name.span)));
                }
                Ok(())
            }
            TableFactor::Derived { subquery, alias, sample: None, .. } => {
                self.note_optional(alias.as_ref());
                self.query(subquery, scope)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.note_optional(alias.as_ref());
                self.table_with_joins(table_with_joins, scope)
            }
            TableFactor::UNNEST { array_exprs, alias, .. } => {
                self.note_optional(alias.as_ref());
                self.nested(array_exprs, scope)
            }
            TableFactor::Function { .. } | TableFactor::TableFunction { .. } => {
                let message = "FLATTEN and other table functions are not available here; use SELECT unnest(column) for a \
                               list, and column:path for a document";
                Err(bad_sql(message, start(span)))
            }
            _ => Err(bad_sql("this form of FROM is not available", start(span))),
        }
    }

    /// Finds a table, names it in full and returns its own name.
    fn table(&mut self, name: &mut ObjectName, span: Span) -> Result<String, LakeError> {
        let written = name.to_string();
        let mut parts = Vec::with_capacity(3);
        for part in &name.0 {
            let Some(ident) = part.as_ident() else {
                return Err(bad_sql(format!("{written} is not the name of a table"), start(span)));
            };
            parts.push(ident.value.to_ascii_lowercase());
        }
        // A statement is told where its mistake is.
        let at_the_name = |error: LakeError| bad_sql(error.to_string(), start(span));
        let unknown_database = |catalog: &str| at_the_name(LakeError::UnknownDatabase(catalog.to_owned()));
        let (database, table) = match parts.as_slice() {
            [table] => (self.database, table),
            [schema, table] if schema == SCHEMA => (self.database, table),
            [catalog, table] => (Database::of_catalog(catalog).ok_or_else(|| unknown_database(catalog))?, table),
            // `panther_logs..t` leaves the schema out.
            [catalog, schema, table] if schema == SCHEMA || schema.is_empty() => {
                (Database::of_catalog(catalog).ok_or_else(|| unknown_database(catalog))?, table)
            }
            other => {
                return Err(unknown_database(
                    &other.get(..other.len().saturating_sub(1)).unwrap_or_default().join("."),
                ));
            }
        };
        // The same words for a table that is not there and for one that may not be read: no oracle.
        let unknown = || at_the_name(LakeError::UnknownTable(written.clone()));
        let table = match database {
            Database::Logs => {
                let (table, _) = self.known.find(table).ok_or_else(unknown)?;
                self.found.tables.insert(table.to_owned());
                table.to_owned()
            }
            Database::Views if table == ALL_LOGS => {
                self.found.all_logs = true;
                ALL_LOGS.to_owned()
            }
            Database::Views => return Err(unknown()),
        };
        let full = [database.catalog(), SCHEMA, table.as_str()];
        *name = ObjectName::from(full.map(|part| Ident::with_span(span, part)).to_vec());
        Ok(table)
    }

    /// Resolves the queries that lie in a part of the tree.
    fn nested<T: VisitMut>(&mut self, part: &mut T, scope: &[String]) -> Done {
        let mut visitor = Nested { resolver: self, scope, depth: 0 };
        match part.visit(&mut visitor) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    fn note(&mut self, alias: &Ident) {
        if alias.quote_style.is_some() {
            self.quoted.insert(alias.value.clone());
        }
    }

    fn note_alias(&mut self, alias: &TableAlias) {
        self.note(&alias.name);
        alias.columns.iter().for_each(|column| self.note(&column.name));
    }

    fn note_optional(&mut self, alias: Option<&TableAlias>) {
        if let Some(alias) = alias {
            self.note_alias(alias);
        }
    }
}

/// Hands the outermost queries of a part of the tree to the resolver, which looks into them itself.
struct Nested<'r, 'a, 's> {
    resolver: &'r mut Resolver<'a>,
    scope: &'s [String],
    depth: usize,
}

impl VisitorMut for Nested<'_, '_, '_> {
    type Break = Box<LakeError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if self.depth == 0
            && let Err(error) = self.resolver.query(query, self.scope)
        {
            return ControlFlow::Break(Box::new(error));
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Self::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

/// The dialect reads `UNNEST(…)` as any other table function; the engine wants it told apart.
fn unnest(factor: &mut TableFactor) {
    let TableFactor::Table { name, args: Some(args), alias, with_ordinality: false, .. } = factor else { return };
    if plain_name(name).as_deref() != Some("unnest") {
        return;
    }
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    if let Some(array_exprs) = args.args.iter().map(plain).collect::<Option<Vec<_>>>() {
        let alias = alias.take();
        *factor = TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality: false,
        };
    }
}

/// Names of columns: those in quotes are found whatever their case, and a table goes by its alias alone.
struct Columns {
    quoted: HashSet<String>,
}

impl Columns {
    fn fold(&self, ident: &mut Ident) {
        if ident.quote_style.is_some() && !self.quoted.contains(&ident.value) {
            ident.value = column_name(&ident.value);
        }
    }
}

impl VisitorMut for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.fold(ident),
            Expr::CompoundIdentifier(parts) => {
                let catalog = parts.first().map(|part| part.value.to_ascii_lowercase()).unwrap_or_default();
                if parts.len() > 2 && Database::of_catalog(&catalog).is_some() {
                    parts.drain(..parts.len() - 2);
                }
                for part in parts {
                    self.fold(part);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
