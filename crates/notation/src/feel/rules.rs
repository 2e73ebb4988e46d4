//! What an expression may contain, so that it is sure to end.

use crate::Error;
use crate::text::shorten;
use dsntk_feel::bif::is_built_in_function_name;
use dsntk_feel_parser::AstNode;
use std::collections::BTreeSet;

/// How deep the tree of an expression may be.
const DEPTH_MAX: usize = 96;
/// How many `for`, `some` and `every` may stand in one another.
const LOOPS_MAX: usize = 2;
/// How many loops and filters together may stand in one another.
const ITERATIONS_MAX: usize = 4;
/// The longest pattern of `matches`, `replace` and `split`, in bytes.
const PATTERN_BYTES_MAX: usize = 128;

/// What an expression uses.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Names that are looked up among the variables.
    pub variables: BTreeSet<String>,
    /// Whether it takes longer than its text and its variables are long.
    pub is_costly: bool,
}

/// Which part of FEEL is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What is sure to end.
    Bounded,
    /// Everything that does not look at the wall clock or outside.
    All,
}

/// Checks a tree.
pub(super) fn inspect(text: &str, tree: &AstNode, part: Part) -> Result<Facts, Error> {
    let depth = depth_of(tree);
    if DEPTH_MAX < depth {
        let reason = format!("it nests {depth} deep, the limit is {DEPTH_MAX}");
        return Err(Error::FeelTooLarge { text: shorten(text), reason });
    }
    let mut inspector = Inspector {
        text,
        part,
        facts: Facts::default(),
        calls: BTreeSet::new(),
        loops: 0,
        iterations: 0,
    };
    inspector.visit(tree)?;
    let Inspector { facts, calls, .. } = inspector;
    // A name is looked up once, among the variables first.
    if let Some(both) = facts.variables.intersection(&calls).next() {
        let reason = format!("`{both}` is a function and a variable at once");
        return Err(Error::FeelSyntax { text: shorten(text), reason });
    }
    Ok(facts)
}

struct Inspector<'t> {
    text: &'t str,
    part: Part,
    facts: Facts,
    /// The built-in functions that are called.
    calls: BTreeSet<String>,
    loops: usize,
    iterations: usize,
}

impl Inspector<'_> {
    fn visit(&mut self, node: &AstNode) -> Result<(), Error> {
        match node {
            AstNode::Name(name) => self.name(name.as_str()),
            AstNode::Path(value, _) => self.visit(value),
            AstNode::FunctionInvocation(function, parameters) => self.call(function, parameters),
            AstNode::FunctionBody(_, true) => {
                Err(self.unbounded("it defines a function outside of FEEL"))
            }
            AstNode::FunctionDefinition(..) | AstNode::FunctionBody(..)
                if self.part == Part::Bounded =>
            {
                Err(self.unbounded("it defines a function"))
            }
            AstNode::For(iterators, body)
            | AstNode::Some(iterators, body)
            | AstNode::Every(iterators, body) => self.iterate(iterators, body),
            AstNode::Filter(list, condition) => {
                self.facts.is_costly = true;
                self.visit(list)?;
                self.deeper(0, 1, |inspector| inspector.visit(condition))
            }
            AstNode::Context(entries) => {
                self.facts.is_costly = true;
                entries.iter().try_for_each(|entry| self.visit(entry))
            }
            other => children(other).into_iter().try_for_each(|child| self.visit(child)),
        }
    }

    fn name(&mut self, name: &str) -> Result<(), Error> {
        if self.part == Part::Bounded && name == "partial" {
            return Err(self.unbounded("it uses `partial`, which may double with every turn"));
        }
        self.facts.variables.insert(name.to_string());
        Ok(())
    }

    fn iterate(&mut self, iterators: &AstNode, body: &AstNode) -> Result<(), Error> {
        self.facts.is_costly = true;
        let iterators = children(iterators);
        for iterator in &iterators {
            match iterator {
                AstNode::IterationContextInterval(..) if self.part == Part::Bounded => {
                    return Err(self.unbounded("it loops over a range of numbers or dates"));
                }
                AstNode::IterationContextSingle(_, list) | AstNode::QuantifiedContext(_, list) => {
                    if self.part == Part::Bounded && matches!(**list, AstNode::Range(..)) {
                        return Err(self.unbounded("it loops over a range of numbers or dates"));
                    }
                    self.visit(list)?;
                }
                other => self.visit(other)?,
            }
        }
        self.deeper(iterators.len(), iterators.len(), |inspector| inspector.visit(body))
    }

    fn deeper(
        &mut self,
        loops: usize,
        iterations: usize,
        visit: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.loops += loops;
        self.iterations += iterations;
        if self.part == Part::Bounded && LOOPS_MAX < self.loops {
            return Err(self.unbounded("more than two loops stand in one another"));
        }
        if self.part == Part::Bounded && ITERATIONS_MAX < self.iterations {
            return Err(self.unbounded("more than four loops and filters stand in one another"));
        }
        visit(self)?;
        self.loops -= loops;
        self.iterations -= iterations;
        Ok(())
    }

    fn call(&mut self, function: &AstNode, parameters: &AstNode) -> Result<(), Error> {
        let AstNode::Name(name) = function else {
            if self.part == Part::Bounded {
                return Err(self.unbounded("it calls something that is no built-in function"));
            }
            self.visit(function)?;
            return self.visit(parameters);
        };
        let name = name.as_str();
        if matches!(name, "now" | "today") {
            return Err(Error::FeelWallClock { text: shorten(self.text), function: name.into() });
        }
        if !is_built_in_function_name(name) {
            if self.part == Part::Bounded {
                let reason = format!("there is no function `{name}`");
                return Err(Error::FeelSyntax { text: shorten(self.text), reason });
            }
            self.facts.variables.insert(name.into());
        } else {
            self.calls.insert(name.into());
        }
        if self.part == Part::Bounded {
            self.check_function(name, parameters)?;
        }
        self.visit(parameters)
    }

    fn check_function(&mut self, name: &str, parameters: &AstNode) -> Result<(), Error> {
        match name {
            "sort" => Err(self.unbounded("`sort` needs a function")),
            "matches" | "replace" | "split" => {
                self.facts.is_costly = true;
                match pattern(name, parameters) {
                    Some(pattern)
                        if pattern.len() <= PATTERN_BYTES_MAX && !pattern.contains('{') =>
                    {
                        Ok(())
                    }
                    Some(_) => Err(self.unbounded("a pattern is long or repeats with `{`")),
                    None => Err(self.unbounded("a pattern is not written out as a string")),
                }
            }
            "string join" | "distinct values" | "union" | "mode" | "index of" | "flatten" => {
                self.facts.is_costly = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn unbounded(&self, reason: &str) -> Error {
        Error::FeelUnbounded { text: shorten(self.text), reason: reason.into() }
    }
}

/// Returns the pattern of a call, where it is written out.
fn pattern<'a>(function: &str, parameters: &'a AstNode) -> Option<&'a str> {
    let named = if function == "split" { "delimiter" } else { "pattern" };
    let value = match parameters {
        AstNode::PositionalParameters(items) => items.get(1),
        AstNode::NamedParameters(items) => items.iter().find_map(|item| match item {
            AstNode::NamedParameter(name, value) => match &**name {
                AstNode::ParameterName(name) if name.as_str() == named => Some(&**value),
                _ => None,
            },
            _ => None,
        }),
        _ => None,
    };
    match value {
        Some(AstNode::String(text)) => Some(text),
        _ => None,
    }
}

/// Returns how deep a tree is, without recursion.
fn depth_of(tree: &AstNode) -> usize {
    let mut deepest = 0;
    let mut open = vec![(tree, 1)];
    while let Some((node, depth)) = open.pop() {
        deepest = deepest.max(depth);
        open.extend(children(node).into_iter().map(|child| (child, depth + 1)));
    }
    deepest
}

/// Returns the nodes directly under a node.
pub(super) fn children(node: &AstNode) -> Vec<&AstNode> {
    use AstNode as N;
    match node {
        N::At(_)
        | N::Boolean(_)
        | N::ContextEntryKey(_)
        | N::ContextTypeEntryKey(_)
        | N::FeelType(_)
        | N::Irrelevant
        | N::Name(_)
        | N::Null
        | N::Numeric(..)
        | N::ParameterName(_)
        | N::QualifiedNameSegment(_)
        | N::String(_) => vec![],
        N::EvaluatedExpression(a)
        | N::FunctionBody(a, _)
        | N::IntervalEnd(a, _)
        | N::IntervalStart(a, _)
        | N::ListType(a)
        | N::Neg(a)
        | N::RangeType(a)
        | N::Satisfies(a)
        | N::UnaryGe(a)
        | N::UnaryGt(a)
        | N::UnaryLe(a)
        | N::UnaryLt(a)
        | N::UnaryEq(a)
        | N::UnaryNe(a) => vec![a],
        N::Add(a, b)
        | N::And(a, b)
        | N::ContextEntry(a, b)
        | N::ContextTypeEntry(a, b)
        | N::Div(a, b)
        | N::Eq(a, b)
        | N::Every(a, b)
        | N::Exp(a, b)
        | N::Filter(a, b)
        | N::For(a, b)
        | N::FormalParameter(a, b)
        | N::FunctionDefinition(a, b)
        | N::FunctionInvocation(a, b)
        | N::FunctionType(a, b)
        | N::Ge(a, b)
        | N::Gt(a, b)
        | N::In(a, b)
        | N::InstanceOf(a, b)
        | N::IterationContextSingle(a, b)
        | N::Le(a, b)
        | N::Lt(a, b)
        | N::Mul(a, b)
        | N::NamedParameter(a, b)
        | N::Nq(a, b)
        | N::Or(a, b)
        | N::Out(a, b)
        | N::Path(a, b)
        | N::QuantifiedContext(a, b)
        | N::Range(a, b)
        | N::Some(a, b)
        | N::Sub(a, b) => vec![a, b],
        N::Between(a, b, c) | N::If(a, b, c) | N::IterationContextInterval(a, b, c) => {
            vec![a, b, c]
        }
        N::CommaList(items)
        | N::Context(items)
        | N::ContextType(items)
        | N::ExpressionList(items)
        | N::FormalParameters(items)
        | N::IterationContexts(items)
        | N::List(items)
        | N::NamedParameters(items)
        | N::NegatedList(items)
        | N::ParameterTypes(items)
        | N::PositionalParameters(items)
        | N::QualifiedName(items)
        | N::QuantifiedContexts(items) => items.iter().collect(),
    }
}
