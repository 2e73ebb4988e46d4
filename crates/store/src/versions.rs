//! A value with the versions that open snapshots may still see.

/// A value as it was from which commit on, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Versions<T>(pub(crate) Vec<(u64, T)>);

impl<T> Versions<T> {
    pub(crate) fn new(commit: u64, value: T) -> Self {
        Self(vec![(commit, value)])
    }

    /// Returns the value as a commit sees it; `None` where there was none yet.
    pub(crate) fn at(&self, commit: u64) -> Option<&T> {
        self.0.iter().rev().find(|(from, _)| *from <= commit).map(|(_, value)| value)
    }

    /// Returns the newest value.
    pub(crate) fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }

    /// Adds a version, and drops those that no snapshot at `oldest` or later sees.
    pub(crate) fn set(&mut self, commit: u64, value: T, oldest: u64) {
        self.0.push((commit, value));
        self.prune(oldest);
    }

    pub(crate) fn prune(&mut self, oldest: u64) {
        let first = self.0.iter().rposition(|(from, _)| *from <= oldest).unwrap_or(0);
        self.0.drain(..first);
    }
}
