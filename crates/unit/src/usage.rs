//! What a unit has spent: asked for by a replay before and after, and by whoever sizes a machine.

use crate::host;
use base::Problem;
use exchange::Identity;
use kernel::{Read, Reader, Reply};
use serde_json::json;

/// Answers `unit.usage`. Commits count from the unit's first; the rest counts from the start of this process. The memory is all that is
/// resident, as `process_resident_memory_bytes`.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn usage(reader: &Reader, identity: &Identity) -> Result<Reply, Problem> {
    Ok(Reply::Value(json!({
        "commits": reader.commit()?,
        "bytes_synced": reader.kernel().store().bytes_synced(),
        "signatures": identity.signatures(),
        "cpu_seconds": host::cpu_time().as_secs_f64(),
        "memory_bytes": host::memory().resident,
    })))
}
