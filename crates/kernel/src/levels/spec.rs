//! The manifest of a service level.

use super::{Level, counts_key};
use crate::{Error, Read, Resource, Tx};
use base::{Period, Place, Problem};
use serde::Deserialize;

/// The shortest and the longest window.
const WINDOW_MIN: Period = Period::seconds(3_600);
const WINDOW_MAX: Period = Period::days(90);

/// What a service level is about.
const SUBJECTS: [&str; 4] = ["operation", "process", "contract", "offer"];

/// How much of what is asked is to be done in time.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelSpec {
    /// What it is for.
    #[serde(default)]
    #[allow(dead_code, reason = "for people who read the manifest")]
    pub summary: String,
    /// What it is about: `operation/NAME`, `process/NAME`, `contract/NAME` or `offer/NAME`.
    pub on: String,
    /// Which part is to be good, between 0 and 1: 0.99 for 99 of 100.
    pub objective: f64,
    /// In what time, ISO 8601: `PT0.05S`.
    #[schemars(with = "String")]
    pub within: Period,
    /// Over what time it is looked at, ISO 8601; 30 days where absent.
    #[serde(default = "month")]
    #[schemars(with = "String")]
    pub window: Period,
}

fn month() -> Period {
    Period::days(30)
}

impl LevelSpec {
    /// Reads the manifest.
    pub(crate) fn of(resource: &Resource) -> Result<Self, Problem> {
        serde_json::from_value(resource.spec.clone()).map_err(|error| {
            let reason = format!("{}: {error}", resource.reference());
            Error::Manifest { reason, place: Some(Place::pointer("/spec")), hint: None }.into()
        })
    }

    /// Returns the level as it is measured. Its counts are of what it says now: a change begins anew.
    pub(crate) fn level(&self, name: &str) -> Level {
        let said = base::sha256(format!("{}|{}", self.on, self.within).as_bytes());
        let id = format!("level:{name}:{}", base::hex(&said[..6]));
        Level { id, within: self.within }
    }

    /// Returns whether it is measured by wall time: calls are, everything else goes by business time.
    pub(crate) fn is_by_wall(&self) -> bool {
        self.on.starts_with("operation/")
    }
}

/// Checks a level that is declared, and forgets the counts of what it said before.
pub(crate) fn changed(
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    let is_level = |resource: &&Resource| resource.kind == "service_level";
    let (old, new) = (old.filter(is_level), new.filter(is_level));
    if let Some(new) = new {
        check(tx, new)?;
    }
    let id = |resource: Option<&Resource>| {
        let spec = resource.map(|resource| (LevelSpec::of(resource), resource.name.as_str()));
        spec.and_then(|(spec, name)| Some(spec.ok()?.level(name).id))
    };
    let (before, after) = (id(old), id(new));
    if let Some(before) = before.filter(|before| Some(before) != after.as_ref()) {
        for (key, _) in tx.scan_prefix(counts_key(&before).as_ref(), usize::MAX)? {
            tx.delete(key);
        }
    }
    Ok(())
}

fn check(tx: &Tx<'_>, new: &Resource) -> Result<(), Problem> {
    let spec = LevelSpec::of(new)?;
    let wrong = |pointer: &str, reason: String, hint: &str| -> Result<(), Problem> {
        let (place, hint) = (Some(Place::pointer(pointer)), Some(hint.to_owned()));
        Err(Error::Manifest { reason, place, hint }.into())
    };
    if !(0.0 < spec.objective && spec.objective < 1.0) {
        let reason = format!("the objective {} is not between 0 and 1", spec.objective);
        return wrong(
            "/spec/objective",
            reason,
            "write 0.99 for 99 of 100; 1 leaves no budget for errors",
        );
    }
    if spec.within <= Period(0) {
        let reason = format!("nothing is done within {}", spec.within);
        return wrong("/spec/within", reason, "write it as PT0.05S, PT2H or P3D");
    }
    if spec.window < WINDOW_MIN || WINDOW_MAX < spec.window {
        let reason =
            format!("the window {} is not between {WINDOW_MIN} and {WINDOW_MAX}", spec.window);
        return wrong("/spec/window", reason, "write P30D");
    }
    let (kind, name) = spec.on.split_once('/').unwrap_or((&spec.on, ""));
    if !SUBJECTS.contains(&kind) || name.is_empty() {
        let reason = format!("a service level is not about `{}`", spec.on);
        return wrong(
            "/spec/on",
            reason,
            "write operation/NAME, process/NAME, contract/NAME or offer/NAME",
        );
    }
    if kind == "operation" {
        let known = tx.kernel().operation(name).map(|_| ());
        return known.map_err(|problem| problem.at(Place::pointer("/spec/on")));
    }
    // A contract comes into being by running, maybe later.
    if kind != "contract" && tx.resource(kind, name)?.is_none() {
        let from = new.reference().to_string();
        let problem: Problem = Error::Reference { from, to: spec.on.clone() }.into();
        return Err(problem.at(Place::pointer("/spec/on")));
    }
    Ok(())
}
