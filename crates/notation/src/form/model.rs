//! A form as it was read.

use crate::feel::Expression;
use regex::Regex;
use serde_json::Value;

/// A form that was read and found in order.
#[derive(Debug)]
pub struct Form {
    pub(super) items: Vec<Item>,
    /// Whether values are checked with expressions or variables, so that somebody has to bring them together.
    pub(super) is_computed: bool,
}

/// A component that takes values, or holds some that do.
#[derive(Debug)]
pub(super) struct Item {
    /// Where its value stands; empty where it has none of its own.
    pub path: Vec<String>,
    /// What the user knows it by.
    pub label: String,
    pub kind: Kind,
    pub rules: Rules,
    /// When it is not shown.
    pub hide: Option<Expression>,
    /// Whether the user cannot change it: then it cannot be asked of him.
    pub is_fixed: bool,
}

/// What kind of value a component takes.
#[derive(Debug)]
pub(super) enum Kind {
    /// Text of any kind.
    Text,
    /// A number, or one written as text.
    Number { digits: Option<u32>, is_text: bool },
    /// True or false.
    Truth,
    /// One of several.
    One(Options),
    /// Any of several.
    Many(Options),
    /// A day, a time of day, or both.
    Moment { what: Moment, is_past_refused: bool },
    /// Names of files.
    Files { is_multiple: bool },
    /// What the page computes.
    Computed,
    /// Components that are shown and hidden together; the value stands where theirs do.
    Group(Vec<Item>),
    /// Rows of the same components.
    List(Vec<Item>),
}

/// What a component for a moment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Day,
    TimeOfDay,
    Both,
}

/// Where the options of a choice come from.
#[derive(Debug)]
pub(super) enum Options {
    /// They stand in the form.
    Fixed(Vec<Value>),
    /// A variable has them.
    Variable(Vec<String>),
    /// An expression gives them.
    Computed(Expression),
}

/// What else is asked of a value.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub is_required: bool,
    pub min: Option<Bound>,
    pub max: Option<Bound>,
    pub length_min: Option<Bound>,
    pub length_max: Option<Bound>,
    pub pattern: Option<Regex>,
    pub shape: Option<Shape>,
}

/// A bound of a number or a length.
#[derive(Debug)]
pub(super) enum Bound {
    Fixed(f64),
    Computed(Expression),
}

/// What a text must look like, where the form says it by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Email,
    Phone,
}
