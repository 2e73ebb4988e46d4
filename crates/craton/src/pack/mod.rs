//! Packages: a folder's application as a signed artifact that others install.
//!
//! A package is an OCI image layout, as a folder or as a tar of one: a manifest with a config that says what the application asks
//! for, one layer with its files, and a signature beside it. What reads one trusts nothing in it: every part is bounded, every
//! blob is held against its digest, and what the config says is worked out anew from the files.

mod asks;
mod content;
mod error;
pub mod installed;
pub mod layer;
mod layout;
mod may;
mod oci;
mod package;
#[cfg(test)]
mod tests;
pub mod trust;
mod version;

pub use asks::Asks;
pub use content::Content;
pub use error::Error;
pub use may::{May, check};
pub use package::{Draft, Package, Signing};
pub use version::Version;

/// Limits of packages.
pub mod limits {
    /// A package in bytes, all its blobs together.
    pub const PACKAGE_BYTES_MAX: u64 = 64 << 20;
    /// The files of a package in bytes, unpacked.
    pub const FILES_BYTES_MAX: u64 = 64 << 20;
    /// Files in a package.
    pub const FILES_MAX: usize = 1_000;
    /// One file in bytes.
    pub const FILE_BYTES_MAX: u64 = 4 << 20;
    /// The path of a file in bytes.
    pub const PATH_BYTES_MAX: usize = 100;
    /// How deeply folders may lie in folders.
    pub const FOLDER_DEPTH_MAX: usize = 8;
    /// A document of the layout (`index.json`, a manifest, a config, a signature) in bytes.
    pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
    /// Entries in the tar of a layout.
    pub const ENTRIES_MAX: usize = 256;
    /// Manifests that the index of a layout names.
    pub const MANIFESTS_MAX: usize = 32;
}
