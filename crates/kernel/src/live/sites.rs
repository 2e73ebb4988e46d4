//! Where the kernel keeps what can be watched: declared resources, and what it has itself.

use super::Site;
use crate::{Kernel, audit, sign_in, space};
use base::Key;

impl Kernel {
    /// Returns where what belongs to a kind is kept, or to one thing of the kind; empty where that cannot be watched.
    pub(crate) fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        let mut sites = own(kind, name);
        if self.kind(kind).is_some_and(|kind| !kind.manifest.is_empty()) {
            sites.push(keys(under(space::key(b'R').text(kind), name)));
        }
        sites.extend(self.engines().iter().flat_map(|engine| engine.sites(kind, name)));
        sites
    }
}

/// Returns where the kernel keeps what is declared in no manifest.
fn own(kind: &str, name: Option<&str>) -> Vec<Site> {
    let audit = || Site::Log(audit::LOG.into());
    match (kind, name) {
        ("session", _) => vec![keys(under(sign_in::sessions_key(), name))],
        ("service_level", _) => vec![keys(space::key(b'L'))],
        ("resource", None) => vec![keys(space::key(b'R'))],
        ("token", None) => vec![keys(space::key(b'T'))],
        ("secret", None) => vec![keys(space::key(b'X'))],
        ("clock", None) => vec![keys(space::key(b'E').text("clock"))],
        ("audit", None) => vec![audit()],
        // What runs and is in no commit, a query for example, leaves its count in the audit within seconds.
        ("running", None) => vec![audit()],
        _ => Vec::new(),
    }
}

fn under(key: Key, name: Option<&str>) -> Key {
    match name {
        Some(name) => key.text(name),
        None => key,
    }
}

fn keys(key: Key) -> Site {
    Site::Keys(key.bytes())
}
