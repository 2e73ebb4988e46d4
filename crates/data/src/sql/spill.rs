//! Where queries put what exceeds their memory: one place for all of them, with one limit.

use super::problem::of_query;
use crate::{Config, Error};
use base::Problem;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The folder in the configured one. What a unit that was killed has left in it is removed.
const FOLDER: &str = "queries";

/// The place; the first query makes it.
#[derive(Default)]
pub(crate) struct Spill {
    disk: Mutex<Option<Arc<DiskManager>>>,
}

impl Spill {
    /// Returns the place.
    ///
    /// # Errors
    /// `sql.internal` where the folder cannot be made.
    pub(crate) fn disk(&self, config: &Config) -> Result<Arc<DiskManager>, Problem> {
        let mut held = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(disk) = &*held {
            return Ok(Arc::clone(disk));
        }
        let mode = match &config.spill_folder {
            Some(folder) => {
                let own = folder.join(FOLDER);
                empty(&own).map_err(|error| Error::Internal {
                    detail: format!("the folder {}: {error}", own.display()),
                })?;
                DiskManagerMode::Directories(vec![own])
            }
            None => DiskManagerMode::OsTmpDirectory,
        };
        let builder = DiskManagerBuilder::default().with_mode(mode);
        let disk = builder.with_max_temp_directory_size(config.spill_bytes_max).build();
        let disk = Arc::new(disk.map_err(|error| of_query(&error))?);
        *held = Some(Arc::clone(&disk));
        Ok(disk)
    }
}

/// Makes a folder that is empty.
fn empty(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_share_one_place_that_is_empty_at_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = folder.path().join(FOLDER).join("of-one-that-was-killed");
        std::fs::create_dir_all(&left).expect("it is made");
        let config = Config {
            spill_folder: Some(folder.path().to_owned()),
            spill_bytes_max: 1_000,
            ..Config::default()
        };
        let spill = Spill::default();
        let disks: Vec<Arc<DiskManager>> = std::thread::scope(|scope| {
            let begun: Vec<_> = (0..8).map(|_| scope.spawn(|| spill.disk(&config))).collect();
            begun.into_iter().map(|one| one.join().expect("ends").expect("a disk")).collect()
        });
        assert!(disks.iter().all(|disk| Arc::ptr_eq(disk, &disks[0])));
        assert!(!left.exists());
        assert_eq!(disks[0].max_temp_directory_size(), 1_000);
    }
}
