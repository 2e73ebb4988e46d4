//! Which blobs of tables and kept views a commit names: what a backup of that commit is made of. What was written for a later commit
//! is none of it: another life would take it for its own.

use super::delta;
use super::state::{self, State};
use crate::derived;
use base::Problem;
use kernel::Read;
use std::collections::{HashMap, HashSet};

/// The blobs that a commit names.
pub struct Named {
    /// The version that the next Delta commit of a table will have, by the folder of the table.
    next: HashMap<String, u64>,
    files: HashSet<String>,
}

impl Named {
    /// Looks up what a commit names.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(read: &dyn Read) -> Result<Self, Problem> {
        let mut named = Self { next: HashMap::new(), files: HashSet::new() };
        for table in state::tables(read)? {
            let Some(State { folder, next, .. }) = state::state(read, &table)? else { continue };
            for file in state::files(read, &table)? {
                named.files.insert(format!("{folder}/{}", file.path));
            }
            for (_, gone) in state::gone(read, &table)? {
                named.files.insert(format!("{folder}/{}", gone.path));
            }
            named.next.insert(folder, next);
        }
        for view in derived::state::names(read)? {
            let folder = derived::state::folder(&view);
            let kept = derived::state::derived(read, &view)?;
            let files = kept.into_iter().flat_map(|kept| kept.files);
            named.files.extend(files.map(|file| format!("{folder}/{}", file.path)));
        }
        Ok(named)
    }

    /// Returns whether a blob is one of them. The pointer to the last checkpoint is none: it is written in place of an older one at any
    /// time, and readers of Delta do without it.
    pub fn has(&self, blob: &str) -> bool {
        match delta::version_of(blob) {
            Some((folder, version)) => self.next.get(folder).is_some_and(|next| version < *next),
            None => self.files.contains(blob),
        }
    }
}
