//! What things count, for `/metrics`.

use crate::engine::Fleet;
use crate::{broker, commands, publish, registry, rules};
use base::Problem;
use kernel::{Exposition, Reader};

/// Tells what is counted.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn tell(fleet: &Fleet, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    registry::tell(fleet, reader, out)?;
    publish::tell(fleet, reader, out)?;
    commands::tell(fleet, reader, out)?;
    broker::tell(fleet, reader, out)?;
    rules::tell(fleet, reader, out)
}
