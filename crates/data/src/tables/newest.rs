//! The files of a `NAME_latest` table: the newest row of each key up to an offset, in the order of the keys.

use super::file::{self, file_schema};
use super::keeper::fresh;
use super::state::{File, Intent, State};
use crate::catalog::Stream;
use crate::engine::Shared;
use crate::sql::memory::QueryPool;
use crate::sql::problem::of_query;
use crate::sql::run::Stop;
use crate::sql::state::{self, Frame};
use crate::sql::stream::LatestTable;
use crate::{Config, Error};
use base::Problem;
use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlanBuilder, col};
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use kernel::{Kernel, Principal, Reader};
use std::sync::Arc;

/// Rows of a file: a lookup skips files by their first and last key.
const FILE_ROWS: u64 = 2_000_000;

/// Writes the newest rows up to an offset.
///
/// # Errors
/// Where rows cannot be read or files not written.
pub(crate) fn write(
    shared: &Arc<Shared>,
    kernel: &Arc<Kernel>,
    stream: &Stream,
    (table, intent): (&State, &Intent),
    upto: u64,
) -> Result<Vec<File>, Problem> {
    let reader = Reader::new(kernel, Principal::Unit("tables".into()))?;
    let extent = shared.extent(&reader, stream)?.upto(upto);
    let newest = shared.newest_files(&reader, stream)?;
    let business = kernel::Read::business(&reader);
    drop(reader);
    let rows =
        LatestTable { shared: Arc::clone(shared), kernel: Arc::clone(kernel), extent, newest };
    let pool = QueryPool::new(
        shared.config.query_bytes_max,
        Arc::clone(&shared.query_bytes),
        shared.config.queries_bytes_max,
    );
    let frame = Frame {
        business,
        pool: Arc::new(pool),
        stop: Arc::new(Stop::default()),
        files: Some(shared.query_files()?),
    };
    // This goes on for as long as the table is large: it takes none of the threads of those who ask.
    let own = Config { query_threads: 1, ..Config::clone(&shared.config) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| Error::Internal { detail: error.to_string() })?;
    let session = state::new(&own, frame)?;
    let keys = stream.schema.key.iter().map(|key| &stream.schema.stored.list[*key]);
    let order = keys.map(|column| col(column.name.as_str()).sort(true, true));
    let plan = LogicalPlanBuilder::scan("newest", provider_as_source(Arc::new(rows)), None)
        .and_then(|plan| plan.sort(order.collect::<Vec<_>>()))
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| of_query(&error))?;
    let mut sorted = runtime.block_on(async {
        let plan = session.create_physical_plan(&plan).await?;
        execute_stream(plan, session.task_ctx())
    });
    let sorted = sorted.as_mut().map_err(|error| of_query(error))?;
    let mut next = || -> Result<Option<RecordBatch>, Problem> {
        runtime.block_on(sorted.next()).transpose().map_err(|error| of_query(&error))
    };
    let schema = file_schema(&stream.schema);
    let (mut files, mut pending) = (Vec::new(), next()?);
    while pending.is_some() {
        let mut rows = 0;
        let file = fresh(intent, files.len() as u64);
        let written =
            file::write(shared.blobs.as_ref(), &table.folder, &schema, file, &mut |take| {
                while rows < FILE_ROWS {
                    let Some(batch) = pending.take() else { return Ok(()) };
                    rows += batch.num_rows() as u64;
                    take(batch)?;
                    pending = next()?;
                }
                Ok(())
            })?;
        files.extend(written);
    }
    Ok(files)
}
