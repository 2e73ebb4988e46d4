//! The catalogue of PostgreSQL as one caller sees it: what the unit has, under numbers that stay the same between questions.
//!
//! Nothing is in it that the caller may not see. How many rows a relation has is never told.

use super::types::{self, Type};
use super::value::{Named, Row, Value};
use crate::catalog::{CATALOG, PUBLIC, Shown};
use datafusion::arrow::datatypes::SchemaRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// The schema of PostgreSQL's own relations.
pub(crate) const SYSTEM: &str = "pg_catalog";
/// The schema of the standard's relations.
pub(crate) const STANDARD: &str = "information_schema";
/// The role that owns everything.
pub(crate) const OWNER: (&str, i64) = ("craton", 10);
/// Numbers below this one belong to what every PostgreSQL has.
const FIRST: u32 = 16_384;
/// The function by which clients tell lists apart.
pub(crate) const LIST_INPUT: (&str, i64) = ("array_in", 750);

/// A relation of the catalogue itself.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    pub(crate) oid: i64,
    pub(crate) is_view: bool,
    pub(crate) columns: Vec<SpecColumn>,
}

/// A column of a relation of the catalogue.
#[derive(Debug)]
pub(crate) struct SpecColumn {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static Type,
    pub(crate) is_required: bool,
}

impl Spec {
    /// Returns the relation of a name.
    pub(crate) fn named(schema: Option<&str>, name: &str) -> Option<&'static Self> {
        let schema = schema.unwrap_or(SYSTEM);
        specs().iter().find(|spec| spec.name == name && spec.schema == schema)
    }

    fn parse(line: &'static str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (schema, name) = (words.next()?, words.next()?);
        let oid: i64 = words.next()?.parse().ok()?;
        let is_view = words.next()? == "v";
        let column = |word: &'static str| {
            let (name, kind) = word.split_once(':')?;
            let required = kind.strip_suffix('?');
            let kind = Type::known(required.unwrap_or(kind));
            Some(SpecColumn { name, kind, is_required: required.is_none() })
        };
        let columns = words.filter_map(column).collect();
        let oid = if oid == 0 { number_of(&[schema, name], &BTreeSet::new()) } else { oid };
        Some(Self { schema, name, oid, is_view, columns })
    }
}

/// Returns the relations of the catalogue.
pub(crate) fn specs() -> &'static [Spec] {
    static SPECS: OnceLock<Vec<Spec>> = OnceLock::new();
    SPECS.get_or_init(|| {
        let lines = include_str!("catalogue.txt").lines();
        lines.filter(|line| !line.starts_with('#')).filter_map(Spec::parse).collect()
    })
}

/// Returns the number of something that has a name: the same one in every question, whoever asks.
fn number_of(name: &[&str], taken: &BTreeSet<i64>) -> i64 {
    let hash = base::sha256(name.join("\u{0}").as_bytes());
    let start = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    // Clients take these numbers for signed ones of 32 bits.
    let span = (1 << 31) - FIRST;
    let mut number = i64::from(FIRST + start % span);
    while taken.contains(&number) {
        number += 1;
    }
    number
}

/// A relation of the unit.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) oid: i64,
    pub(crate) is_view: bool,
    pub(crate) summary: String,
    pub(crate) columns: Vec<Column>,
    /// The places of the columns that tell rows apart, from 1.
    pub(crate) key: Vec<i64>,
    /// The number of the index that the key makes, and of its constraint; 0 where there is no key.
    pub(crate) index: i64,
    pub(crate) constraint: i64,
    pub(crate) query: Option<String>,
}

impl Relation {
    /// Returns the name of the index of the key.
    pub(crate) fn index_name(&self) -> String {
        format!("{}_pkey", self.name)
    }

    /// Returns the columns of the key, in its order.
    pub(crate) fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key
            .iter()
            .filter_map(|place| self.columns.get(usize::try_from(place - 1).unwrap_or(usize::MAX)))
    }
}

/// A column of a relation of the unit.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: &'static Type,
    pub(crate) modifier: i64,
    pub(crate) is_required: bool,
    pub(crate) summary: String,
}

/// A function that SQL has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) result: &'static str,
    /// True where it is one of Craton's own.
    pub(crate) is_own: bool,
}

impl Function {
    pub(crate) fn oid(&self) -> i64 {
        match self.name == LIST_INPUT.0 {
            true => LIST_INPUT.1,
            false => number_of(&["function", self.name], &BTreeSet::new()),
        }
    }

    pub(crate) fn schema(&self) -> i64 {
        if self.is_own { schema_number(PUBLIC) } else { schema_number(SYSTEM) }
    }

    pub(crate) fn arguments_text(&self) -> String {
        let shown = self.arguments.iter().map(|name| Type::known(name).spelled());
        shown.collect::<Vec<_>>().join(", ")
    }
}

/// The functions of Craton's SQL that no other SQL has.
pub(crate) const OWN: [Function; 5] = [
    Function { name: "business_now", arguments: &[], result: "timestamptz", is_own: true },
    Function { name: "json_length", arguments: &["text", "text"], result: "int8", is_own: true },
    Function { name: "json_number", arguments: &["text", "text"], result: "numeric", is_own: true },
    Function { name: "json_text", arguments: &["text", "text"], result: "text", is_own: true },
    Function {
        name: "json_time",
        arguments: &["text", "text"],
        result: "timestamptz",
        is_own: true,
    },
];

/// The catalogue for one question.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) user: String,
    pub(crate) user_oid: i64,
    pub(crate) database_oid: i64,
    pub(crate) relations: Vec<Relation>,
    /// The schemas with their numbers.
    pub(crate) schemas: BTreeMap<String, i64>,
}

fn schema_number(name: &str) -> i64 {
    match name {
        SYSTEM => 11,
        PUBLIC => 2_200,
        name => number_of(&["schema", name], &BTreeSet::new()),
    }
}

impl Catalogue {
    /// Returns the catalogue of what somebody sees, each relation with its columns.
    pub(crate) fn new(user: &str, listing: Vec<(&Shown, SchemaRef)>) -> Self {
        let mut taken = BTreeSet::new();
        let mut number = |name: &[&str]| {
            let number = number_of(name, &taken);
            taken.insert(number);
            number
        };
        let mut relations = Vec::new();
        for (shown, schema) in listing {
            relations.push(relation(shown, &schema, &mut number));
        }
        relations.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
        let names = relations.iter().map(|relation| relation.schema.as_str());
        let names = names.chain([SYSTEM, STANDARD, PUBLIC]);
        let schemas = names.map(|name| (name.to_owned(), schema_number(name))).collect();
        Self {
            user: user.to_owned(),
            user_oid: number_of(&["user", user], &BTreeSet::new()),
            database_oid: number_of(&["database", CATALOG], &BTreeSet::new()),
            relations,
            schemas,
        }
    }

    /// Returns the number of a relation, an index, a type or a schema that a text names; PostgreSQL's `::regclass` and its kin.
    pub(crate) fn number(&self, named: Named, text: &str) -> Option<i64> {
        let parts = name_parts(text)?;
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name.as_str()),
            [schema, name] => (Some(schema.as_str()), name.as_str()),
            _ => return None,
        };
        match named {
            Named::Schema => self.schemas.get(name).copied(),
            Named::Type => {
                Type::named(text).or_else(|| Type::named(name)).map(|found| i64::from(found.oid))
            }
            Named::Function => {
                let name = name.split('(').next().unwrap_or(name);
                self.functions()
                    .find(|function| function.name == name)
                    .map(|function| function.oid())
            }
            Named::Role if name == OWNER.0 => Some(OWNER.1),
            Named::Role => Some(self.user_oid).filter(|_| name == self.user),
            Named::Relation => self.relation_number(schema, name),
        }
    }

    fn relation_number(&self, schema: Option<&str>, name: &str) -> Option<i64> {
        if let Some(spec) = Spec::named(schema, name) {
            return Some(spec.oid);
        }
        let schema = schema.unwrap_or(PUBLIC);
        let mut relations = self.relations.iter().filter(|relation| relation.schema == schema);
        relations.find_map(|relation| match relation.name == name {
            true => Some(relation.oid),
            false if relation.index != 0 && relation.index_name() == name => Some(relation.index),
            false => None,
        })
    }

    /// Returns the name of what a number names, as PostgreSQL shows it: with the schema where it is needed.
    pub(crate) fn name(&self, named: Named, number: i64) -> String {
        let found = match named {
            Named::Schema => {
                self.schemas.iter().find(|(_, oid)| **oid == number).map(|(name, _)| quoted(name))
            }
            Named::Type => u32::try_from(number).ok().and_then(Type::of_oid).map(Type::spelled),
            Named::Function => self
                .functions()
                .find(|function| function.oid() == number)
                .map(|function| function.name.to_owned()),
            Named::Role => self.role(number).map(quoted),
            Named::Relation => self.relation_name(number).map(|(schema, name)| match schema {
                PUBLIC | SYSTEM => quoted(&name),
                schema => format!("{}.{}", quoted(schema), quoted(&name)),
            }),
        };
        match found {
            Some(name) => name,
            None if number == 0 => "-".into(),
            None => number.to_string(),
        }
    }

    /// Returns schema and name of a relation or an index.
    pub(crate) fn relation_name(&self, number: i64) -> Option<(&str, String)> {
        if let Some(spec) = specs().iter().find(|spec| spec.oid == number) {
            return Some((spec.schema, spec.name.to_owned()));
        }
        let relation = self.relation(number)?;
        let name =
            if relation.oid == number { relation.name.clone() } else { relation.index_name() };
        Some((&relation.schema, name))
    }

    /// Returns the relation of a number, or of the number of its index.
    pub(crate) fn relation(&self, number: i64) -> Option<&Relation> {
        let is_it = |relation: &&Relation| {
            relation.oid == number || relation.index != 0 && relation.index == number
        };
        self.relations.iter().find(is_it)
    }

    /// Returns the name of a role.
    pub(crate) fn role(&self, number: i64) -> Option<&str> {
        if number == OWNER.1 {
            return Some(OWNER.0);
        }
        Some(self.user.as_str()).filter(|_| number == self.user_oid)
    }

    /// Returns the functions that are listed.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &'static Function> {
        super::eval::FUNCTIONS.iter().chain(&OWN)
    }

    /// Returns the rows of a relation of the catalogue.
    pub(crate) fn rows(&self, spec: &'static Spec) -> Vec<Row> {
        match spec.schema {
            STANDARD => super::information::rows(self, spec),
            _ => super::rows::rows(self, spec),
        }
    }
}

fn relation(
    shown: &Shown,
    schema: &SchemaRef,
    number: &mut impl FnMut(&[&str]) -> i64,
) -> Relation {
    let is_view = shown.is_view() || shown.table.schema == "system";
    let columns = schema.fields().iter().map(|field| Column {
        name: field.name().clone(),
        kind: types::of_arrow(field.data_type()),
        modifier: types::modifier(field.data_type()),
        is_required: shown.required.contains(field.name()),
        summary: shown.columns.get(field.name()).cloned().unwrap_or_default(),
    });
    let columns: Vec<Column> = columns.collect();
    let place = |name: &String| columns.iter().position(|column| column.name == *name);
    let key: Vec<i64> =
        shown.key.iter().filter_map(place).filter_map(|at| i64::try_from(at + 1).ok()).collect();
    let (schema, name) = (shown.table.schema.clone(), shown.table.name.clone());
    let oid = number(&[schema.as_str(), name.as_str()]);
    let (index, constraint) = match key.is_empty() {
        true => (0, 0),
        false => (
            number(&["index", schema.as_str(), name.as_str()]),
            number(&["constraint", schema.as_str(), name.as_str()]),
        ),
    };
    Relation {
        schema,
        name,
        oid,
        is_view,
        summary: shown.summary.clone(),
        columns,
        key,
        index,
        constraint,
        query: shown.query.clone(),
    }
}

/// Returns a name in quotes where it needs them.
pub(crate) fn quoted(name: &str) -> String {
    let mut signs = name.chars();
    let is_plain = signs.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && signs.all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Takes a name apart: `a`, `a.b`, `"A"."b c"`. Names without quotes are lower case.
pub(crate) fn name_parts(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut part, mut rest) =
        (Vec::new(), String::new(), text.trim().chars().peekable());
    while let Some(sign) = rest.next() {
        match sign {
            '"' => loop {
                match rest.next()? {
                    '"' if rest.peek() == Some(&'"') => part.extend(rest.next()),
                    '"' => break,
                    sign => part.push(sign),
                }
            },
            '.' => parts.push(std::mem::take(&mut part)),
            sign => part.extend(sign.to_lowercase()),
        }
    }
    parts.push(part);
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// A row that is being filled; what is not set is null, or nothing much where null cannot be.
pub(crate) struct Draft {
    spec: &'static Spec,
    values: Vec<Value>,
}

impl Draft {
    pub(crate) fn new(spec: &'static Spec) -> Self {
        let values = spec.columns.iter().map(|column| match column.kind.name {
            _ if !column.is_required => Value::Null,
            "bool" => Value::Bool(false),
            "float4" | "float8" | "numeric" => Value::Float(0.0),
            "char" | "name" | "text" | "varchar" => Value::text(""),
            "timestamptz" | "interval" => Value::Null,
            "regproc" => Value::Oid(Named::Function, 0),
            "regtype" => Value::Oid(Named::Type, 0),
            "int2vector" | "oidvector" => Value::vector(Vec::new()),
            name if name.starts_with('_') => Value::list(Vec::new()),
            _ => Value::Int(0),
        });
        Self { spec, values: values.collect() }
    }

    /// Sets a column.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let at = self.spec.columns.iter().position(|column| column.name == name);
        // The names stand in this crate: another one is a mistake here.
        assert!(at.is_some(), "{} has no column {name}", self.spec.name);
        if let Some(at) = at {
            self.values[at] = value.into();
        }
        self
    }

    pub(crate) fn row(self) -> Row {
        self.values.into()
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_of_the_catalogue_has_known_columns_and_its_own_number() {
        let specs = specs();
        assert!(120 < specs.len(), "{} relations", specs.len());
        let numbers: BTreeSet<i64> = specs.iter().map(|spec| spec.oid).collect();
        assert_eq!(numbers.len(), specs.len());
        let class = Spec::named(None, "pg_class").expect("pg_class is there");
        assert_eq!((class.oid, class.columns[1].name), (1_259, "relname"));
        assert_eq!(class.columns[1].kind.name, "name");
    }

    #[test]
    fn every_relation_of_the_catalogue_gives_rows_of_its_width() {
        let catalogue = Catalogue::new("ana", Vec::new());
        for spec in specs() {
            for row in catalogue.rows(spec) {
                assert_eq!(row.len(), spec.columns.len(), "{}", spec.name);
            }
        }
    }

    #[test]
    fn names_are_taken_apart_and_put_together() {
        assert_eq!(name_parts("A.b"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(name_parts("\"A b\".\"c\"\"d\""), Some(vec!["A b".into(), "c\"d".into()]));
        assert_eq!(name_parts("a."), None);
        assert_eq!(quoted("a_1"), "a_1");
        assert_eq!(quoted("A\"b"), "\"A\"\"b\"");
    }
}
