//! Devices that are registered one by one, without a folder of manifests.

use super::spec::{DeviceSpec, Place};
use super::types;
use crate::Error;
use crate::engine::Fleet;
use base::{Name, Problem};
use kernel::{Call, Declared, Principal, Read, Reply, ResourceRef, Tx, declare_as, declare_one};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A device that is to be registered.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    /// The name: a lower-case letter, then lower-case letters, digits, `-` and `_`.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    type_name: String,
    /// The groups it belongs to.
    #[serde(default)]
    groups: Vec<String>,
    /// Where it stands.
    #[serde(default)]
    place: Option<Place>,
    /// What it is.
    #[serde(default)]
    summary: String,
    /// Who answers for it; the caller where absent.
    #[serde(default)]
    owner: Option<String>,
    /// Free labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// What is desired of it at first.
    #[serde(default)]
    desired: Map<String, Value>,
}

/// What is to change of a device.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    /// The groups it belongs to.
    #[serde(default)]
    groups: Option<Vec<String>>,
    /// Where it stands; null: nowhere that is known.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Place>")]
    place: Option<Option<Place>>,
    /// What it is.
    #[serde(default)]
    summary: Option<String>,
    /// True where it is not let in any more.
    #[serde(default)]
    disabled: Option<bool>,
    /// Its type.
    #[serde(default, rename = "type")]
    type_name: Option<String>,
}

/// Reads what is there, be it null: what is absent is something else.
fn given<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}

/// Registers a device: the operation `device.create`.
///
/// # Errors
/// `device.invalid`, `name.invalid`, `resource.taken`, `policy.grant`.
pub(crate) fn create(_: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Create { name, type_name, groups, place, summary, owner, labels, desired } =
        call.parameters()?;
    let reference = ResourceRef::new("device", Name::new(name)?.as_str());
    if let Some(held) = tx.resource("device", &reference.name)? {
        let application = held.labels.get("craton/application").cloned();
        let resource = reference.to_string();
        return Err(kernel::Error::Taken { resource, application }.into());
    }
    let spec = DeviceSpec {
        type_name,
        summary,
        groups,
        place,
        desired,
        certificates: Vec::new(),
        disabled: false,
    };
    let declared = Declared { spec: written(&spec)?, owner, labels: Some(labels) };
    let version = declare_as(tx, call, &reference, declared)?;
    kernel::may_grant(tx, call, &Principal::Device(reference.name.clone()))?;
    Ok(Reply::Value(json!({"name": reference.name, "version": version})))
}

/// Changes what is declared of a device: the operation `device.update`.
///
/// # Errors
/// `device.invalid`, `resource.not_found`, `policy.grant`.
pub(crate) fn update(_: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Update { groups, place, summary, disabled, type_name } = call.parameters()?;
    let name = &call.resource.name;
    let Some((_, before)) = types::device(tx, name)? else {
        return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
    };
    let mut spec = before.clone();
    spec.groups = groups.unwrap_or(spec.groups);
    spec.place = place.unwrap_or(spec.place);
    spec.summary = summary.unwrap_or(spec.summary);
    spec.disabled = disabled.unwrap_or(spec.disabled);
    spec.type_name = type_name.unwrap_or(spec.type_name);
    let version = declare_one(tx, call, &call.resource, written(&spec)?)?;
    if before.type_name != spec.type_name {
        kernel::may_grant(tx, call, &Principal::Device(name.clone()))?;
    }
    let is_let_in_alike = before.type_name == spec.type_name && before.disabled == spec.disabled;
    if !is_let_in_alike || before.groups != spec.groups {
        // What it may do was decided by the type that it had, and who may hear it by its groups.
        tx.raise_epoch()?;
    }
    Ok(Reply::Value(json!({ "version": version })))
}

/// Removes a device: the operation `device.delete`.
///
/// # Errors
/// `resource.not_found`.
pub(crate) fn delete(_: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let reply = kernel::withdraw(tx, call)?;
    // Another of the same name may be of another type.
    tx.raise_epoch()?;
    Ok(reply)
}

fn written(spec: &DeviceSpec) -> Result<Value, Problem> {
    serde_json::to_value(spec).map_err(|error| Error::internal(error).into())
}
