//! Values of questions about the catalogue. They are few and small, so they carry their kind with them.

use super::types::Type;
use crate::sql::parameters::{items, truth};
use std::cmp::Ordering;
use std::sync::Arc;

/// What a number of the catalogue names, so that it can be shown by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// `regclass`.
    Relation,
    /// `regtype`.
    Type,
    /// `regproc`.
    Function,
    /// `regnamespace`.
    Schema,
    /// `regrole`.
    Role,
}

impl Named {
    /// Returns what values of a type name.
    pub(crate) fn of(kind: &Type) -> Option<Self> {
        Some(match kind.name {
            "regclass" => Self::Relation,
            "regtype" => Self::Type,
            "regproc" => Self::Function,
            "regnamespace" => Self::Schema,
            "regrole" => Self::Role,
            _ => return None,
        })
    }
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing.
    Null,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text, also of JSON, times and whatever else is only shown.
    Text(Arc<str>),
    /// A number that names something.
    Oid(Named, i64),
    /// A list; its first item has the number `base`.
    List {
        /// The items.
        items: Arc<[Value]>,
        /// 1, or 0 for the vectors of the catalogue.
        base: i64,
    },
    /// A row with named fields.
    Row(Arc<[(String, Value)]>),
}

/// A row of a relation.
pub(crate) type Row = Arc<[Value]>;

impl Value {
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List { items: items.into(), base: 1 }
    }

    /// Returns a vector of the catalogue: a list that counts from 0.
    pub(crate) fn vector(items: Vec<Self>) -> Self {
        Self::List { items: items.into(), base: 0 }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the truth, where it is one.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Text(text) => truth(text),
            Self::Int(number) => Some(*number != 0),
            _ => None,
        }
    }

    /// Returns the whole number, where it is one.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) | Self::Oid(_, number) => Some(*number),
            // A number too large for 64 bits becomes the largest there is.
            Self::Float(number) => Some(number.round() as i64),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(truth) => Some(i64::from(*truth)),
            _ => None,
        }
    }

    pub(crate) fn float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            other => other.int().map(|number| number as f64),
        }
    }

    /// Returns the items, where it is a list or the text of one.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::List { items, .. } => Some(items.to_vec()),
            Self::Text(text) => Some(items(text)?.iter().map(Self::of_json).collect()),
            _ => None,
        }
    }

    /// Returns the value of JSON.
    pub(crate) fn of_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(*truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => number.as_f64().map_or(Self::Null, Self::Float),
            },
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(items) => {
                Self::list(items.iter().map(Self::of_json).collect())
            }
            object => Self::text(object.to_string()),
        }
    }

    /// Returns how two values stand to each other; `None` where one of them is nothing or they do not compare.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Bool(_), _) | (_, Self::Bool(_)) => Some(self.truth()?.cmp(&other.truth()?)),
            (Self::List { .. }, _) | (_, Self::List { .. }) => {
                let (one, other) = (self.items()?, other.items()?);
                Some(order_of_all(one.iter(), other.iter()))
            }
            (Self::Row(one), Self::Row(other)) => {
                let one = one.iter().map(|(_, value)| value);
                Some(order_of_all(one, other.iter().map(|(_, value)| value)))
            }
            (Self::Float(_), _) | (_, Self::Float(_)) => self.float()?.partial_cmp(&other.float()?),
            _ => Some(self.int()?.cmp(&other.int()?)),
        }
    }

    /// Returns the order in which values are sorted: nothing comes last.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.compare(other).unwrap_or_else(|| self.key().cmp(&other.key())),
        }
    }

    /// Returns what values that are the same have in common. Numbers and the texts of them share it.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Null => "\u{0}".into(),
            Self::Bool(true) => "t".into(),
            Self::Bool(false) => "f".into(),
            Self::Int(number) | Self::Oid(_, number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.to_string(),
            Self::List { items, .. } => {
                let keys: Vec<String> = items.iter().map(Self::key).collect();
                format!("{{{}}}", keys.join("\u{1}"))
            }
            Self::Row(fields) => {
                let keys: Vec<String> = fields.iter().map(|(_, value)| value.key()).collect();
                format!("({})", keys.join("\u{1}"))
            }
        }
    }
}

fn order_of_all<'v>(
    one: impl Iterator<Item = &'v Value>,
    other: impl Iterator<Item = &'v Value>,
) -> Ordering {
    let (one, other): (Vec<_>, Vec<_>) = (one.collect(), other.collect());
    for (left, right) in one.iter().zip(&other) {
        let order = left.order(right);
        if order != Ordering::Equal {
            return order;
        }
    }
    one.len().cmp(&other.len())
}

/// Returns the text of a list as PostgreSQL writes it.
pub(crate) fn list_text(items: &[Option<String>]) -> String {
    let shown: Vec<String> = items
        .iter()
        .map(|item| match item {
            None => "NULL".into(),
            Some(text) => quoted_item(text),
        })
        .collect();
    format!("{{{}}}", shown.join(","))
}

fn quoted_item(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|sign: char| sign.is_whitespace() || "{},\"\\".contains(sign));
    if is_plain {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_numbers_and_truths_compare_as_such() {
        let text = |text: &str| Value::text(text);
        assert_eq!(Value::Int(16).compare(&text("16")), Some(Ordering::Equal));
        assert_eq!(Value::Oid(Named::Relation, 7).compare(&Value::Int(8)), Some(Ordering::Less));
        assert_eq!(Value::Bool(true).compare(&text("t")), Some(Ordering::Equal));
        assert_eq!(text("16").compare(&text("2")), Some(Ordering::Less));
        assert_eq!(Value::Null.compare(&Value::Int(1)), None);
        assert_eq!(Value::Null.order(&Value::Int(1)), Ordering::Greater);
        assert_eq!(Value::vector(vec![Value::Int(1)]).compare(&text("{1}")), Some(Ordering::Equal));
    }

    #[test]
    fn lists_are_written_with_quotes_where_they_need_them() {
        let items = [Some("a".into()), Some("b c".into()), None, Some("null".into())];
        assert_eq!(list_text(&items), "{a,\"b c\",NULL,\"null\"}");
    }
}
