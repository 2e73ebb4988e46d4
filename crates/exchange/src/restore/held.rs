//! Results for a consumer that was not asked yet: they wait until it is known what it holds.

use crate::engine::NAME;
use crate::state::{self, held_key};
use base::Problem;
use kernel::{Address, Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A result that waits until it is known what the consumer holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    token: String,
    result: Result<Value, Problem>,
}

/// Keeps a result until it is known what the consumer holds.
pub(crate) fn hold(
    tx: &mut Tx<'_>,
    unit: &str,
    token: &str,
    result: Result<Value, Problem>,
) -> Result<(), Problem> {
    let number = tx.serial("exchange/held")?;
    let held = Held { token: token.to_owned(), result };
    state::store(tx, held_key(unit).number(number), &held)
}

/// Goes on with what was held for a peer.
pub(crate) fn release(tx: &mut Tx<'_>, unit: &str) -> Result<(), Problem> {
    for (place, bytes) in tx.scan_prefix(held_key(unit).as_ref(), usize::MAX)? {
        let Held { token, result } = state::decode(&bytes)?;
        tx.delete(place);
        tx.reply(&Address { engine: NAME.into(), token }, result);
    }
    Ok(())
}
