//! The simulated disk as SQLite sees it: a VFS with heap memory in place of the shared WAL-index file.
//!
//! Every function here translates between C and [`Model`] and decides nothing.

use super::model::{Failure, Model};
use base::Entropy;
use rusqlite::ffi;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A VFS that SQLite knows until this is dropped.
pub(super) struct Registered {
    vfs: *mut ffi::sqlite3_vfs,
    name: CString,
    model: Arc<Mutex<Model>>,
}

// SAFETY: the VFS is written once before it is registered; SQLite only reads it, and its links under its own mutex.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

/// What SQLite holds for an open file; it lends us `szOsFile` bytes for it.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

struct Handle {
    model: Arc<Mutex<Model>>,
    name: String,
    number: u64,
    level: i32,
    is_mapped: bool,
    is_deleted_on_close: bool,
}

impl Registered {
    pub fn new(model: Arc<Mutex<Model>>) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("craton-simulated-{number}")).unwrap_or_default();
        let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<File>() as c_int,
            mxPathname: 512,
            pNext: std::ptr::null_mut(),
            zName: name.as_ptr(),
            pAppData: Arc::as_ptr(&model).cast_mut().cast::<c_void>(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the VFS and its name live until `drop` has unregistered it.
        let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes the simulated disk");
        Self { vfs, name, model }
    }

    pub fn name(&self) -> &CStr {
        &self.name
    }

    pub fn model(&self) -> &Mutex<Model> {
        &self.model
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: each store on the disk keeps the disk, so no connection uses the VFS any more.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.vfs);
            drop(Box::from_raw(self.vfs));
        }
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

fn code(result: Result<(), Failure>, io: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Failure::Io) => io,
        Err(Failure::Full) => ffi::SQLITE_FULL,
    }
}

impl Handle {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the handle of an open file.
///
/// # Safety
/// `file` was set up by [`open`], and SQLite uses it on one thread at a time.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: the caller's promise.
    unsafe { &mut *(*file.cast::<File>()).handle }
}

/// Returns the model of a VFS, with a reference counted for the caller.
///
/// # Safety
/// `vfs` was made by [`Registered::new`] and is still registered.
unsafe fn model(vfs: *mut ffi::sqlite3_vfs) -> Arc<Mutex<Model>> {
    // SAFETY: `pAppData` is the pointer of an `Arc` that `Registered` holds.
    unsafe {
        let pointer = (*vfs).pAppData.cast_const().cast::<Mutex<Model>>();
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    }
}

/// Returns a name that SQLite passed.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn text(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes our VFS, a name or null, and `szOsFile` bytes for the file.
    unsafe {
        (*file).pMethods = std::ptr::null();
        let model = model(vfs);
        let mut locked = model.lock().unwrap_or_else(PoisonError::into_inner);
        let name = text(name).unwrap_or_else(|| format!("temporary-{}", locked.entropy.number()));
        let opened = locked.open(&name, flags & ffi::SQLITE_OPEN_CREATE != 0);
        drop(locked);
        let Ok(Some(number)) = opened else { return ffi::SQLITE_CANTOPEN };
        let is_deleted_on_close = flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0;
        let handle =
            Handle { model, name, number, level: 0, is_mapped: false, is_deleted_on_close };
        (*file.cast::<File>()).handle = Box::into_raw(Box::new(handle));
        (*file).pMethods = &raw const METHODS;
        if !flags_out.is_null() {
            *flags_out = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once.
    let handle = unsafe { Box::from_raw((*file.cast::<File>()).handle) };
    let mut model = handle.model();
    if handle.is_mapped {
        model.unmap(&handle.name);
    }
    model.close(&handle.name, handle.number);
    if handle.is_deleted_on_close {
        return code(model.delete(&handle.name, true), ffi::SQLITE_IOERR_DELETE);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes an open file and a buffer of `amount` bytes.
    let (handle, buffer) = unsafe {
        (handle(file), std::slice::from_raw_parts_mut(buffer.cast::<u8>(), amount as usize))
    };
    match handle.model().read(&handle.name, offset as usize, buffer) {
        Ok(length) if length == buffer.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes an open file and `amount` bytes.
    let (handle, bytes) =
        unsafe { (handle(file), std::slice::from_raw_parts(buffer.cast::<u8>(), amount as usize)) };
    code(handle.model().write(&handle.name, offset as usize, bytes), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    code(handle.model().truncate(&handle.name, size as usize), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    code(handle.model().sync(&handle.name), ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes an open file and room for the answer.
    unsafe {
        let handle = handle(file);
        *size = handle.model().size(&handle.name).unwrap_or(0) as ffi::sqlite3_int64;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    if level <= handle.level {
        return ffi::SQLITE_OK;
    }
    if !handle.model().lock(&handle.name, handle.number, level) {
        return ffi::SQLITE_BUSY;
    }
    handle.level = level;
    ffi::SQLITE_OK
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    handle.model().set_level(&handle.name, handle.number, level);
    handle.level = level;
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(
    file: *mut ffi::sqlite3_file,
    is_reserved: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes an open file and room for the answer.
    unsafe {
        let handle = handle(file);
        *is_reserved = c_int::from(handle.model().is_reserved(&handle.name));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    _: *mut ffi::sqlite3_file,
    _operation: c_int,
    _argument: *mut c_void,
) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// The same as SQLite's own VFS assumes of a disk: a write leaves the bytes beside it as they are.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    is_extend: c_int,
    address: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes an open file and room for the answer; regions stay where they are until the last unmap.
    unsafe {
        let handle = handle(file);
        let is_first = !std::mem::replace(&mut handle.is_mapped, true);
        let found = handle.model().map(
            &handle.name,
            region as usize,
            bytes as usize,
            is_extend != 0,
            is_first,
        );
        *address = found.cast();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    let range = offset as usize..(offset + count) as usize;
    let is_alone = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        handle.model().release_shared(&handle.name, range, is_alone);
        return ffi::SQLITE_OK;
    }
    let is_given = handle.model().take_shared(&handle.name, range, is_alone);
    if is_given { ffi::SQLITE_OK } else { ffi::SQLITE_BUSY }
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let handle = unsafe { handle(file) };
    if std::mem::replace(&mut handle.is_mapped, false) {
        handle.model().unmap(&handle.name);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    is_synced: c_int,
) -> c_int {
    // SAFETY: SQLite passes our VFS and a name.
    let (model, name) = unsafe { (model(vfs), text(name).unwrap_or_default()) };
    let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
    if !model.exists(&name) {
        return ffi::SQLITE_IOERR_DELETE_NOENT;
    }
    code(model.delete(&name, is_synced != 0), ffi::SQLITE_IOERR_DELETE)
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    is_there: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes our VFS, a name, and room for the answer.
    unsafe {
        let (model, name) = (model(vfs), text(name).unwrap_or_default());
        *is_there = c_int::from(model.lock().unwrap_or_else(PoisonError::into_inner).exists(&name));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a name and `room` bytes for the answer.
    unsafe {
        let bytes = CStr::from_ptr(name).to_bytes_with_nul();
        if (room as usize) < bytes.len() {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(
    vfs: *mut ffi::sqlite3_vfs,
    amount: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes our VFS and `amount` bytes of room.
    unsafe {
        let bytes = std::slice::from_raw_parts_mut(out.cast::<u8>(), amount as usize);
        model(vfs).lock().unwrap_or_else(PoisonError::into_inner).entropy.fill(bytes);
    }
    amount
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    std::thread::yield_now();
    microseconds
}

/// The first of January 1970 as a Julian day: on the simulated disk time stands still.
const EPOCH_JULIAN_DAY: f64 = 2_440_587.5;

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: SQLite passes room for the answer.
    unsafe { *days = EPOCH_JULIAN_DAY };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(
    _: *mut ffi::sqlite3_vfs,
    time_ms: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes room for the answer.
    unsafe { *time_ms = (EPOCH_JULIAN_DAY * 86_400_000.0) as ffi::sqlite3_int64 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(
    _: *mut ffi::sqlite3_vfs,
    _room: c_int,
    _out: *mut c_char,
) -> c_int {
    0
}
