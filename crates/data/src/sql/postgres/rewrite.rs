//! Puts statements of PostgreSQL's clients into the words of DataFusion, part by part, so that places in the text stay right.

use super::eval::name_of;
use super::output::MARK;
use super::types::of_sql;
use super::{settings, version};
use crate::catalog::{CATALOG, PUBLIC};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType as SqlType, Expr, Function, FunctionArgumentList, FunctionArguments,
    Ident, LimitClause, ObjectName, Query, Select, SelectItem, SetExpr, Statement,
    Value as Literal, VisitMut, VisitorMut,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Schemas in which functions need not be named.
const SEARCHED: [&str; 2] = ["pg_catalog", PUBLIC];

/// Words that are functions without brackets.
const WORDS: [&str; 6] =
    ["current_catalog", "current_role", "current_schema", "current_user", "session_user", "user"];

/// Puts a statement into the words of DataFusion.
pub(crate) fn rewrite(statement: &mut Statement) {
    // The visitor never breaks off.
    let _ = statement.visit(&mut Rewrite);
}

struct Rewrite;

impl VisitorMut for Rewrite {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        name_columns(&mut query.body);
        let quantity = query.fetch.as_ref().filter(|fetch| !fetch.with_ties && !fetch.percent);
        if let Some(quantity) = quantity.and_then(|fetch| fetch.quantity.clone()) {
            let offset = match query.limit_clause.take() {
                Some(LimitClause::LimitOffset { offset, .. }) => offset,
                _ => None,
            };
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit: Some(quantity),
                offset,
                limit_by: Vec::new(),
            });
            query.fetch = None;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Collate { expr: inner, .. } => {
                let inner = std::mem::replace(inner.as_mut(), nothing());
                *expr = inner;
            }
            Expr::Function(function) => rewrite_call(function),
            Expr::Identifier(ident) if is_word(ident) => *expr = call(&ident.value.to_lowercase()),
            Expr::BinaryOp { op, .. } => {
                if let BinaryOperator::PGCustomBinaryOperator(parts) = op
                    && let Some(known) = parts.last().and_then(|name| operator(name))
                {
                    *op = known;
                }
            }
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                let escape = escape_char.as_ref().and_then(|escape| match &escape.value {
                    Literal::SingleQuotedString(text) => text.chars().next(),
                    _ => None,
                });
                if let Some(escape) = escape.filter(|escape| *escape != '\\')
                    && rewrite_pattern(pattern, escape)
                {
                    *escape_char = None;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn nothing() -> Expr {
    Expr::Value(Literal::Null.with_empty_span())
}

fn is_word(ident: &Ident) -> bool {
    // `user` alone is a column more often than a question.
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("current_schema")
}

fn call(name: &str) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: no_arguments(),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn no_arguments() -> FunctionArguments {
    let list =
        FunctionArgumentList { duplicate_treatment: None, args: Vec::new(), clauses: Vec::new() };
    FunctionArguments::List(list)
}

/// Takes the schema off a call, and gives brackets to words that are functions.
fn rewrite_call(function: &mut Function) {
    let parts: Vec<Ident> =
        function.name.0.iter().filter_map(|part| part.as_ident()).cloned().collect();
    if let [schema, name] = parts.as_slice()
        && SEARCHED.iter().any(|known| schema.value.eq_ignore_ascii_case(known))
    {
        function.name = ObjectName::from(vec![name.clone()]);
    }
    let name = parts.last().map(|name| name.value.to_lowercase()).unwrap_or_default();
    if matches!(function.args, FunctionArguments::None) && WORDS.contains(&name.as_str()) {
        function.name = ObjectName::from(vec![Ident::new(name)]);
        function.args = no_arguments();
    }
}

fn operator(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "=" => BinaryOperator::Eq,
        "<>" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        ">" => BinaryOperator::Gt,
        "||" => BinaryOperator::StringConcat,
        _ => return None,
    })
}

/// Writes a pattern of LIKE with a backslash where it has another sign. Returns false where it is no literal.
fn rewrite_pattern(pattern: &mut Expr, escape: char) -> bool {
    let Expr::Value(value) = pattern else { return false };
    let Literal::SingleQuotedString(text) = &mut value.value else { return false };
    let (mut out, mut signs) = (String::new(), text.chars());
    while let Some(sign) = signs.next() {
        match sign {
            sign if sign == escape => {
                out.push('\\');
                out.extend(signs.next());
            }
            '\\' => out.push_str("\\\\"),
            sign => out.push(sign),
        }
    }
    *text = out;
    true
}

/// Gives the columns of a SELECT the names that PostgreSQL gives them. DataFusion wants each name once: a mark with a number makes
/// the others different, and is taken off again where the result is shown.
fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

fn name_select(select: &mut Select) {
    let mut taken = BTreeSet::new();
    let has_wildcard = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    for (number, item) in select.projection.iter_mut().enumerate() {
        let (name, is_column) = match &*item {
            SelectItem::UnnamedExpr(expr) => {
                (name_of(expr), matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = alias.value.clone();
                let name = if alias.quote_style.is_some() { name } else { name.to_lowercase() };
                (name, false)
            }
            _ => continue,
        };
        let is_new = taken.insert(name.clone());
        // What `*` brings is not known here: a column beside it is marked in any case.
        let is_marked = !is_new || has_wildcard && is_column;
        if is_new && is_column && !is_marked {
            continue;
        }
        let shown = if is_marked { format!("{name}{MARK}{number}") } else { name };
        let alias = Ident::with_quote('"', shown);
        match item {
            SelectItem::ExprWithAlias { alias: own, .. } if is_marked => *own = alias,
            SelectItem::UnnamedExpr(expr) => {
                let expr = std::mem::replace(expr, nothing());
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
            _ => {}
        }
    }
}

/// Knows the types of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql: &SqlType) -> Result<Option<FieldRef>> {
        // Decimals keep their precision, which DataFusion reads itself.
        if matches!(sql, SqlType::Numeric(_) | SqlType::Decimal(_)) {
            return Ok(None);
        }
        let kind = of_sql(sql).filter(|kind| kind.name != "numeric");
        Ok(kind.map(|kind| Arc::new(Field::new("", kind.arrow(), true))))
    }
}

/// Returns the functions that tell of the session and the unit, for statements that name rows too.
pub(crate) fn functions(user: &str) -> Vec<Arc<ScalarUDF>> {
    let text = |name: &'static str, value: &str| told(name, ScalarValue::from(value));
    let mut functions = vec![
        text("version", &version()),
        text("current_database", CATALOG),
        text("current_catalog", CATALOG),
        text("current_schema", PUBLIC),
        told("pg_backend_pid", ScalarValue::Int32(Some(0))),
        told("pg_is_in_recovery", ScalarValue::Boolean(Some(false))),
    ];
    functions.extend(
        ["current_user", "session_user", "user", "current_role"].map(|name| text(name, user)),
    );
    functions.push(Arc::new(ScalarUDF::new_from_impl(CurrentSetting::new())));
    functions
}

fn told(name: &'static str, value: ScalarValue) -> Arc<ScalarUDF> {
    let signature = Signature::nullary(Volatility::Stable);
    Arc::new(ScalarUDF::new_from_impl(Told { name, value, signature }))
}

/// A function that always says the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Told {
    name: &'static str,
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Told {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// `current_setting(name)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CurrentSetting {
    signature: Signature,
}

impl CurrentSetting {
    fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Utf8], Volatility::Stable) }
    }
}

impl ScalarUDFImpl for CurrentSetting {
    fn name(&self) -> &str {
        "current_setting"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))] = arguments.args.as_slice()
        else {
            return exec_err!("current_setting takes the name of a setting");
        };
        match settings::named(name) {
            Some(setting) => Ok(ColumnarValue::Scalar(ScalarValue::from(setting.value))),
            None => exec_err!("there is no setting `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn check(sql: &str) -> String {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql);
        let mut statement = statements.expect("it is SQL").remove(0);
        rewrite(&mut statement);
        statement.to_string().replace(MARK, "#")
    }

    #[test]
    fn columns_get_the_names_of_postgresql() {
        assert_eq!(
            check("SELECT count(*), sum(a), sum(b) FROM t"),
            r##"SELECT count(*) AS "count", sum(a) AS "sum", sum(b) AS "sum#2" FROM t"##
        );
        assert_eq!(check("SELECT a, t.b FROM t"), "SELECT a, t.b FROM t");
        assert_eq!(check("SELECT t.*, t.a FROM t"), r##"SELECT t.*, t.a AS "a#1" FROM t"##);
        assert_eq!(check("SELECT 1, 2"), r##"SELECT 1 AS "?column?", 2 AS "?column?#1""##);
        assert_eq!(check("SELECT a::text FROM t"), r#"SELECT a::TEXT AS "a" FROM t"#);
    }

    #[test]
    fn what_datafusion_does_not_know_is_put_into_its_words() {
        assert_eq!(
            check(
                "SELECT pg_catalog.upper(a) AS u FROM t WHERE a COLLATE \"C\" OPERATOR(pg_catalog.~) '^x'"
            ),
            "SELECT upper(a) AS u FROM t WHERE a ~ '^x'"
        );
        assert_eq!(
            check("SELECT a FROM t WHERE a LIKE '50/%' ESCAPE '/'"),
            "SELECT a FROM t WHERE a LIKE '50\\%'"
        );
        assert_eq!(check("SELECT a FROM t FETCH FIRST 3 ROWS ONLY"), "SELECT a FROM t LIMIT 3");
    }
}
