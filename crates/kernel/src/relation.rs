//! System state as rows, for SQL.

use crate::{Filter, Open, Reader};
use base::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A binary floating-point number; never money.
    Float,
    /// A decimal of 38 digits with so many behind the point.
    Decimal(u8),
    /// Text; JSON values are text too.
    Text,
    /// An instant in milliseconds, UTC.
    Time,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Nothing.
    Null,
    /// See [`ColumnType::Bool`].
    Bool(bool),
    /// See [`ColumnType::Int`].
    Int(i64),
    /// See [`ColumnType::Float`].
    Float(f64),
    /// See [`ColumnType::Decimal`]: written out, for example `12.90`.
    Decimal(String),
    /// See [`ColumnType::Text`].
    Text(String),
    /// See [`ColumnType::Time`].
    Time(i64),
}

impl Cell {
    /// Returns text, or null for nothing.
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// Returns an instant, or null for nothing.
    pub fn time(time: Option<base::Time>) -> Self {
        time.map_or(Self::Null, |time| Self::Time(time.0))
    }

    /// Returns a JSON value as text, null as null.
    pub fn json(value: &Value) -> Self {
        if value.is_null() { Self::Null } else { Self::Text(value.to_string()) }
    }
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The type.
    pub column_type: ColumnType,
    /// What it holds.
    pub summary: String,
    /// True where equality on it is answered from an index.
    pub is_indexed: bool,
    /// True where the relation itself keeps conditions on it, see [`Scan::filters`].
    pub is_filtered: bool,
}

impl Column {
    /// Returns a column that is not indexed.
    pub fn new(name: &str, column_type: ColumnType, summary: &str) -> Self {
        let (name, summary) = (name.into(), summary.into());
        Self { name, column_type, summary, is_indexed: false, is_filtered: false }
    }

    /// Returns this column, indexed.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        self.is_indexed = true;
        self
    }

    /// Returns this column, on which the relation itself keeps conditions.
    #[must_use]
    pub fn filtered(mut self) -> Self {
        self.is_filtered = true;
        self
    }
}

/// What a query wants of a relation.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Which columns, by their place. The others may be left null.
    pub columns: Vec<usize>,
    /// Equalities on indexed columns that all must hold. A relation may ignore them: they are checked again.
    pub equals: Vec<(usize, Cell)>,
    /// Conditions over filtered columns that all must hold. A relation with such columns keeps them exactly: nobody checks them
    /// again.
    pub filters: Vec<Filter>,
    /// How many rows are enough, where known: of those for which the filters hold.
    pub limit: Option<usize>,
}

/// Gives the rows to `row`, which returns false when it has enough.
pub type Rows = Arc<
    dyn Fn(
            &Reader,
            &Scan,
            &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>,
        ) -> Result<(), Problem>
        + Send
        + Sync,
>;

/// Rows that SQL can read: `SCHEMA.NAME`.
#[derive(Clone)]
pub struct Relation {
    /// The schema: `system`, or a peer's name for what it lends.
    pub schema: String,
    /// The name.
    pub name: String,
    /// What it holds.
    pub summary: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The resource whose `Read` right is needed: `relation/system.tasks`, for example.
    pub resource: crate::ResourceRef,
    /// Gives the rows.
    pub rows: Rows,
    /// Opens them as pages, where they come from elsewhere: then they are read so, and `rows` gives none.
    pub pages: Option<Open>,
}

impl Relation {
    /// Returns a relation of the unit's own: `system.NAME`.
    pub fn system(name: &str, summary: &str, columns: Vec<Column>, rows: Rows) -> Self {
        Self {
            schema: "system".into(),
            name: name.into(),
            summary: summary.into(),
            columns,
            resource: crate::ResourceRef::new("relation", format!("system.{name}")),
            rows,
            pages: None,
        }
    }
}
