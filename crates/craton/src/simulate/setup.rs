//! What a fleet needs in the unit: its type, streams and role, its devices, and a token for each as long as it is played.

use super::fleet::{Fleet, Series};
use crate::{client::Client, routes};
use base::{Kind, Problem};
use serde_json::{Value, json};

/// What a token of a played device is for, as the unit shows it.
const SUMMARY: &str = "craton device simulate";

/// A device with its token.
pub struct Played {
    /// What it says.
    pub series: Series,
    /// What it proves itself by.
    pub token: String,
}

/// A token that was given, by its device and its id.
pub struct Given {
    device: String,
    id: String,
}

/// Makes the type with all that it needs, where there is none of its name.
///
/// # Errors
/// What the unit says.
pub fn make_type(client: &Client, fleet: &Fleet) -> Result<(), Problem> {
    if exists(client, "device_type", &fleet.type_name)? {
        return Ok(());
    }
    let mut absent = Vec::new();
    for (kind, manifest) in &fleet.manifests {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        if !exists(client, kind, name)? {
            absent.push(manifest);
        }
    }
    client.send(&routes::resource_apply().json(&json!({ "manifests": absent }))).map(|_| ())
}

/// Makes devices where they are absent, and gives each a token. What was given stands in `given`, also where it fails.
///
/// # Errors
/// What the unit says.
pub fn make_devices(
    client: &Client,
    fleet: Fleet,
    given: &mut Vec<Given>,
) -> Result<Vec<Played>, Problem> {
    let mut all = Vec::new();
    for series in fleet.series {
        if !exists(client, "device", &series.device)? {
            client.send(&routes::device_create().json(&created(&fleet.type_name, &series)))?;
        }
        let body = json!({"kind": "token", "summary": SUMMARY});
        let request = routes::device_add_credential(&series.device).json(&body);
        let answer = client.send(&request)?;
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        given.push(Given { device: series.device.clone(), id: text("id") });
        all.push(Played { series, token: text("token") });
    }
    Ok(all)
}

/// Ends the tokens that were given. All of them are tried.
///
/// # Errors
/// What the unit says to the first that could not be ended.
pub fn end_tokens(client: &Client, given: &[Given]) -> Result<(), Problem> {
    let mut outcome = Ok(());
    for Given { device, id } in given {
        let request = routes::device_revoke_credential(device).json(&json!({ "id": id }));
        let ended = client.send(&request).map(|_| ());
        outcome = outcome.and(ended);
    }
    outcome
}

fn created(type_name: &str, series: &Series) -> Value {
    let mut body = json!({"name": series.device, "type": type_name, "summary": series.summary});
    if let Some(group) = &series.group {
        body["groups"] = json!([group]);
    }
    if let Some((name, lat, lon)) = &series.place {
        body["place"] = json!({"name": name, "lat": lat, "lon": lon});
    }
    body
}

fn exists(client: &Client, kind: &str, name: &str) -> Result<bool, Problem> {
    match client.send(&routes::resource_get(kind, name)) {
        Err(problem) if problem.kind == Kind::NotFound => Ok(false),
        answer => answer.map(|_| true),
    }
}
