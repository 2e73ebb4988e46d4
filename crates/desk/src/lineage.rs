//! Lineage of screens: which queries and KPIs they show, what their forms and actions call and write into.

use crate::engine::Desk;
use crate::screens::{read, used};
use base::Problem;
use kernel::{Edge, End, How, Read, Reader};
use std::collections::BTreeSet;

impl Desk {
    /// Returns the edges of screens.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn edges(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        let mut edges = Vec::new();
        for screen in reader.resources("screen")? {
            let Ok(spec) = read::spec(&screen.name, &screen.spec) else { continue };
            let mut seen = BTreeSet::new();
            for mention in used::mentions(&spec) {
                if !seen.insert((mention.kind, mention.name)) {
                    continue;
                }
                let (itself, named) =
                    (End::new("screen", &screen.name), End::new(mention.kind, mention.name));
                let edge = match mention.kind {
                    "query" | "kpi" => Edge::new(named, itself, How::Reads),
                    "process" | "decision" => Edge::new(named, itself, How::Calls),
                    "stream" => Edge::new(itself, named, How::Writes),
                    _ => continue,
                };
                edges.push(edge.declared_by(&screen));
            }
        }
        Ok(edges)
    }
}
