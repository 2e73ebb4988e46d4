//! What a unit has spent: asked for by a replay before and after, and by whoever sizes a machine.

use crate::files;
use base::Problem;
use exchange::Identity;
use kernel::{Read, Reader, Reply};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Answers `unit.usage`. Commits count from the unit's first; the rest counts from the start of this process.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn usage(reader: &Reader, identity: &Identity) -> Result<Reply, Problem> {
    Ok(Reply::Value(json!({
        "commits": reader.commit()?,
        "bytes_synced": reader.kernel().store().bytes_synced(),
        "signatures": identity.signatures(),
        "cpu_seconds": cpu_time().as_secs_f64(),
        "memory_bytes": memory_bytes(),
    })))
}

/// Returns the processor time, user and system, of this process and of its children that have ended.
pub(crate) fn cpu_time() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(cpu_time_of).sum()
}

fn cpu_time_of(whose: libc::c_int) -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes one `rusage` to where it is told, which is large enough and lives on.
    let is_told = unsafe { libc::getrusage(whose, usage.as_mut_ptr()) } == 0;
    if !is_told {
        return Duration::ZERO;
    }
    // SAFETY: the call has succeeded and filled it; all zeros are a valid one, too.
    let usage = unsafe { usage.assume_init() };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let micros = u64::try_from(time.tv_usec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Returns the resident set in bytes; 0 where the system does not tell it as Linux does.
pub(crate) fn memory_bytes() -> u64 {
    let text = files::read(Path::new("/proc/self/statm")).unwrap_or_default();
    // SAFETY: the call takes a number and returns one.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    resident_pages(&text).unwrap_or_default() * u64::try_from(page_bytes).unwrap_or_default()
}

/// Returns the second field of `/proc/self/statm`.
fn resident_pages(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_memory() {
        let before = cpu_time();
        let mut digest = [0; 32];
        // Ends as soon as the system has counted some work.
        while cpu_time() == before {
            digest = base::sha256(&digest);
        }
        assert!(before < cpu_time(), "{digest:?}");
        if cfg!(target_os = "linux") {
            assert!(1 << 20 < memory_bytes(), "a process is larger than a megabyte");
        }
    }

    #[test]
    fn the_resident_set_is_the_second_field() {
        assert_eq!(resident_pages("5000 812 400 1 0 300 0\n"), Some(812));
        assert_eq!(resident_pages(""), None);
        assert_eq!(resident_pages("5000 many"), None);
    }
}
