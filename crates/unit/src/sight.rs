//! What the process says of itself: memory, processor, open files, the build; and the support bundle.

use crate::health::Health;
use crate::logging::Logger;
use crate::{host, support};
use base::Problem;
use kernel::{
    Call, Engine, Exposition, Handle, KindOf, Operation, Read, Reader, Relation, Reply, Right,
    operation, read,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The version that a unit tells.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is only known once the unit runs.
#[derive(Clone)]
pub(crate) struct Running {
    pub logger: Arc<Logger>,
    pub health: Arc<Health>,
    pub handle: Handle,
}

/// The engine that answers `unit.support` and tells of the process.
pub(crate) struct Sight {
    folder: PathBuf,
    unit: String,
    running: Mutex<Option<Arc<Running>>>,
}

impl Sight {
    pub(crate) fn new(folder: &Path, unit: &str) -> Self {
        Self { folder: folder.to_owned(), unit: unit.to_owned(), running: Mutex::new(None) }
    }

    /// Says what is only known once the unit runs; nothing when it has stopped.
    pub(crate) fn runs(&self, running: Option<Running>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running.map(Arc::new);
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn unit(&self) -> &str {
        &self.unit
    }

    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn support(&self, reader: &Reader, _: &Call) -> Result<Reply, Problem> {
        let bytes = support::bundle(self, reader)?;
        let pieces: Vec<_> = bytes.chunks(64 << 10).map(|piece| Ok(piece.to_vec())).collect();
        Ok(Reply::Stream { media: support::MEDIA, pieces: Box::new(pieces.into_iter()) })
    }
}

impl Engine for Sight {
    fn name(&self) -> &'static str {
        "sight"
    }

    fn kinds(&self) -> Vec<KindOf> {
        Vec::new()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![
            operation(
                "unit.support",
                Right::Manage,
                "Makes a bundle for whoever helps: configuration, manifests, log, counts; no secrets and no rows.",
                read(&self, Self::support),
            )
            .on_kind()
            .answers(json!({"type": "string", "contentMediaType": support::MEDIA}))
            .while_closed(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn metrics(&self, _reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        let labels = [("version", VERSION), ("unit", self.unit.as_str())];
        out.gauge("craton_build_info", "Which version runs, of which unit.", &labels, 1.0);
        let memory = host::memory();
        let help = "Memory that the process holds, files that it only looks at as well.";
        out.gauge("process_resident_memory_bytes", help, &[], memory.resident as f64);
        let help = "Memory that is the process's own: what counts against what the unit may take.";
        out.gauge("craton_memory_own_bytes", help, &[], memory.own as f64);
        let help = "Processor time of the process and of its children that have ended.";
        out.gauge("process_cpu_seconds", help, &[], host::cpu_time().as_secs_f64());
        let count = host::files_open();
        if count != 0 {
            out.gauge("process_open_fds", "Files and sockets that are open.", &[], count as f64);
        }
        if let Some(disk) = host::disk(&self.folder) {
            let help = "Room on the disk of the unit.";
            out.gauge("craton_disk_free_bytes", help, &[], disk.free as f64);
        }
        if let Some(running) = self.running() {
            let ready = running.health.parts(&running.handle).is_empty();
            let ready = if ready { 1.0 } else { 0.0 };
            out.gauge("craton_ready", "1 where the unit takes requests.", &[], ready);
        }
        Ok(())
    }
}
