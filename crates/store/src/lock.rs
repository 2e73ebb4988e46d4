//! The lock of a file, which keeps a second process out.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// The lock of a file, held until this is dropped or its process ends.
///
/// It is given back by word, and not by closing the file alone: a program that another thread starts at that moment holds a copy of
/// the open file until it runs, and the lock with it (flock(2)).
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Takes the lock of a file, which is made where there is none; `None` where it is held.
    ///
    /// # Errors
    /// As those of opening the file.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file does it else, as soon as nobody has a copy of it.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_open_file_does_not_hold_the_lock() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("lock");
        let lock = FileLock::take(&path)?.expect("nobody has it");
        assert!(FileLock::take(&path)?.is_none());
        // As a program that is being started has it.
        let copy = lock.0.try_clone()?;
        drop(lock);
        assert!(FileLock::take(&path)?.is_some());
        drop(copy);
        Ok(())
    }
}
