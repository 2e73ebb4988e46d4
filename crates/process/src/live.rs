//! Where the engine keeps what can be watched. What is in an instance is not told apart: its process, its jobs and all that runs are told
//! with it.

use crate::wire::{LOG_INSTANCES, LOG_TASKS, key, parse_name};
use base::Key;
use kernel::Site;

/// Returns where what belongs to a kind is kept, or to one thing of the kind.
pub(crate) fn sites(kind: &str, name: Option<&str>) -> Vec<Site> {
    match name {
        Some(name) => of_name(kind, name),
        None => of_kind(kind),
    }
}

fn of_kind(kind: &str) -> Vec<Site> {
    // One that begins and ends in the same commit is in the log alone.
    let ended = || Site::Log(LOG_INSTANCES.into());
    let running = || vec![keys(key::instances()), ended()];
    match kind {
        "instance" | "running" => running(),
        "process" => [running(), vec![keys(key::incidents()), keys(key::suspended_all())]].concat(),
        "task" => vec![keys(key::tasks()), Site::Log(LOG_TASKS.into())],
        "job" => vec![keys(kernel::key(b'j'))],
        "incident" => vec![keys(key::incidents())],
        "decision" => vec![keys(key::requests())],
        "bulk" => vec![keys(key::bulks())],
        _ => Vec::new(),
    }
}

fn of_name(kind: &str, name: &str) -> Vec<Site> {
    let number = || name.parse::<u64>().ok();
    let place = match kind {
        "process" => return of_kind("process"),
        "instance" => number().map(key::instance),
        "bulk" => number().map(key::bulk),
        "job" => parse_name(name).map(|(instance, _)| key::instance(instance)),
        "task" => parse_name(name).map(|(instance, element)| key::task(instance, element)),
        "incident" => {
            parse_name(name).map(|(instance, element)| key::incident(instance, element.into()))
        }
        _ => None,
    };
    place.map(keys).into_iter().collect()
}

fn keys(key: Key) -> Site {
    Site::Keys(key.bytes())
}
