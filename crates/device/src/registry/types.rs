//! Types of devices as they are used: read once for each version, then remembered.

use super::spec::{
    Channel, CommandSpec, DeviceLimits, DeviceSpec, DeviceTypeSpec, FieldType, Property,
};
use crate::Error;
use crate::engine::Fleet;
use base::Problem;
use kernel::{Read, Resource};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Types that are remembered.
const HELD_MAX: usize = 1_000;

/// A type of devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// The name.
    pub name: String,
    /// What a twin of it holds.
    pub properties: Vec<Property>,
    /// Its channels of telemetry, by name.
    pub channels: HashMap<String, Channel>,
    /// Its events, by name.
    pub events: HashMap<String, Channel>,
    /// What its devices can be told, by name.
    pub commands: HashMap<String, CommandSpec>,
    /// How much one device may say.
    pub limits: DeviceLimits,
}

impl Type {
    /// Reads the manifest of a type.
    ///
    /// # Errors
    /// `device.internal` where it is none, which is a defect: it was checked when it was declared.
    pub(crate) fn of(resource: &Resource) -> Result<Self, Problem> {
        let spec = DeviceTypeSpec::deserialize(&resource.spec).map_err(Error::internal)?;
        let by_name = |channels: Vec<Channel>| {
            channels.into_iter().map(|channel| (channel.name.clone(), channel)).collect()
        };
        let commands = spec.commands.into_iter().map(|command| (command.name.clone(), command));
        Ok(Self {
            name: resource.name.clone(),
            properties: spec.properties,
            channels: by_name(spec.telemetry),
            events: by_name(spec.events),
            commands: commands.collect(),
            limits: spec.limits.unwrap_or_default(),
        })
    }

    /// Returns a property.
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Returns the properties by which lists find devices.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (&str, FieldType)> {
        let indexed = self.properties.iter().filter(|property| property.indexed);
        indexed.map(|property| (property.name.as_str(), property.field_type))
    }
}

/// The types, read.
#[derive(Default)]
pub struct Types(Mutex<HashMap<String, (Arc<Resource>, Arc<Type>)>>);

impl Types {
    /// Returns a type as it stands.
    ///
    /// # Errors
    /// `resource.not_found`; where the store cannot be read.
    pub(crate) fn of(&self, read: &dyn Read, name: &str) -> Result<Arc<Type>, Problem> {
        let Some(resource) = read.resource("device_type", name)? else {
            let resource = format!("device_type/{name}");
            return Err(kernel::Error::NotFound { resource }.into());
        };
        if let Some(found) = self.remembered(name, &resource) {
            return Ok(found);
        }
        let found = Arc::new(Type::of(&resource)?);
        let mut held = self.held();
        if HELD_MAX <= held.len() {
            held.clear();
        }
        held.insert(name.to_owned(), (resource, Arc::clone(&found)));
        Ok(found)
    }

    /// Returns the type of a manifest that was read before. The same version may come again with other content after a commit that did
    /// not happen: what counts is what was read.
    fn remembered(&self, name: &str, resource: &Arc<Resource>) -> Option<Arc<Type>> {
        let mut types = self.held();
        let (held, found) = types.get_mut(name)?;
        if !Arc::ptr_eq(held, resource) {
            if **held != **resource {
                return None;
            }
            // The kernel has read it anew: the next look is one at the place again.
            *held = Arc::clone(resource);
        }
        Some(Arc::clone(found))
    }

    /// Forgets what was read.
    pub(crate) fn forget(&self) {
        self.held().clear();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, (Arc<Resource>, Arc<Type>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a device with its manifest, where there is one of that name.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn device(
    read: &dyn Read,
    name: &str,
) -> Result<Option<(Arc<Resource>, DeviceSpec)>, Problem> {
    let Some(resource) = read.resource("device", name)? else { return Ok(None) };
    let spec = spec_of(&resource)?;
    Ok(Some((resource, spec)))
}

/// Reads the manifest of a device.
///
/// # Errors
/// `device.internal` where it is none, which is a defect: it was checked when it was declared.
pub(crate) fn spec_of(device: &Resource) -> Result<DeviceSpec, Problem> {
    DeviceSpec::deserialize(&device.spec).map_err(|error| Error::internal(error).into())
}

/// Returns the name of a device's type, without reading the whole manifest.
pub(crate) fn type_name(device: &Resource) -> &str {
    device.spec.get("type").and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Returns the type of a device.
///
/// # Errors
/// `resource.not_found`; where the store cannot be read.
pub(crate) fn type_of(fleet: &Fleet, read: &dyn Read, device: &str) -> Result<Arc<Type>, Problem> {
    match read.resource("device", device)? {
        Some(resource) => fleet.types.of(read, type_name(&resource)),
        None => Err(kernel::Error::NotFound { resource: format!("device/{device}") }.into()),
    }
}
