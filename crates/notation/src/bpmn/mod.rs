//! BPMN 2.0 with the `zeebe:` extension elements, as Camunda Modeler writes it: text in, a graph out that runs.
//!
//! Everything that the engine does not run is refused with the element's id, line and column: nothing is skipped in silence but
//! what only draws or describes (lanes, annotations, groups, data objects, diagrams, properties of other tools).

mod check;
mod elements;
mod events;
mod joins;
mod problems;
mod read;
mod tasks;

use crate::graph::Graph;
use crate::xml;
use base::Problem;

pub(crate) use problems::Problems;

pub(crate) const CODES: xml::Codes =
    xml::Codes { malformed: "bpmn.malformed", too_large: "bpmn.too_large" };

/// How many nodes a process may have.
pub const NODES_MAX: usize = 5_000;

/// Compiles a process of a BPMN file: the one with the given id, else the only one that is executable.
///
/// # Errors
/// The first problem in the order of the file, with all others in [`Problem::also`]. Codes: `bpmn.malformed`,
/// `bpmn.too_large`, `bpmn.unsupported`, `bpmn.invalid`, `bpmn.endless`, and those of FEEL.
pub fn parse(source: &str, process_id: Option<&str>) -> Result<Graph, Problem> {
    parse_all_errors(source, process_id).map_err(|mut problems| {
        let mut first = problems.remove(0);
        first.also = problems;
        first
    })
}

/// Compiles as [`parse`] does; gives all problems as a list, in the order of the file.
///
/// # Errors
/// The problems; never an empty list.
pub fn parse_all_errors(source: &str, process_id: Option<&str>) -> Result<Graph, Vec<Problem>> {
    xml::check(source, CODES).map_err(|error| vec![error.into()])?;
    let document = xml::parse(source, CODES).map_err(|error| vec![error.into()])?;
    let mut problems = Problems::new(source);
    let graph = read::graph(&document, process_id, &mut problems);
    let problems = problems.finish();
    match graph {
        Some(graph) if problems.is_empty() => Ok(graph),
        _ => {
            // Invariant: where there is no graph, the reader has said why.
            assert!(!problems.is_empty(), "a refused model without a reason");
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests;
