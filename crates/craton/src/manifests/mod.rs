//! Manifests: a folder of YAML files in, checked documents with the place of every field out.

pub mod application;
mod check;
mod folder;
pub mod node;
pub mod parameters;
mod places;
mod source;

pub use folder::{Filling, Folder, Written, read, read_from, read_with};
pub use source::{Unpacked, inside, is_yaml};

use node::Node;
use serde_json::Value;

/// Limits of what is read from a folder.
mod limits {
    /// The largest YAML file in bytes.
    pub const FILE_BYTES_MAX: u64 = 1 << 20;
    /// The largest file that a manifest names, in bytes.
    pub const SOURCE_BYTES_MAX: u64 = 4 << 20;
    /// Files in one folder.
    pub const FILES_MAX: usize = 1_000;
    /// How deeply folders may lie in folders.
    pub const FOLDER_DEPTH_MAX: usize = 8;
    /// How deeply YAML may be nested.
    pub const DEPTH_MAX: usize = 64;
    /// Nodes in one YAML file.
    pub const NODES_MAX: usize = 200_000;
    /// Documents in one YAML file.
    pub const DOCUMENTS_MAX: usize = 1_000;
    /// Problems that are shown at once.
    pub const PROBLEMS_MAX: usize = 20;
}

/// One manifest as it was written.
#[derive(Debug)]
pub struct Manifest {
    /// The file, as it is shown to the user.
    file: String,
    /// What was written, with places.
    node: Node,
    /// What is sent.
    value: Value,
    /// The file whose text went into `spec.source`, as it is shown to the user.
    source: Option<String>,
}

impl Manifest {
    /// Returns a text field by its JSON pointer, empty where there is none.
    fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}
