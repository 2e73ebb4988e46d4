//! `system.lineage`: every engine tells its own edges, and a caller sees those of which he may see both ends.

use base::{DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{
    Call, Cell, Config, Edge, End, Engine, How, Kernel, KindOf, Operation, Parts, Principal, Read,
    Reader, Relation, Reply, ResourceRef, Right, Scan, Writer, operation, read,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::MemoryStore;

fn kind(name: &'static str, manifest: &'static str, plural: &'static str) -> KindOf {
    KindOf {
        name,
        manifest,
        plural,
        schema: json!({}),
        check: |_| Ok(()),
        is_grant: false,
        roles: |_| Vec::new(),
    }
}

/// Has streams, and relations behind which they stand.
struct Shelf;

impl Engine for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![kind("stream", "Stream", "streams"), kind("table", "", "tables")]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let nothing = |_: &Self, _: &Reader, _: &Call| -> Result<Reply, Problem> {
            Ok(Reply::Value(json!({})))
        };
        vec![operation("stream.read", Right::Read, "Reads.", read(&self, nothing))]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        let mut edges = Vec::new();
        for stream in reader.resources("stream")? {
            let from = End::new("stream", &stream.name);
            // A table is seen by whoever sees its stream.
            let to = End::new("table", &stream.name).shown_by(vec![stream.reference()]);
            edges.push(Edge::new(from, to, How::Derives).declared_by(&stream));
        }
        Ok(edges)
    }

    fn behind(&self, read: &dyn Read, relation: &str) -> Result<Option<End>, Problem> {
        let stream = read.resource("stream", relation)?;
        Ok(stream.map(|stream| End::new("stream", &stream.name)))
    }
}

/// Has processes, and knows relations by their names alone.
struct Desk;

impl Engine for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![kind("process", "Process", "processes")]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        Vec::new()
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        let mut edges = Vec::new();
        for process in reader.resources("process")? {
            let on = process.spec["on"].as_str().unwrap_or_default();
            let to = End::new("process", &process.name);
            let edge = Edge::new(End::relation(on), to, How::Reads).declared_by(&process);
            edges.push(edge.with(json!({"messages": ["came"]})));
        }
        Ok(edges)
    }
}

fn unit() -> (Arc<Kernel>, Writer) {
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: vec![Arc::new(Shelf), Arc::new(Desk)],
        config: Config::default(),
    };
    Kernel::new(parts).expect("a kernel starts on an empty store")
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn apply(writer: &mut Writer, manifests: &Value) {
    let init = Principal::Unit("init".into());
    let call = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": manifests}));
    writer.turn(&[call]).remove(0).expect("applied");
}

/// What somebody sees, a line for each edge; `enough` rows at most.
fn seen(kernel: &Arc<Kernel>, who: &str, enough: usize) -> Vec<String> {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    let reader = Reader::new(kernel, actor).expect("a reader");
    let relations = kernel.relations(&reader).expect("relations");
    let lineage = relations.iter().find(|relation| relation.name == "lineage").expect("lineage");
    let mut lines = Vec::new();
    (lineage.rows)(&reader, &Scan::default(), &mut |row| {
        assert_eq!(row.len(), lineage.columns.len(), "one cell per column");
        let cell = |cell: &Cell| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Int(number) => number.to_string(),
            _ => "-".into(),
        };
        lines.push(row.iter().map(cell).collect::<Vec<_>>().join(" "));
        Ok(lines.len() < enough)
    })
    .expect("rows");
    lines
}

#[test]
fn an_edge_is_seen_by_whoever_may_see_both_ends() {
    let (kernel, mut writer) = unit();
    let sees = |role: &str, condition: &str| {
        let policies = format!(
            "permit(principal in Role::\"{role}\", action in Action::\"Read\", resource) when {{ {condition} }};"
        );
        manifest("Role", role, json!({"policies": policies}))
    };
    apply(
        &mut writer,
        &json!([
            manifest("Stream", "orders", json!({})),
            manifest("Stream", "secrets", json!({})),
            manifest("Process", "sell", json!({"on": "orders"})),
            manifest("Process", "spy", json!({"on": "secrets"})),
            sees(
                "clerk",
                "resource in [Kind::\"stream\", Kind::\"process\"] && resource.name != \"secrets\""
            ),
            sees("porter", "resource in Kind::\"process\""),
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "carl", json!({"roles": ["clerk"]})),
            manifest("User", "pia", json!({"roles": ["porter"]})),
            manifest("User", "ned", json!({"roles": []})),
        ]),
    );
    let table = |name: &str| format!("stream {name} table {name} derives - stream/{name} 1");
    let read = |stream: &str, process: &str| {
        format!(
            "stream {stream} process {process} reads {{\"messages\":[\"came\"]}} process/{process} 1"
        )
    };
    let all =
        vec![read("orders", "sell"), table("orders"), read("secrets", "spy"), table("secrets")];
    assert_eq!(seen(&kernel, "user:olga", 100), all);
    assert_eq!(seen(&kernel, "user:olga", 2), all[..2]);
    assert_eq!(seen(&kernel, "user:carl", 100), [read("orders", "sell"), table("orders")]);
    assert_eq!(seen(&kernel, "user:pia", 100), Vec::<String>::new());
    assert_eq!(seen(&kernel, "user:ned", 100), Vec::<String>::new());
    apply(&mut writer, &json!([manifest("Process", "sell", json!({"on": "system.audit"}))]));
    let lines = seen(&kernel, "user:olga", 100);
    // No engine knows what stands behind it: it stays what SQL calls it. The version is that of the manifest.
    let last = "relation system.audit process sell reads {\"messages\":[\"came\"]} process/sell 2";
    assert_eq!(lines[0], last);
    assert_eq!(lines.len(), 4);
}
