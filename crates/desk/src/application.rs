//! To which application a resource belongs. The manifest of an application stays in its folder: a unit knows its name alone, by a
//! label.

use kernel::Resource;

/// The label that tells which application a resource belongs to.
const APPLICATION: &str = "craton/application";

/// Returns the name of the application that a resource belongs to.
pub(crate) fn of(resource: &Resource) -> Option<String> {
    resource.labels.get(APPLICATION).cloned()
}
