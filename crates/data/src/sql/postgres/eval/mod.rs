//! Answers questions about the catalogue.
//!
//! Clients ask PostgreSQL's catalogue in a SQL of its own: subqueries that look outwards, lists, rows as values, functions that
//! give several rows. The catalogue is small, so these questions are answered row by row, without a plan, within limits of steps
//! and of values held at once. Nothing but the catalogue can be asked here.

mod aggregate;
mod expression;
mod function;
mod join;
mod kind;
mod query;
mod select;
mod series;

pub(crate) use function::{FUNCTIONS, is_of_catalogue, is_type_of_catalogue};
pub(crate) use select::name_of;

use super::catalogue::{Catalogue, Spec};
use super::types::Type;
use super::value::{Row, Value};
use crate::Error;
use datafusion::sql::sqlparser::ast::Query;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// How often it is looked whether somebody has ended the question.
const STEPS_BETWEEN_LOOKS: u64 = 1_024;

/// How much a question may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Steps: rows and expressions.
    pub(crate) steps: u64,
    /// Values that one relation in between may hold.
    pub(crate) cells: usize,
}

/// A relation, of the catalogue or in between.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A column of a relation.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// The name by which the relation is known.
    pub(crate) qualifier: String,
    pub(crate) name: String,
    pub(crate) kind: &'static Type,
    /// True where `*` does not mean it.
    pub(crate) is_hidden: bool,
}

impl Column {
    fn new(qualifier: &str, name: &str, kind: &'static Type) -> Self {
        Self { qualifier: qualifier.into(), name: name.into(), kind, is_hidden: false }
    }
}

/// Values of window functions: for each call, by the place of its text in memory, one for each row.
type Windows = HashMap<usize, Vec<Value>>;

/// Which row of a function that gives several is meant.
#[derive(Debug, Default)]
struct Turn {
    number: Cell<usize>,
    /// How many rows the longest function gives; `None` where there is no such function.
    count: Cell<Option<usize>>,
}

/// What an expression can see.
#[derive(Clone)]
struct Frame<'f> {
    columns: &'f [Column],
    row: &'f [Value],
    /// The rows of the group, where there are groups.
    group: Option<&'f [Row]>,
    windows: Option<(&'f Windows, usize)>,
    turn: Option<&'f Turn>,
    parent: Option<&'f Frame<'f>>,
    /// Set when a subquery looks at this frame or beyond.
    is_touched: Cell<bool>,
}

impl<'f> Frame<'f> {
    fn new(columns: &'f [Column], row: &'f [Value], parent: Option<&'f Frame<'f>>) -> Self {
        Self {
            columns,
            row,
            group: None,
            windows: None,
            turn: None,
            parent,
            is_touched: Cell::new(false),
        }
    }
}

/// Answers one question.
pub(crate) struct Evaluator<'q> {
    catalogue: &'q Catalogue,
    parameters: &'q [(&'static Type, Value)],
    limits: Limits,
    is_stopped: &'q dyn Fn() -> bool,
    steps: Cell<u64>,
    /// True while only the columns of a result are asked for.
    is_dry: Cell<bool>,
    relations: RefCell<HashMap<i64, Rc<Table>>>,
    indexes: RefCell<HashMap<(i64, usize), Rc<Index>>>,
    /// Subqueries that look at nothing outside of them, with their results.
    results: RefCell<HashMap<usize, Rc<Table>>>,
    parts: RefCell<Vec<(String, Rc<Table>)>>,
}

/// Rows by the key of one of their values.
type Index = HashMap<String, Vec<usize>>;

impl<'q> Evaluator<'q> {
    pub(crate) fn new(
        catalogue: &'q Catalogue,
        parameters: &'q [(&'static Type, Value)],
        limits: Limits,
        is_stopped: &'q dyn Fn() -> bool,
    ) -> Self {
        Self {
            catalogue,
            parameters,
            limits,
            is_stopped,
            steps: Cell::new(0),
            is_dry: Cell::new(false),
            relations: RefCell::default(),
            indexes: RefCell::default(),
            results: RefCell::default(),
            parts: RefCell::default(),
        }
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`Error::Sql`] for what is wrong or not supported, [`Error::Exhausted`], [`Error::Cancelled`].
    pub(crate) fn answer(&self, query: &Query) -> Result<Table, Error> {
        self.query(query, None)
    }

    /// Returns the columns of an answer.
    ///
    /// # Errors
    /// As [`Evaluator::answer`].
    pub(crate) fn columns(&self, query: &Query) -> Result<Vec<Column>, Error> {
        self.dry(query, None)
    }

    /// Returns a value as text.
    pub(crate) fn shown(&self, value: &Value) -> String {
        self.text(value)
    }

    fn dry(&self, query: &Query, outer: Option<&Frame<'_>>) -> Result<Vec<Column>, Error> {
        let before = self.is_dry.replace(true);
        let result = self.query(query, outer);
        self.is_dry.set(before);
        Ok(result?.columns)
    }

    /// Counts a step.
    fn step(&self) -> Result<(), Error> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if self.limits.steps < steps {
            let what = format!("{} steps of a question about the catalogue", self.limits.steps);
            return Err(Error::Exhausted { what });
        }
        if steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && (self.is_stopped)() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    /// Checks that a relation in between does not grow too large.
    fn check(&self, rows: usize, columns: usize) -> Result<(), Error> {
        if self.limits.cells < rows.saturating_mul(columns.max(1)) {
            let what = format!("{} values of a question about the catalogue", self.limits.cells);
            return Err(Error::Exhausted { what });
        }
        Ok(())
    }

    /// Returns a relation of the catalogue.
    fn relation(&self, spec: &'static Spec) -> Rc<Table> {
        if let Some(known) = self.relations.borrow().get(&spec.oid) {
            return Rc::clone(known);
        }
        let columns =
            spec.columns.iter().map(|column| Column::new(spec.name, column.name, column.kind));
        let mut columns: Vec<Column> = columns.collect();
        let hidden = Column::new(spec.name, "tableoid", Type::known("oid"));
        columns.push(Column { is_hidden: true, ..hidden });
        let rows = self
            .catalogue
            .rows(spec)
            .into_iter()
            .map(|row| -> Row { row.iter().cloned().chain([Value::Int(spec.oid)]).collect() });
        let table = Rc::new(Table { columns, rows: rows.collect() });
        self.relations.borrow_mut().insert(spec.oid, Rc::clone(&table));
        table
    }

    /// Returns the rows of a relation of the catalogue by the values of a column.
    fn index(&self, oid: i64, table: &Table, column: usize) -> Rc<Index> {
        if let Some(known) = self.indexes.borrow().get(&(oid, column)) {
            return Rc::clone(known);
        }
        let index = Rc::new(index_of(&table.rows, column));
        self.indexes.borrow_mut().insert((oid, column), Rc::clone(&index));
        index
    }
}

/// Returns rows by the values of a column.
fn index_of(rows: &[Row], column: usize) -> Index {
    let mut index = Index::new();
    for (number, row) in rows.iter().enumerate() {
        if let Some(value) = row.get(column).filter(|value| !value.is_null()) {
            index.entry(value.key()).or_default().push(number);
        }
    }
    index
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::Sql { reason: reason.into(), place: None, hint: None }
}

fn unsupported(what: impl std::fmt::Display) -> Error {
    let what: String = what.to_string().chars().take(120).collect();
    Error::Sql {
        reason: format!("not supported in questions about the catalogue: {what}"),
        place: None,
        hint: Some("`SHOW TABLES` and `information_schema` show what there is".into()),
    }
}
