//! What the machine says of itself and of this process: processors, memory, disk, files. Read from `/proc` and the system's calls when
//! it is asked; where the system does not tell something as Linux does, that is 0. Nothing else of the unit measures these. And what it is
//! told: of which size the pages of memory are, that many files are wanted.

use crate::files;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Of the memory that the machine or its control group gives: so many hundredths a unit may take where nothing else is said.
const MEMORY_PERCENT: u64 = 75;

/// Bytes of memory of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// What is its own, files that it only looks at left out: what counts against what the unit may take.
    pub own: u64,
    /// All of it that is in memory, such files as well.
    pub resident: u64,
}

/// Bytes of a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    pub total: u64,
    /// What is free for this process.
    pub free: u64,
}

/// What the machine has, and what is used of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    /// What it is called.
    pub name: String,
    /// Processors that the unit may use.
    pub cpus: u64,
    /// How long they were busy, and how long they were there, all together, in the system's ticks.
    pub busy: u64,
    pub ticks: u64,
    /// How many wanted to run, over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes of memory of the machine, and how many are available.
    pub memory_total: u64,
    pub memory_available: u64,
    /// Bytes of the disk of the unit's folder, and how many are free for it.
    pub disk_total: u64,
    pub disk_free: u64,
    /// File handles of the process, and how many it may have.
    pub files_open: u64,
    pub files_max: u64,
    /// Bytes of memory that are the process's own.
    pub memory_own: u64,
}

impl Facts {
    /// Returns what can be said now.
    pub(crate) fn look(folder: &Path) -> Self {
        let (busy, ticks) = busy_of(&text("/proc/stat")).unwrap_or_default();
        let (memory_total, memory_available) = memory_of(&text("/proc/meminfo"));
        let disk = disk(folder).unwrap_or_default();
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        Self {
            name: text("/proc/sys/kernel/hostname").trim().to_owned(),
            cpus,
            busy,
            ticks,
            load: load_of(&text("/proc/loadavg")),
            memory_total,
            memory_available,
            disk_total: disk.total,
            disk_free: disk.free,
            files_open: files_open(),
            files_max: files_max(),
            memory_own: memory().own,
        }
    }

    /// Returns how busy the processors were since an earlier look, in hundredths.
    pub(crate) fn cpu_percent(&self, earlier: &Self) -> f64 {
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        if ticks == 0 {
            return 0.0;
        }
        self.busy.saturating_sub(earlier.busy) as f64 * 100.0 / ticks as f64
    }
}

/// Returns how many bytes of memory a unit may take where its configuration does not say it: a part of what its control group gives,
/// or the machine. Nothing where neither is known.
pub(crate) fn memory_default() -> Option<u64> {
    let (total, _) = memory_of(&text("/proc/meminfo"));
    let machine = Some(total).filter(|total| *total != 0);
    let least = [machine, group_limit()].into_iter().flatten().min();
    least.map(|bytes| bytes / 100 * MEMORY_PERCENT)
}

/// Returns the memory of the process.
pub(crate) fn memory() -> Memory {
    memory_of_process(&text("/proc/self/status"))
}

/// Returns how many files and sockets the process has open.
pub(crate) fn files_open() -> u64 {
    // The look itself opens one.
    files::count(Path::new("/proc/self/fd")).saturating_sub(1)
}

/// Returns the disk on which a folder lies; nothing where the system does not tell.
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut told = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero byte and lives on; the call writes one `statvfs` to where it is told.
    let is_told = unsafe { libc::statvfs(path.as_ptr(), told.as_mut_ptr()) } == 0;
    if !is_told {
        return None;
    }
    // SAFETY: the call has succeeded and filled it; all zeros are a valid one, too.
    let told = unsafe { told.assume_init() };
    // Their widths differ between systems.
    #[allow(clippy::useless_conversion, reason = "they are narrower elsewhere")]
    let (blocks, free, size) =
        (u64::from(told.f_blocks), u64::from(told.f_bavail), u64::from(told.f_frsize));
    Some(Disk { total: blocks.saturating_mul(size), free: free.saturating_mul(size) })
}

/// Returns the processor time, user and system, of the process and of its children that have ended.
pub(crate) fn cpu_time() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(cpu_time_of).sum()
}

/// Returns the processor time of the calling thread in milliseconds.
pub(crate) fn thread_cpu_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec` to where it is told, which lives on.
    let is_told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } == 0;
    if !is_told {
        return 0;
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000 + u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000_000
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

fn text(path: &str) -> String {
    files::read(Path::new(path)).unwrap_or_default()
}

/// Returns the least limit of the control groups that the process is in (version 2, else version 1).
fn group_limit() -> Option<u64> {
    let groups = text("/proc/self/cgroup");
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let mut least = None;
    let mut at = Some(Path::new(path.unwrap_or("/")));
    while let Some(group) = at {
        let file = format!("/sys/fs/cgroup{}/memory.max", group.display());
        least =
            [least, text(&file.replace("//", "/")).trim().parse().ok()].into_iter().flatten().min();
        at = group.parent();
    }
    least.or_else(|| text("/sys/fs/cgroup/memory/memory.limit_in_bytes").trim().parse().ok())
}

/// Returns busy and all ticks of the first line of `/proc/stat`.
fn busy_of(stat: &str) -> Option<(u64, u64)> {
    let mut words = stat.lines().next()?.split_ascii_whitespace();
    let is_all = words.next()? == "cpu";
    // user nice system idle iowait irq softirq steal; guests are counted under user already.
    let ticks: Vec<u64> = words.take(8).map(|word| word.parse().unwrap_or(0)).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    let all: u64 = ticks.iter().sum();
    is_all.then_some((all - idle, all))
}

/// Returns total and available bytes of `/proc/meminfo`.
fn memory_of(info: &str) -> (u64, u64) {
    let field = |name: &str| kilobytes(info, name).unwrap_or_default();
    (field("MemTotal:"), field("MemAvailable:"))
}

/// Returns the memory of `/proc/self/status`. An old system does not tell what is a process's own: there it is all of it.
fn memory_of_process(status: &str) -> Memory {
    let resident = kilobytes(status, "VmRSS:").unwrap_or_default();
    Memory { own: kilobytes(status, "RssAnon:").unwrap_or(resident), resident }
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let number: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(number << 10)
}

fn load_of(text: &str) -> [f64; 3] {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse().unwrap_or(0.0));
    [(); 3].map(|()| words.next().unwrap_or(0.0))
}

fn files_max() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one `rlimit` to where it is told, which lives on.
    let is_told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    if is_told { limit.rlim_cur } else { 0 }
}

/// Takes as many files and sockets as the system gives this process: each connection is one. What it does not give stays as it was.
pub(crate) fn take_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one `rlimit` to where it is told, which lives on.
    let is_told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    if is_told && limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the call reads one `rlimit` from where it is told, which lives on.
        unsafe {
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Has the system give this process memory in pages of the usual size from now on. A huge one (2 MiB) is written over with zeros while
/// a call waits for it, for milliseconds where the machine is a virtual one, and each of many threads holds some that it hardly uses.
/// Where the system knows no such thing, nothing changes (`prctl(2)`, `PR_SET_THP_DISABLE`).
pub(crate) fn take_small_pages() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes numbers; those behind the second must be 0.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1_u64, 0_u64, 0_u64, 0_u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_read() {
        assert_eq!(busy_of("cpu  10 1 4 80 5 0 0 0 3 0\ncpu0 1 1\n"), Some((15, 100)));
        assert_eq!(busy_of("intr 5"), None);
        let info = "MemTotal:       16 kB\nMemFree: 1 kB\nMemAvailable:    8 kB\n";
        assert_eq!(memory_of(info), (16 << 10, 8 << 10));
        assert_eq!(load_of("0.50 1.25 2.00 1/300 42\n"), [0.5, 1.25, 2.0]);
        let memory = |own: u64, resident: u64| Memory { own: own << 10, resident: resident << 10 };
        assert_eq!(memory_of_process("VmRSS:\t 9 kB\nRssAnon:\t 4 kB\n"), memory(4, 9));
        assert_eq!(memory_of_process("VmRSS:\t 9 kB\n"), memory(9, 9));
        assert_eq!((memory_of_process(""), load_of("")), (memory(0, 0), [0.0; 3]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_stay_small_once_that_was_said() {
        take_small_pages();
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
        let told = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
        // Older systems do not tell.
        assert_ne!(told.map(str::trim), Some("1"));
    }

    #[test]
    fn all_files_that_the_system_gives_are_taken() {
        take_files();
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the call writes one `rlimit` to where it is told, which lives on.
        let is_told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
        assert!(is_told);
        assert_eq!(files_max(), limit.rlim_max);
    }

    #[test]
    fn processors_are_as_busy_as_their_ticks_say() {
        let facts = |busy, ticks| Facts { busy, ticks, ..Facts::default() };
        assert_eq!(facts(130, 300).cpu_percent(&facts(100, 200)), 30.0);
        assert_eq!(facts(100, 200).cpu_percent(&facts(100, 200)), 0.0);
    }

    #[test]
    fn this_machine_has_something_of_everything() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let facts = Facts::look(Path::new("."));
        assert!(0 < facts.cpus && 0 < facts.ticks && 0 < facts.memory_own, "{facts:?}");
        assert!(facts.memory_available <= facts.memory_total && 0 < facts.memory_total);
        assert!(facts.disk_free <= facts.disk_total && 0 < facts.disk_total);
        assert!(2 < facts.files_open && facts.files_open <= facts.files_max);
        let memory = memory();
        assert!(memory.own <= memory.resident && 1 << 20 < memory.resident, "{memory:?}");
        let most = memory_default().expect("a machine has memory");
        assert!(0 < most && most < facts.memory_total);
    }

    #[test]
    fn a_disk_that_is_there_has_room_and_one_that_is_not_says_nothing() {
        assert!(disk(&std::env::temp_dir()).is_some_and(|disk| 0 < disk.free));
        assert_eq!(disk(Path::new("/there/is/no/such/folder")), None);
    }

    #[test]
    fn work_takes_processor_time() {
        let before = cpu_time();
        let mut digest = [0; 32];
        // Ends as soon as the system has counted some work.
        while cpu_time() == before {
            digest = base::sha256(&digest);
        }
        assert!(before < cpu_time(), "{digest:?}");
    }
}
