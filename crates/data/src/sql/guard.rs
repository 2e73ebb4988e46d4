//! What SQL may be: one query, EXPLAIN, DESCRIBE or SHOW of the catalogue, within limits that are checked before parsing.

use super::postgres::{self, About};
use crate::{Config, Error};
use base::Place;
use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{
    Expr, ExprWithAlias, ObjectName, Query, Select, SetExpr, Statement as SqlStatement,
    TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::{
    Dialect as SqlDialect, GenericDialect, PostgreSqlDialect,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

/// How a statement is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    /// As Craton's views are.
    #[default]
    Craton,
    /// As PostgreSQL's clients write, who also ask its catalogue.
    Postgres,
}

impl Dialect {
    fn parser(self) -> &'static dyn SqlDialect {
        match self {
            Self::Craton => &GenericDialect {},
            Self::Postgres => &PostgreSqlDialect {},
        }
    }
}

/// A statement as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) sql: &'t str,
    pub(crate) dialect: Dialect,
}

impl<'t> Text<'t> {
    /// Returns a statement of Craton's own, a view's for example.
    pub(crate) fn own(sql: &'t str) -> Self {
        Self { sql, dialect: Dialect::Craton }
    }
}

/// Table functions that touch nothing but their arguments.
pub(crate) const TABLE_FUNCTIONS: [&str; 2] = ["generate_series", "range"];

/// Above so many words and signs a statement is parsed on a stack of its own.
const SMALL_TOKENS: usize = 1_000;

/// A stack on which the longest statement that is allowed can be parsed and dropped.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// Runs `work` where recursion has room.
///
/// # Errors
/// [`Error::Internal`] where the system gives no thread or the work panics.
pub(crate) fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let internal = |detail: String| Error::Internal { detail };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("sql-parse".into()).stack_size(STACK_BYTES);
        let thread =
            thread.spawn_scoped(scope, work).map_err(|error| internal(error.to_string()))?;
        thread.join().map_err(|_| internal("planning panicked".into()))
    })
}

/// Checks a statement and returns the relations that it names.
///
/// # Errors
/// [`Error::Sql`], [`Error::NotAllowed`] and [`Error::Exhausted`].
pub(crate) fn references(text: Text<'_>, config: &Config) -> Result<Vec<TableReference>, Error> {
    with_room(text, config, |statement| {
        resolve_table_references(&statement, true)
            .map(|(tables, _)| tables)
            .map_err(|error| super::problem::of_planning(&error))
    })
}

/// Returns what a statement of a client of PostgreSQL is about.
///
/// # Errors
/// As [`references`].
pub(crate) fn about(sql: &str, config: &Config) -> Result<About, Error> {
    let text = Text { sql, dialect: Dialect::Postgres };
    with_room(text, config, |statement| about_statement(&statement))
}

/// Parses a statement and does something with it where recursion has room.
fn with_room<T: Send>(
    text: Text<'_>,
    config: &Config,
    work: impl Fn(Statement) -> Result<T, Error> + Send + Sync,
) -> Result<T, Error> {
    let tokens = tokens(text, config)?;
    let find = || work(statement_of(tokens.clone(), text.dialect, config)?);
    if tokens.len() < SMALL_TOKENS { find() } else { with_stack(find)? }
}

fn about_statement(statement: &Statement) -> Result<About, Error> {
    match statement {
        Statement::Statement(statement) => postgres::about(statement),
        Statement::Explain(explain) => about_statement(&explain.statement),
        _ => Ok(About::Rows),
    }
}

/// Parses a statement and checks that it only asks. To be called where recursion has room.
///
/// # Errors
/// As [`references`].
pub(crate) fn parse(text: Text<'_>, config: &Config) -> Result<Statement, Error> {
    let mut statement = statement_of(tokens(text, config)?, text.dialect, config)?;
    if text.dialect == Dialect::Postgres {
        rewrite(&mut statement);
    }
    Ok(statement)
}

/// Parses a question about the catalogue and checks that it only asks. To be called where recursion has room.
///
/// # Errors
/// As [`references`], and [`Error::NotAllowed`] for EXPLAIN.
pub(crate) fn question(sql: &str, config: &Config) -> Result<SqlStatement, Error> {
    let text = Text { sql, dialect: Dialect::Postgres };
    match statement_of(tokens(text, config)?, text.dialect, config)? {
        Statement::Statement(statement) => Ok(*statement),
        _ => Err(not_allowed("EXPLAIN of a question about the catalogue")),
    }
}

fn rewrite(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => postgres::rewrite::rewrite(statement),
        Statement::Explain(explain) => rewrite(&mut explain.statement),
        _ => {}
    }
}

/// Parses one expression over the columns of a relation, without subqueries. `current_user`, with or without brackets, is
/// the text `user` in it. To be called where recursion has room.
///
/// # Errors
/// As [`references`].
pub(crate) fn expression(text: &str, user: &str, config: &Config) -> Result<ExprWithAlias, Error> {
    let wrong = |reason: &str| Error::Sql { reason: reason.into(), place: None, hint: None };
    let tokens = named(tokens(Text::own(text), config)?, user);
    if tokens.iter().all(|token| token.token == Token::EOF) {
        return Err(wrong("there is no expression"));
    }
    let parsed = parsed(tokens, config)?;
    if parsed.alias.is_some() {
        return Err(wrong("an expression has no name"));
    }
    let mut walk = Plain { depth: 0, config };
    match parsed.expr.visit(&mut walk) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(parsed),
    }
}

/// Parses one expression, with a name where it has one.
fn parsed(tokens: Vec<TokenWithSpan>, config: &Config) -> Result<ExprWithAlias, Error> {
    DFParserBuilder::new(tokens)
        .with_recursion_limit(config.statement_depth_max * 4)
        .build()
        .and_then(|mut parser| parser.parse_into_expr())
        .map_err(|error| super::problem::of_planning(&error))
}

/// Puts a text in place of `current_user` and `current_user()`.
fn named(tokens: Vec<TokenWithSpan>, user: &str) -> Vec<TokenWithSpan> {
    let mut named = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(mut token) = tokens.next() {
        let is_user = matches!(&token.token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("current_user"));
        if is_user {
            token.token = Token::SingleQuotedString(user.to_owned());
            if tokens.next_if(|next| next.token == Token::LParen).is_some() {
                tokens.next_if(|next| next.token == Token::RParen);
            }
        }
        named.push(token);
    }
    named
}

/// Looks at every part of an expression that must have no query in it.
struct Plain<'a> {
    depth: usize,
    config: &'a Config,
}

impl Visitor for Plain<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<Error> {
        self.depth += 1;
        if self.config.expression_depth_max < self.depth {
            let what = format!("{} operators in one expression", self.config.expression_depth_max);
            return ControlFlow::Break(Error::Exhausted { what });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Error> {
        ControlFlow::Break(Error::Sql {
            reason: "a subquery cannot stand here".into(),
            place: None,
            hint: Some("write an expression over the columns of the relation alone".into()),
        })
    }
}

/// Checks that a text is one expression and nothing else: what a manifest says goes into generated SQL as it stands.
///
/// # Errors
/// As [`references`].
pub(crate) fn lone_expression(text: &str, config: &Config) -> Result<(), Error> {
    let tokens = tokens(Text::own(text), config)?;
    let parse = || -> Result<(), Error> {
        let parsed = parsed(tokens.clone(), config)?;
        if let Some(alias) = parsed.alias {
            let reason = format!("an expression has no name, but this is called `{alias}`");
            return Err(Error::Sql { reason, place: None, hint: Some("leave `AS` out".into()) });
        }
        let mut walk = Walk { tables: 0, depth: 0, is_of_catalogue: false, config };
        match parsed.expr.visit(&mut walk) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    };
    if tokens.len() < SMALL_TOKENS { parse() } else { with_stack(parse)? }
}

/// Takes the text apart without recursion and checks its size and depth.
fn tokens(text: Text<'_>, config: &Config) -> Result<Vec<TokenWithSpan>, Error> {
    let Text { sql, dialect } = text;
    let exhausted = |what: String| Error::Exhausted { what };
    if config.statement_bytes_max < sql.len() {
        return Err(exhausted(format!("{} bytes of text", config.statement_bytes_max)));
    }
    let tokens =
        Tokenizer::new(dialect.parser(), sql).tokenize_with_location().map_err(|error| {
            let place = Some(place(error.location.line, error.location.column));
            Error::Sql { reason: error.message, place, hint: None }
        })?;
    let tokens: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let tokens = super::as_of::rewrite(tokens)?;
    if config.statement_tokens_max < tokens.len() {
        return Err(exhausted(format!("{} words and signs", config.statement_tokens_max)));
    }
    let mut depth: usize = 0;
    for token in &tokens {
        match token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        if config.statement_depth_max < depth {
            let start = token.span.start;
            return Err(Error::Sql {
                reason: format!(
                    "the statement nests more than {} deep",
                    config.statement_depth_max
                ),
                place: Some(place(start.line, start.column)),
                hint: Some("split it with WITH".into()),
            });
        }
    }
    Ok(tokens)
}

fn statement_of(
    tokens: Vec<TokenWithSpan>,
    dialect: Dialect,
    config: &Config,
) -> Result<Statement, Error> {
    let first =
        tokens.first().map(|token| token.token.to_string().to_uppercase()).unwrap_or_default();
    let second = tokens.iter().skip_while(|token| token.token != Token::SemiColon);
    let is_single =
        second.clone().all(|token| matches!(token.token, Token::SemiColon | Token::EOF));
    // Some words begin statements that the parser does not even know.
    let is_question =
        ["SELECT", "WITH", "EXPLAIN", "DESCRIBE", "DESC", "SHOW", "VALUES", "(", "TABLE"]
            .contains(&first.as_str());
    if first.is_empty() || first == "EOF" || first == ";" {
        return Err(Error::Sql { reason: "there is no statement".into(), place: None, hint: None });
    }
    if !is_question {
        if looks_like_statement(&first) {
            return Err(not_allowed(&first));
        }
        let start = tokens.first().map(|token| token.span.start);
        let place = start.map(|start| place(start.line, start.column));
        let reason = format!(
            "a statement cannot begin with `{}`",
            first.chars().take(40).collect::<String>()
        );
        return Err(Error::Sql { reason, place, hint: Some("begin with SELECT".into()) });
    }
    if !is_single {
        return Err(not_allowed("more than one statement"));
    }
    let mut parser = DFParserBuilder::new(tokens)
        .with_dialect(dialect.parser())
        .with_recursion_limit(config.statement_depth_max * 4)
        .build()
        .map_err(|error| super::problem::of_planning(&error))?;
    let mut statements =
        parser.parse_statements().map_err(|error| super::problem::of_planning(&error))?;
    let statement = statements.pop_front().filter(|_| statements.is_empty());
    let statement = statement.ok_or_else(|| not_allowed("more than one statement"))?;
    let is_of_catalogue =
        dialect == Dialect::Postgres && about_statement(&statement)? == About::Catalogue;
    check(&statement, is_of_catalogue, config)?;
    Ok(statement)
}

fn looks_like_statement(word: &str) -> bool {
    const WORDS: [&str; 46] = [
        "ALTER",
        "ANALYZE",
        "ATTACH",
        "BEGIN",
        "CACHE",
        "CALL",
        "CLOSE",
        "COMMENT",
        "COMMIT",
        "COPY",
        "CREATE",
        "DEALLOCATE",
        "DECLARE",
        "DELETE",
        "DETACH",
        "DISCARD",
        "DO",
        "DROP",
        "EXEC",
        "EXECUTE",
        "EXPORT",
        "FETCH",
        "FLUSH",
        "GRANT",
        "IMPORT",
        "INSERT",
        "INSTALL",
        "KILL",
        "LISTEN",
        "LOAD",
        "LOCK",
        "MERGE",
        "MSCK",
        "NOTIFY",
        "OPTIMIZE",
        "PRAGMA",
        "PREPARE",
        "RELEASE",
        "REPLACE",
        "RESET",
        "REVOKE",
        "ROLLBACK",
        "SET",
        "START",
        "TRUNCATE",
        "UPDATE",
    ];
    const MORE: [&str; 6] = ["UNCACHE", "UNLISTEN", "UNLOAD", "USE", "VACUUM", "UNLOCK"];
    WORDS.contains(&word) || MORE.contains(&word)
}

fn check(statement: &Statement, is_of_catalogue: bool, config: &Config) -> Result<(), Error> {
    match statement {
        Statement::Statement(statement) => check_sql(statement, is_of_catalogue, config),
        Statement::Explain(explain) => check(&explain.statement, is_of_catalogue, config),
        Statement::CopyTo(_) => Err(not_allowed("COPY")),
        Statement::CreateExternalTable(_) => Err(not_allowed("CREATE EXTERNAL TABLE")),
        Statement::Reset(_) => Err(not_allowed("RESET")),
    }
}

fn check_sql(
    statement: &SqlStatement,
    is_of_catalogue: bool,
    config: &Config,
) -> Result<(), Error> {
    match statement {
        SqlStatement::Query(_) => {
            let mut walk = Walk { tables: 0, depth: 0, is_of_catalogue, config };
            match statement.visit(&mut walk) {
                ControlFlow::Break(error) => Err(error),
                ControlFlow::Continue(()) => Ok(()),
            }
        }
        SqlStatement::Explain { statement, .. } => check_sql(statement, is_of_catalogue, config),
        SqlStatement::ExplainTable { .. }
        | SqlStatement::ShowTables { .. }
        | SqlStatement::ShowColumns { .. } => Ok(()),
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            Err(not_allowed(&words.join(" ").to_uppercase()))
        }
    }
}

/// Looks at every part of a query.
struct Walk<'a> {
    tables: usize,
    depth: usize,
    /// True where the functions are those of the catalogue, which knows no others.
    is_of_catalogue: bool,
    config: &'a Config,
}

impl Walk<'_> {
    fn count(&mut self) -> ControlFlow<Error> {
        self.tables += 1;
        if self.config.statement_tables_max < self.tables {
            let what = format!("{} tables and subqueries", self.config.statement_tables_max);
            return ControlFlow::Break(Error::Exhausted { what });
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Walk<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<Error> {
        self.depth += 1;
        // Planning takes a time that grows with the square of the depth.
        if self.config.expression_depth_max < self.depth {
            let what = format!("{} operators in one expression", self.config.expression_depth_max);
            return ControlFlow::Break(Error::Exhausted { what });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(not_allowed("FOR UPDATE"));
        }
        let mut parts = vec![query.body.as_ref()];
        while let Some(part) = parts.pop() {
            match part {
                SetExpr::SetOperation { left, right, .. } => {
                    parts.extend([left.as_ref(), right.as_ref()])
                }
                SetExpr::Insert(_) => return ControlFlow::Break(not_allowed("INSERT")),
                SetExpr::Update(_) => return ControlFlow::Break(not_allowed("UPDATE")),
                SetExpr::Delete(_) => return ControlFlow::Break(not_allowed("DELETE")),
                SetExpr::Merge(_) => return ControlFlow::Break(not_allowed("MERGE")),
                SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => {
                }
            }
            self.count()?;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        if select.into.is_some() {
            return ControlFlow::Break(not_allowed("SELECT INTO"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        self.count()?;
        let function = match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                name.to_string()
            }
            TableFactor::TableFunction { expr, .. } => expr.to_string(),
            _ => return ControlFlow::Continue(()),
        };
        let name = function.to_lowercase();
        if self.is_of_catalogue || TABLE_FUNCTIONS.contains(&name.as_str()) || name == "unnest" {
            return ControlFlow::Continue(());
        }
        let shown: String = function.chars().take(60).collect();
        ControlFlow::Break(not_allowed(&format!("the table function `{shown}`")))
    }
}

/// Counts the tables and subqueries of a statement as if its WITH parts were written out; `known` has the weights of views.
///
/// # Errors
/// [`Error::Exhausted`]: a few parts that each name the one before twice make more than any memory holds.
pub(crate) fn weight(
    statement: &Statement,
    config: &Config,
    known: &HashMap<String, u64>,
) -> Result<u64, Error> {
    let statement = match statement {
        Statement::Explain(explain) => return weight(&explain.statement, config, known),
        Statement::Statement(statement) => statement,
        _ => return Ok(1),
    };
    let mut scale = Scale {
        known,
        limit: config.plan_tables_max,
        parts: Vec::new(),
        frames: vec![Frame::default()],
    };
    match statement.visit(&mut scale) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => {
            Ok(scale.frames.first().map_or(1, |frame| frame.weight.max(1)))
        }
    }
}

/// A query that is being weighed.
#[derive(Default)]
struct Frame {
    weight: u64,
    /// The names of its WITH parts that are still to come; they come first, in order.
    waiting: VecDeque<String>,
    /// How many WITH parts it had.
    parts: usize,
}

struct Scale<'a> {
    known: &'a HashMap<String, u64>,
    limit: u64,
    parts: Vec<(String, u64)>,
    frames: Vec<Frame>,
}

impl Scale<'_> {
    fn add(&mut self, weight: u64) -> ControlFlow<Error> {
        let Some(frame) = self.frames.last_mut() else { return ControlFlow::Continue(()) };
        frame.weight = frame.weight.saturating_add(weight);
        if self.limit < frame.weight {
            let what = format!("{} tables, its views and WITH parts written out", self.limit);
            return ControlFlow::Break(Error::Exhausted { what });
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Scale<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let parts = query.with.iter().flat_map(|with| &with.cte_tables);
        let waiting: VecDeque<String> =
            parts.map(|part| part.alias.name.value.to_lowercase()).collect();
        self.frames.push(Frame { weight: 1, parts: waiting.len(), waiting });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Error> {
        let Some(frame) = self.frames.pop() else { return ControlFlow::Continue(()) };
        self.parts.truncate(self.parts.len().saturating_sub(frame.parts));
        match self.frames.last_mut().and_then(|parent| parent.waiting.pop_front()) {
            Some(name) => self.parts.push((name, frame.weight)),
            None => self.add(frame.weight)?,
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Error> {
        let name = relation
            .0
            .last()
            .and_then(|part| part.as_ident())
            .map(|name| name.value.clone())
            .unwrap_or_default();
        let lower = name.to_lowercase();
        let part =
            self.parts.iter().rev().find(|(part, _)| relation.0.len() == 1 && *part == lower);
        let weight = part.map(|(_, weight)| *weight);
        let weight =
            weight.or_else(|| self.known.get(&name).or_else(|| self.known.get(&lower)).copied());
        self.add(weight.unwrap_or(1))
    }
}

fn not_allowed(what: &str) -> Error {
    Error::NotAllowed { what: what.into() }
}

/// Returns a place from a line and a column as the parser counts them.
pub(crate) fn place(line: u64, column: u64) -> Place {
    Place::line(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Returns where a word first stands in a statement.
pub(crate) fn place_of_word(sql: &str, word: &str) -> Option<Place> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().ok()?;
    let found = tokens.iter().find(|token| match &token.token {
        Token::Word(found) => found.value == word || found.value.to_lowercase() == word,
        _ => false,
    })?;
    Some(place(found.span.start.line, found.span.start.column))
}
