//! Formats of a store, and how one of an older format is brought forward: one step for each that was ever released, whatever it lies in.
//!
//! A step is one transaction, with the number of the format in it: after a crash the store has one format or the next. A format is
//! about tables. Records of the journal are rows of the log, and have a version of their own.

use crate::Error;

/// A step from one format to the next, as statements for each database.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The format that it takes; it leaves the one after it.
    pub from: u32,
    /// What it changes in SQLite.
    pub sqlite: &'static str,
    /// What it changes in PostgreSQL.
    pub postgres: &'static str,
}

/// The formats that a version knows.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    /// The one that it writes, and the newest that it reads.
    pub newest: u32,
    /// The steps that lead there.
    pub steps: &'static [Step],
}

impl Formats {
    /// Those of this version. There is one format so far.
    pub const CURRENT: Self = Self { newest: 1, steps: &[] };
}

impl Default for Formats {
    fn default() -> Self {
        Self::CURRENT
    }
}

/// Tables that can be brought forward.
pub(crate) trait Upgradable {
    /// Returns the format that they have.
    fn format(&self) -> Result<u32, Error>;

    /// Takes a step and writes down the format that it leaves: both or neither.
    fn take(&self, step: &Step) -> Result<(), Error>;
}

/// Takes the steps from the format that tables have to the newest one. Returns the format that they had.
///
/// # Errors
/// [`Error::Newer`], [`Error::Older`] where there is no step, and what a step says: those before it are taken then.
pub(crate) fn upgrade(tables: &dyn Upgradable, formats: &Formats) -> Result<u32, Error> {
    let (found, known) = (tables.format()?, formats.newest);
    if known < found {
        return Err(Error::Newer { found, known });
    }
    for from in found..known {
        let step = formats.steps.iter().find(|step| step.from == from);
        tables.take(step.ok_or(Error::Older { found: from, known })?)?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_that_was_released_has_a_step() {
        let from: Vec<u32> = Formats::CURRENT.steps.iter().map(|step| step.from).collect();
        assert_eq!(from, (1..Formats::CURRENT.newest).collect::<Vec<_>>());
    }
}
