//! The machine as a resource: what it has, what is used of it, and whether it will be enough. Also watches memory and disk, so that
//! the unit refuses clearly before the system fails.

use crate::bell::Bell;
use crate::host::Facts;
use base::Problem;
use kernel::{
    Call, Cell, Column, ColumnType, Engine, Kernel, KindOf, Operation, Read, Reader, Relation,
    Reply, Right, Scan, operation, read,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often memory and disk are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How long caches stay let go before they are let go again.
const LET_GO_EVERY: Duration = Duration::from_secs(10);

/// From which part on somebody is warned, in hundredths: of the unit's memory, and of its file handles.
const MEMORY_WARN_PERCENT: u64 = 90;
const FILES_WARN_PERCENT: u64 = 80;

/// Calls that want to run for each processor, from which on somebody is warned.
const LOAD_WARN: f64 = 4.0;

/// The engine that knows the machine.
pub(crate) struct Nodes {
    folder: PathBuf,
    disk_free_min: u64,
    /// What was seen last by the watch, for what changes over time.
    seen: Mutex<Facts>,
    /// Rung when the watch is to end.
    bell: Bell,
}

impl Nodes {
    /// Returns the machine on whose disk a unit's folder lies. Of that disk, so many bytes are to stay free.
    pub(crate) fn new(folder: &Path, disk_free_min: u64) -> Self {
        let seen = Mutex::new(Facts::look(folder));
        Self { folder: folder.to_owned(), disk_free_min, seen, bell: Bell::default() }
    }

    /// Has the watch end.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    /// Looks at memory and disk now and then until the unit stops, and says it when something gets scarce.
    pub(crate) fn watch(&self, kernel: &Kernel, is_stopping: &AtomicBool) {
        let mut said: Vec<String> = Vec::new();
        let mut let_go_at = Duration::ZERO;
        loop {
            let seen = self.bell.count();
            if is_stopping.load(Ordering::SeqCst) {
                return;
            }
            let facts = Facts::look(&self.folder);
            let is_tight = kernel.memory().observe(facts.memory_own);
            if facts.disk_total != 0 {
                kernel.observe_disk(facts.disk_free, self.disk_free_min);
            }
            let now = kernel.clock().monotonic();
            if is_tight && let_go_at <= now {
                kernel.engines().iter().for_each(|engine| engine.let_go());
                let_go_at = now + LET_GO_EVERY;
            }
            let warnings = self.warnings(&facts, kernel.memory().limit());
            for warning in warnings.iter().filter(|warning| !said.contains(warning)) {
                log::warn!(target: "unit", "{warning}");
            }
            said = warnings;
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = facts;
            self.bell.wait(seen, EVERY);
        }
    }

    /// Returns what is about to run short.
    fn warnings(&self, facts: &Facts, memory_max: Option<u64>) -> Vec<String> {
        let mut warnings = Vec::new();
        let percent = |part: u64, whole: u64| part.saturating_mul(100) / whole.max(1);
        if let Some(limit) = memory_max
            && MEMORY_WARN_PERCENT <= percent(facts.memory_own, limit)
        {
            warnings.push("the unit has almost all the memory that it may take".into());
        }
        if facts.disk_total != 0 && facts.disk_free < self.disk_free_min {
            warnings.push("the disk is almost full: what needs the right Write is refused".into());
        } else if facts.disk_total != 0 && facts.disk_free < self.disk_free_min.saturating_mul(4) {
            warnings.push("the disk is getting full".into());
        }
        if facts.files_max != 0 && FILES_WARN_PERCENT <= percent(facts.files_open, facts.files_max)
        {
            warnings.push("the unit has almost all the file handles that it may have".into());
        }
        if LOAD_WARN * facts.cpus as f64 <= facts.load[0] {
            warnings.push("more wants to run than the processors can do".into());
        }
        warnings
    }

    /// Returns the machine as it stands.
    fn node(&self, kernel: &Kernel) -> Node {
        let facts = Facts::look(&self.folder);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let memory_max = kernel.memory().limit();
        Node {
            cpu_percent: facts.cpu_percent(&seen),
            warnings: self.warnings(&facts, memory_max),
            memory_max,
            disk_free_min: self.disk_free_min,
            calls: kernel.calls(),
            commits: kernel.commit(),
            facts,
        }
    }

    fn list(&self, reader: &Reader, _: &Call) -> Result<Reply, Problem> {
        let node = self.node(reader.kernel());
        Ok(Reply::Value(json!({"items": [node.value()]})))
    }
}

/// A machine as it stands.
struct Node {
    facts: Facts,
    cpu_percent: f64,
    memory_max: Option<u64>,
    disk_free_min: u64,
    warnings: Vec<String>,
    calls: (u64, u64),
    commits: u64,
}

impl Node {
    fn value(&self) -> Value {
        let Facts { name, cpus, load, .. } = &self.facts;
        json!({
            "name": name,
            "cpus": cpus,
            "cpu_percent": tenths(self.cpu_percent),
            "load": load,
            "memory_total": self.facts.memory_total,
            "memory_available": self.facts.memory_available,
            "memory_used": self.facts.memory_own,
            "memory_max": self.memory_max,
            "disk_total": self.facts.disk_total,
            "disk_free": self.facts.disk_free,
            "disk_free_min": self.disk_free_min,
            "files_open": self.facts.files_open,
            "files_max": self.facts.files_max,
            "calls": self.calls.0,
            "calls_refused": self.calls.1,
            "commits": self.commits,
            "warnings": self.warnings,
        })
    }

    fn cells(self) -> Vec<Cell> {
        let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let facts = self.facts;
        vec![
            Cell::Text(facts.name),
            int(facts.cpus),
            Cell::Float(tenths(self.cpu_percent)),
            Cell::Float(facts.load[0]),
            int(facts.memory_total),
            int(facts.memory_available),
            int(facts.memory_own),
            self.memory_max.map_or(Cell::Null, int),
            int(facts.disk_total),
            int(facts.disk_free),
            int(self.disk_free_min),
            int(facts.files_open),
            int(facts.files_max),
            int(self.calls.0),
            int(self.calls.1),
            Cell::json(&json!(self.warnings)),
        ]
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn relation(nodes: &Arc<Nodes>) -> Relation {
    use ColumnType::{Float, Int, Text};
    let columns = vec![
        Column::new("name", Text, "What the machine is called."),
        Column::new("cpus", Int, "Processors that the unit may use."),
        Column::new("cpu_percent", Float, "How busy they are, all together, over the last second."),
        Column::new("load", Float, "How many want to run, over a minute."),
        Column::new("memory_total", Int, "Bytes of memory of the machine."),
        Column::new("memory_available", Int, "Bytes of it that are available."),
        Column::new(
            "memory_used",
            Int,
            "Bytes of memory that are the unit's own, files that it only looks at left out.",
        ),
        Column::new("memory_max", Int, "Bytes that the unit may take."),
        Column::new("disk_total", Int, "Bytes of the disk of the unit's folder."),
        Column::new("disk_free", Int, "Bytes of it that are free."),
        Column::new(
            "disk_free_min",
            Int,
            "Bytes of it that are kept free: below, operations with the right Write are refused.",
        ),
        Column::new("files_open", Int, "File handles of the unit."),
        Column::new("files_max", Int, "File handles that it may have."),
        Column::new("calls", Int, "Calls that were admitted since the unit started."),
        Column::new("calls_refused", Int, "Calls that no quota admitted."),
        Column::new("warnings", Text, "What is about to run short, as JSON."),
    ];
    // Through a weak pointer: relations may outlive the engine in a plan.
    let nodes = Arc::downgrade(nodes);
    let rows = move |reader: &Reader,
                     _: &Scan,
                     row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
        if let Some(nodes) = nodes.upgrade() {
            row(nodes.node(reader.kernel()).cells())?;
        }
        Ok(())
    };
    let summary = "The machine on which the unit runs, as it stands.";
    Relation::system("nodes", summary, columns, Arc::new(rows))
}

impl Engine for Nodes {
    fn name(&self) -> &'static str {
        "nodes"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "node",
            manifest: "",
            plural: "nodes",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![
            operation(
                "node.list",
                Right::Read,
                "Shows the machine: processors, memory, disk, file handles, and what is used of them.",
                read(&self, Self::list),
            )
            .on_kind(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(vec![relation(&self)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_short_is_said() {
        let nodes = Nodes::new(Path::new("."), 100);
        let facts = Facts {
            cpus: 2,
            disk_total: 1_000,
            disk_free: 500,
            files_open: 10,
            files_max: 100,
            memory_own: 50,
            ..Facts::default()
        };
        assert!(nodes.warnings(&facts, Some(100)).is_empty());
        let short = |facts: Facts| nodes.warnings(&facts, Some(100)).join("; ");
        assert!(short(Facts { memory_own: 95, ..facts.clone() }).contains("memory"));
        assert!(short(Facts { disk_free: 300, ..facts.clone() }).contains("getting full"));
        assert!(short(Facts { disk_free: 99, ..facts.clone() }).contains("right Write"));
        assert!(short(Facts { files_open: 80, ..facts.clone() }).contains("file handles"));
        assert!(short(Facts { load: [8.0, 0.0, 0.0], ..facts.clone() }).contains("processors"));
        let unknown = Facts { disk_total: 0, disk_free: 0, files_max: 0, ..facts };
        assert!(nodes.warnings(&unknown, None).is_empty(), "what is not known is no reason");
    }
}
