//! Relations of the engines as tables of DataFusion: nothing is read before a query needs it.

use super::paged::PagedPart;
use super::problem::carry;
use super::pushdown::pushed;
use crate::sql::effort;
use crate::sql::run::Stop;
use crate::streams::decimal;
use crate::streams::schema::time_type;
use crate::threads::step_back;
use crate::{Config, Error};
use base::Problem;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::Stream;
use kernel::{Cell, ColumnType, Reader, Relation, Scan};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Batches of a relation that wait to be taken.
const BATCHES_WAITING: usize = 2;

/// Rows that are handed on at once, at most.
const BATCH_ROWS: usize = 8_192;

/// Bytes of rows after which they are handed on.
const BATCH_BYTES: usize = 1 << 20;

/// Rows that are gathered ask for memory in steps of so many bytes.
const STEP_BYTES: usize = 64 << 10;

/// From how many rows on the thread that reads a relation stands farther behind others.
const LONG_ROWS: usize = 10_000;

/// Returns the columns that are wanted, and their schema.
///
/// # Errors
/// Where there is no such column, which is a defect.
pub(crate) fn project(
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
) -> Result<(Vec<usize>, SchemaRef)> {
    let columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
    let schema = Arc::new(schema.project(&columns)?);
    Ok((columns, schema))
}

/// Plans to read a stream of batches.
///
/// # Errors
/// Where the schemas differ, which is a defect.
pub(crate) fn plan(
    part: Arc<dyn PartitionStream>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::clone(part.schema());
    Ok(Arc::new(StreamingTableExec::try_new(schema, vec![part], None, [], false, limit)?))
}

/// What an engine offers.
pub(crate) struct RelationTable {
    relation: Relation,
    schema: SchemaRef,
    reader: Option<Arc<Reader>>,
    config: Arc<Config>,
}

impl RelationTable {
    pub(crate) fn new(
        relation: Relation,
        reader: Option<Arc<Reader>>,
        config: Arc<Config>,
    ) -> Self {
        let fields = relation
            .columns
            .iter()
            .map(|column| Field::new(&column.name, data_type(column.column_type), true));
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        Self { relation, schema, reader, config }
    }

    /// Returns the equality that a filter asks of an indexed column.
    fn equality(&self, filter: &Expr) -> Option<(usize, Cell)> {
        let Expr::BinaryExpr(binary) = filter else { return None };
        if binary.op != Operator::Eq {
            return None;
        }
        let (column, value) = match (binary.left.as_ref(), binary.right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _))
            | (Expr::Literal(value, _), Expr::Column(column)) => (column, value),
            _ => return None,
        };
        let number = self.relation.columns.iter().position(|known| known.name == column.name)?;
        if !self.relation.columns[number].is_indexed {
            return None;
        }
        Some((number, cell(value)?))
    }
}

impl std::fmt::Debug for RelationTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.relation.schema, self.relation.name)
    }
}

/// Returns the type of a column's values in SQL.
pub(crate) fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Decimal(scale) => DataType::Decimal128(38, scale.cast_signed()),
        ColumnType::Text => DataType::Utf8,
        ColumnType::Time => time_type(),
    }
}

fn cell(value: &ScalarValue) -> Option<Cell> {
    match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => Some(Cell::Text(text.clone())),
        ScalarValue::Int64(Some(number)) => Some(Cell::Int(*number)),
        ScalarValue::Boolean(Some(truth)) => Some(Cell::Bool(*truth)),
        ScalarValue::TimestampMillisecond(Some(millis), _) => Some(Cell::Time(*millis)),
        _ => None,
    }
}

#[async_trait::async_trait]
impl TableProvider for RelationTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = pushed(&self.config, &self.relation.columns, filters);
        let support = |(filter, pushed): (&&Expr, _)| match (pushed, self.equality(filter)) {
            (Some(_), _) => TableProviderFilterPushDown::Exact,
            (None, Some(_)) => TableProviderFilterPushDown::Inexact,
            (None, None) => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().zip(pushed).map(support).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (columns, schema) = project(&self.schema, projection)?;
        let equals: Vec<_> = filters.iter().filter_map(|filter| self.equality(filter)).collect();
        let filters: Vec<&Expr> = filters.iter().collect();
        let pushed = pushed(&self.config, &self.relation.columns, &filters);
        let is_kept = |(filter, pushed): (&&Expr, &Option<_>)| {
            pushed.is_some() || self.equality(filter).is_some()
        };
        if !filters.iter().zip(&pushed).all(is_kept) {
            // Nobody would look at it again.
            return Err(carry(internal("a relation is to keep a condition that it cannot keep")));
        }
        let filters = pushed.into_iter().flatten().collect();
        let scan = Scan { columns, equals, filters, limit };
        let (relation, reader) = (self.relation.clone(), self.reader.clone());
        if relation.pages.is_some() {
            return plan(Arc::new(PagedPart { relation, reader, scan, schema }), limit);
        }
        plan(Arc::new(RelationPart { relation, reader, scan, schema }), limit)
    }
}

#[derive(Clone)]
struct RelationPart {
    relation: Relation,
    reader: Option<Arc<Reader>>,
    scan: Scan,
    schema: SchemaRef,
}

impl std::fmt::Debug for RelationPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.relation.schema, self.relation.name)
    }
}

impl PartitionStream for RelationPart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let part = self.clone();
        // Who never asks for the first batch, needs no thread.
        let stream = futures::stream::once(async move { part.begin(context) });
        let stream = futures::TryStreamExt::try_flatten(stream);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

/// What a thread that reads rows gives: batches, then nothing or what ended it early.
type Given = Result<Option<RecordBatch>>;

/// The relations that one query may read at the same time: each has a thread.
pub(crate) struct Threads {
    free: Arc<Semaphore>,
    limit: usize,
    /// How far those stand behind others that read much.
    nice: i32,
}

impl Threads {
    pub(crate) fn new(config: &Config) -> Self {
        let limit = config.query_relations_max;
        Self { free: Arc::new(Semaphore::new(limit)), limit, nice: config.query_nice }
    }

    fn take(&self) -> Result<OwnedSemaphorePermit> {
        let what = || format!("{} relations of engines that are read at the same time", self.limit);
        Arc::clone(&self.free)
            .try_acquire_owned()
            .map_err(|_| carry(Error::Exhausted { what: what() }))
    }
}

impl RelationPart {
    /// Begins to read, on a thread of its own: it waits where its batches are not taken, and one of a few that queries share would
    /// be missing for the other side of a join.
    fn begin(self, context: Arc<TaskContext>) -> Result<impl Stream<Item = Result<RecordBatch>>> {
        let threads = context.session_config().get_extension::<Threads>();
        let place = threads.map(|threads| threads.take()).transpose()?;
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
        let read = move || {
            let last = self.read(&context, &sender).map(|()| None);
            // Whoever is gone wants to hear no more.
            sender.blocking_send(last).ok();
            drop(place);
        };
        effort::begin("sql-relation", read);
        Ok(futures::stream::try_unfold(receiver, |mut receiver| async move {
            let broken = || Err(carry(internal("reading a relation broke off")));
            let given: Given = receiver.recv().await.unwrap_or_else(broken);
            Ok(given?.map(|batch| (batch, receiver)))
        }))
    }

    /// Reads all rows. What is gathered of them and what waits counts against the memory of the query.
    fn read(&self, context: &TaskContext, sender: &mpsc::Sender<Given>) -> Result<()> {
        let reader = self
            .reader
            .as_ref()
            .ok_or_else(|| carry(internal("a relation was scanned without a reader")))?;
        let stop = context.session_config().get_extension::<Stop>();
        let threads = context.session_config().get_extension::<Threads>();
        let nice = threads.map_or(0, |threads| threads.nice);
        let reservation = MemoryConsumer::new("relation").register(context.memory_pool());
        let mut gathered =
            Gathered { part: self, rows: Vec::new(), bytes: 0, waiting: 0, reservation };
        let (mut count, limit) = (0_usize, self.scan.limit.unwrap_or(usize::MAX));
        let mut ended = Ok(());
        let mut push = |cells: Vec<Cell>| {
            if stop.as_ref().is_some_and(|stop| stop.is_set()) {
                return Err(Error::Cancelled.into());
            }
            if cells.len() != self.relation.columns.len() {
                return Err(internal("a relation gave a row of another width"));
            }
            count += 1;
            if count == LONG_ROWS {
                step_back(nice);
            }
            ended = gathered.push(cells, sender);
            Ok(ended.is_ok() && !sender.is_closed() && count < limit)
        };
        (self.relation.rows)(reader, &self.scan, &mut push).map_err(carry)?;
        ended?;
        gathered.send(sender)
    }

    fn batch(&self, rows: &[Vec<Cell>]) -> Result<RecordBatch, Problem> {
        let arrays = self
            .scan
            .columns
            .iter()
            .map(|number| array(rows, *number, self.relation.columns[*number].column_type));
        let arrays = arrays.collect::<Result<Vec<_>, Problem>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| internal(&error.to_string()))
    }
}

/// Rows on their way into a batch.
struct Gathered<'a> {
    part: &'a RelationPart,
    rows: Vec<Vec<Cell>>,
    /// What they take.
    bytes: usize,
    /// What batches that wait and the one that is made take at most.
    waiting: usize,
    reservation: MemoryReservation,
}

impl Gathered<'_> {
    /// Takes a row in, and hands all on where there are enough.
    fn push(&mut self, cells: Vec<Cell>, sender: &mpsc::Sender<Given>) -> Result<()> {
        self.bytes += cells.iter().map(weight).sum::<usize>();
        self.rows.push(cells);
        let wanted = self.waiting + self.bytes.next_multiple_of(STEP_BYTES);
        if self.reservation.size() < wanted {
            self.reservation.try_resize(wanted)?;
        }
        if self.rows.len() < BATCH_ROWS && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.send(sender)
    }

    /// Hands on what there is. That nobody takes it is no error.
    fn send(&mut self, sender: &mpsc::Sender<Given>) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let batch = self.part.batch(&std::mem::take(&mut self.rows)).map_err(carry)?;
        self.bytes = 0;
        self.waiting = self.waiting.max(batch.get_array_memory_size() * (BATCHES_WAITING + 1));
        self.reservation.try_resize(self.waiting)?;
        sender.blocking_send(Ok(Some(batch))).ok();
        Ok(())
    }
}

/// Returns the bytes that a value takes.
fn weight(cell: &Cell) -> usize {
    let text = match cell {
        Cell::Text(text) | Cell::Decimal(text) => text.capacity(),
        _ => 0,
    };
    size_of::<Cell>() + text
}

fn array(rows: &[Vec<Cell>], number: usize, column_type: ColumnType) -> Result<ArrayRef, Problem> {
    let cells = rows.iter().map(|row| &row[number]);
    Ok(match column_type {
        ColumnType::Bool => Arc::new(
            cells
                .map(|cell| if let Cell::Bool(v) = cell { Some(*v) } else { None })
                .collect::<BooleanArray>(),
        ),
        ColumnType::Int => Arc::new(
            cells
                .map(|cell| if let Cell::Int(v) = cell { Some(*v) } else { None })
                .collect::<Int64Array>(),
        ),
        ColumnType::Float => Arc::new(
            cells
                .map(|cell| if let Cell::Float(v) = cell { Some(*v) } else { None })
                .collect::<Float64Array>(),
        ),
        ColumnType::Text => Arc::new(
            cells
                .map(|cell| if let Cell::Text(v) = cell { Some(v.as_str()) } else { None })
                .collect::<StringArray>(),
        ),
        ColumnType::Time => {
            let times = cells.map(|cell| if let Cell::Time(v) = cell { Some(*v) } else { None });
            Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
        }
        ColumnType::Decimal(scale) => {
            let values = cells.map(|cell| match cell {
                Cell::Decimal(text) => decimal::parse(text, 38, scale).map(Some).map_err(|_| {
                    internal(&format!(
                        "`{text}` is no decimal with {scale} digits behind the point"
                    ))
                }),
                _ => Ok(None),
            });
            let values = values.collect::<Result<Decimal128Array, Problem>>()?;
            Arc::new(values.with_data_type(data_type(column_type)))
        }
    })
}

fn internal(detail: &str) -> Problem {
    Error::Internal { detail: detail.into() }.into()
}
