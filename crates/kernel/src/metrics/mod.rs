//! Counters of the running unit: plain atomics with names that are known when it starts, and the text in which they are told.
//!
//! They are no state: a restart begins at zero. What must not be lost is in the store: audit, meters, service levels.

mod exposition;
mod histogram;
mod registry;
mod relation;
mod watch;

pub(crate) use exposition::MEDIA;
pub use exposition::{Exposition, Sample};
pub use histogram::Histogram;
pub use registry::{Counter, DoorName, Meters, Traffic};
pub(crate) use registry::{Decisions, Outcome};
pub(crate) use relation::relation;
pub(crate) use watch::{Opened, Told, Watch, call_span};

use crate::{Kernel, Reader};
use base::Problem;

impl Kernel {
    /// Returns everything that the kernel and its engines count, as it stands.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn exposition(&self, reader: &Reader) -> Result<Exposition, Problem> {
        let mut out = Exposition::new(self.config().metric_series_max);
        self.meters().tell(&mut out);
        out.gauge("craton_commit", "The number of the last commit.", &[], self.commit() as f64);
        let (recorded, lost) = self.tracer().counts();
        out.counter("craton_spans_recorded_total", "Spans that were kept.", &[], recorded);
        out.counter(
            "craton_spans_lost_total",
            "Spans that went before they were sent on.",
            &[],
            lost,
        );
        let synced = self.store().bytes_synced();
        out.counter(
            "craton_store_bytes_synced_total",
            "Bytes that commits have synced.",
            &[],
            synced,
        );
        for engine in self.engines() {
            engine.metrics(reader, &mut out)?;
        }
        Ok(out)
    }
}
