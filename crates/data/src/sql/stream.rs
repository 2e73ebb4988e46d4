//! Streams and their newest rows as tables of DataFusion: files and log together, nothing late and nothing twice.

use super::counted::CountedExec;
use super::effort;
use super::problem::carry;
use super::table::{plan, project};
use crate::engine::Shared;
use crate::streams::latest::{self, Newest};
use crate::streams::tail::{Range, SEGMENT_ROWS};
use crate::tables::scan::{self, Extent, FileScan};
use crate::tables::state::File;
use base::Problem;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array,
};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::row::RowConverter;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TableProviderFilterPushDown, TableType, Volatility, col,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::union::UnionExec;
use kernel::Kernel;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The rows of a stream.
pub(crate) struct StreamTable {
    pub(crate) shared: Arc<Shared>,
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) extent: Extent,
}

impl std::fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}..{}", self.extent.tail.log, self.extent.from, self.extent.end())
    }
}

#[async_trait::async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.extent.schema().arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut inputs = Vec::new();
        if !self.extent.files.is_empty() {
            inputs.push(scan::sealed(session, &self.extent, projection, filters, limit)?);
        }
        let tail = &self.extent.tail;
        if tail.base < tail.end || inputs.is_empty() {
            let part = TailPart::new(&self.shared, &self.kernel, tail, projection, None)?;
            let waiting = plan(Arc::new(part), limit)?;
            let count = tail.end.saturating_sub(tail.base);
            let waiting = CountedExec::new(waiting, count, inputs.first())?;
            inputs.push(Arc::new(waiting));
        }
        union(inputs)
    }
}

fn union(mut inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
    match inputs.len() {
        1 => Ok(inputs.remove(0)),
        _ => UnionExec::try_new(inputs),
    }
}

/// The files with the newest row of each key, up to an offset.
#[derive(Debug, Clone)]
pub(crate) struct NewestFiles {
    pub(crate) folder: String,
    pub(crate) files: Arc<Vec<File>>,
    pub(crate) upto: u64,
}

/// The newest row of each key of a stream.
pub(crate) struct LatestTable {
    pub(crate) shared: Arc<Shared>,
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) extent: Extent,
    pub(crate) newest: Option<NewestFiles>,
}

impl std::fmt::Debug for LatestTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} newest ..{}", self.extent.tail.log, self.extent.end())
    }
}

#[async_trait::async_trait]
impl TableProvider for LatestTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.extent.schema().arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let from = self.newest.as_ref().map_or(self.extent.from, |newest| newest.upto);
        let newest = self.shared.latest.newest(&self.shared, &self.kernel, &self.extent, from);
        let newest = newest.map_err(carry)?;
        let mut inputs = Vec::new();
        if let Some(key) = self.key(filters)? {
            match newest.offset(&key) {
                Some(offset) => {
                    inputs = self.rows_at(session, projection, filters, vec![offset], None)?;
                }
                None => inputs.extend(self.sealed(session, projection, filters, limit, None)?),
            }
        } else {
            let sealed = self.sealed(session, projection, filters, limit, Some(&newest))?;
            let newer =
                self.rows_at(session, projection, filters, newest.offsets(), sealed.as_ref())?;
            inputs.extend(sealed);
            inputs.extend(newer);
        }
        if inputs.is_empty() {
            let mut none = self.extent.tail.clone();
            none.end = none.base;
            let part = TailPart::new(&self.shared, &self.kernel, &none, projection, None)?;
            inputs.push(plan(Arc::new(part), limit)?);
        }
        union(inputs)
    }
}

impl LatestTable {
    /// Returns the key that the filters ask for, where they ask for one.
    fn key(&self, filters: &[Expr]) -> Result<Option<Vec<u8>>> {
        let schema = self.extent.schema();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let mut types = Vec::new();
        for key in &schema.key {
            let column = &schema.stored.list[*key];
            let Some(value) = filters.iter().find_map(|filter| equal_to(filter, &column.name))
            else {
                return Ok(None);
            };
            let Ok(value) = value.cast_to(&column.data_type()) else { return Ok(None) };
            arrays.push(value.to_array()?);
            types.push(column.data_type());
        }
        let converter = latest::converter(types).map_err(carry)?;
        let rows = converter.convert_columns(&arrays)?;
        Ok(Some(rows.row(0).as_ref().to_vec()))
    }

    /// Plans to read the files of the newest rows, without those that came newer since.
    fn sealed(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
        newest: Option<&Arc<Newest>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(sealed) = self.newest.as_ref().filter(|sealed| !sealed.files.is_empty()) else {
            return Ok(None);
        };
        let schema = self.extent.schema();
        let scan = |projection: Option<&Vec<usize>>, limit| {
            let scan = FileScan {
                folder: &sealed.folder,
                files: &sealed.files,
                schema: &schema.arrow,
                projection,
                filters,
                limit,
                places: None,
            };
            scan::files(session, &scan)
        };
        let Some(newest) = newest.filter(|newest| !newest.is_empty()) else {
            return scan(projection, limit).map(Some);
        };
        let mut columns =
            projection.cloned().unwrap_or_else(|| (0..schema.arrow.fields().len()).collect());
        let wanted: Vec<usize> = (0..columns.len()).collect();
        for key in &schema.key {
            if !columns.contains(key) {
                columns.push(*key);
            }
        }
        let input = scan(Some(&columns), None)?;
        let keys = schema.key.iter().map(|key| &schema.stored.list[*key]);
        let types = keys.clone().map(|column| column.data_type()).collect();
        let is_current = ScalarUDF::new_from_impl(IsCurrent {
            converter: latest::converter(types).map_err(carry)?,
            newest: Arc::clone(newest),
            signature: Signature::any(schema.key.len(), Volatility::Immutable),
        });
        let keys = keys.map(|column| col(column.name.as_str())).collect();
        let df_schema = DFSchema::try_from(input.schema())?;
        let filter = session.create_physical_expr(is_current.call(keys), &df_schema)?;
        let filter = FilterExecBuilder::new(filter, input).apply_projection(Some(wanted))?;
        Ok(Some(Arc::new(filter.with_fetch(limit).build()?)))
    }

    /// Plans to read single rows of the stream, by their offsets, which ascend. Their values are taken to be like those of `like`.
    fn rows_at(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        mut offsets: Vec<u64>,
        like: Option<&Arc<dyn ExecutionPlan>>,
    ) -> Result<Vec<Arc<dyn ExecutionPlan>>> {
        let tail = &self.extent.tail;
        let behind = offsets.split_off(offsets.partition_point(|offset| *offset < tail.base));
        let mut inputs = Vec::new();
        let places = self.places(&offsets).map_err(carry)?;
        if !places.is_empty() {
            let scan = FileScan {
                folder: &self.extent.folder,
                files: &self.extent.files,
                schema: &self.extent.schema().arrow,
                projection,
                filters,
                limit: None,
                places: Some(&places),
            };
            inputs.push(scan::files(session, &scan)?);
        }
        if !behind.is_empty() {
            let count = behind.len() as u64;
            let part = TailPart::new(&self.shared, &self.kernel, tail, projection, Some(behind))?;
            let waiting = plan(Arc::new(part), None)?;
            let waiting = CountedExec::new(waiting, count, like.or(inputs.first()))?;
            inputs.push(Arc::new(waiting));
        }
        Ok(inputs)
    }

    fn places(&self, offsets: &[u64]) -> std::result::Result<BTreeMap<u64, Vec<u64>>, Problem> {
        let mut places = BTreeMap::new();
        for file in self.extent.files.iter() {
            let from = offsets.partition_point(|offset| *offset < file.start);
            let to = offsets.partition_point(|offset| *offset < file.end);
            if from < to {
                let found =
                    scan::places(&self.shared, &self.extent.folder, file, &offsets[from..to])?;
                places.insert(file.number, found);
            }
        }
        Ok(places)
    }
}

/// Returns the value that a filter wants of a column.
fn equal_to<'e>(filter: &'e Expr, name: &str) -> Option<&'e ScalarValue> {
    let Expr::BinaryExpr(binary) = filter else { return None };
    if binary.op != Operator::Eq {
        return None;
    }
    match (binary.left.as_ref(), binary.right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _))
        | (Expr::Literal(value, _), Expr::Column(column))
            if column.name == name && !value.is_null() =>
        {
            Some(value)
        }
        _ => None,
    }
}

/// Says whether a key has no newer row than that of the files.
#[derive(Debug)]
struct IsCurrent {
    converter: RowConverter,
    newest: Arc<Newest>,
    signature: Signature,
}

impl PartialEq for IsCurrent {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.newest, &other.newest)
    }
}

impl Eq for IsCurrent {}

impl Hash for IsCurrent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.newest).hash(state);
    }
}

impl ScalarUDFImpl for IsCurrent {
    fn name(&self) -> &str {
        "is_current"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let rows = self.converter.convert_columns(&arrays)?;
        let is_current = rows.iter().map(|row| Some(self.newest.offset(row.as_ref()).is_none()));
        Ok(ColumnarValue::Array(Arc::new(is_current.collect::<BooleanArray>())))
    }
}

/// Rows of a log, all or those at some offsets.
#[derive(Clone)]
struct TailPart {
    shared: Arc<Shared>,
    kernel: Arc<Kernel>,
    range: Range,
    offsets: Option<Arc<Vec<u64>>>,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl std::fmt::Debug for TailPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.range.log, if self.offsets.is_some() { " newest" } else { "" })
    }
}

impl TailPart {
    fn new(
        shared: &Arc<Shared>,
        kernel: &Arc<Kernel>,
        range: &Range,
        projection: Option<&Vec<usize>>,
        offsets: Option<Vec<u64>>,
    ) -> Result<Self> {
        let (columns, schema) = project(&range.schema.arrow, projection)?;
        Ok(Self {
            shared: Arc::clone(shared),
            kernel: Arc::clone(kernel),
            range: range.clone(),
            offsets: offsets.map(Arc::new),
            columns,
            schema,
        })
    }

    fn rows(&self, (segment, offsets): (u64, Option<Vec<u64>>)) -> Result<RecordBatch> {
        match offsets {
            None => self.segment(segment),
            Some(offsets) => self.rows_at(segment, &offsets),
        }
    }

    fn segment(&self, segment: u64) -> Result<RecordBatch> {
        self.shared.tail.batch(&self.kernel, &self.range, segment, &self.columns).map_err(carry)
    }

    /// Returns the rows at these offsets, which are ascending and of one segment.
    fn rows_at(&self, segment: u64, offsets: &[u64]) -> Result<RecordBatch> {
        let start = self.range.start(segment);
        let indices = UInt64Array::from_iter_values(offsets.iter().map(|offset| offset - start));
        if self.columns.is_empty() {
            let options = RecordBatchOptions::new().with_row_count(Some(offsets.len()));
            return Ok(RecordBatch::try_new_with_options(
                Arc::clone(&self.schema),
                Vec::new(),
                &options,
            )?);
        }
        Ok(take_record_batch(&self.segment(segment)?, &indices)?)
    }

    /// Returns the offsets, those of one segment together.
    fn by_segment(&self, offsets: &[u64]) -> Vec<(u64, Vec<u64>)> {
        let mut segments: Vec<(u64, Vec<u64>)> = Vec::new();
        for offset in offsets {
            let segment = (offset - self.range.base) / SEGMENT_ROWS;
            match segments.last_mut() {
                Some((last, held)) if *last == segment => held.push(*offset),
                _ => segments.push((segment, vec![*offset])),
            }
        }
        segments
    }
}

/// What is still to come of a log.
enum Rest {
    Segments(std::ops::Range<u64>),
    Newest(std::vec::IntoIter<(u64, Vec<u64>)>),
}

impl Rest {
    /// Returns a segment, and the offsets in it where not all of its rows are wanted.
    fn next(&mut self) -> Option<(u64, Option<Vec<u64>>)> {
        match self {
            Self::Segments(segments) => segments.next().map(|segment| (segment, None)),
            Self::Newest(newest) => {
                newest.next().map(|(segment, offsets)| (segment, Some(offsets)))
            }
        }
    }
}

impl PartitionStream for TailPart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let part = self.clone();
        let rest = match &self.offsets {
            Some(offsets) => Rest::Newest(self.by_segment(offsets).into_iter()),
            None => Rest::Segments(0..self.range.segments()),
        };
        let stream = futures::stream::try_unfold(rest, move |mut rest| {
            let part = part.clone();
            async move {
                // Whoever ends the query gets a turn between two segments.
                tokio::task::yield_now().await;
                let Some(wanted) = rest.next() else { return Ok(None) };
                let batch = effort::read(move || part.rows(wanted)).await.map_err(carry)??;
                Ok::<_, DataFusionError>(Some((batch, rest)))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}
