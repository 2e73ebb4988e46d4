//! The documents of an OCI image layout, as far as a package needs them (OCI image specification 1.1).

use base::{hex, is_digest, sha256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What kind of artifact a package is.
pub const APPLICATION: &str = "application/vnd.craton.application.v1";
/// What kind of artifact its signature is.
pub const SIGNATURE: &str = "application/vnd.craton.signature.v1";
/// The media type of its config.
pub const CONFIG: &str = "application/vnd.craton.application.config.v1+json";
/// The media type of its layer.
pub const LAYER: &str = "application/vnd.craton.application.layer.v1.tar+gzip";
/// The media type of a signature's blob.
pub const SIGNED: &str = "application/vnd.craton.signature.v1+json";
/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of a config that says nothing.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A config that says nothing.
pub const EMPTY_BYTES: &[u8] = b"{}";
/// What `oci-layout` says.
pub const LAYOUT_VERSION: &str = "1.0.0";

/// Points at a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:` and the digest in hexadecimal digits.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// What kind of artifact it is, of manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Returns the descriptor of a blob.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.into(),
            digest: format!("sha256:{}", hex(&sha256(bytes))),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Returns the digits of the digest; nothing where it is of another kind.
    pub fn digits(&self) -> Option<&str> {
        self.digest.strip_prefix("sha256:").filter(|digits| is_digest(digits))
    }
}

/// An artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`MANIFEST`].
    #[serde(default)]
    pub media_type: String,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its config.
    pub config: Descriptor,
    /// Its layers.
    pub layers: Vec<Descriptor>,
    /// What it is about, of a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Returns the manifest of an application.
    pub fn application(
        config: Descriptor,
        layer: Descriptor,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.into(),
            artifact_type: Some(APPLICATION.into()),
            config,
            layers: vec![layer],
            subject: None,
            annotations,
        }
    }

    /// Returns the manifest of a signature.
    pub fn signature(subject: Descriptor, signed: Descriptor) -> Self {
        // A subject is named by type, digest and size alone.
        let subject = Descriptor { artifact_type: None, annotations: BTreeMap::new(), ..subject };
        Self {
            schema_version: 2,
            media_type: MANIFEST.into(),
            artifact_type: Some(SIGNATURE.into()),
            config: Descriptor::of(EMPTY, EMPTY_BYTES),
            layers: vec![signed],
            subject: Some(subject),
            annotations: BTreeMap::new(),
        }
    }
}

/// All that is in a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
}

impl Index {
    /// Returns an index of manifests.
    pub fn of(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX.into(), manifests }
    }
}
