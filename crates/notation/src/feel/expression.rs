//! A compiled expression.

use super::NOW;
use super::cost::{COST_MAX, estimate, size_of};
use super::lex::Lexed;
use super::rules::{Facts, Part, inspect};
use super::value::{from_feel, to_feel};
use crate::Error;
use crate::text::shorten;
use base::Time;
use dsntk_feel::context::FeelContext;
use dsntk_feel::values::Value as Feel;
use dsntk_feel::{Evaluator, FeelScope, Name};
use dsntk_feel_parser::AstNode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A compiled expression that is sure to end soon.
///
/// Variables that are missing are null, and so is an entry that a context does not have. A value that cannot be calculated
/// (`"a" * 2`) is an error. The variable `_now` is the business time, as RFC 3339 text.
#[derive(Debug)]
pub struct Expression {
    text: String,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Always the same.
    Constant(Value),
    /// Evaluated each time.
    Program(Program),
}

impl Expression {
    /// Compiles a field of a model: FEEL where the text begins with `=`, else the text itself.
    ///
    /// # Errors
    /// `feel.syntax`, `feel.too_large`, `feel.unbounded`, `feel.wall_clock`, and `feel.failed` where it has no variable and fails.
    pub fn compile(text: &str) -> Result<Self, Error> {
        if text.trim_start().starts_with('=') {
            return Self::compile_feel(text);
        }
        Ok(Self { text: text.into(), body: Body::Constant(Value::String(text.into())) })
    }

    /// Compiles FEEL, with or without a leading `=`.
    ///
    /// # Errors
    /// As [`Expression::compile`].
    pub fn compile_feel(text: &str) -> Result<Self, Error> {
        let program = Program::new(feel_of(text), Part::Bounded)?;
        let body = if program.variables.is_empty() {
            Body::Constant(program.evaluate(&Map::new(), Time::default())?)
        } else {
            Body::Program(program)
        };
        Ok(Self { text: text.into(), body })
    }

    /// Evaluates, with variables and the recorded business time.
    ///
    /// # Errors
    /// `feel.failed` where there is no value, `feel.unbounded` where the variables are too large for a step.
    pub fn evaluate(&self, variables: &Map<String, Value>, now: Time) -> Result<Value, Error> {
        match &self.body {
            Body::Constant(value) => Ok(value.clone()),
            Body::Program(program) => program.evaluate(variables, now),
        }
    }

    /// Returns the text it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the value of an expression that is always the same.
    pub fn constant(&self) -> Option<&Value> {
        match &self.body {
            Body::Constant(value) => Some(value),
            Body::Program(_) => None,
        }
    }
}

/// Checks that a text, with or without a leading `=`, is FEEL of any kind that does not look at the wall clock.
///
/// # Errors
/// `feel.syntax`, `feel.too_large`, `feel.wall_clock`, `feel.unbounded` for functions outside of FEEL.
pub fn check(text: &str) -> Result<(), Error> {
    let text = feel_of(text);
    inspect(text, &parse(text)?, Part::All).map(|_| ())
}

/// Evaluates any FEEL, with or without a leading `=`. It may loop for very long or recurse until the stack is full: call it
/// only in a process that may be killed.
///
/// # Errors
/// A `feel.*` code.
pub fn evaluate_unbounded(
    text: &str,
    variables: &Map<String, Value>,
    now: Time,
) -> Result<Value, Error> {
    Program::new(feel_of(text), Part::All)?.evaluate(variables, now)
}

fn feel_of(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('=').unwrap_or(text)
}

/// A parsed and prepared text.
struct Program {
    text: String,
    /// The variables it names, each with its FEEL name.
    variables: Vec<(String, Name)>,
    /// The tree, kept where each evaluation has to be weighed before.
    weighed: Option<AstNode>,
    run: Evaluator,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("text", &self.text).finish_non_exhaustive()
    }
}

impl Program {
    fn new(text: &str, part: Part) -> Result<Self, Error> {
        let tree = parse(text)?;
        let Facts { variables, is_costly } = inspect(text, &tree, part)?;
        let run = guard(text, || Ok(dsntk_feel_evaluator::prepare(&tree)))?;
        let variables =
            variables.into_iter().map(|name| (name.clone(), Name::from(name))).collect();
        let weighed = (is_costly && part == Part::Bounded).then_some(tree);
        Ok(Self { text: text.into(), variables, weighed, run })
    }

    fn evaluate(&self, variables: &Map<String, Value>, now: Time) -> Result<Value, Error> {
        if let Some(tree) = &self.weighed {
            self.weigh(tree, variables)?;
        }
        guard(&self.text, || {
            let mut context = FeelContext::new();
            for (key, name) in &self.variables {
                let value = match variables.get(key) {
                    _ if key == NOW => Feel::String(now.to_string()),
                    Some(value) => to_feel(value)?,
                    None => Feel::Null(None),
                };
                context.set_entry(name, value);
            }
            from_feel((self.run)(&FeelScope::from(context)))
        })
    }

    fn weigh(&self, tree: &AstNode, variables: &Map<String, Value>) -> Result<(), Error> {
        let mut sizes = BTreeMap::new();
        for (key, _) in &self.variables {
            sizes.insert(key.as_str(), variables.get(key).map_or(1.0, size_of));
        }
        if estimate(tree, &sizes) <= COST_MAX {
            return Ok(());
        }
        let reason = "it loops or copies too often with variables as large as these".into();
        Err(Error::FeelUnbounded { text: shorten(&self.text), reason })
    }
}

fn parse(text: &str) -> Result<AstNode, Error> {
    let Lexed { text: prepared, names, .. } = Lexed::new(text)?;
    if prepared.trim().is_empty() {
        return Err(Error::FeelSyntax { text: shorten(text), reason: "it is empty".into() });
    }
    let scope = FeelScope::default();
    for name in names {
        scope.set_name(Name::from(name));
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        dsntk_feel_parser::parse_expression(&scope, &prepared, false)
    }));
    let reason = match parsed {
        Ok(Ok(tree)) => return Ok(tree),
        Ok(Err(error)) => reason_of(&error.to_string()),
        Err(_) => "the parser does not understand it".into(),
    };
    Err(Error::FeelSyntax { text: shorten(text), reason })
}

/// Returns what the parser said, without what it repeats of the text.
fn reason_of(message: &str) -> String {
    let message = message.split_once("> ").map_or(message, |(_, rest)| rest);
    if message.starts_with("syntax error") { "syntax error".into() } else { shorten(message) }
}

/// Runs what foreign text drives. A panic inside ends in an error, not in the engine.
fn guard<T>(text: &str, run: impl FnOnce() -> Result<T, String>) -> Result<T, Error> {
    let outcome = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err("the evaluator broke down".into()));
    outcome.map_err(|reason| Error::FeelFailed { text: shorten(text), reason })
}
