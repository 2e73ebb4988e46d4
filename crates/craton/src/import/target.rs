//! The stream that rows go to: made where it does not exist, then as the unit knows it.

use crate::{client::Client, routes};
use base::{Kind, Problem};
use serde_json::{Value, json};

/// A stream of the unit.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What its manifest says.
    pub spec: Value,
    /// Changes when a stream of this name is deleted and made again: what went into the old one is not in the new one.
    pub birth: u64,
    /// The offset behind the last row that is known to be there.
    pub end: u64,
}

impl Target {
    /// Returns a stream of the unit, nothing where there is none.
    ///
    /// # Errors
    /// What the unit says.
    pub fn find(client: &Client, name: &str) -> Result<Option<Self>, Problem> {
        let resource = match client.send(&routes::resource_get("stream", name)) {
            Err(problem) if problem.kind == Kind::NotFound => return Ok(None),
            answer => answer?,
        };
        Ok(Some(Self {
            name: name.into(),
            spec: resource["spec"].clone(),
            birth: birth(client, name)?,
            end: end(client, name)?,
        }))
    }
}

/// Returns the manifest of a stream.
pub fn manifest(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "craton/v1",
        "kind": "Stream",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// Makes streams, all of them or none.
///
/// # Errors
/// What the unit says.
pub fn make(client: &Client, manifests: &[Value]) -> Result<(), Problem> {
    if manifests.is_empty() {
        return Ok(());
    }
    client.send(&routes::resource_apply().json(&json!({"manifests": manifests}))).map(|_| ())
}

/// Returns the version at which a stream of this name was last deleted; 0 where it never was.
fn birth(client: &Client, name: &str) -> Result<u64, Problem> {
    let history = readable(client.send(&routes::resource_history("stream", name)))?;
    let versions = history["items"].as_array().into_iter().flatten();
    let deleted = versions.filter(|version| version["is_deleted"] == true);
    Ok(deleted.filter_map(|version| version["version"].as_u64()).max().unwrap_or(0))
}

fn end(client: &Client, name: &str) -> Result<u64, Problem> {
    let answer = readable(client.send(&routes::stream_read(name).query("last", Some(0))))?;
    Ok(answer["end"].as_u64().unwrap_or(0))
}

/// Returns null where the caller may write and not read: an import needs no more.
fn readable(answer: Result<Value, Problem>) -> Result<Value, Problem> {
    match answer {
        Err(problem) if matches!(problem.kind, Kind::Forbidden | Kind::NotFound) => Ok(Value::Null),
        answer => answer,
    }
}
