//! A package as a whole: made of an application's folder, or read and checked.

use super::asks::{self, Asks, Given};
use super::content::Content;
use super::layer::{self, Files};
use super::layout::Layout;
use super::oci::{self, Descriptor, Manifest};
use super::{Error, Version};
use crate::manifests::application::{Needed, Spec};
use crate::manifests::parameters::{self, Parameter, Values};
use crate::manifests::{self, Filling, Folder, Unpacked, Written};
use base::{Place, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use unit::{PackageSignature, Stated};

/// The version of a config's form.
const CONFIG_VERSION: u32 = 1;
/// Kinds that no package carries.
const NOT_CARRIED: [(&str, &str); 3] = [
    ("User", "who works in a unit is that unit's business"),
    ("IdentityProvider", "who signs in to a unit is that unit's business"),
    ("Package", "only an installation makes this record"),
];

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this form.
    pub v: u32,
    /// The name of the application.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for, in a line.
    pub summary: String,
    /// What it is for, in full.
    pub description: String,
    /// Values that differ from unit to unit.
    pub parameters: Vec<Parameter>,
    /// Its manifests, by kind.
    pub kinds: BTreeMap<String, u64>,
    /// What it asks for, as written: with placeholders.
    pub asks: Asks,
    /// Users that stand in the application's folder and are not carried.
    pub users_left_out: u64,
}

impl Config {
    /// Works out what a package says of itself.
    fn of(folder: &Folder, version: &str, users_left_out: u64) -> Result<Self, Problem> {
        let spec = folder.declared.as_ref().map(|declared| declared.spec.clone());
        let spec: Spec = spec.unwrap_or_default();
        let written = folder.written();
        let given: Vec<Given<'_>> = written.iter().map(given).collect();
        refuse_foreign(&given)?;
        Ok(Self {
            v: CONFIG_VERSION,
            name: folder.application.clone(),
            version: Version::parse(version)?.as_str().to_owned(),
            kinds: asks::kinds(&given),
            asks: Asks::of(&given, &spec.contracts)?,
            summary: spec.summary,
            description: spec.description,
            parameters: spec.parameters,
            users_left_out,
        })
    }
}

fn given<'a>(written: &'a Written<'_>) -> Given<'a> {
    Given { manifest: &written.value, source: written.source, place: Some(&written.place) }
}

/// Refuses manifests that no package carries.
fn refuse_foreign(given: &[Given<'_>]) -> Result<(), Error> {
    for one in given {
        let kind = one.manifest.get("kind").and_then(Value::as_str).unwrap_or_default();
        if let Some((kind, reason)) = NOT_CARRIED.into_iter().find(|(name, _)| *name == kind) {
            let at = one.place.map(Place::to_string).unwrap_or_default();
            return Err(Error::Content {
                path: format!("a manifest of the kind {kind} at {at}"),
                reason,
            });
        }
    }
    Ok(())
}

/// A package that is being made.
#[derive(Debug)]
pub struct Draft {
    /// What it says of itself.
    pub config: Config,
    layout: Layout,
    manifest: Descriptor,
    signature: Option<Descriptor>,
}

impl Draft {
    /// Makes a package of a folder's content. `name` and `version` count before what `craton.yaml` says.
    ///
    /// # Errors
    /// What is wrong with the manifests, the diagrams or the policies; `package.version`, `package.too_large`.
    pub fn make(
        root: &Path,
        content: &Content,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Self, Problem> {
        let source = Unpacked { root, files: &content.files };
        let folder = manifests::read_from(&source, name, Filling::StandIns)?;
        let said = folder.declared.as_ref().map(|declared| declared.spec.version.clone());
        let version = version.map(str::to_owned).or(said).filter(|text| !text.is_empty());
        let version = version.ok_or_else(|| Error::Version {
            reason: "the application has no version".into(),
            hint: "write `version: 1.0.0` into craton.yaml, or `--version 1.0.0`".into(),
        })?;
        let config = Config::of(&folder, &version, content.users)?;
        let mut layout = Layout::empty();
        let about = layout.add_document(oci::CONFIG, &config)?;
        let files = layout.add(oci::LAYER, layer::pack(&content.files)?);
        let manifest = Manifest::application(about, files, annotations(&config));
        let mut manifest = layout.add_document(oci::MANIFEST, &manifest)?;
        manifest.artifact_type = Some(oci::APPLICATION.into());
        Ok(Self { config, layout, manifest, signature: None })
    }

    /// Returns what there is to sign.
    pub fn stated(&self) -> Stated {
        stated(&self.config, &self.manifest)
    }

    /// Puts a signature beside it.
    ///
    /// # Errors
    /// `package.damaged` where it cannot be written, which is a defect.
    pub fn sign(&mut self, signature: &PackageSignature) -> Result<(), Error> {
        let signed = self.layout.add_document(oci::SIGNED, signature)?;
        let manifest = Manifest::signature(self.manifest.clone(), signed);
        self.layout.add(&manifest.config.media_type, oci::EMPTY_BYTES.to_vec());
        let mut descriptor = self.layout.add_document(oci::MANIFEST, &manifest)?;
        descriptor.artifact_type = Some(oci::SIGNATURE.into());
        self.signature = Some(descriptor);
        Ok(())
    }

    /// Returns the whole as a layout.
    ///
    /// # Errors
    /// `package.damaged` where it cannot be written, which is a defect.
    pub fn finish(mut self) -> Result<Layout, Error> {
        let mut named = self.manifest.clone();
        named.annotations.insert("org.opencontainers.image.ref.name".into(), self.config.version);
        let manifests = std::iter::once(named).chain(self.signature).collect();
        self.layout.set_index(manifests)?;
        Ok(self.layout)
    }
}

fn annotations(config: &Config) -> BTreeMap<String, String> {
    let pairs =
        [("title", &config.name), ("version", &config.version), ("description", &config.summary)];
    let filled = pairs.into_iter().filter(|(_, text)| !text.is_empty());
    filled.map(|(name, text)| (format!("org.opencontainers.image.{name}"), text.clone())).collect()
}

fn stated(config: &Config, manifest: &Descriptor) -> Stated {
    Stated {
        name: config.name.clone(),
        version: config.version.clone(),
        digest: manifest.digest.clone(),
        size: manifest.size,
    }
}

/// Who stands behind a package.
#[derive(Debug, Clone, PartialEq)]
pub enum Signing {
    /// Nobody.
    Nobody,
    /// Units, each with a signature that proves itself.
    By(Vec<PackageSignature>),
}

/// A package that was read: every blob is what its digest says, its signatures prove themselves, and what it says that it asks for
/// is what its files ask for.
#[derive(Debug)]
pub struct Package {
    /// What it says of itself.
    pub config: Config,
    /// Who stands behind it.
    pub signing: Signing,
    root: PathBuf,
    manifest: Descriptor,
    files: Files,
}

impl Package {
    /// Reads a package: a folder or a tar.
    ///
    /// # Errors
    /// `package.*` with what is wrong, and what is wrong with its manifests.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        Self::of(path, &Layout::open(path)?)
    }

    /// Reads a package from its layout.
    ///
    /// # Errors
    /// As [`Package::open`].
    pub fn of(path: &Path, layout: &Layout) -> Result<Self, Problem> {
        let (at, application, signatures) = parts(layout)?;
        let [layer] = &application.layers[..] else {
            return Err(layout.wrong("its manifest has not one layer".into()).into());
        };
        let config: Config = layout.read(&application.config, oci::CONFIG)?;
        if config.v != CONFIG_VERSION {
            return Err(layout.wrong(format!("its form {} is not known", config.v)).into());
        }
        let stated = stated(&config, &at);
        let signing = signing(layout, &at, &signatures, &stated)?;
        let files = layer::unpack(layout.blob(layer, oci::LAYER)?)?;
        let package = Self { config, signing, root: path.to_owned(), manifest: at, files };
        package.check_config()?;
        Ok(package)
    }

    /// Holds what the package says of itself against its files.
    fn check_config(&self) -> Result<(), Problem> {
        let folder = self.read(Filling::StandIns)?;
        let found = Config::of(&folder, &self.config.version, self.config.users_left_out)?;
        if found == self.config {
            return Ok(());
        }
        let said = serde_json::to_value(&self.config).unwrap_or_default();
        let found = serde_json::to_value(&found).unwrap_or_default();
        let reason = first_difference(&said, &found, "").unwrap_or_else(|| "/".into());
        Err(Error::Config { reason: format!("`{reason}` is not what its files say") }.into())
    }

    fn read(&self, filling: Filling<'_>) -> Result<Folder, Problem> {
        let source = Unpacked { root: &self.root, files: &self.files };
        manifests::read_from(&source, Some(&self.config.name), filling)
    }

    /// Returns its manifests with values of parameters: those said before, and those said now (`NAME=VALUE`).
    ///
    /// # Errors
    /// `cli.usage` where a value is missing or does not fit.
    pub fn folder(&self, before: &Values, said: &[String]) -> Result<Folder, Problem> {
        self.read(Filling::Said(before, said))
    }

    /// Returns what the manifests of a package ask for, with values of parameters.
    ///
    /// # Errors
    /// What is wrong with a policy or a diagram once the values stand in it.
    pub fn asks(folder: &Folder) -> Result<Asks, Problem> {
        let given: Vec<Given<'_>> = folder
            .values()
            .into_iter()
            .map(|manifest| Given {
                manifest,
                source: manifest.pointer("/spec/source").and_then(Value::as_str),
                place: None,
            })
            .collect();
        // A value may not turn a manifest into one of a kind that no package carries.
        refuse_foreign(&given)?;
        let declared = folder.declared.as_ref();
        let contracts = declared.map(|declared| declared.spec.contracts.clone());
        let filled = contracts.unwrap_or_default().into_iter().map(|needed| {
            let mut peer = Value::String(needed.peer);
            // A placeholder that is none was refused with the manifests, or stays to be seen.
            let _ = parameters::put(&mut peer, &folder.values);
            Needed { peer: crate::output::plain(&peer), ..needed }
        });
        Asks::of(&given, &filled.collect::<Vec<_>>())
    }

    /// Returns the digest of its manifest, which names it.
    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// Returns the size of its manifest in bytes.
    pub fn size(&self) -> u64 {
        self.manifest.size
    }
}

/// Returns the one application of a layout, and the signatures beside it.
fn parts(layout: &Layout) -> Result<(Descriptor, Manifest, Vec<Manifest>), Error> {
    let mut applications = Vec::new();
    let mut signatures = Vec::new();
    for at in layout.manifests()? {
        let manifest: Manifest = layout.read(&at, oci::MANIFEST)?;
        match manifest.artifact_type.as_deref() {
            Some(oci::APPLICATION) => applications.push((at, manifest)),
            Some(oci::SIGNATURE) => signatures.push(manifest),
            // Others may put beside it what they like; it is not looked at.
            _ => {}
        }
    }
    if applications.len() != 1 {
        let count = applications.len();
        return Err(layout.wrong(format!("it has {count} applications instead of one")));
    }
    let (at, manifest) = applications.remove(0);
    Ok((at, manifest, signatures))
}

/// Checks every signature. One that does not prove itself is refused, whoever else signed.
fn signing(
    layout: &Layout,
    at: &Descriptor,
    manifests: &[Manifest],
    stated: &Stated,
) -> Result<Signing, Problem> {
    let mut signatures = Vec::new();
    for manifest in manifests {
        let is_about_it = manifest
            .subject
            .as_ref()
            .is_some_and(|subject| subject.digest == at.digest && subject.size == at.size);
        let [blob] = &manifest.layers[..] else {
            return Err(layout.wrong("a signature has not one layer".into()).into());
        };
        if !is_about_it {
            return Err(layout.wrong("a signature is about something else".into()).into());
        }
        let signature: PackageSignature = layout.read(blob, oci::SIGNED)?;
        signature.check(stated)?;
        signatures.push(signature);
    }
    Ok(if signatures.is_empty() { Signing::Nobody } else { Signing::By(signatures) })
}

/// Returns where two values first differ, as a JSON pointer.
fn first_difference(left: &Value, right: &Value, at: &str) -> Option<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys());
            names.into_iter().find_map(|name| {
                let none = Value::Null;
                let (left, right) =
                    (left.get(name).unwrap_or(&none), right.get(name).unwrap_or(&none));
                first_difference(left, right, &format!("{at}/{name}"))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            let mut found = pairs.map(|(place, (left, right))| {
                first_difference(left, right, &format!("{at}/{place}"))
            });
            found.find_map(|found| found)
        }
        _ => (left != right).then(|| at.to_owned()),
    }
}
