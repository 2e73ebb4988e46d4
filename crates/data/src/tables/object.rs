//! Blobs as DataFusion reads them: ranges of bytes, nothing else.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use std::ops::Range;
use std::sync::Arc;
use store::Blobs;

/// Blobs, to be read only.
pub(crate) struct BlobReader {
    blobs: Arc<dyn Blobs>,
}

impl BlobReader {
    pub(crate) fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs }
    }

    fn read(&self, name: &Path, range: Range<u64>) -> Result<Bytes> {
        let bytes = self.blobs.read(name.as_ref(), range);
        bytes.map(Bytes::from).map_err(|error| failed(Box::new(error)))
    }
}

/// Says what a blob is, for a reader that knows its size. Blobs never change, so the time says nothing.
pub(crate) fn meta(location: Path, size: u64) -> ObjectMeta {
    ObjectMeta { location, last_modified: Default::default(), size, e_tag: None, version: None }
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Generic { store: "blobs", source }
}

fn refused() -> Error {
    failed("blobs are only read here".into())
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobReader")
    }
}

impl std::fmt::Display for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("blobs")
    }
}

#[async_trait::async_trait]
impl ObjectStore for BlobReader {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused())
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let size = self.blobs.size(location.as_ref()).map_err(|error| failed(Box::new(error)))?;
        let size = size.ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "there is no such blob".into(),
        })?;
        let range = match &options.range {
            Some(range) => range.as_range(size).map_err(|error| failed(Box::new(error)))?,
            None => 0..size,
        };
        let bytes = if options.head { Bytes::new() } else { self.read(location, range.clone())? };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
            meta: meta(location.clone(), size),
            range,
            attributes: Attributes::new(),
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        ranges.iter().map(|range| self.read(location, range.clone())).collect()
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::iter([Err(refused())]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([Err(refused())]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(refused())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused())
    }
}
