//! The SQL of PostgreSQL's clients: their dialect, their types, and the catalogue that they ask.
//!
//! A question that names relations of `pg_catalog` or `information_schema`, or none and asks for the session, is answered from the
//! catalogue ([`catalogue`], [`eval`]); any other is one for DataFusion, put into its words ([`rewrite`]).

pub(crate) mod catalogue;
pub(crate) mod eval;
mod information;
pub(crate) mod output;
mod regex;
pub(crate) mod rewrite;
mod rows;
pub(crate) mod settings;
pub(crate) mod types;
pub(crate) mod value;

use crate::catalog::Shown;
use crate::sql::parameters::Parameter;
use crate::{Config, Error};
use catalogue::{Catalogue, STANDARD, SYSTEM, Spec};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, Ident, ObjectName, Query, Statement, TableFactor, Value as Literal,
    Visit, Visitor,
};
use eval::{Evaluator, Limits};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use types::Type;
use value::Value;

/// Returns what `version()` says.
pub(crate) fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    format!("PostgreSQL {} (Craton {own}), 64-bit", settings::VERSION)
}

/// What a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Relations of the unit, or none.
    Rows,
    /// The catalogue.
    Catalogue,
}

/// Returns what a statement is about.
///
/// # Errors
/// [`Error::Sql`] where it joins the catalogue with rows.
pub(crate) fn about(statement: &Statement) -> Result<About, Error> {
    let mut names = Names::default();
    // The visitor never breaks off.
    let _ = statement.visit(&mut names);
    let parts = &names.parts;
    let relations = names.relations.iter().filter(|name| match name.as_slice() {
        [one] => !parts.contains(one),
        _ => true,
    });
    let (of_catalogue, of_rows): (Vec<_>, Vec<_>) =
        relations.partition(|name| is_of_catalogue(name));
    match (of_catalogue.first(), of_rows.first()) {
        (Some(_), None) => Ok(About::Catalogue),
        (None, Some(_)) => Ok(About::Rows),
        (Some(one), Some(other)) => Err(Error::Sql {
            reason: format!(
                "`{}` of the catalogue cannot be joined with `{}`",
                one.join("."),
                other.join(".")
            ),
            place: None,
            hint: Some("ask for them in two statements".into()),
        }),
        (None, None) if names.asks_catalogue => Ok(About::Catalogue),
        (None, None) => Ok(About::Rows),
    }
}

fn is_of_catalogue(name: &[String]) -> bool {
    match name {
        [.., schema, _] => schema == SYSTEM || schema == STANDARD,
        [one] => Spec::named(None, one).is_some(),
        [] => false,
    }
}

/// What a statement names.
#[derive(Default)]
struct Names {
    relations: Vec<Vec<String>>,
    /// The parts of its WITH.
    parts: Vec<String>,
    asks_catalogue: bool,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let parts = query.with.iter().flat_map(|with| &with.cte_tables);
        self.parts.extend(parts.map(|part| folded(&part.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.relations.push(parts_of(name)),
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                let parts = parts_of(name);
                let is_of_system = parts.len() == 2 && (parts[0] == SYSTEM || parts[0] == STANDARD);
                self.asks_catalogue |=
                    is_of_system || parts.last().is_some_and(|name| eval::is_of_catalogue(name));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => {
                let parts = parts_of(&function.name);
                self.asks_catalogue |= parts.last().is_some_and(|name| eval::is_of_catalogue(name))
                    && !matches!(function.args, FunctionArguments::Subquery(_));
            }
            Expr::Cast { data_type, .. } => {
                self.asks_catalogue |= eval::is_type_of_catalogue(data_type)
            }
            Expr::Identifier(ident) if ident.quote_style.is_none() => {
                self.asks_catalogue |= folded(ident) == "current_schema";
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn parts_of(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

/// Returns the query of a statement about the catalogue.
///
/// # Errors
/// [`Error::NotAllowed`] for EXPLAIN and the like.
fn query_of(statement: &Statement) -> Result<&Query, Error> {
    match statement {
        Statement::Query(query) => Ok(query),
        _ => Err(Error::NotAllowed { what: "EXPLAIN of a question about the catalogue".into() }),
    }
}

/// A question about the catalogue.
pub(crate) struct Question<'q> {
    pub(crate) statement: &'q Statement,
    pub(crate) parameters: &'q [Parameter],
    pub(crate) user: &'q str,
    pub(crate) is_stopped: &'q dyn Fn() -> bool,
}

impl Question<'_> {
    /// Answers the question from what somebody may see.
    ///
    /// # Errors
    /// `sql.invalid`, `sql.exhausted`, `sql.cancelled`.
    pub(crate) fn answer(
        &self,
        config: &Config,
        listing: Vec<(&Shown, SchemaRef)>,
    ) -> Result<RecordBatch, Error> {
        let catalogue = Catalogue::new(self.user, listing);
        let values = self.values();
        let evaluator = Evaluator::new(&catalogue, &values, limits(config), self.is_stopped);
        let table = evaluator.answer(query_of(self.statement)?)?;
        output::batch(&table, &|value| evaluator.shown(value))
    }

    /// Returns the columns of the answer.
    ///
    /// # Errors
    /// As [`Question::answer`].
    pub(crate) fn columns(
        &self,
        config: &Config,
        listing: Vec<(&Shown, SchemaRef)>,
    ) -> Result<SchemaRef, Error> {
        let catalogue = Catalogue::new(self.user, listing);
        let values = self.values();
        let evaluator = Evaluator::new(&catalogue, &values, limits(config), self.is_stopped);
        Ok(output::schema(&evaluator.columns(query_of(self.statement)?)?))
    }

    fn values(&self) -> Vec<(&'static Type, Value)> {
        let value = |parameter: &Parameter| (parameter.kind, value_of(parameter));
        self.parameters.iter().map(value).collect()
    }
}

fn value_of(parameter: &Parameter) -> Value {
    let value = Value::of_json(&parameter.value);
    match (&value, parameter.kind.name) {
        (Value::Text(text), "int2" | "int4" | "int8" | "oid") => {
            text.parse().map_or_else(|_| value.clone(), Value::Int)
        }
        (Value::Text(_), "bool") => value.truth().map_or_else(|| value.clone(), Value::Bool),
        (Value::Text(_), _) if parameter.kind.element != 0 => {
            value.items().map_or_else(|| value.clone(), Value::list)
        }
        _ => value,
    }
}

fn limits(config: &Config) -> Limits {
    Limits { steps: config.catalogue_steps_max, cells: config.catalogue_cells_max }
}

/// Returns how many parameters a statement has, and the types that it says of them itself: `$1::int8`, or `column = $1` where
/// the column is one of the catalogue.
pub(crate) fn parameters(statement: &Statement) -> (usize, BTreeMap<usize, &'static Type>) {
    let mut placeholders = Placeholders::default();
    // The visitor never breaks off.
    let _ = statement.visit(&mut placeholders);
    (placeholders.count, placeholders.kinds)
}

#[derive(Default)]
struct Placeholders {
    count: usize,
    kinds: BTreeMap<usize, &'static Type>,
}

impl Placeholders {
    fn note(&mut self, expr: &Expr, kind: Option<&'static Type>) {
        if let (Some(number), Some(kind)) = (number_of(expr), kind) {
            self.kinds.entry(number).or_insert(kind);
        }
    }
}

impl Visitor for Placeholders {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(_) => self.count = self.count.max(number_of(expr).unwrap_or(0)),
            Expr::Cast { expr, data_type, .. } => self.note(expr, types::of_sql(data_type)),
            Expr::BinaryOp { left, right, .. } => {
                self.note(left, column_of(right));
                self.note(right, column_of(left));
            }
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
                self.note(right, column_of(left).and_then(Type::as_list));
                self.note(left, column_of(right).and_then(Type::element));
            }
            Expr::InList { expr, list, .. } => {
                list.iter().for_each(|item| self.note(item, column_of(expr)));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns the number of a placeholder.
fn number_of(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Nested(inner) => number_of(inner),
        Expr::Value(value) => match &value.value {
            Literal::Placeholder(name) => name.trim_start_matches('$').parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the type of a column of the catalogue by its name, which starts with that of its relation there.
fn column_of(expr: &Expr) -> Option<&'static Type> {
    let name = match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(idents) => folded(idents.last()?),
        Expr::Nested(inner) => return column_of(inner),
        _ => return None,
    };
    if name == "oid" {
        return Some(Type::known("oid"));
    }
    let columns = catalogue::specs().iter().filter(|spec| spec.schema == SYSTEM);
    let mut columns = columns.flat_map(|spec| &spec.columns);
    let is_own = ["rel", "att", "nsp", "typ", "con", "ind", "pro", "obj"]
        .iter()
        .any(|start| name.starts_with(start));
    columns.find(|column| is_own && column.name == name).map(|column| column.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn parsed(sql: &str) -> Statement {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql);
        statements.expect("it is SQL").remove(0)
    }

    fn check(sql: &str) -> Result<About, String> {
        about(&parsed(sql)).map_err(|error| error.to_string())
    }

    #[test]
    fn questions_about_the_catalogue_are_told_from_others() {
        assert_eq!(check("SELECT 1"), Ok(About::Rows));
        assert_eq!(check("SELECT * FROM orders"), Ok(About::Rows));
        assert_eq!(check("SELECT version()"), Ok(About::Catalogue));
        assert_eq!(check("select pg_catalog.current_schema()"), Ok(About::Catalogue));
        assert_eq!(check("SELECT 'orders'::regclass"), Ok(About::Catalogue));
        assert_eq!(check("SELECT relname FROM pg_class"), Ok(About::Catalogue));
        assert_eq!(
            check("WITH t AS (SELECT * FROM pg_type) SELECT * FROM t"),
            Ok(About::Catalogue)
        );
        assert_eq!(check("SELECT * FROM information_schema.tables"), Ok(About::Catalogue));
        assert!(check("SELECT * FROM pg_class, orders").is_err());
    }

    #[test]
    fn types_of_parameters_are_read_from_casts_and_columns() {
        let names = |sql: &str| {
            let (count, kinds) = parameters(&parsed(sql));
            let kinds: Vec<_> =
                kinds.iter().map(|(at, kind)| format!("${at} {}", kind.name)).collect();
            format!("{count}: {}", kinds.join(", "))
        };
        assert_eq!(names("SELECT $1::int8, $2"), "2: $1 int8");
        assert_eq!(names("SELECT 1 FROM pg_type t WHERE t.oid = $1"), "1: $1 oid");
        assert_eq!(names("SELECT 1 FROM pg_type t WHERE t.oid = ANY($1)"), "1: $1 _oid");
        assert_eq!(
            names("SELECT relname FROM pg_class WHERE relname IN ($1, $2)"),
            "2: $1 name, $2 name"
        );
    }
}
