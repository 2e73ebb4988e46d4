//! The rows of a renewal: made on the threads of the queries, for so long at most, and handed to the keeper batch by batch.

use crate::Error;
use crate::engine::Shared;
use crate::sql::problem::of_query;
use crate::sql::queries::Entry;
use crate::sql::run::{Stop, supervise, wait};
use base::{Clock, Problem};
use datafusion::arrow::array::RecordBatch;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Batches that are made before they are asked for.
const AHEAD: usize = 2;

/// How much later than the work itself the keeper gives up, for work that is too busy to see its end.
const GRACE: Duration = Duration::from_millis(100);

/// What comes from the threads of the queries: rows, or nothing at the end.
type Sent = Result<Option<RecordBatch>, Problem>;

/// The rows of a renewal. Dropping them ends it.
pub(crate) struct Rows {
    receive: Receiver<Sent>,
    stop: Arc<Stop>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    ms: u64,
}

impl Rows {
    /// Starts a plan in its context. The place among the queries is given back before the last rows are known to be the last.
    ///
    /// # Errors
    /// `sql.internal` where there are no threads.
    pub(crate) fn of(
        shared: &Shared,
        clock: Arc<dyn Clock>,
        entry: Entry,
        (plan, context): (Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    ) -> Result<Self, Problem> {
        let (send, receive) = channel(AHEAD);
        let ms = shared.config.derived_ms_max;
        let (stop, limit) = (Arc::clone(&entry.stop), Duration::from_millis(ms));
        let work = hand(plan, context, send.clone(), entry);
        let last = |outcome: Result<(), Problem>| outcome.map(|()| None);
        supervise(shared, (Arc::clone(&stop), ms), send, work, last)?;
        let deadline = clock.monotonic() + limit;
        Ok(Self { receive, stop, clock, deadline, ms })
    }

    /// Waits for the next rows; nothing where there are no more.
    ///
    /// # Errors
    /// What the query says, `sql.timeout`, `sql.cancelled`.
    pub(crate) fn batch(&mut self) -> Sent {
        let left = self.deadline.saturating_sub(self.clock.monotonic()) + GRACE;
        match wait(self.receive.recv(), left, self.clock.as_ref()) {
            Some(Some(sent)) => sent,
            Some(None) => Err(Error::Internal { detail: "the renewal panicked".into() }.into()),
            None => Err(Error::Timeout { ms: self.ms }.into()),
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.stop.set();
    }
}

async fn hand(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    send: Sender<Sent>,
    entry: Entry,
) -> Result<(), Problem> {
    let mut batches = execute_stream(plan, context).map_err(|error| of_query(&error))?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| of_query(&error))?;
        entry.progress.made(batch.num_rows(), 0);
        // A failure to send means that nobody waits any more; the work ends at the next turn.
        let _ = send.send(Ok(Some(batch))).await;
    }
    drop((batches, entry));
    Ok(())
}
