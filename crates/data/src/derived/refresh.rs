//! Makes and renews what is kept of materialised views. The keeper of the tables calls it.

use super::graft::{self, kept_part, reduced};
use super::shape::shape;
use super::state::{Derived, derived, digest, folder};
use super::table::{files, is_usable, rest_of, text_of};
use crate::catalog::{Catalog, ViewSpec};
use crate::engine::Shared;
use crate::sql::guard::Text;
use crate::sql::memory::QueryPool;
use crate::sql::problem::of_query;
use crate::sql::run::Stop;
use crate::sql::state::{self, Files, Frame};
use crate::tables::file;
use crate::tables::state::File;
use base::{Period, Problem};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
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

/// Renews what is kept of a view where that is due.
///
/// # Errors
/// Where the query cannot be planned or run, or files cannot be written.
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
    let mut session = session(shared, reader.business())?;
    let plan = state::plan(&mut session, &shared.config, Text::own(&spec.sql), &tables)?;
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
    let work = Work { shared, session: &session, plan: &plan, folder: folder(&view.name) };
    if every.is_some() {
        return work.whole(base).map(|kept| Refreshed::Anew(Box::new(kept)));
    }
    work.kept_up(base, kept)
}

fn session(shared: &Arc<Shared>, business: base::Time) -> Result<SessionState, Problem> {
    let config = &shared.config;
    let all = Arc::clone(&shared.query_bytes);
    let pool = QueryPool::new(config.query_bytes_max, all, config.queries_bytes_max);
    let frame = Frame {
        business,
        pool: Arc::new(pool),
        stop: Arc::new(Stop::default()),
        files: Some(Files { blobs: Arc::clone(&shared.blobs), cache: Arc::clone(&shared.files) }),
    };
    state::new(config, frame)
}

struct Work<'w> {
    shared: &'w Arc<Shared>,
    session: &'w SessionState,
    plan: &'w LogicalPlan,
    folder: String,
}

impl Work<'_> {
    /// Keeps the answer as it is.
    fn whole(&self, mut kept: Derived) -> Result<Derived, Problem> {
        let plan = self.physical(self.plan)?;
        kept.schema = text_of(&plan.schema());
        self.write(plan, &mut kept)?;
        Ok(kept)
    }

    /// Adds what came since to what is kept, where enough came.
    fn kept_up(&self, mut base: Derived, kept: Option<Derived>) -> Result<Refreshed, Problem> {
        let shape = shape(self.plan).map_err(|reason| not_kept_up(&self.folder, &reason))?;
        let end = end_of(self.plan, &shape.driver);
        let kept = kept.filter(|kept| is_usable(kept, &shape) && kept.upto <= end);
        let from = kept.as_ref().map_or(0, |kept| kept.upto);
        if kept.is_some() && end - from < self.shared.config.derived_rows {
            return Ok(Refreshed::Not);
        }
        let rest = rest_of(self.plan, &shape.driver, from).map_err(|error| of_query(&error))?;
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
                let held = files(self.session, &self.folder, kept, &part.schema());
                let held = held.map_err(|error| of_query(&error))?;
                reduced(&part, Some(&held)).map_err(|error| of_query(&error))?
            }
            None => reduced(&part, None).map_err(|error| of_query(&error))?,
        };
        self.write(plan, &mut base)?;
        Ok(Refreshed::Anew(Box::new(base)))
    }

    fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, Problem> {
        let runtime = self.shared.runtime()?;
        let planner = graft::planner(self.session).map_err(|error| of_query(&error))?;
        let planned = runtime.block_on(planner.create_physical_plan(plan));
        planned.map_err(|error| of_query(&error))
    }

    fn write(&self, plan: Arc<dyn ExecutionPlan>, kept: &mut Derived) -> Result<(), Problem> {
        let schema: SchemaRef = plan.schema();
        let runtime = self.shared.runtime()?;
        let plan: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new(plan));
        let context = state::context(self.session, &plan)?;
        let rows = runtime.block_on(async { execute_stream(plan, context) });
        let mut rows = rows.map_err(|error| of_query(&error))?;
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
        let written =
            file::write(self.shared.blobs.as_ref(), &self.folder, &schema, file, &mut |take| {
                while let Some(batch) = runtime.block_on(rows.next()) {
                    take(batch.map_err(|error| of_query(&error))?)?;
                }
                Ok(())
            })?;
        kept.files.extend(written);
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

/// Says why a view cannot be kept up.
pub(crate) fn not_kept_up(view: &str, reason: &str) -> Problem {
    let view = view.rsplit('/').next().unwrap_or(view);
    crate::Error::View {
        view: view.into(),
        reason: format!("it cannot be kept up by commits: {reason}"),
        place: None,
        hint: Some("say how often it is refreshed: `materialized: {every: PT10M}`".into()),
    }
    .into()
}
