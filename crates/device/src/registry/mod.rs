//! Types and devices: what is declared of them, by what they are known, how lists find them.
//!
//! | file | subject |
//! |---|---|
//! | `spec` | manifests |
//! | `types` | types as they are used |
//! | `check`, `changed`, `pieces` | what is wrong with a manifest, what follows from one: at once, and piece by piece |
//! | `credentials` | tokens and certificates |
//! | `index`, `list` | by what lists find devices, and how they do |
//! | `devices` | devices without a folder of manifests |
//! | `rows` | `system.devices` |
//! | `tell` | metrics, lineage, what is verified |

mod changed;
mod check;
mod credentials;
mod devices;
mod index;
mod list;
mod pieces;
mod rows;
mod spec;
mod tell;
mod types;

pub(crate) use changed::changed;
pub(crate) use check::gather;
pub(crate) use index::{ALL, Entry, entry_of, move_to, reindex, state_of, walk};
pub(crate) use list::{describe, found_of, seen};
pub(crate) use pieces::{is_in_order, left, work};
pub(crate) use spec::{Channel, CommandSpec, DeviceLimits, DeviceSpec, Field, Property};
pub(crate) use tell::{edges, tell, verify};
pub use types::{Type, Types};
pub(crate) use types::{device, type_name, type_of};

use crate::engine::Fleet;
use crate::key;
use crate::operations::{page, schema};
use kernel::Right::{Manage, Read};
use kernel::{KindOf, Operation, Relation, Site, decide, operation, read};
use list::DeviceRow;
use serde_json::{Value, json};
use spec::DeviceTypeSpec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Returns the kinds of resource.
pub(crate) fn kinds() -> Vec<KindOf> {
    vec![
        KindOf {
            name: "device_type",
            manifest: "DeviceType",
            plural: "device_types",
            schema: schema::<DeviceTypeSpec>(),
            check: |spec| serde_json::from_value::<DeviceTypeSpec>(spec.clone()).map(|_| ()),
            is_grant: false,
            roles: roles_of_type,
        },
        KindOf {
            name: "device",
            manifest: "Device",
            plural: "devices",
            schema: schema::<DeviceSpec>(),
            check: |spec| serde_json::from_value::<DeviceSpec>(spec.clone()).map(|_| ()),
            is_grant: false,
            // It holds those of its type, which the kernel knows.
            roles: |_| Vec::new(),
        },
    ]
}

/// Returns the roles that a type holds, and those that its devices hold.
fn roles_of_type(spec: &Value) -> Vec<String> {
    let roles =
        ["roles", "device_roles"].into_iter().filter_map(|field| spec.get(field)?.as_array());
    let names: BTreeSet<&str> = roles.flatten().filter_map(Value::as_str).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Returns the operations on devices as they are declared.
pub(crate) fn operations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    [lists(fleet), declarations(fleet), credentials(fleet)].into_iter().flatten().collect()
}

fn lists(fleet: &Arc<Fleet>) -> Vec<Operation> {
    vec![
        operation(
            "device.list",
            Read,
            "Lists devices, by name: all, or those that are as wanted.",
            read(fleet, list::list),
        )
        .on_kind()
        .queries(list::QUERY)
        .answers(page(&schema::<DeviceRow>())),
        operation(
            "device.get",
            Read,
            "Shows a device: its manifest, whether it is there, by what it is known.",
            read(fleet, list::get),
        )
        .answers(json!({
            "type": "object",
            "required": ["name", "spec", "credentials"],
            "properties": {
                "name": {"type": "string"},
                "spec": {"type": "object"},
                "presence": {"type": ["object", "null"]},
                "credentials": {"type": "array", "items": {"type": "object"}},
            },
        })),
    ]
}

fn declarations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let version = json!({
        "type": "object",
        "required": ["version"],
        "properties": {"name": {"type": "string"}, "version": {"type": "integer"}},
    });
    vec![
        operation(
            "device.create",
            Manage,
            "Registers a device, without a folder of manifests.",
            decide(fleet, devices::create),
        )
        .on_kind()
        .takes(schema::<devices::Create>())
        .answers(version.clone()),
        operation(
            "device.update",
            Manage,
            "Changes what is declared of a device; what is not named stays.",
            decide(fleet, devices::update),
        )
        .takes(schema::<devices::Update>())
        .answers(version),
        operation(
            "device.delete",
            Manage,
            "Removes a device with its credentials, its twin, its commands and its sessions. What it has reported stays in its streams.",
            decide(fleet, devices::delete),
        )
        .answers(json!({"type": "object", "properties": {"deleted": {"type": "string"}}})),
    ]
}

fn credentials(fleet: &Arc<Fleet>) -> Vec<Operation> {
    vec![
        operation(
            "device.add_credential",
            Manage,
            "Gives a device a token, which is shown once, or has a certificate stand for it.",
            decide(fleet, credentials::add),
        )
        .takes(json!({
            "type": "object",
            "required": ["kind"],
            "additionalProperties": false,
            "properties": {
                "kind": {"enum": ["token", "certificate"]},
                "summary": {"type": "string", "description": "What it is for."},
                "expires": {"type": ["string", "null"], "format": "date-time"},
                "certificate": {
                    "type": ["string", "null"],
                    "description": "The certificate as PEM, or its fingerprint as `sha256:` and 64 hexadecimal digits.",
                },
            },
        }))
        .answers(json!({
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "token": {"type": "string"}},
        }))
        .secret(),
        operation(
            "device.revoke_credential",
            Manage,
            "Ends a credential of a device: nobody is let in by it any more.",
            decide(fleet, credentials::revoke),
        )
        .takes(json!({
            "type": "object",
            "required": ["id"],
            "additionalProperties": false,
            "properties": {"id": {"type": "string"}},
        }))
        .answers(json!({
            "type": "object",
            "properties": {"id": {"type": "string"}, "revoked": {"type": "boolean"}},
        })),
    ]
}

/// Returns `system.devices`.
pub(crate) fn relations(fleet: &Arc<Fleet>) -> Vec<Relation> {
    vec![rows::relation(fleet)]
}

/// Returns where what belongs to devices is kept, or to one.
pub(crate) fn sites(_kind: &str, name: Option<&str>) -> Vec<Site> {
    let place = name.map_or_else(key::devices, key::device);
    vec![Site::Keys(place.bytes())]
}
