//! Where the engine keeps what can be watched. Views and metrics keep nothing of their own: who shows one watches its streams.

use crate::metrics::wire::key as kpi;
use crate::quality::wire::key as quality;
use crate::streams::append::log_of;
use crate::tables::state::state_key;
use base::Key;
use kernel::Site;

/// Returns where what belongs to a kind is kept, or to one thing of the kind.
pub(crate) fn sites(kind: &str, name: Option<&str>) -> Vec<Site> {
    match (kind, name) {
        ("stream", None) => vec![Site::Logs(log_of(""))],
        ("stream", Some(name)) => vec![Site::Log(log_of(name))],
        // The newest rows of a table are those of its stream.
        ("table", Some(name)) => vec![Site::Log(log_of(name)), keys(state_key(name))],
        ("table", None) => {
            vec![Site::Logs(log_of("")), keys(kernel::key(b's').text("table"))]
        }
        ("kpi", None) => vec![keys(kpi::values()), keys(kpi::states())],
        ("kpi", Some(name)) => vec![keys(kpi::values_of(name)), keys(kpi::state(name))],
        ("quality", None) => vec![keys(quality::counts()), keys(quality::states())],
        ("quality", Some(name)) => {
            vec![keys(quality::counts_of(name)), keys(quality::state(name))]
        }
        _ => Vec::new(),
    }
}

fn keys(key: Key) -> Site {
    Site::Keys(key.bytes())
}
