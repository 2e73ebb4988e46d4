//! What was found out about rows and kept as text: why quality rules found rows bad, a bad row as a sample, why a KPI could not be
//! worked out. Such a text may say the subject, or anything else of its rows, so it goes as a whole; the counts stay.

use super::state::Target;
use crate::catalog::{LATEST, SET_ASIDE};
use crate::metrics::wire as stored;
use crate::quality::spec::Check;
use crate::quality::wire::{Count, key};
use base::Problem;
use kernel::{Read, Tx};

/// Forgets the texts that may be about rows of the subject of an erasure, and makes void what is being found out at this moment.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn forget(tx: &mut Tx<'_>, targets: &[Target]) -> Result<(), Problem> {
    let mut changed = Vec::new();
    stored::for_each(tx, &key::counts(), &mut |place, bytes| {
        let count: Count = stored::read(bytes)?;
        if (count.reason.is_some() || count.error.is_some()) && is_about(&count, targets) {
            changed.push((place.to_vec(), Count { reason: None, error: None, ..count }));
        }
        Ok(true)
    })?;
    for (place, count) in changed {
        tx.put(place, stored::write(&count)?);
    }
    for kpi in tx.resources("kpi")? {
        let place = stored::key::state(&kpi.name);
        let Some(mut state) = stored::get::<stored::State>(tx, &place)? else { continue };
        let code = |text: &String| text.split(": ").next().unwrap_or_default().to_owned();
        let without = state.problem.as_ref().map(code);
        if state.problem != without {
            state.problem = without;
            stored::put(tx, place, &state)?;
        }
    }
    let number = tx.serial("quality_erased")?;
    stored::put(tx, key::erased(), &number)
}

/// Returns whether a rule looked at rows of a stream. What SQL of one's own looked at, its count does not say.
fn is_about(count: &Count, targets: &[Target]) -> bool {
    let on = count.on.split_once('/').map_or("", |(_, name)| name);
    let is_of = |target: &Target| {
        let rest = on.strip_prefix(target.stream.as_str());
        rest.is_some_and(|rest| ["", LATEST, SET_ASIDE].contains(&rest))
    };
    count.check == Check::Sql || targets.iter().any(is_of)
}
