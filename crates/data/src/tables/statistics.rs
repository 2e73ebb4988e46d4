//! What the planner is told of files: how many rows there are, and between which values. It comes out of the files and is
//! remembered; files never change. With it joins begin at the smaller side, and a file that cannot hold what is wanted is not
//! opened.

use super::file::file_type;
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::cache::cache_manager::{CacheManager, CachedFileMetadata};
use datafusion::execution::cache::{SchemaFingerprint, TableScopedPath};
use futures::FutureExt;
use object_store::{ObjectMeta, ObjectStore};
use std::sync::Arc;

/// Bytes of the end of a file that are read at once: mostly all that is known of it.
pub(super) const FOOTER_BYTES: usize = 512 << 10;

/// Tells of files that have the same columns.
pub(super) struct Teller<'a> {
    store: &'a dyn ObjectStore,
    caches: &'a CacheManager,
    /// The columns as SQL sees them.
    seen: &'a SchemaRef,
    /// The columns as they are in files.
    stored: SchemaRef,
    fingerprint: Arc<SchemaFingerprint>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        store: &'a dyn ObjectStore,
        caches: &'a CacheManager,
        seen: &'a SchemaRef,
    ) -> Self {
        let fields = seen
            .fields()
            .iter()
            .map(|field| Field::new(field.name(), file_type(field.data_type()), true));
        let stored = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        let fingerprint = Arc::new(SchemaFingerprint::from_schema(&stored));
        Self { store, caches, seen, stored, fingerprint }
    }

    /// Returns what is known of a file.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(super) fn tell(&self, file: &ObjectMeta) -> Result<Arc<Statistics>> {
        let key = TableScopedPath { table: None, path: file.location.clone() };
        let cache = self.caches.get_file_statistic_cache();
        let held = cache.as_ref().and_then(|cache| cache.get(&key));
        if let Some(held) = held.filter(|held| held.is_valid_for(file, &self.fingerprint)) {
            return Ok(held.statistics);
        }
        let footer = DFParquetMetadata::new(self.store, file)
            .with_metadata_size_hint(Some(FOOTER_BYTES))
            .with_file_metadata_cache(Some(self.caches.get_file_metadata_cache()));
        // Blobs are read at once. Of what would have to be waited for, nothing is told.
        let Some(told) = footer.fetch_statistics(&self.stored).now_or_never() else {
            return Ok(Arc::new(Statistics::new_unknown(self.seen)));
        };
        let told = Arc::new(self.as_seen(told?)?);
        if let Some(cache) = cache {
            let fingerprint = Arc::clone(&self.fingerprint);
            let entry = CachedFileMetadata::new(file.clone(), fingerprint, Arc::clone(&told), None);
            cache.put(&key, entry);
        }
        Ok(told)
    }

    /// Returns what is known of a file in the types that SQL sees.
    fn as_seen(&self, mut told: Statistics) -> Result<Statistics> {
        for (column, field) in told.column_statistics.iter_mut().zip(self.seen.fields()) {
            column.min_value = bound(&column.min_value, field.data_type())?;
            column.max_value = bound(&column.max_value, field.data_type())?;
        }
        Ok(told)
    }
}

/// Returns what may be guessed of a few rows from what is known of many: between which values they are.
pub(crate) fn guess(known: &Statistics) -> Vec<ColumnStatistics> {
    let columns = known.column_statistics.iter().map(|known| ColumnStatistics {
        min_value: known.min_value.clone().to_inexact(),
        max_value: known.max_value.clone().to_inexact(),
        ..ColumnStatistics::new_unknown()
    });
    columns.collect()
}

fn bound(value: &Precision<ScalarValue>, data_type: &DataType) -> Result<Precision<ScalarValue>> {
    if value.get_value().is_none_or(ScalarValue::is_null) {
        return Ok(Precision::Absent);
    }
    let value = value.cast_to(data_type)?;
    // Files order the two zeros, and what is no number, otherwise than SQL: such bounds are a guess.
    Ok(if data_type.is_floating() { value.to_inexact() } else { value })
}
