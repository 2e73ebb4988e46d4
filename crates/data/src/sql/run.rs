//! Runs a query on threads of its own, within its limits, and hands the result out in pieces.

use super::effort::Effort;
use super::guard::{self, Dialect, Text};
use super::output::{JsonRows, names, write_csv_text};
use super::page::Page;
use super::parameters::Parameter;
use super::postgres::{Question, output};
use super::problem::of_query;
use super::queries::Entry;
use super::state::{self, Asked, Frame};
use crate::Error;
use crate::catalog::{Shown, Table};
use crate::counts::Spills;
use crate::engine::Shared;
use base::{Clock, Problem, Time};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::MemTable;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes of a piece of the result.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes that are waited for before the reply begins: an error up to there is a clean one.
const FIRST_BYTES: usize = 4 << 20;

/// The forms of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// A list of objects.
    #[default]
    Json,
    /// An object a line.
    Ndjson,
    /// `{"columns": [{"name", "type"}], "rows": [[…]]}`.
    Table,
    /// RFC 4180 with a line of names.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    pub(crate) fn media(self) -> &'static str {
        match self {
            Self::Json | Self::Table => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// Returns whether each row is complete by itself, so that a reader needs to hold no more than some of them.
    pub(crate) fn is_by_row(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv | Self::Arrow)
    }
}

/// Ends a query from outside.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    is_set: AtomicBool,
    news: tokio::sync::Notify,
}

impl Stop {
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        self.news.notify_one();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// Waits until it is set. One waits for each.
    pub(crate) async fn happened(&self) {
        self.news.notified().await;
    }
}

/// What a query reads.
pub(crate) enum What {
    /// The relations that it names.
    Tables(Vec<Table>),
    /// The catalogue of PostgreSQL, which is made of all that the caller may see.
    Catalogue(Vec<Shown>),
}

/// A query with all it needs.
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) dialect: Dialect,
    pub(crate) parameters: Vec<Parameter>,
    /// Which part of the answer is wanted.
    pub(crate) page: Page,
    pub(crate) what: What,
    /// Who asks, for functions that tell.
    pub(crate) user: String,
    pub(crate) format: Format,
    pub(crate) rows_max: usize,
    pub(crate) ms_max: u64,
    pub(crate) business: Time,
    pub(crate) entry: Entry,
}

/// What travels from the query's thread to the caller's.
pub(crate) enum Message {
    Piece(Vec<u8>),
    Problem(Problem),
    End,
}

/// Starts a query and waits for the beginning of its result.
///
/// # Errors
/// `sql.invalid`, `sql.exhausted`, `sql.timeout`, `sql.cancelled`, or what a relation says.
pub(crate) fn start(
    shared: &Arc<Shared>,
    clock: Arc<dyn Clock>,
    query: Query,
) -> Result<Pieces, Problem> {
    let (stop, ms) = (Arc::clone(&query.entry.stop), query.entry.ms_max(query.ms_max));
    let (query, own, spills) = (Arc::new(query), Arc::clone(shared), Arc::clone(shared));
    let planned = Arc::clone(&query);
    let plan = move |planner: &Handle| plan(&own, &planned, planner);
    let run = |planned, send| async move { run(&spills, &query, planned, &send).await };
    let mut pieces = launch(shared, clock, (stop, ms), plan, run)?;
    pieces.fill()?;
    Ok(pieces)
}

/// A plan, and in what context it is carried out.
pub(crate) type Planned = (Arc<dyn ExecutionPlan>, Arc<TaskContext>);

/// Has work planned and done on the threads of the queries, until somebody ends it and for so many milliseconds at most; what it sends
/// comes out as pieces.
///
/// # Errors
/// `sql.internal` where there are no threads.
pub(crate) fn launch<P, W, F>(
    shared: &Arc<Shared>,
    clock: Arc<dyn Clock>,
    (stop, ms): (Arc<Stop>, u64),
    plan: P,
    work: W,
) -> Result<Pieces, Problem>
where
    P: FnOnce(&Handle) -> Result<Planned, Problem> + Send + 'static,
    W: FnOnce(Planned, Sender<Message>) -> F + Send + 'static,
    F: Future<Output = Result<(), Problem>> + Send + 'static,
{
    let (send, receive) = channel(4);
    let limit = Duration::from_millis(ms);
    let pieces = Pieces {
        first: std::collections::VecDeque::new(),
        receive: Some(receive),
        stop: Arc::clone(&stop),
        deadline: clock.monotonic() + limit,
        ms_max: ms,
        clock,
    };
    let (planner, result) = (shared.lanes()?.short().clone(), send.clone());
    let work = async move {
        // Planning never waits, so it has a thread of its own: whoever ends the query need not wait for it.
        let planned = tokio::task::spawn_blocking(move || plan(&planner)).await;
        let planned = planned.map_err(|error| {
            Problem::from(Error::Internal { detail: format!("planning: {error}") })
        })??;
        work(planned, result).await
    };
    let last =
        |outcome: Result<(), Problem>| outcome.map_or_else(Message::Problem, |()| Message::End);
    supervise(shared, (stop, ms), send, work, last)?;
    Ok(pieces)
}

/// Has work done on the threads of the queries, until somebody ends it or nobody listens any more, and for so many milliseconds at most.
/// What became of it is the last that is sent.
///
/// # Errors
/// `sql.internal` where there are no threads.
pub(crate) fn supervise<T: Send + 'static>(
    shared: &Shared,
    (stop, ms): (Arc<Stop>, u64),
    send: Sender<T>,
    work: impl Future<Output = Result<(), Problem>> + Send + 'static,
    last: fn(Result<(), Problem>) -> T,
) -> Result<(), Problem> {
    let lanes = shared.lanes()?;
    let mut work = Effort::new(lanes, shared.config.query_short_ms).of(work);
    let limit = Duration::from_millis(ms);
    lanes.short().spawn(async move {
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(limit, &mut work) => {
                outcome.unwrap_or_else(|_| Err(Error::Timeout { ms }.into()))
            }
            () = stop.happened() => Err(Error::Cancelled.into()),
            // Nobody waits for the result any more.
            () = send.closed() => return,
        };
        // The work holds the place of the query, which is given back before the caller learns that it has ended; a plan that is
        // still being made keeps it until it is.
        work.end().await;
        let _ = send.send(last(outcome)).await;
    });
    Ok(())
}

/// The result of a query, piece by piece. Dropping it ends the query.
pub(crate) struct Pieces {
    first: std::collections::VecDeque<Vec<u8>>,
    receive: Option<Receiver<Message>>,
    stop: Arc<Stop>,
    deadline: Duration,
    ms_max: u64,
    clock: Arc<dyn Clock>,
}

impl Pieces {
    /// Waits until there is enough to begin with, or all.
    fn fill(&mut self) -> Result<(), Problem> {
        let mut bytes = 0;
        while bytes < FIRST_BYTES {
            let Some(piece) = self.receive()? else { return Ok(()) };
            bytes += piece.len();
            self.first.push_back(piece);
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let Some(receive) = self.receive.as_mut() else { return Ok(None) };
        // A little later than the query's own limit, for queries that are too busy to see it.
        let left =
            self.deadline.saturating_sub(self.clock.monotonic()) + Duration::from_millis(100);
        let message = wait(receive.recv(), left, self.clock.as_ref());
        let ended = match message {
            Some(Some(Message::Piece(piece))) => return Ok(Some(piece)),
            Some(Some(Message::End)) => Ok(None),
            Some(Some(Message::Problem(problem))) => Err(problem),
            Some(None) => Err(Error::Internal { detail: "the query panicked".into() }.into()),
            None => Err(Error::Timeout { ms: self.ms_max }.into()),
        };
        self.stop.set();
        self.receive = None;
        ended
    }
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        self.first.pop_front().map(Ok).or_else(|| self.receive().transpose())
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.stop.set();
    }
}

/// Waits for a future on this thread, which may belong to any runtime or none.
pub(crate) fn wait<F: Future>(future: F, limit: Duration, clock: &dyn Clock) -> Option<F::Output> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let deadline = clock.monotonic() + limit;
    loop {
        if let Poll::Ready(output) = Pin::as_mut(&mut future).poll(&mut Context::from_waker(&waker))
        {
            return Some(output);
        }
        let left = deadline.saturating_sub(clock.monotonic());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

async fn run(
    shared: &Arc<Shared>,
    query: &Query,
    (physical, context): Planned,
    send: &Sender<Message>,
) -> Result<(), Problem> {
    let _spills = Spills::watch(shared, &physical);
    let progress = Arc::clone(&query.entry.progress);
    progress.runs(&physical);
    let mut batches = execute_stream(physical, context).map_err(|error| of_query(&error))?;
    let schema = match query.dialect {
        Dialect::Craton => batches.schema(),
        Dialect::Postgres => output::shown(&batches.schema()),
    };
    let mut writer = Writer::new(query.format, &schema)?;
    let mut rows = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| of_query(&error))?;
        let batch = under(batch, query.dialect, &schema)?;
        rows += batch.num_rows();
        let rows_max = progress.rows_max(query.rows_max);
        if rows_max < rows {
            return Err(Error::Exhausted { what: format!("{rows_max} rows of result") }.into());
        }
        progress.made(batch.num_rows(), 0);
        for from in (0..batch.num_rows()).step_by(1_024) {
            let part = batch.slice(from, (batch.num_rows() - from).min(1_024));
            writer.write(&part)?;
            if PIECE_BYTES <= writer.bytes() {
                progress.made(0, writer.bytes());
                // A failure to send means that nobody waits any more; the query ends at the next turn.
                let _ = send.send(Message::Piece(writer.take())).await;
            }
        }
    }
    let last = writer.finish()?;
    progress.made(0, last.len());
    let _ = send.send(Message::Piece(last)).await;
    Ok(())
}

fn plan(shared: &Shared, query: &Query, planner: &Handle) -> Result<Planned, Problem> {
    let config = &shared.config;
    let frame = Frame {
        business: query.business,
        pool: Arc::clone(&query.entry.progress.pool),
        stop: Arc::clone(&query.entry.stop),
        files: Some(shared.query_files()?),
    };
    let mut state = state::new(config, frame)?;
    let tables = match &query.what {
        What::Tables(tables) => tables,
        What::Catalogue(listing) => {
            let physical = answer(shared, query, &state, listing, planner)?;
            return Ok((physical, state.task_ctx()));
        }
    };
    let text = Text { sql: &query.sql, dialect: query.dialect };
    let asked = Asked { text, parameters: &query.parameters, user: &query.user };
    let plan = state::plan_for(&mut state, config, &asked, tables)?;
    let plan = query.page.of(plan, config)?;
    let physical = planner.block_on(state.create_physical_plan(&plan)).and_then(with_turns);
    let physical = physical.map_err(|error| of_query(&error))?;
    let context = state::context(&state, &physical)?;
    Ok((physical, context))
}

/// Answers a question about the catalogue; what is left to do is to hand the rows out.
fn answer(
    shared: &Shared,
    query: &Query,
    state: &SessionState,
    listing: &[Shown],
    planner: &Handle,
) -> Result<Arc<dyn ExecutionPlan>, Problem> {
    let config = &shared.config;
    let statement = guard::question(&query.sql, config)?;
    let stop = Arc::clone(&query.entry.stop);
    let question = Question {
        statement: &statement,
        parameters: &query.parameters,
        user: &query.user,
        is_stopped: &|| stop.is_set(),
    };
    let batch = question.answer(config, state::with_columns(state, config, listing))?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]);
    let table = table.map_err(|error| of_query(&error))?;
    planner.block_on(table.scan(state, None, &[], None)).map_err(|error| of_query(&error))
}

/// Returns a batch under the schema that clients of PostgreSQL see.
fn under(batch: RecordBatch, dialect: Dialect, schema: &SchemaRef) -> Result<RecordBatch, Problem> {
    if dialect == Dialect::Craton {
        return Ok(batch);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(internal)
}

/// Lets every step of a plan give way now and then: a join can make rows for hours without asking its inputs.
pub(crate) fn with_turns(
    plan: Arc<dyn ExecutionPlan>,
) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|step| {
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(step)) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(wrapped.data)
}

/// Writes batches in one of the forms.
struct Writer {
    format: Format,
    out: Vec<u8>,
    arrow: Option<StreamWriter<Vec<u8>>>,
    is_first: bool,
}

impl Writer {
    fn new(format: Format, schema: &SchemaRef) -> Result<Self, Problem> {
        let mut writer = Self { format, out: Vec::new(), arrow: None, is_first: true };
        match format {
            Format::Json => writer.out.push(b'['),
            Format::Ndjson => {}
            Format::Table => writer.begin_table(schema),
            Format::Csv => {
                for (number, name) in names(schema).iter().enumerate() {
                    if 0 < number {
                        writer.out.push(b',');
                    }
                    write_csv_text(name, &mut writer.out);
                }
                writer.out.extend_from_slice(b"\r\n");
            }
            Format::Arrow => {
                writer.arrow = Some(StreamWriter::try_new(Vec::new(), schema).map_err(internal)?)
            }
        }
        Ok(writer)
    }

    fn begin_table(&mut self, schema: &SchemaRef) {
        let columns: Vec<serde_json::Value> = names(schema)
            .into_iter()
            .zip(schema.fields())
            .map(|(name, field)| serde_json::json!({"name": name, "type": type_name(field.data_type())}))
            .collect();
        let columns = serde_json::Value::from(columns);
        self.out.extend_from_slice(format!("{{\"columns\":{columns},\"rows\":[").as_bytes());
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        if let Some(arrow) = &mut self.arrow {
            return arrow.write(batch).map_err(internal);
        }
        let rows = JsonRows::new(batch).map_err(internal)?;
        for row in 0..batch.num_rows() {
            let is_first = std::mem::take(&mut self.is_first);
            if !is_first && matches!(self.format, Format::Json | Format::Table) {
                self.out.extend_from_slice(b",\n");
            }
            match self.format {
                Format::Json => rows.write(row, &mut self.out),
                Format::Table => rows.write_list(row, &mut self.out),
                Format::Csv => rows.write_csv(row, &mut self.out),
                Format::Ndjson | Format::Arrow => {
                    rows.write(row, &mut self.out).map(|()| self.out.push(b'\n'))
                }
            }
            .map_err(internal)?;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.arrow.as_ref().map_or(self.out.len(), |arrow| arrow.get_ref().len())
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.arrow.as_mut().map_or(&mut self.out, StreamWriter::get_mut))
    }

    fn finish(mut self) -> Result<Vec<u8>, Problem> {
        if let Some(arrow) = &mut self.arrow {
            arrow.finish().map_err(internal)?;
        }
        let end: &[u8] = match self.format {
            Format::Json => b"]",
            Format::Table => b"]}",
            _ => b"",
        };
        let mut last = self.take();
        last.extend_from_slice(end);
        Ok(last)
    }
}

fn internal(error: ArrowError) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}

/// Returns the name of a type as manifests write it, where it has one.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".into(),
        kind if kind.is_integer() => "int".into(),
        kind if kind.is_floating() => "float".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Timestamp(..) => "time".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::List(_) | DataType::LargeList(_) => "list".into(),
        other => other.to_string().to_lowercase(),
    }
}
