//! Rules over one row as expressions over columns: compiled when they are applied, kept until they change.
//!
//! An expression must be sure to end, and give the same answer every time: comparisons, arithmetic and functions without a clock
//! or a dice; no subquery, no aggregate.

use super::spec::{Action, Check, QualitySpec, RuleSpec};
use crate::catalog::Stream;
use crate::engine::Data;
use crate::metrics::sql::{literal, quoted};
use crate::metrics::wire as stored;
use crate::quality::wire::key;
use crate::sql::by_row::is_by_row;
use crate::sql::guard;
use crate::sql::memory::QueryPool;
use crate::sql::problem::of_planning;
use crate::sql::run::Stop;
use crate::sql::state::{self, Frame};
use crate::{Config, Error};
use base::{Place, Problem, Time, nearest};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use kernel::{Read, Resource};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of rules that are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// The rules of one `Quality` over the rows of its stream.
#[derive(Debug)]
pub(crate) struct RuleSet {
    /// The name of the `Quality`.
    pub(crate) name: String,
    pub(crate) on: String,
    pub(crate) rules: Vec<Rule>,
}

/// A rule over one row.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) check: Check,
    pub(crate) action: Action,
    /// True or null of good rows.
    pub(crate) expression: Arc<dyn PhysicalExpr>,
    /// The stored columns that it reads, by number.
    pub(crate) columns: Vec<usize>,
    /// Those columns, as the expression knows them.
    pub(crate) schema: SchemaRef,
    /// What a good row is like, in words.
    pub(crate) says: String,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.says)
    }
}

type Known = (Arc<Resource>, Arc<Stream>, Arc<RuleSet>);

/// Rules that were compiled, by name. A version is known by its resource: it may come again after a commit that failed.
#[derive(Default)]
pub(crate) struct Compiled {
    known: Mutex<HashMap<String, Known>>,
}

impl Data {
    /// Returns the rules over the rows of a stream: none is the usual case, and costs one look.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn rules_of(
        &self,
        read: &dyn Read,
        stream: &Arc<Stream>,
    ) -> Result<Vec<Arc<RuleSet>>, Problem> {
        let names: Option<Vec<String>> = stored::get(read, &key::on(&stream.name))?;
        let mut sets = Vec::new();
        for name in names.into_iter().flatten() {
            if let Some(resource) = read.resource("quality", &name)? {
                sets.push(self.rule_set(&resource, stream)?);
            }
        }
        Ok(sets)
    }

    fn rule_set(
        &self,
        resource: &Arc<Resource>,
        stream: &Arc<Stream>,
    ) -> Result<Arc<RuleSet>, Problem> {
        let known = &self.rules.known;
        if let Some((of, over, set)) =
            known.lock().unwrap_or_else(PoisonError::into_inner).get(&resource.name)
            && Arc::ptr_eq(of, resource)
            && Arc::ptr_eq(over, stream)
        {
            return Ok(Arc::clone(set));
        }
        let spec: QualitySpec = serde_json::from_value(resource.spec.clone()).map_err(|error| {
            Error::Internal { detail: format!("{}: {error}", resource.reference()) }
        })?;
        let set = Arc::new(compile(&resource.name, &spec, stream, &self.shared.config)?);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if REMEMBERED_MAX <= known.len() {
            known.clear();
        }
        let id = resource.name.clone();
        known.insert(id, (Arc::clone(resource), Arc::clone(stream), Arc::clone(&set)));
        Ok(set)
    }
}

/// Compiles the rules over the rows of a stream.
///
/// # Errors
/// `quality.invalid` with the place of the rule.
pub(crate) fn compile(
    name: &str,
    spec: &QualitySpec,
    stream: &Stream,
    config: &Config,
) -> Result<RuleSet, Problem> {
    let mut rules = Vec::new();
    for (number, rule) in spec.row_rules() {
        // Planning recurses: it has a stack of its own, as that of queries.
        let compiled = guard::with_stack(|| compile_one(name, number, rule, stream, config))?;
        rules.push(compiled?);
    }
    Ok(RuleSet { name: name.to_owned(), on: spec.on.clone(), rules })
}

fn compile_one(
    name: &str,
    number: usize,
    rule: &RuleSpec,
    stream: &Stream,
    config: &Config,
) -> Result<Rule, Problem> {
    let pointer = pointer_of(number, rule);
    let refuse = |reason: String, hint: Option<String>| {
        wrong(name, format!("rule `{}`: {reason}", rule.name), &pointer, hint)
    };
    let known = || stream.schema.stored.list.iter().map(|column| column.name.as_str());
    for column in rule.columns() {
        if !known().any(|known| known == column) {
            let hint = nearest(column, known()).map(|near| format!("did you mean `{near}`?"));
            return Err(refuse(format!("there is no column `{column}`"), hint));
        }
    }
    let sql = condition(rule);
    let of_sql = |problem: Problem| refuse(problem.message, problem.hint);
    guard::lone_expression(&sql, config).map_err(|error| of_sql(error.into()))?;
    let pool = QueryPool::new(config.query_bytes_max, Arc::default(), config.queries_bytes_max);
    let frame = Frame {
        business: Time(0),
        pool: Arc::new(pool),
        stop: Arc::new(Stop::default()),
        files: None,
    };
    let session = state::new(config, frame)?;
    // What a row has when it comes: not its offset, which it gets with the commit.
    let all: Vec<usize> = (0..stream.schema.stored.list.len()).collect();
    let planned = |error: DataFusionError| of_sql(of_planning(&error).into());
    let whole = stream.schema.arrow.project(&all).map_err(|error| planned(error.into()))?;
    let whole = DFSchema::try_from(whole).map_err(planned)?;
    let logical = session.create_logical_expr(&sql, &whole).map_err(planned)?;
    if let Some(reason) = unfit(&logical) {
        return Err(refuse(reason, Some("see docs/guides/quality.md".into())));
    }
    let used: Vec<usize> = all
        .into_iter()
        .filter(|number| {
            let column = &stream.schema.stored.list[*number].name;
            logical.column_refs().iter().any(|used| used.name == *column)
        })
        .collect();
    let part = stream.schema.arrow.project(&used).map_err(|error| planned(error.into()))?;
    let schema: SchemaRef = Arc::new(part);
    let part = DFSchema::try_from(Arc::clone(&schema)).map_err(planned)?;
    let expression = session.create_physical_expr(logical, &part).map_err(planned)?;
    let kind = expression.data_type(&schema).map_err(planned)?;
    if kind != DataType::Boolean {
        return Err(refuse(format!("it is {kind}, and neither true nor false"), None));
    }
    let (check, action) = (rule.check, rule.action);
    let says = says(rule);
    Ok(Rule { name: rule.name.clone(), check, action, expression, columns: used, schema, says })
}

/// Returns what is true, or null, of good rows.
pub(crate) fn condition(rule: &RuleSpec) -> String {
    let column = quoted(rule.column.as_deref().unwrap_or_default());
    match rule.check {
        Check::NotNull => format!("{column} IS NOT NULL"),
        Check::Range => {
            let least = rule.min.iter().map(|min| format!("{} <= {column}", literal(min)));
            let most = rule.max.iter().map(|max| format!("{column} <= {}", literal(max)));
            least.chain(most).collect::<Vec<_>>().join(" AND ")
        }
        _ => rule.sql.clone().unwrap_or_default(),
    }
}

/// Returns what a good row is like, for reasons.
fn says(rule: &RuleSpec) -> String {
    let column = rule.column.as_deref().unwrap_or_default();
    match rule.check {
        Check::NotNull => format!("`{column}` has no value"),
        Check::Range => {
            let bound = |bound: &Option<serde_json::Value>| match bound {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            };
            format!("`{column}` is not in {}..{}", bound(&rule.min), bound(&rule.max))
        }
        _ => format!("`{}` is false", rule.sql.as_deref().unwrap_or_default().trim()),
    }
}

/// Returns why an expression cannot be evaluated in an append; nothing where it can.
fn unfit(expression: &Expr) -> Option<String> {
    let mut reason = None;
    let walked = expression.exists(|part| {
        reason = match part {
            Expr::ScalarFunction(call) => {
                let is_same = call.func.signature().volatility == Volatility::Immutable;
                (!is_same)
                    .then(|| format!("`{}` does not always give the same answer", call.func.name()))
            }
            part if is_by_row(part) => None,
            _ => Some("it looks at more than one row".into()),
        };
        Ok(reason.is_some())
    });
    match walked {
        Ok(_) => reason,
        Err(error) => Some(error.strip_backtrace()),
    }
}

/// Returns where a rule says what it checks.
pub(crate) fn pointer_of(number: usize, rule: &RuleSpec) -> String {
    let field = match rule.check {
        Check::Sql => "sql",
        Check::Reference => "to",
        Check::Freshness => "within",
        Check::Unique if !rule.columns.is_empty() => "columns",
        Check::NotNull | Check::Range | Check::Unique => "column",
    };
    format!("/spec/rules/{number}/{field}")
}

/// Returns the problem of rules that cannot work.
pub(crate) fn wrong(name: &str, reason: String, pointer: &str, hint: Option<String>) -> Problem {
    let place = Some(Place::pointer(pointer));
    Error::Declared { kind: "quality", name: name.into(), reason, place, hint }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn stream() -> Stream {
        Stream::for_tests(json!({"schema": [
            {"name": "id", "type": "text", "required": true}, {"name": "n", "type": "int"},
            {"name": "price", "type": "decimal(12,2)"}, {"name": "at", "type": "time"},
            {"name": "notes", "type": "json"},
        ], "time": "at"}))
    }

    #[track_caller]
    fn check(rule: Value, expected: &str) {
        let mut rule = rule;
        rule["name"] = json!("r");
        let spec: QualitySpec =
            serde_json::from_value(json!({"on": "stream/orders", "rules": [rule]}))
                .expect("a spec");
        let shown = compile("q", &spec, &stream(), &Config::default()).map_or_else(
            |problem| {
                let hint = problem.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
                format!("[{}] {place} {}{hint}", problem.code, problem.message)
            },
            |set| format!("{:?} reads {:?}", set.rules[0], set.rules[0].columns),
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn rules_become_expressions_over_the_columns_that_they_read() {
        check(json!({"check": "not_null", "column": "n"}), "r (`n` has no value) reads [1]");
        check(
            json!({"check": "range", "column": "price", "min": 0, "max": 99.5}),
            "r (`price` is not in 0..99.5) reads [2]",
        );
        check(
            json!({"check": "range", "column": "at", "min": "2018-01-01T00:00:00Z"}),
            "r (`at` is not in 2018-01-01T00:00:00Z..) reads [3]",
        );
        check(
            json!({"check": "sql", "sql": "n > 0 OR json_text(notes, 'why') IS NOT NULL"}),
            "r (`n > 0 OR json_text(notes, 'why') IS NOT NULL` is false) reads [1, 4]",
        );
        check(json!({"check": "sql", "sql": "1 < 2"}), "r (`1 < 2` is false) reads []");
    }

    #[test]
    fn rules_that_cannot_work_are_refused_with_their_place() {
        check(
            json!({"check": "not_null", "column": "prise"}),
            "[quality.invalid] /spec/rules/0/column quality `q`: rule `r`: there is no column `prise` (did you mean `price`?)",
        );
        check(
            json!({"check": "sql", "sql": "prise > 0"}),
            "[quality.invalid] /spec/rules/0/sql quality `q`: rule `r`: there is no column `prise` (did you mean `price`?)",
        );
        check(
            json!({"check": "sql", "sql": "n + 1"}),
            "[quality.invalid] /spec/rules/0/sql quality `q`: rule `r`: it is Int64, and neither true nor false",
        );
        check(
            json!({"check": "sql", "sql": "at < now()"}),
            "[quality.invalid] /spec/rules/0/sql quality `q`: rule `r`: `now` does not always give the same answer (see docs/guides/quality.md)",
        );
        for sql in ["random() < 0.5", "n < (SELECT 1)", "sum(n) > 0", "n >", "n > 0; DROP TABLE x"]
        {
            let spec: QualitySpec = serde_json::from_value(json!({
                "on": "stream/orders", "rules": [{"name": "r", "check": "sql", "sql": sql}],
            }))
            .expect("a spec");
            let problem = compile("q", &spec, &stream(), &Config::default()).expect_err("refused");
            assert_eq!(problem.code, "quality.invalid", "{sql}: {problem}");
        }
    }
}
