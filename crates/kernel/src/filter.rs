//! Conditions on rows in a form that every engine can read: columns by their place, compared with values of their own type.
//!
//! A condition means what the same words mean in SQL: compared with nothing, a value is neither equal nor different, and a row
//! counts where the condition is true. Text is ordered by its bytes.

use crate::Cell;
use serde::{Deserialize, Serialize};

/// How a value is compared with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    /// Returns the sign as SQL writes it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Returns the comparison that says the same with both sides exchanged.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// A condition on a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// A column compared with a value of its type, never with nothing.
    Compare {
        /// The column, by its place.
        column: usize,
        /// How.
        comparison: Comparison,
        /// With what.
        value: Cell,
    },
    /// A column has one of these values.
    In {
        /// The column, by its place.
        column: usize,
        /// The values, none of them nothing.
        values: Vec<Cell>,
    },
    /// A column has no value.
    IsNull {
        /// The column, by its place.
        column: usize,
    },
    /// A column has a value.
    IsNotNull {
        /// The column, by its place.
        column: usize,
    },
    /// All of these are true; true where there are none.
    All(Vec<Filter>),
    /// One of these is true; false where there are none.
    Any(Vec<Filter>),
}

/// How large a condition is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// How deeply it nests, from 1.
    pub depth: usize,
    /// Comparisons and listed values.
    pub terms: usize,
    /// Bytes of the values.
    pub bytes: usize,
}

impl Weight {
    /// Returns what both weigh side by side.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            terms: self.terms + other.terms,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Filter {
    /// Returns how large the condition is.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Compare { value, .. } => Weight { depth: 1, terms: 1, bytes: bytes_of(value) },
            Self::In { values, .. } => Weight {
                depth: 1,
                terms: values.len().max(1),
                bytes: values.iter().map(bytes_of).sum(),
            },
            Self::IsNull { .. } | Self::IsNotNull { .. } => Weight { depth: 1, terms: 1, bytes: 0 },
            Self::All(parts) | Self::Any(parts) => {
                let inner = parts.iter().map(Self::weight).fold(Weight::default(), Weight::beside);
                Weight { depth: inner.depth + 1, terms: inner.terms.max(1), ..inner }
            }
        }
    }
}

fn bytes_of(cell: &Cell) -> usize {
    match cell {
        Cell::Text(text) | Cell::Decimal(text) => text.len(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(column: usize, text: &str) -> Filter {
        let value = Cell::Text(text.into());
        Filter::Compare { column, comparison: Comparison::Equal, value }
    }

    #[test]
    fn weights_add_up_over_parts_and_depth() {
        let any = Filter::Any(vec![is(0, "abc"), is(3, "d")]);
        let all = Filter::All(vec![any, Filter::In { column: 1, values: vec![Cell::Int(1); 5] }]);
        assert_eq!(all.weight(), Weight { depth: 3, terms: 7, bytes: 44 });
        assert_eq!(Filter::All(Vec::new()).weight(), Weight { depth: 1, terms: 1, bytes: 0 });
    }

    #[test]
    fn conditions_are_the_same_after_a_journey_as_json() {
        let odd = [0.1 + 0.2, f64::MIN_POSITIVE, -0.0, 1e300];
        let values: Vec<Cell> = odd.into_iter().map(Cell::Float).collect();
        let filter = Filter::All(vec![Filter::In { column: 2, values }, is(0, "\u{0}'\"")]);
        let value = serde_json::to_value(&filter).expect("JSON");
        assert_eq!(serde_json::from_value::<Filter>(value).expect("a condition"), filter);
    }

    #[test]
    fn a_comparison_that_is_turned_twice_is_itself() {
        for comparison in Comparison::ALL {
            assert_eq!(comparison.turned().turned(), comparison);
        }
    }
}
