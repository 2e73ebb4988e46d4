//! The rows of a stream wherever they are: in files up to where they are sealed, in the log behind.

use super::file::{self, Part};
use super::instants::Instants;
use super::object;
use super::state::File;
use super::statistics::{self, FOOTER_BYTES, Teller};
use crate::engine::Shared;
use crate::streams::schema::{OFFSET, Schema};
use crate::streams::tail::Range;
use base::Problem;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::Int64Type;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExecBuilder;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Under which address queries know the blobs.
const BLOBS: &str = "craton://blobs";

/// Returns the address of the blobs.
///
/// # Errors
/// Never.
pub(crate) fn blobs_url() -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(BLOBS)
}

/// The rows of a stream up to an offset, as of one commit.
#[derive(Debug, Clone)]
pub(crate) struct Extent {
    /// The offset at which the stream begins.
    pub(crate) from: u64,
    /// The folder of the files.
    pub(crate) folder: String,
    /// The files that hold rows before the end, in the order of their rows. The last may hold rows behind the end.
    pub(crate) files: Arc<Vec<File>>,
    /// The rows that are in the log only.
    pub(crate) tail: Range,
    /// How often rows were taken out of the files.
    pub(crate) cut: u64,
}

impl Extent {
    /// Returns the offset behind the last row.
    pub(crate) fn end(&self) -> u64 {
        self.tail.end
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.tail.schema
    }

    /// Returns the extent without the rows before an offset.
    pub(crate) fn after(mut self, from: u64) -> Self {
        let from = from.min(self.tail.end);
        if self.from < from {
            self.from = from;
            self.tail.base = self.tail.base.max(from);
            let files = self.files.iter().filter(|file| from < file.end).cloned().collect();
            self.files = Arc::new(files);
        }
        self
    }

    /// Returns the extent without the rows from an offset on.
    pub(crate) fn upto(mut self, end: u64) -> Self {
        let end = end.max(self.from);
        if end < self.tail.end {
            self.tail.end = end;
            self.tail.base = self.tail.base.min(end);
            let files = self.files.iter().filter(|file| file.start < end).cloned().collect();
            self.files = Arc::new(files);
        }
        self
    }
}

/// What is read of files.
pub(crate) struct FileScan<'a> {
    pub(crate) folder: &'a str,
    pub(crate) files: &'a [File],
    /// The columns as SQL sees them.
    pub(crate) schema: &'a SchemaRef,
    pub(crate) projection: Option<&'a Vec<usize>>,
    /// By what rows may be left out.
    pub(crate) filters: &'a [Expr],
    pub(crate) limit: Option<usize>,
    /// Rows by their place in the file; all of a file that is not named where `None`.
    pub(crate) places: Option<&'a BTreeMap<u64, Vec<u64>>>,
}

/// Plans to read files.
///
/// # Errors
/// Where the plan cannot be made, which is a defect.
pub(crate) fn files(session: &dyn Session, scan: &FileScan<'_>) -> Result<Arc<dyn ExecutionPlan>> {
    let runtime = session.runtime_env();
    let url = blobs_url()?;
    let store = runtime.object_store(&url)?;
    let reader = CachedParquetFileReaderFactory::new(
        Arc::clone(&store),
        runtime.cache_manager.get_file_metadata_cache(),
    );
    let mut source = ParquetSource::new(Arc::clone(scan.schema))
        .with_parquet_file_reader_factory(Arc::new(reader))
        .with_enable_page_index(true)
        .with_metadata_size_hint(FOOTER_BYTES);
    if let Some(filter) = conjunction(scan.filters.iter().cloned()) {
        let schema = DFSchema::try_from(Arc::clone(scan.schema))?;
        source = source.with_predicate(session.create_physical_expr(filter, &schema)?);
    }
    let teller = Teller::new(store.as_ref(), &runtime.cache_manager, scan.schema);
    let (parts, statistics) = parts(&teller, scan)?;
    let groups = FileGroup::new(parts).split_files(session.config().target_partitions());
    let config = FileScanConfigBuilder::new(url, Arc::new(source))
        .with_file_groups(groups)
        .with_statistics(statistics)
        .with_projection_indices(scan.projection.cloned())?
        .with_limit(scan.limit)
        .with_expr_adapter(Some(Arc::new(Instants::new(session.config().options()))))
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// Returns the files that are read, and what is known of them together.
fn parts(teller: &Teller<'_>, scan: &FileScan<'_>) -> Result<(Vec<PartitionedFile>, Statistics)> {
    let (mut rows, mut parts, mut told) = (0, Vec::new(), Vec::new());
    for file in scan.files {
        let meta = object::meta(Path::from(format!("{}/{}", scan.folder, file.path)), file.bytes);
        let part = PartitionedFile::new_from_meta(meta.clone());
        parts.push(match scan.places.map(|places| places.get(&file.number)) {
            Some(None) => continue,
            Some(Some(places)) => {
                rows += places.len();
                told.push(teller.tell(&meta)?);
                part.with_extension(selection(places, file.rows))
            }
            None => {
                rows += usize::try_from(file.rows).unwrap_or(usize::MAX);
                let known = teller.tell(&meta)?;
                told.push(Arc::clone(&known));
                part.with_statistics(known)
            }
        });
    }
    let mut known = Statistics::try_merge_iter(told.iter().map(Arc::as_ref), scan.schema)?;
    if scan.places.is_some() {
        known.column_statistics = statistics::guess(&known);
    }
    known.num_rows = Precision::Exact(rows);
    Ok((parts, known))
}

/// Selects rows by their places, which ascend.
fn selection(
    places: &[u64],
    rows: u64,
) -> datafusion::datasource::physical_plan::parquet::ParquetRowSelection {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (mut selectors, mut at) = (Vec::new(), 0);
    for place in places {
        selectors.push(RowSelector::skip(size(place - at)));
        selectors.push(RowSelector::select(1));
        at = place + 1;
    }
    selectors.push(RowSelector::skip(size(rows.saturating_sub(at))));
    datafusion::datasource::physical_plan::parquet::ParquetRowSelection::new(RowSelection::from(
        selectors,
    ))
}

/// Plans to read the files of an extent: of those that reach beyond it only what stands in it.
///
/// # Errors
/// As [`files`].
pub(crate) fn sealed(
    session: &dyn Session,
    extent: &Extent,
    projection: Option<&Vec<usize>>,
    filters: &[Expr],
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = &extent.schema().arrow;
    let is_outside = |file: &File| file.start < extent.from || extent.end() < file.end;
    let is_cut = extent.files.iter().any(is_outside);
    let scan = |projection: Option<&Vec<usize>>, limit| {
        let scan = FileScan {
            folder: &extent.folder,
            files: &extent.files,
            schema,
            projection,
            filters,
            limit,
            places: None,
        };
        files(session, &scan)
    };
    if !is_cut {
        return scan(projection, limit);
    }
    let mut columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
    let wanted: Vec<usize> = (0..columns.len()).collect();
    let offset = extent.schema().offset_column();
    if !columns.contains(&offset) {
        columns.push(offset);
    }
    let input = scan(Some(&columns), None)?;
    let offset = |offset: u64| lit(i64::try_from(offset).unwrap_or(i64::MAX));
    let inside = col(OFFSET).gt_eq(offset(extent.from)).and(col(OFFSET).lt(offset(extent.end())));
    let schema = DFSchema::try_from(input.schema())?;
    let inside = session.create_physical_expr(inside, &schema)?;
    let filter = FilterExecBuilder::new(inside, input).apply_projection(Some(wanted))?;
    Ok(Arc::new(filter.with_fetch(limit).build()?))
}

/// Returns where rows stand in a file, by their offsets, which ascend. Offsets that the file does not hold are left out.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn places(
    shared: &Shared,
    folder: &str,
    file: &File,
    offsets: &[u64],
) -> Result<Vec<u64>, Problem> {
    if file.end - file.start == file.rows {
        return Ok(offsets.iter().map(|offset| offset - file.start).collect());
    }
    // Rows were left out of this file.
    let (mut found, mut wanted, mut place) = (Vec::new(), offsets.iter().peekable(), 0);
    let part = Part { columns: Some(&[OFFSET]), ..Part::default() };
    file::read(&shared.blobs, folder, file, part, &mut |batch| {
        for offset in batch.column(0).as_primitive::<Int64Type>().values() {
            let offset = u64::try_from(*offset).unwrap_or(u64::MAX);
            while wanted.next_if(|wanted| **wanted < offset).is_some() {}
            if wanted.next_if(|wanted| **wanted == offset).is_some() {
                found.push(place);
            }
            place += 1;
        }
        Ok(())
    })?;
    Ok(found)
}

/// Returns the number of the first row of a file that stands at or behind an offset.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn place_from(
    shared: &Shared,
    folder: &str,
    file: &File,
    offset: u64,
) -> Result<u64, Problem> {
    if offset <= file.start {
        return Ok(0);
    }
    if file.end - file.start == file.rows {
        return Ok(offset - file.start);
    }
    let mut place = 0;
    let part = Part { columns: Some(&[OFFSET]), ..Part::default() };
    file::read(&shared.blobs, folder, file, part, &mut |batch| {
        let offsets = batch.column(0).as_primitive::<Int64Type>().values().iter();
        place += offsets
            .filter(|found| u64::try_from(**found).is_ok_and(|found| found < offset))
            .count() as u64;
        Ok(())
    })?;
    Ok(place)
}

/// Returns the offset of the row that stands at a place in a file, the first at 0; that behind the last where there is none.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn offset_at(
    shared: &Shared,
    folder: &str,
    file: &File,
    place: u64,
) -> Result<u64, Problem> {
    if file.end - file.start == file.rows {
        return Ok((file.start + place).min(file.end));
    }
    let skip = usize::try_from(place).unwrap_or(usize::MAX);
    let part = Part { columns: Some(&[OFFSET]), skip, limit: Some(1) };
    let mut found = file.end;
    file::read(&shared.blobs, folder, file, part, &mut |batch| {
        let offsets = batch.column(0).as_primitive::<Int64Type>().values();
        found = offsets.first().map_or(found, |offset| u64::try_from(*offset).unwrap_or(found));
        Ok(())
    })?;
    Ok(found)
}
