//! `get`, `describe`, `history`, `delete`: resources of any kind.

use super::{exchange, repair, table, work};
use crate::{
    arguments::Globals, client::Request, connect, error::Error, output, output::Column, routes,
};
use base::Problem;

const LIST: [Column; 4] = [
    Column("NAME", &["name"]),
    Column("VERSION", &["version"]),
    Column("OWNER", &["owner"]),
    Column("CHANGED", &["changed_at"]),
];
const HISTORY: [Column; 4] = [
    Column("VERSION", &["version"]),
    Column("CHANGED", &["changed_at"]),
    Column("BY", &["changed_by"]),
    Column("DELETED", &["is_deleted"]),
];

/// Plurals that are no kind with an `s` behind it.
const PLURALS: [(&str, &str); 3] =
    [("processes", "process"), ("policies", "policy"), ("queries", "query")];

/// Kinds that are declared by manifests.
const DECLARED: [&str; 13] = [
    "user", "role", "stream", "view", "query", "metric", "kpi", "quality", "process", "decision",
    "form", "screen", "offer",
];
/// Kinds that exist by running: their plurals in routes, and how lists of them are shown.
const RUNNING: [(&str, &str, &[Column]); 6] = [
    ("instance", "instances", repair::INSTANCES),
    ("task", "tasks", work::TASKS),
    ("job", "jobs", work::JOBS),
    ("incident", "incidents", work::INCIDENTS),
    ("peer", "peers", exchange::PEERS),
    ("contract", "contracts", exchange::CONTRACTS),
];

/// A kind and a name, written `stream orders` or `stream/orders`.
#[derive(Debug, clap::Args)]
pub struct Reference {
    /// The kind, for example `stream`; or `KIND/NAME`
    kind: String,
    /// The name
    name: Option<String>,
}

impl Reference {
    /// Returns the request for what is meant, and how a list of it is shown.
    fn request(&self) -> (Request, &'static [Column]) {
        let (kind, name) = self.parts();
        match (RUNNING.iter().find(|(running, ..)| *running == kind), name) {
            (Some((_, plural, columns)), name) => {
                (routes::running(plural, name.as_deref()), columns)
            }
            (None, Some(name)) => (routes::resource_get(&kind, &name), &LIST),
            (None, None) => (routes::resource_list(&kind), &LIST),
        }
    }

    /// Adds the nearest kind to the problem of one that is not known.
    fn suggested(&self, problem: Problem) -> Problem {
        let (kind, _) = self.parts();
        let known = || DECLARED.into_iter().chain(RUNNING.iter().map(|(kind, ..)| *kind));
        if problem.kind != base::Kind::NotFound || known().any(|known| known == kind) {
            return problem;
        }
        let hint = match base::nearest(&kind, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("kinds are {}", known().collect::<Vec<_>>().join(", ")),
        };
        problem.with_hint(hint)
    }

    /// Returns kind and name, where there is one. Plurals and capitals are understood.
    fn parts(&self) -> (String, Option<String>) {
        let (kind, name) = match self.kind.split_once('/') {
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (self.kind.as_str(), None),
        };
        (singular(&kind.to_lowercase()), name.or_else(|| self.name.clone()))
    }

    /// Returns kind and name.
    fn named(&self) -> Result<(String, String), Problem> {
        match self.parts() {
            (kind, Some(name)) => Ok((kind, name)),
            (kind, None) => {
                let hint = format!("write `{kind} NAME`; `craton get {kind}` lists the names");
                Err(Error::usage("the name is missing", hint).into())
            }
        }
    }
}

/// Shows the resources of a kind, or one of them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton get streams\n  craton get process/order-to-delivery -o yaml\n  craton get stream orders -o json\n  craton get tasks"
)]
pub struct Get {
    #[command(flatten)]
    reference: Reference,
}

impl Get {
    /// Shows a list or one resource.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let (kind, name) = self.reference.parts();
        if kind == "table" {
            // Tables come with their streams: no manifest declares them.
            let client = connect::client(globals)?;
            return match name {
                Some(name) => table::get(globals, &client, &name),
                None => table::list(globals, &client),
            };
        }
        let (request, columns) = self.reference.request();
        let answer = connect::client(globals)?
            .send(&request)
            .map_err(|problem| self.reference.suggested(problem))?;
        match (self.reference.parts(), globals.output) {
            ((_, None), format) => output::list(format, &answer, columns),
            ((_, Some(_)), output::Format::Table) => {
                output::list(output::Format::Table, &serde_json::json!([answer]), columns)
            }
            ((_, Some(_)), format) => output::one(format, &answer),
        }
    }
}

/// Shows everything about a resource
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton describe stream orders\n  craton describe role/clerk -o yaml"
)]
pub struct Describe {
    #[command(flatten)]
    reference: Reference,
}

impl Describe {
    /// Shows the resource with its spec.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        self.reference.named()?;
        let (request, _) = self.reference.request();
        output::one(globals.output, &connect::client(globals)?.send(&request)?)
    }
}

/// Shows the versions of a resource, the newest first
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton history process order-to-delivery\n  craton history view/totals -o json"
)]
pub struct History {
    #[command(flatten)]
    reference: Reference,
}

impl History {
    /// Shows who changed it, and when.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let (kind, name) = self.reference.named()?;
        let client = connect::client(globals)?;
        output::list(
            globals.output,
            &client.send(&routes::resource_history(&kind, &name))?,
            &HISTORY,
        )
    }
}

/// Removes a resource; its history stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton delete view totals\n  craton delete user/ana")]
pub struct Delete {
    #[command(flatten)]
    reference: Reference,
}

impl Delete {
    /// Removes it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let (kind, name) = self.reference.named()?;
        connect::client(globals)?.send(&routes::resource_delete(&kind, &name))?;
        output::line(format!("{kind}/{name} removed"));
        Ok(())
    }
}

fn singular(kind: &str) -> String {
    if let Some((_, singular)) = PLURALS.iter().find(|(plural, _)| *plural == kind) {
        return (*singular).to_owned();
    }
    match kind.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_understood_in_every_form() {
        for (kind, name, expected) in [
            ("streams", None, ("stream", None)),
            ("Process", Some("sell"), ("process", Some("sell"))),
            ("processes", None, ("process", None)),
            ("stream/orders", None, ("stream", Some("orders"))),
        ] {
            let reference = Reference { kind: kind.into(), name: name.map(Into::into) };
            let (kind, name) = reference.parts();
            assert_eq!((kind.as_str(), name.as_deref()), expected);
        }
    }
}
