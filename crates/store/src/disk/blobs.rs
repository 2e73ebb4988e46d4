//! Blobs on the simulated disk: what was not synced is lost with the power, as it is for SQLite's files beside them.

use super::SimulatedDisk;
use super::model::{BLOBS, Failure};
use crate::blobs::{Write, is_in, missing, unfinished};
use crate::{Blobs, Error};
use std::io;
use std::ops::Range;

/// Bytes that are written at once.
const PORTION_BYTES: usize = 8 << 10;

/// The blobs on a simulated disk.
#[derive(Debug, Clone)]
pub struct SimulatedBlobs {
    pub(super) disk: SimulatedDisk,
}

impl SimulatedBlobs {
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (name, unfinished) = (path(name), path(&unfinished(name)));
        let mut model = self.disk.model();
        let handle = model.open(&unfinished, true)?.unwrap_or_default();
        let mut write = || -> Result<(), Failure> {
            model.truncate(&unfinished, 0)?;
            for (number, portion) in bytes.chunks(PORTION_BYTES).enumerate() {
                model.write(&unfinished, number * PORTION_BYTES, portion)?;
            }
            model.sync(&unfinished)
        };
        let written = write();
        model.close(&unfinished, handle);
        written?;
        model.rename(&unfinished, &name)?;
        model.sync(&name)
    }
}

fn path(name: &str) -> String {
    format!("{BLOBS}{name}")
}

fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Full => Error::Full,
        Failure::Io => Error::Unavailable { reason: "the simulated disk fails".into() },
    }
}

impl Blobs for SimulatedBlobs {
    fn put(&self, name: &str, write: &mut Write<'_>) -> Result<(), Error> {
        let mut bytes: Vec<u8> = Vec::new();
        write(&mut bytes)
            .map_err(|error: io::Error| Error::Unavailable { reason: error.to_string() })?;
        self.write(name, &bytes).map_err(failed)
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let missing = || missing(name, &range);
        let size = range.end.checked_sub(range.start).and_then(|size| usize::try_from(size).ok());
        let start = usize::try_from(range.start).map_err(|_| missing())?;
        let mut bytes = vec![0; size.ok_or_else(missing)?];
        let found = self.disk.model().read(&path(name), start, &mut bytes).map_err(failed)?;
        if found == bytes.len() { Ok(bytes) } else { Err(missing()) }
    }

    fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        Ok(self.disk.model().size(&path(name)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let all = self.disk.model().list(BLOBS);
        let names = all.into_iter().filter_map(|(name, size)| {
            let name = name.strip_prefix(BLOBS)?.to_owned();
            is_in(&name, prefix).then_some((name, size))
        });
        Ok(names.collect())
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        self.disk.model().delete(&path(name), false).map_err(failed)
    }

    fn settle(&self, folder: &str) -> Result<(), Error> {
        self.disk.model().settle(&format!("{}/", path(folder))).map_err(failed)
    }
}
