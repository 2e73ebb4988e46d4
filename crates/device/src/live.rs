//! Where what can be watched of things is kept.

use crate::{broker, commands, registry, rules};
use kernel::Site;

/// Returns where what belongs to a kind is kept, or to one thing of the kind.
pub(crate) fn sites(kind: &str, name: Option<&str>) -> Vec<Site> {
    match kind {
        "device" => registry::sites(kind, name),
        "command" => commands::sites(kind, name),
        "mqtt_session" | "topic" => broker::sites(kind, name),
        "rule" => rules::sites(kind, name),
        _ => Vec::new(),
    }
}
