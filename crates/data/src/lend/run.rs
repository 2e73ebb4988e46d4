//! Runs what is lent on the threads of the queries and hands it out in pages, at one commit.

use super::pager::{Pager, Size};
use super::plan;
use crate::Error;
use crate::catalog::{Catalog, Table};
use crate::engine::Shared;
use crate::sql::guard::Text;
use crate::sql::problem::of_query;
use crate::sql::queries::{self, Asker, Entry};
use crate::sql::run::{Message, Planned, launch, with_turns};
use crate::sql::state::{self, Frame};
use base::{Problem, Time};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use kernel::{Call, Lending, Page, Read, Reader, Reply};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};

/// The media type of pages: each piece is one, as [`Page::into_piece`] writes it.
const MEDIA: &str = "application/vnd.craton.pages";

/// What is lent, with all that its query needs.
struct Work {
    shared: Arc<Shared>,
    lending: Lending,
    tables: Vec<Table>,
    business: Time,
    commit: u64,
    entry: Entry,
}

/// `sql.lend`: answers what is asked of a relation that is lent.
///
/// # Errors
/// `sql.lent`, `sql.exhausted`.
pub(crate) fn lend(shared: &Arc<Shared>, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let lending: Lending = call.parameters()?;
    let (kernel, config) = (reader.kernel(), &shared.config);
    let text = format!("lent: {}", lending.relation);
    // Whoever reads what is lent takes the place, not the part of the unit that hands it out.
    let payer = call.on_behalf_of.as_ref().unwrap_or_else(|| reader.caller());
    let asker = Asker { who: reader.caller(), payer, text: &text, tag: None };
    let entry = queries::enter(shared, reader, &asker)?;
    // A view of the store that lives as long as the query: all pages show one commit.
    let own = Arc::new(Reader::new(kernel, reader.caller().clone())?);
    let catalog =
        Catalog::new(shared, own.as_ref(), Some(Arc::clone(&own)), call.on_behalf_of.clone());
    let tables = catalog
        .tables(Text::own(&plan::text(&lending.relation)), reader.caller())
        .map_err(|problem| plan::changed(&lending.relation, problem))?;
    plan::check_own(&lending.relation, &catalog)?;
    let (ms, stop) = (lending.ms.min(config.lend_ms_max), Arc::clone(&entry.stop));
    let work = Work {
        shared: Arc::clone(shared),
        lending,
        tables,
        business: call.at.unwrap_or_else(|| reader.business()),
        commit: own.commit()?,
        entry,
    };
    let work = Arc::new(work);
    let planned = Arc::clone(&work);
    let plan = move |planner: &Handle| planned.plan(planner);
    let run = |planned, send| async move { run(&work, planned, &send).await };
    let pieces = launch(shared, Arc::clone(kernel.clock()), (stop, ms), plan, run)?;
    Ok(Reply::Stream { media: MEDIA, pieces: Box::new(pieces) })
}

async fn run(
    work: &Work,
    (physical, context): Planned,
    send: &Sender<Message>,
) -> Result<(), Problem> {
    let is_counted = work.lending.select.is_empty();
    let schema = if is_counted { Arc::new(Schema::empty()) } else { physical.schema() };
    let mut batches = execute_stream(physical, context).map_err(|error| of_query(&error))?;
    let size = Size { rows: work.lending.page_rows.max(1), bytes: work.lending.page_bytes };
    let mut pager = Pager::new(schema, size, work.commit);
    let slice = Duration::from_millis(work.lending.page_ms.max(1));
    let mut until = Instant::now() + slice;
    loop {
        let pages = match timeout_at(until, batches.next()).await {
            Ok(Some(batch)) => {
                let batch = batch.map_err(|error| of_query(&error))?;
                pager.add(&batch).map_err(internal)?
            }
            Ok(None) => {
                hand(send, pager.cut(true).map_err(internal)?).await;
                return Ok(());
            }
            // Whoever waits learns that it goes on, and whether it may go on is looked at again.
            Err(_) => vec![pager.cut(false).map_err(internal)?],
        };
        let is_late = pages.is_empty() && until <= Instant::now();
        let pages = if is_late { vec![pager.cut(false).map_err(internal)?] } else { pages };
        for page in pages {
            hand(send, page).await;
            until = Instant::now() + slice;
        }
    }
}

/// Hands a page on. A failure to send means that nobody waits any more; the query ends at the next turn.
async fn hand(send: &Sender<Message>, page: Page) {
    let _ = send.send(Message::Piece(page.into_piece())).await;
}

impl Work {
    fn plan(&self, planner: &Handle) -> Result<Planned, Problem> {
        let (shared, config) = (&self.shared, &self.shared.config);
        let frame = Frame {
            business: self.business,
            pool: Arc::clone(&self.entry.progress.pool),
            stop: Arc::clone(&self.entry.stop),
            files: Some(shared.query_files()?),
        };
        let mut state = state::new(config, frame)?;
        let plan = plan::lent(&mut state, config, &self.lending, &self.tables)?;
        let physical = planner.block_on(state.create_physical_plan(&plan)).and_then(with_turns);
        let physical = physical.map_err(|error| of_query(&error))?;
        self.entry.progress.runs(&physical);
        Ok((physical, state.task_ctx()))
    }
}

fn internal(error: ArrowError) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}
