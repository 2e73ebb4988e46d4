//! `lineage`: what stands on what.

use crate::lineage::{Direction, Edge, Graph, Node, Style, dot, tree};
use crate::{
    arguments::Globals,
    client::Client,
    connect,
    error::Error,
    output::{self, Column, Format},
    routes,
};
use base::Problem;
use serde_json::{Value, json};

const EDGES: &str = "SELECT from_kind, from_name, to_kind, to_name, how, detail, declared_by, version \
                     FROM system.lineage";

const COLUMNS: &[Column] = &[
    Column("FROM KIND", &["/from/kind"]),
    Column("FROM", &["/from/name"]),
    Column("HOW", &["how"]),
    Column("TO KIND", &["/to/kind"]),
    Column("TO", &["/to/name"]),
    Column("DETAIL", &["detail"]),
    Column("DECLARED BY", &["declared_by"]),
    Column("VERSION", &["version"]),
];

/// Shows what something stands on and what stands on it: streams, tables, views, processes, offers, contracts
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton lineage orders\n  craton lineage view/by_state --up --columns\n  craton lineage orders --down -o json\n  craton lineage orders -o dot | dot -Tsvg > orders.svg\n\nOnly what you may see of both ends is shown. `SELECT * FROM system.lineage` has all edges."
)]
pub struct Lineage {
    /// The name, or `KIND/NAME` for one of several that have it
    name: String,
    /// Only what it stands on
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Only what stands on it
    #[arg(long)]
    down: bool,
    /// Show which columns reach which, where that is known
    #[arg(long)]
    columns: bool,
    /// Draw with ASCII characters alone
    #[arg(long)]
    ascii: bool,
}

impl Lineage {
    /// Walks from the name and shows what is reached.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let graph = Graph::new(edges(&connect::client(globals)?)?);
        let roots = graph.find(&self.name);
        if roots.is_empty() {
            return Err(unknown(&graph, &self.name).into());
        }
        let directions: &[Direction] = match (self.up, self.down) {
            (true, _) => &[Direction::Up],
            (_, true) => &[Direction::Down],
            _ => &[Direction::Up, Direction::Down],
        };
        if globals.output == Format::Table {
            let style = Style { is_ascii: self.ascii, has_columns: self.columns };
            let trees: Vec<String> =
                roots.iter().map(|root| tree(&graph, root, directions, style)).collect();
            output::print(&trees.join("\n"));
            return Ok(());
        }
        let (nodes, edges) = graph.reached(&roots, directions);
        if globals.output == Format::Dot {
            output::print(&dot(&roots, &nodes, &edges));
            return Ok(());
        }
        let edges: Vec<Value> = edges.into_iter().map(Edge::value).collect();
        if globals.output == Format::Csv {
            return output::list(globals.output, &json!(edges), COLUMNS);
        }
        let document = json!({"roots": roots, "nodes": nodes, "edges": edges});
        output::print(&output::document(globals.output, &document)?);
        Ok(())
    }
}

/// Fetches all edges that the caller sees.
fn edges(client: &Client) -> Result<Vec<Edge>, Problem> {
    let answer = client.send(&routes::sql_query().json(&json!({ "sql": EDGES })))?;
    let odd = |error: serde_json::Error| Error::Answer {
        url: client.url().into(),
        reason: error.to_string(),
    };
    Ok(serde_json::from_value(answer).map_err(odd)?)
}

/// Returns the error of a name that stands on nothing and on which nothing stands, as far as the caller sees.
fn unknown(graph: &Graph, name: &str) -> Error {
    let near = graph.nearest(name).as_ref().map(Node::to_string);
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "it may stand alone, or you may not see it; `craton get KIND` lists names".into(),
    };
    Error::NotFound { what: format!("nothing in the lineage is called `{name}`"), hint }
}
