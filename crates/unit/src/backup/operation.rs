//! `unit.backup`: a unit that runs gives itself as it stands at the last commit, for `craton backup`.

use super::source::{Parts, running};
use super::stream::MEDIA;
use base::Problem;
use data::Data;
use exchange::Exchange;
use kernel::{
    Call, Engine, KindOf, Operation, Read, Reader, Relation, Reply, Right, operation, read,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The engine that answers `unit.backup`.
pub(crate) struct Backups {
    /// The unit's folder.
    folder: PathBuf,
    data: Arc<Data>,
    exchange: Arc<Exchange>,
}

/// What whoever takes a backup has already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Has {
    /// Pieces, by their hashes.
    #[serde(default)]
    known: HashSet<String>,
    /// The hash of the manifest before.
    #[serde(default)]
    previous: String,
}

impl Backups {
    pub(crate) fn new(folder: &Path, data: &Arc<Data>, exchange: &Arc<Exchange>) -> Self {
        Self { folder: folder.to_owned(), data: Arc::clone(data), exchange: Arc::clone(exchange) }
    }

    fn backup(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let Has { known, previous } = call.parameters()?;
        // The reader's own view would only keep the store from shrinking its log.
        reader.release();
        let parts = Parts {
            folder: &self.folder,
            kernel: reader.kernel(),
            data: &self.data,
            exchange: &self.exchange,
        };
        let frames = running(&parts, known, previous)?;
        Ok(Reply::Stream { media: MEDIA, pieces: Box::new(frames) })
    }
}

impl Engine for Backups {
    fn name(&self) -> &'static str {
        "backup"
    }

    fn kinds(&self) -> Vec<KindOf> {
        Vec::new()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![
            operation(
                "unit.backup",
                Right::Manage,
                "Gives the unit as it stands at one commit, in pieces, for `craton backup`.",
                read(&self, Self::backup),
            )
            .on_kind()
            .takes(json!({
                "type": "object",
                "properties": {
                    "known": {"type": "array", "items": {"type": "string"}},
                    "previous": {"type": "string"},
                },
            }))
            .answers(json!({"contentMediaType": MEDIA}))
            .while_closed(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }
}
