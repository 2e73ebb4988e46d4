//! The support bundle: what somebody needs who helps from outside, and nothing that he must not see. No rows, no variables, no
//! secrets: values of secret keys and tokens are masked. The first file in it lists the others with their hashes.

use crate::sight::{Sight, VERSION};
use crate::{Config, Error, files, mask};
use base::Problem;
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::{Read, Reader, Scan};
use serde_json::{Value, json};

/// The media type of the bundle.
pub(crate) const MEDIA: &str = "application/gzip";

/// The version of the bundle's form.
const FORM: u32 = 1;

/// Bytes of the log that go with it.
const LOG_BYTES_MAX: u64 = 2 << 20;

/// Rows of a relation that are counted; further ones are `more`.
const ROWS_COUNTED_MAX: u64 = 100_000;

/// A file in the bundle.
struct File {
    name: &'static str,
    about: &'static str,
    text: String,
}

/// Makes the bundle.
///
/// # Errors
/// `unit.support`, or where the store cannot be read.
pub(crate) fn bundle(sight: &Sight, reader: &Reader) -> Result<Vec<u8>, Problem> {
    let files = contents(sight, reader)?;
    let listed = files.iter().map(|file| {
        json!({
            "name": file.name, "about": file.about, "bytes": file.text.len(),
            "sha256": base::hex(&base::sha256(file.text.as_bytes())),
        })
    });
    let manifest = json!({
        "form": FORM,
        "unit": sight.unit(),
        "version": VERSION,
        "made_at": reader.kernel().clock().wall(),
        "files": listed.collect::<Vec<_>>(),
    });
    let first = pretty(&manifest);
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let seconds = u64::try_from(reader.kernel().clock().wall().0 / 1_000).unwrap_or(0);
    let failed = |source| Error::Support { source };
    let all = std::iter::once(("manifest.json", first.as_str()));
    for (name, text) in all.chain(files.iter().map(|file| (file.name, file.text.as_str()))) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(seconds);
        archive
            .append_data(&mut header, format!("support/{name}"), text.as_bytes())
            .map_err(failed)?;
    }
    let bytes = archive.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
    Ok(bytes)
}

fn contents(sight: &Sight, reader: &Reader) -> Result<Vec<File>, Problem> {
    let kernel = reader.kernel();
    let file = |name, about, text| File { name, about, text };
    let parts = sight.running().map(|running| running.health.parts(&running.handle));
    let log = sight.running().and_then(|running| running.logger.tail(LOG_BYTES_MAX));
    let log = log.unwrap_or_else(|| {
        "the log goes to standard error; `log_file` in unit.toml keeps one\n".into()
    });
    let health = json!({
        "not_ready": parts,
        "commit": reader.commit()?,
        "queue": kernel.meters().queued(),
        "has_leftovers": kernel.has_leftovers(),
        "business": kernel.clock().business(),
        "wall": kernel.clock().wall(),
        "clock_is_driven": kernel.clock().is_driven(),
    });
    let versions = json!({
        "craton": VERSION,
        "system": std::env::consts::OS,
        "processor": std::env::consts::ARCH,
        "is_debug": cfg!(debug_assertions),
    });
    Ok(vec![
        file("versions.json", "what runs, and on what", pretty(&versions)),
        file(
            "health.json",
            "whether the unit takes requests, and where it stands",
            pretty(&health),
        ),
        file(
            "configuration.json",
            "unit.toml with all defaults; secrets masked",
            pretty(&configuration(sight)?),
        ),
        file("resources.ndjson", "all manifests; secrets masked", resources(reader)?),
        file("metrics.txt", "what `GET /metrics` tells", kernel.exposition(reader)?.text()),
        file("relations.csv", "how many rows the system relations have", relations(reader)?),
        file("store.json", "sizes of the unit's files", pretty(&sizes(sight))),
        file("log.txt", "the end of the log", mask::known(kernel, &log)),
    ])
}

/// Returns the configuration with its defaults. What it refers to, keys and certificates, is not in it.
fn configuration(sight: &Sight) -> Result<Value, Problem> {
    let config = Config::read(sight.folder())?;
    let mut value = serde_json::to_value(&config)
        .map_err(|error| kernel::Error::Internal { detail: error.to_string() })?;
    // An address may carry a name and a password, or a key in its query.
    if let Some(endpoint) = value.get_mut("trace_endpoint") {
        *endpoint = endpoint.as_str().map_or(Value::Null, |text| mask::address(text).into());
    }
    mask::value(&mut value);
    Ok(value)
}

/// Returns the manifests, a line each. What a secret holds is nowhere in it.
fn resources(reader: &Reader) -> Result<String, Problem> {
    let mut text = String::new();
    let kinds: Vec<&'static str> = reader.kernel().kinds().map(|kind| kind.name).collect();
    for kind in kinds {
        for resource in reader.resources(kind)? {
            let mut spec = resource.spec.clone();
            if kind == "secret" {
                spec = mask::MASK.into();
            }
            mask::value(&mut spec);
            let line = json!({
                "kind": resource.kind, "name": resource.name, "version": resource.version,
                "owner": resource.owner, "labels": resource.labels,
                "changed_at": resource.changed_at, "spec": spec,
            });
            text.push_str(&format!("{line}\n"));
        }
    }
    Ok(text)
}

/// Returns how many rows the relations of the schema `system` have, counted up to a limit. What peers lend is not asked for.
fn relations(reader: &Reader) -> Result<String, Problem> {
    let mut text = String::from("relation,rows,more\n");
    for relation in reader.kernel().relations(reader)? {
        if relation.schema != "system" || relation.pages.is_some() {
            continue;
        }
        let mut count = 0;
        let mut more = false;
        let counted = (relation.rows)(reader, &Scan::default(), &mut |_| {
            more = ROWS_COUNTED_MAX <= count;
            count += u64::from(!more);
            Ok(!more)
        });
        match counted {
            Ok(()) => text.push_str(&format!("system.{},{count},{more}\n", relation.name)),
            // One that cannot be read is worth knowing, and no reason to have no bundle.
            Err(problem) => text.push_str(&format!("system.{},{},\n", relation.name, problem.code)),
        }
    }
    Ok(text)
}

/// Returns the sizes of the unit's own files and of its folders, without the names of what is in them.
fn sizes(sight: &Sight) -> Value {
    let mut sizes = serde_json::Map::new();
    let entries = std::fs::read_dir(sight.folder()).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_key = [files::KEY, files::CERTIFICATE_KEY].contains(&name.as_str());
        let Ok(told) = entry.metadata() else { continue };
        if is_key || mask::is_secret(&name) {
            continue;
        }
        let bytes = if told.is_dir() { folder_bytes(&entry.path(), 0) } else { told.len() };
        sizes.insert(name, json!({"bytes": bytes, "is_folder": told.is_dir()}));
    }
    sizes.into()
}

/// Folders inside folders that are looked into.
const FOLDERS_MAX: u32 = 8;

fn folder_bytes(folder: &std::path::Path, depth: u32) -> u64 {
    if FOLDERS_MAX <= depth {
        return 0;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        // Links are not followed: what they lead to is not the unit's.
        let told = entry.metadata().ok()?;
        Some(if told.is_dir() { folder_bytes(&entry.path(), depth + 1) } else { told.len() })
    });
    sizes.sum()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
