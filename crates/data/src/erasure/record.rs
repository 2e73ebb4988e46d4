//! Steps of an erasure that become true in a commit.

use super::state::{self, Erasure, Stage};
use super::{aside, results};
use crate::derived::state::{self as kept, Derived, derived_key};
use crate::tables::state::encode;
use crate::{Config, Error};
use base::Problem;
use kernel::Tx;
use serde::{Deserialize, Serialize};

/// What is done for an erasure beside files of tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Some of the rows that were set aside move behind the others, up to an offset; those of the subject do not.
    MoveAside { stream: String, upto: u64 },
    /// The rows are gone: what is kept of these views is void, and texts about rows are forgotten.
    Views { views: Vec<String> },
    /// The subject is forgotten.
    Forget,
    /// Nothing is left.
    Done,
}

/// Takes a step down.
///
/// # Errors
/// `table.out_of_step` where there is no such erasure, or it is further.
pub(crate) fn record(tx: &mut Tx<'_>, config: &Config, id: u64, step: Step) -> Result<(), Problem> {
    let mut erasure = known(tx, id)?;
    match step {
        Step::MoveAside { stream, upto } => {
            return aside::go_on(tx, &stream, upto, config.erase_aside_bytes);
        }
        Step::Views { views } => {
            expect(&erasure, Stage::Rows)?;
            views.iter().try_for_each(|view| void(tx, view))?;
            results::forget(tx, &erasure.targets)?;
            erasure.stage = Stage::Views;
        }
        Step::Forget => {
            expect(&erasure, Stage::Views)?;
            erasure.subject = None;
            erasure.stage = Stage::Disk;
            // The commits before have the subject, and with it the store's records of them.
            tx.fold();
        }
        Step::Done => {
            expect(&erasure, Stage::Disk)?;
            erasure.stage = Stage::Done;
            erasure.done_at = Some(tx.wall());
        }
    }
    state::put(tx, &erasure)
}

/// Counts rows that left a stream.
///
/// # Errors
/// `table.out_of_step` where there is no such erasure.
pub(crate) fn count(tx: &mut Tx<'_>, id: u64, stream: &str, rows: u64) -> Result<(), Problem> {
    let mut erasure = known(tx, id)?;
    for target in erasure.targets.iter_mut().filter(|target| target.stream == stream) {
        target.rows += rows;
    }
    state::put(tx, &erasure)
}

fn known(tx: &Tx<'_>, id: u64) -> Result<Erasure, Problem> {
    state::get(tx, id)?.ok_or_else(|| out_of_step(id, "it does not exist"))
}

fn expect(erasure: &Erasure, stage: Stage) -> Result<(), Problem> {
    match erasure.stage == stage {
        true => Ok(()),
        false => Err(out_of_step(erasure.id, &format!("it is at `{}`", erasure.stage.name()))),
    }
}

/// Makes what is kept of a view void. Its next file has a name of its own all the same.
fn void(tx: &mut Tx<'_>, view: &str) -> Result<(), Problem> {
    let Some(kept) = kept::derived(tx, view)? else { return Ok(()) };
    let void = Derived { digest: String::new(), files: Vec::new(), ..kept };
    tx.put(derived_key(view), encode(&void)?);
    Ok(())
}

fn out_of_step(id: u64, reason: &str) -> Problem {
    Error::OutOfStep { table: format!("erasure {id}"), reason: reason.into() }.into()
}
