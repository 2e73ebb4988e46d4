//! Looks through what is stored of things for contradictions, while the unit is not running.

use crate::engine::Fleet;
use crate::{broker, commands, registry};
use base::Problem;
use kernel::Reader;

/// At most so many lines; who has more needs no more.
const FINDINGS_MAX: usize = 100;

/// Returns what is wrong, a line each.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn verify(fleet: &Fleet, reader: &Reader) -> Result<Vec<String>, Problem> {
    let mut findings = registry::verify(fleet, reader)?;
    findings.extend(commands::verify(fleet, reader)?);
    findings.extend(broker::verify(fleet, reader)?);
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}
