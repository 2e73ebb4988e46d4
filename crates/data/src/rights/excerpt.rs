//! What a principal sees of a relation: the excerpts of several roles as one plan over its rows.
//!
//! Each role shows some rows, and in them some columns masked. Together they show a row where one of them does, and a value
//! as it is where a role that shows the row does not mask it. Where all of them mask it, the mask counts that tells most.

use super::expression::Frame;
use super::mask::{Key, Mask, written};
use crate::sql::problem::of_planning;
use crate::{Config, Error};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::BTreeMap;

/// What one role shows of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The role.
    pub(crate) role: String,
    /// Which rows; all where there is none.
    pub(crate) rows: Option<String>,
    /// What stands in which column.
    pub(crate) mask: BTreeMap<String, Mask>,
}

impl Shown {
    /// Reads an entry of a role's manifest.
    ///
    /// # Errors
    /// A mask that is none.
    pub(crate) fn of(role: &str, entry: &kernel::Excerpt) -> Result<Self, Fault> {
        let mut mask = BTreeMap::new();
        for (column, text) in &entry.mask {
            let parsed = Mask::parse(text.as_deref()).map_err(|reason| Fault {
                at: format!("mask/{column}"),
                error: Error::Sql { reason, place: None, hint: None },
            })?;
            mask.insert(column.clone(), parsed);
        }
        Ok(Self { role: role.to_owned(), rows: entry.rows.clone(), mask })
    }

    /// Returns a role that shows nothing.
    pub(crate) fn nothing(role: &str) -> Self {
        Self { role: role.to_owned(), rows: Some("false".into()), mask: BTreeMap::new() }
    }

    /// Returns whether a column is hashed.
    pub(crate) fn is_hashed(&self) -> bool {
        self.mask.values().any(|mask| *mask == Mask::Hash)
    }
}

/// What a principal sees of a relation.
pub(crate) struct Excerpt {
    /// The relation, as SQL names it.
    pub(crate) relation: String,
    /// What `current_user` is.
    pub(crate) user: String,
    /// What each role shows. Where there is no role, nothing is shown.
    pub(crate) shown: Vec<Shown>,
    /// The key of `hash`, where one of the masks needs it.
    pub(crate) key: Option<Key>,
}

/// Without the key.
impl std::fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "excerpt of {} for {}", self.relation, self.user)
    }
}

/// What a query wants of an excerpt.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// The columns, in this order.
    pub(crate) columns: &'a [String],
    /// Conditions that can be evaluated on any row without telling anything of it.
    pub(crate) filters: &'a [Expr],
    /// How many rows are enough.
    pub(crate) limit: Option<usize>,
}

/// Why an excerpt cannot be cut.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where in the entry of the role: `rows`, `mask/NAME`, or nothing where all of it is meant.
    pub(crate) at: String,
    /// What is wrong.
    pub(crate) error: Error,
}

/// What one role shows, planned.
struct Cut<'a> {
    role: &'a str,
    rows: Option<Expr>,
    mask: BTreeMap<&'a str, (&'a Mask, Expr)>,
}

impl Excerpt {
    /// Returns an excerpt with everything in it: nothing is hidden, and nothing crosses into what it is an excerpt of.
    pub(crate) fn sealed(relation: String, user: String) -> Self {
        let all = Shown { role: String::new(), rows: None, mask: BTreeMap::new() };
        Self { relation, user, shown: vec![all], key: None }
    }

    /// Returns whether a column may be masked.
    pub(crate) fn masks(&self, column: &str) -> bool {
        self.shown.iter().any(|shown| shown.mask.contains_key(column))
    }

    /// Returns whether no row can be in it.
    pub(crate) fn is_nothing(&self) -> bool {
        self.shown.iter().all(|shown| shown.rows.as_deref() == Some("false"))
    }

    /// Returns the plan of this excerpt over the rows of its relation. What is hidden is taken away first.
    ///
    /// # Errors
    /// What a role says that cannot be planned over these columns.
    pub(crate) fn over(
        &self,
        state: &SessionState,
        config: &Config,
        rows: LogicalPlan,
        wanted: &Wanted<'_>,
    ) -> Result<LogicalPlan, Fault> {
        let schema = rows.schema().clone();
        let frame =
            Frame { relation: &self.relation, state, config, schema: &schema, user: &self.user };
        let cuts = self
            .shown
            .iter()
            .map(|shown| self.cut(shown, &frame))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = wanted.columns.iter().map(|name| {
            let raw = raw(&schema, name)?.0;
            Ok(if self.masks(name) { seen(&cuts, name, raw).alias(name) } else { raw })
        });
        let mut columns = columns.collect::<Result<Vec<Expr>, Fault>>()?;
        if columns.is_empty() {
            // A plan without a column is none everywhere; whoever only counts drops this one.
            columns.push(lit(true).alias("row"));
        }
        let build = || -> Result<LogicalPlan, DataFusionError> {
            let mut plan = LogicalPlanBuilder::from(rows);
            if let Some(condition) = visible(&cuts) {
                plan = plan.filter(condition)?;
            }
            for filter in wanted.filters {
                plan = plan.filter(filter.clone())?;
            }
            if wanted.limit.is_some() {
                plan = plan.limit(0, wanted.limit)?;
            }
            plan.project(columns)?.build()
        };
        build().map_err(|error| Fault { at: String::new(), error: of_planning(&error) })
    }

    fn cut<'a>(&self, shown: &'a Shown, frame: &Frame<'_>) -> Result<Cut<'a>, Fault> {
        let rows = shown.rows.as_deref().map(|text| frame.condition(text)).transpose();
        let rows = rows.map_err(|error| Fault { at: "rows".into(), error })?;
        let mut mask = BTreeMap::new();
        for (column, how) in &shown.mask {
            let (raw, data_type) = raw(frame.schema, column)?;
            let expr = self.masked(how, raw, &data_type, frame);
            let expr = expr.map_err(|error| Fault { at: format!("mask/{column}"), error })?;
            mask.insert(column.as_str(), (how, expr));
        }
        Ok(Cut { role: &shown.role, rows, mask })
    }

    fn masked(
        &self,
        mask: &Mask,
        raw: Expr,
        data_type: &DataType,
        frame: &Frame<'_>,
    ) -> Result<Expr, Error> {
        let form = match mask {
            Mask::Null => {
                let null = ScalarValue::try_from(data_type);
                return null.map(lit).map_err(|error| of_planning(&error));
            }
            Mask::Sql(text) => return frame.value(text, data_type),
            Mask::Last(_) | Mask::First(_) | Mask::Hash => mask.form(),
        };
        let is_text =
            matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let (true, Some(form)) = (is_text, form) else {
            return Err(Error::Sql {
                reason: format!("the column is {data_type}, and this mask is for text"),
                place: None,
                hint: Some("write null, or an expression of the column's type".into()),
            });
        };
        let Some(key) = self.key.or((*mask != Mask::Hash).then_some([0; 32])) else {
            return Err(Error::Internal { detail: "the key of hash is missing".into() });
        };
        frame.cast(written(form, key, raw), data_type)
    }
}

/// Returns a column as it is, and its type.
fn raw(schema: &DFSchema, name: &str) -> Result<(Expr, DataType), Fault> {
    let (relation, field) = schema
        .qualified_field_with_unqualified_name(name)
        .map_err(|error| Fault { at: format!("mask/{name}"), error: of_planning(&error) })?;
    let column = Column::new(relation.cloned(), field.name());
    Ok((Expr::Column(column), field.data_type().clone()))
}

/// Returns the condition on rows that are shown; none where all are.
fn visible(cuts: &[Cut<'_>]) -> Option<Expr> {
    if cuts.iter().any(|cut| cut.rows.is_none()) {
        return None;
    }
    let conditions = cuts.iter().filter_map(|cut| cut.rows.clone());
    Some(conditions.reduce(Expr::or).unwrap_or_else(|| lit(false)))
}

/// Returns what stands in a column of a row that is shown.
fn seen(cuts: &[Cut<'_>], name: &str, raw: Expr) -> Expr {
    let (mut masking, open): (Vec<_>, Vec<_>) =
        cuts.iter().partition(|cut| cut.mask.contains_key(name));
    if masking.is_empty() || open.iter().any(|cut| cut.rows.is_none()) {
        return raw;
    }
    masking.sort_by_key(|cut| (cut.mask.get(name).map(|(mask, _)| *mask), cut.role));
    let mut cases: Vec<(Box<Expr>, Box<Expr>)> = Vec::new();
    if let Some(shown) = open.iter().filter_map(|cut| cut.rows.clone()).reduce(Expr::or) {
        cases.push((Box::new(shown), Box::new(raw)));
    }
    let count = masking.len();
    for (number, cut) in masking.iter().enumerate() {
        let Some((_, mask)) = cut.mask.get(name) else { continue };
        match &cut.rows {
            Some(rows) if number + 1 < count => {
                cases.push((Box::new(rows.clone()), Box::new(mask.clone())));
            }
            // The row is shown, and by no role before: so by this one.
            _ if cases.is_empty() => return mask.clone(),
            _ => return Expr::Case(Case::new(None, cases, Some(Box::new(mask.clone())))),
        }
    }
    // Not reached: the last of them returns. Nothing is shown rather than too much.
    lit(ScalarValue::Null)
}
