//! Lineage of things: types and topics write into streams, rules read them and start what they start.

use crate::engine::Fleet;
use crate::{broker, registry, rules};
use base::Problem;
use kernel::{Edge, Reader};

/// Returns the edges.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn edges(fleet: &Fleet, reader: &Reader) -> Result<Vec<Edge>, Problem> {
    let mut edges = registry::edges(fleet, reader)?;
    edges.extend(broker::edges(fleet, reader)?);
    edges.extend(rules::edges(fleet, reader)?);
    Ok(edges)
}
