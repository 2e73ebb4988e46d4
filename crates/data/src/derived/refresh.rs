//! Makes and renews what is kept of materialised views. The keeper of the tables calls it.

use super::graft::{self, kept_part, reduced};
use super::rows::Rows;
use super::shape::{Shape, shape};
use super::state::{Derived, derived, digest, folder};
use super::table::{files, is_usable, rest_of, text_of};
use crate::catalog::{Catalog, ViewSpec};
use crate::engine::Shared;
use crate::lend::pager::bytes_of;
use crate::sql::guard::Text;
use crate::sql::memory::QueryPool;
use crate::sql::problem::of_query;
use crate::sql::queries::{self, Asker, Entry};
use crate::sql::run::{Stop, with_turns};
use crate::sql::state::{self, Frame};
use crate::tables::file::{self, Take};
use crate::tables::state::File;
use crate::{Config, Error};
use base::{Clock, Period, Place, Problem};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use kernel::{Kernel, Principal, Read, Reader, Resource};
use std::sync::Arc;

/// What became of a look at a view.
#[derive(Debug)]
pub(crate) enum Refreshed {
    /// It is kept well enough.
    Not,
    /// What is kept now, to be recorded.
    Anew(Box<Derived>),
}

/// Renews what is kept of a view where that is due. It runs as a query of `unit:tables`: listed, counted, within its own limits of time,
/// rows and bytes; whoever may end queries ends it, and so does the stop of the unit.
///
/// # Errors
/// Where the query cannot be planned or run, reaches a limit or is ended, or files cannot be written.
pub(crate) fn refresh(
    shared: &Arc<Shared>,
    kernel: &Arc<Kernel>,
    view: &Resource,
    spec: &ViewSpec,
) -> Result<Refreshed, Problem> {
    let Some(wanted) = &spec.materialized else { return Ok(Refreshed::Not) };
    let reader = Arc::new(Reader::new(kernel, Principal::Unit("tables".into()))?);
    let now = kernel.clock().wall().as_millis();
    let digest = digest(reader.as_ref(), view)?;
    let kept = derived(reader.as_ref(), &view.name)?.filter(|kept| kept.digest == digest);
    let every = wanted.every.as_deref().map(Period::parse).transpose()?;
    if let (Some(every), Some(kept)) = (every, &kept)
        && now - kept.at < every.0
    {
        return Ok(Refreshed::Not);
    }
    let catalog = Catalog::new(shared, reader.as_ref(), Some(Arc::clone(&reader)), None);
    let tables = catalog.view(view, spec)?;
    check_own(&view.name, spec, &catalog)?;
    let config = &shared.config;
    let pool = QueryPool::new(config.query_bytes_max, Arc::default(), config.queries_bytes_max);
    let mut planning = session(shared, reader.business(), Arc::new(pool), Arc::default())?;
    let plan = state::plan(&mut planning, &shared.config, Text::own(&spec.sql), &tables)?;
    let base = Derived {
        digest,
        schema: String::new(),
        driver: None,
        upto: 0,
        others: Vec::new(),
        cuts: Vec::new(),
        commit: reader.commit()?,
        at: now,
        files: Vec::new(),
        file_next: derived(reader.as_ref(), &view.name)?.map_or(0, |kept| kept.file_next),
    };
    if every.is_some() {
        let work = Work::begin(shared, &reader, view, spec)?;
        return work.whole(&plan, base).map(|kept| Refreshed::Anew(Box::new(kept)));
    }
    let shape = shape(&plan).map_err(|reason| not_kept_up(&view.name, &reason))?;
    let end = end_of(&plan, &shape.driver);
    let kept = kept.filter(|kept| is_usable(kept, &shape) && kept.upto <= end);
    if kept.as_ref().is_some_and(|kept| end - kept.upto < shared.config.derived_rows) {
        return Ok(Refreshed::Not);
    }
    let work = Work::begin(shared, &reader, view, spec)?;
    let kept = work.kept_up(&plan, (&shape, end), base, kept)?;
    Ok(Refreshed::Anew(Box::new(kept)))
}

fn session(
    shared: &Arc<Shared>,
    business: base::Time,
    pool: Arc<QueryPool>,
    stop: Arc<Stop>,
) -> Result<SessionState, Problem> {
    let frame = Frame { business, pool, stop, files: Some(shared.query_files()?) };
    state::new(&shared.config, frame)
}

/// A renewal that is due: it has a place among the queries, under which it is listed and can be ended.
struct Work<'w> {
    shared: &'w Arc<Shared>,
    clock: &'w Arc<dyn Clock>,
    session: SessionState,
    entry: Entry,
    folder: String,
}

impl<'w> Work<'w> {
    fn begin(
        shared: &'w Arc<Shared>,
        reader: &'w Reader,
        view: &Resource,
        spec: &ViewSpec,
    ) -> Result<Self, Problem> {
        let clock = reader.kernel().clock();
        let text = format!("view {}: {}", view.name, spec.sql);
        let entry = queries::enter(shared, reader, &Asker::caller(reader, &text))?;
        let pool = Arc::clone(&entry.progress.pool);
        let session = session(shared, reader.business(), pool, Arc::clone(&entry.stop))?;
        Ok(Self { shared, clock, session, entry, folder: folder(&view.name) })
    }

    /// Keeps the answer as it is.
    fn whole(self, plan: &LogicalPlan, mut kept: Derived) -> Result<Derived, Problem> {
        let plan = self.physical(plan)?;
        kept.schema = text_of(&plan.schema());
        self.write(plan, kept)
    }

    /// Adds what came since to what is kept.
    fn kept_up(
        self,
        plan: &LogicalPlan,
        (shape, end): (&Shape, u64),
        mut base: Derived,
        kept: Option<Derived>,
    ) -> Result<Derived, Problem> {
        let from = kept.as_ref().map_or(0, |kept| kept.upto);
        let rest = rest_of(plan, &shape.driver, from).map_err(|error| of_query(&error))?;
        let rest = self.physical(&rest)?;
        let part = kept_part(&rest, shape.is_grouped).map_err(|error| of_query(&error))?;
        base.schema = text_of(&part.schema());
        base.driver = Some(shape.driver.clone());
        base.others.clone_from(&shape.others);
        base.cuts.clone_from(&shape.cuts);
        base.upto = end;
        let kept = kept.filter(|kept| kept.schema == base.schema);
        let plan = match &kept {
            _ if !shape.is_grouped => {
                base.files = kept.map_or(Vec::new(), |kept| kept.files);
                part
            }
            Some(kept) => {
                let held = files(&self.session, &self.folder, kept, &part.schema());
                let held = held.map_err(|error| of_query(&error))?;
                reduced(&part, Some(&held)).map_err(|error| of_query(&error))?
            }
            None => reduced(&part, None).map_err(|error| of_query(&error))?,
        };
        self.write(plan, base)
    }

    fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, Problem> {
        let planner = graft::planner(&self.session).map_err(|error| of_query(&error))?;
        let planned = self.shared.lanes()?.short().block_on(planner.create_physical_plan(plan));
        planned.map_err(|error| of_query(&error))
    }

    /// Writes what a plan gives, and adds the file to what is kept.
    fn write(self, plan: Arc<dyn ExecutionPlan>, mut kept: Derived) -> Result<Derived, Problem> {
        let Self { shared, clock, session, entry, folder } = self;
        let schema: SchemaRef = plan.schema();
        let plan: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new(plan));
        let plan = with_turns(plan).map_err(|error| of_query(&error))?;
        entry.progress.runs(&plan);
        let context = state::context(&session, &plan)?;
        let mut rows = Rows::of(shared, Arc::clone(clock), entry, (plan, context))?;
        let mut room = Room::of(&shared.config, &kept.files);
        let number = kept.file_next;
        kept.file_next += 1;
        let file = File {
            number,
            path: format!("part-{number:010}.parquet"),
            bytes: 0,
            rows: 0,
            start: 0,
            end: 0,
            times: None,
            at: kept.at,
        };
        let give = &mut |take: &mut Take<'_>| -> Result<(), Problem> {
            while let Some(batch) = rows.batch()? {
                room.take(&batch)?;
                take(batch)?;
            }
            Ok(())
        };
        let written = file::write(shared.blobs.as_ref(), &folder, &schema, file, give)?;
        kept.files.extend(written);
        Ok(kept)
    }
}

/// What may still be kept of a view.
struct Room {
    rows: u64,
    rows_max: u64,
    bytes: u64,
    bytes_max: u64,
}

impl Room {
    fn of(config: &Config, files: &[File]) -> Self {
        Self {
            rows: files.iter().map(|file| file.rows).sum(),
            rows_max: config.derived_rows_max,
            bytes: 0,
            bytes_max: config.derived_bytes_max,
        }
    }

    /// Counts rows that are to be kept.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where they are too many, or too large.
    fn take(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        self.bytes += bytes_of(batch) as u64;
        if self.rows_max < self.rows {
            let what = format!("{} rows, which may be kept of a view", self.rows_max);
            return Err(Error::Exhausted { what });
        }
        if self.bytes_max < self.bytes {
            let what = format!("{} bytes, which a renewal of a view may write", self.bytes_max);
            return Err(Error::Exhausted { what });
        }
        Ok(())
    }
}

/// Returns where the stream that drives a query ends.
fn end_of(plan: &LogicalPlan, driver: &str) -> u64 {
    use crate::sql::stream::StreamTable;
    use datafusion::catalog::default_table_source::source_as_provider;
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut end = 0;
    // Looking cannot fail.
    let _ = plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(stream) = provider.downcast_ref::<StreamTable>()
            && stream.extent.tail.log == driver
        {
            end = stream.extent.end();
        }
        Ok(TreeNodeRecursion::Continue)
    });
    end
}

/// Checks that nothing is kept of what another unit lends: its rows are there for as long as its contract is.
///
/// # Errors
/// [`Error::View`] where a materialised view stands on such a relation, as the catalogue has found it.
pub(crate) fn check_own(view: &str, spec: &ViewSpec, catalog: &Catalog<'_>) -> Result<(), Error> {
    let Some(lent) = catalog.lent().filter(|_| spec.materialized.is_some()) else { return Ok(()) };
    Err(Error::View {
        view: view.into(),
        reason: format!(
            "it cannot be materialised: it stands on `{lent}`, which another unit lends to this one"
        ),
        place: Some(Place::pointer("/spec/materialized")),
        hint: Some("leave `materialized` out: what is lent is read where it is".into()),
    })
}

/// Says why a view cannot be kept up.
pub(crate) fn not_kept_up(view: &str, reason: &str) -> Problem {
    let view = view.rsplit('/').next().unwrap_or(view);
    Error::View {
        view: view.into(),
        reason: format!("it cannot be kept up by commits: {reason}"),
        place: None,
        hint: Some("say how often it is refreshed: `materialized: {every: PT10M}`".into()),
    }
    .into()
}
