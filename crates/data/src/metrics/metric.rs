//! A metric with all that it is made of.

use super::spec::MetricSpec;
use super::window::Grain;
use crate::{Config, Error};
use base::{Place, Problem, nearest};
use kernel::{Read, Resource};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A metric, ready to be written as SQL.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) resource: Arc<Resource>,
    pub(crate) spec: MetricSpec,
    pub(crate) grain: Grain,
    /// The names of its dimensions.
    pub(crate) dimensions: Vec<String>,
    /// The metrics that it is made of.
    pub(crate) parts: Vec<Metric>,
}

/// Finds a metric by its name, at the version that is meant.
pub(crate) type Find<'a> = &'a dyn Fn(&str) -> Result<Option<Arc<Resource>>, Problem>;

impl Metric {
    /// Returns a metric as it stands, where there is one.
    ///
    /// # Errors
    /// As [`Metric::of`].
    pub(crate) fn find(
        read: &dyn Read,
        config: &Config,
        name: &str,
    ) -> Result<Option<Self>, Problem> {
        let find = |name: &str| read.resource("metric", name);
        match find(name)? {
            Some(resource) => Self::of(resource, config, &find).map(Some),
            None => Ok(None),
        }
    }

    /// Returns a metric as it stood when something was evaluated.
    ///
    /// # Errors
    /// As [`Metric::of`].
    pub(crate) fn find_at(
        read: &dyn Read,
        config: &Config,
        name: &str,
        versions: &BTreeMap<String, u64>,
    ) -> Result<Option<Self>, Problem> {
        let find = |name: &str| -> Result<Option<Arc<Resource>>, Problem> {
            match versions.get(name) {
                Some(version) => Ok(read.resource_version("metric", name, *version)?.map(Arc::new)),
                None => Ok(None),
            }
        };
        match find(name)? {
            Some(resource) => Self::of(resource, config, &find).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the metric of a resource.
    ///
    /// # Errors
    /// `metric.invalid`, `metric.cycle`: what makes it impossible to write it as SQL.
    pub(crate) fn of(
        resource: Arc<Resource>,
        config: &Config,
        find: Find<'_>,
    ) -> Result<Self, Problem> {
        Self::inside(resource, config, find, &[])
    }

    fn inside(
        resource: Arc<Resource>,
        config: &Config,
        find: Find<'_>,
        above: &[String],
    ) -> Result<Self, Problem> {
        let name = resource.name.clone();
        if above.contains(&name) {
            let path: Vec<&str> = above.iter().map(String::as_str).chain([name.as_str()]).collect();
            return Err(Error::Cycle { kind: "metric", path: path.join(" -> "), name }.into());
        }
        if config.view_depth_max <= above.len() {
            let what = format!("{} metrics that stand on each other", config.view_depth_max);
            return Err(Error::Exhausted { what }.into());
        }
        let spec: MetricSpec = serde_json::from_value(resource.spec.clone())
            .map_err(|error| wrong(&name, error.to_string(), "/spec", None))?;
        let mut path = above.to_vec();
        path.push(name.clone());
        let mut parts = Vec::new();
        for (number, part) in spec.metrics.iter().enumerate() {
            let Some(found) = find(part)? else {
                let reason = format!("there is no metric `{part}`");
                return Err(wrong(&name, reason, &format!("/spec/metrics/{number}"), None));
            };
            parts.push(Self::inside(found, config, find, &path)?);
        }
        let grain = grain_of(&name, &spec, &parts)?;
        let dimensions = dimensions_of(&name, &spec, &parts)?;
        Ok(Self { name, resource, spec, grain, dimensions, parts })
    }

    /// Returns the versions of this metric and of all that it is made of.
    pub(crate) fn versions(&self) -> BTreeMap<String, u64> {
        let mut versions = BTreeMap::from([(self.name.clone(), self.resource.version)]);
        for part in &self.parts {
            versions.extend(part.versions());
        }
        versions
    }

    /// Returns the metrics over relations that this one comes down to, each once.
    pub(crate) fn leaves(&self) -> Vec<&Self> {
        if self.parts.is_empty() {
            return vec![self];
        }
        let mut leaves: Vec<&Self> = Vec::new();
        for leaf in self.parts.iter().flat_map(Self::leaves) {
            if !leaves.iter().any(|known| known.name == leaf.name) {
                leaves.push(leaf);
            }
        }
        leaves
    }

    /// Checks that dimensions are among those of the metric.
    ///
    /// # Errors
    /// The first that is not, with the nearest one.
    pub(crate) fn check_dimensions<'d>(
        &self,
        names: impl IntoIterator<Item = &'d String>,
    ) -> Result<(), (String, Option<String>)> {
        for name in names {
            if !self.dimensions.contains(name) {
                let shown: String = name.chars().take(80).collect();
                let reason = format!("metric `{}` has no dimension `{shown}`", self.name);
                let known = self.dimensions.iter().map(String::as_str);
                let hint = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if self.dimensions.is_empty() => "it has none at all".into(),
                    None => format!("it has {}", self.dimensions.join(", ")),
                };
                return Err((reason, Some(hint)));
            }
        }
        Ok(())
    }
}

fn grain_of(name: &str, spec: &MetricSpec, parts: &[Metric]) -> Result<Grain, Problem> {
    let first = parts.first().map(|part| part.grain);
    let Some(grain) = spec.grain.or(first) else {
        let hint = Some("write hour, day, week, month, quarter or year".into());
        return Err(wrong(name, "it has no `grain`".into(), "/spec", hint));
    };
    match parts.iter().enumerate().find(|(_, part)| part.grain != grain) {
        Some((number, part)) => {
            let reason = format!(
                "its windows are a {} long, those of `{}` a {}",
                grain.as_str(),
                part.name,
                part.grain.as_str()
            );
            let hint = Some("metrics that one is made of have the same grain".into());
            Err(wrong(name, reason, &format!("/spec/metrics/{number}"), hint))
        }
        None => Ok(grain),
    }
}

fn dimensions_of(name: &str, spec: &MetricSpec, parts: &[Metric]) -> Result<Vec<String>, Problem> {
    let own = spec.dimensions.as_ref().map(|dimensions| {
        dimensions.iter().map(|dimension| dimension.name().to_owned()).collect::<Vec<_>>()
    });
    let Some(first) = parts.first() else { return Ok(own.unwrap_or_default()) };
    let has_own = own.is_some();
    let dimensions = own.unwrap_or_else(|| first.dimensions.clone());
    for (number, part) in parts.iter().enumerate() {
        let missing = dimensions.iter().find(|dimension| !part.dimensions.contains(*dimension));
        let further = part.dimensions.iter().find(|dimension| !dimensions.contains(*dimension));
        // Where it names its own dimensions, those of the parts that it leaves out are added up.
        let reason = match (missing, further) {
            (Some(missing), _) => format!("`{}` has no dimension `{missing}`", part.name),
            (None, Some(further)) if !has_own => {
                format!("`{}` has the dimension `{further}`, `{}` has not", part.name, first.name)
            }
            _ => continue,
        };
        let hint = Some("write `dimensions` with those that all of them have".into());
        return Err(wrong(name, reason, &format!("/spec/metrics/{number}"), hint));
    }
    Ok(dimensions)
}

/// Returns the problem of a metric that cannot work.
pub(crate) fn wrong(name: &str, reason: String, pointer: &str, hint: Option<String>) -> Problem {
    let place = Some(Place::pointer(pointer));
    Error::Declared { kind: "metric", name: name.into(), reason, place, hint }.into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub(crate) fn resource(name: &str, spec: Value) -> Arc<Resource> {
        Arc::new(Resource {
            kind: "metric".into(),
            name: name.into(),
            version: 1,
            owner: "user:olga".into(),
            labels: BTreeMap::new(),
            spec,
            changed_by: "user:olga".into(),
            changed_at: base::Time(0),
            is_deleted: false,
        })
    }

    pub(crate) fn metric(name: &str, spec: Value) -> Metric {
        Metric::of(resource(name, spec), &Config::default(), &|_| Ok(None)).expect("a metric")
    }

    fn part(name: &str) -> Value {
        json!({"from": name, "formula": "count(*)", "grain": "month", "dimensions": ["state"]})
    }

    pub(crate) fn parts(name: &str, spec: Value, names: &[&str]) -> Metric {
        let find =
            |wanted: &str| Ok(names.contains(&wanted).then(|| resource(wanted, part(wanted))));
        Metric::of(resource(name, spec), &Config::default(), &find).expect("a metric")
    }

    #[track_caller]
    fn refused(all: &[(&str, Value)], expected: &str) {
        let find = |wanted: &str| {
            let found = all.iter().find(|(name, _)| *name == wanted);
            Ok(found.map(|(name, spec)| resource(name, spec.clone())))
        };
        let first = resource(all[0].0, all[0].1.clone());
        let problem = Metric::of(first, &Config::default(), &find).expect_err("refused");
        let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
        assert_eq!(format!("[{}] {place}: {}", problem.code, problem.message), expected);
    }

    #[test]
    fn metrics_that_do_not_fit_together_are_refused() {
        let made = |of: Value| json!({"formula": "a / b", "metrics": of});
        refused(
            &[("x", made(json!(["a"])))],
            "[metric.invalid] /spec/metrics/0: metric `x`: there is no metric `a`",
        );
        refused(
            &[("x", made(json!(["y"]))), ("y", made(json!(["x"])))],
            "[metric.cycle] /spec: metric `x` stands on itself: x -> y -> x",
        );
        let other = |field: &str, value: Value| {
            let mut spec = part("b");
            spec[field] = value;
            spec
        };
        refused(
            &[
                ("x", made(json!(["a", "b"]))),
                ("a", part("a")),
                ("b", other("grain", json!("day"))),
            ],
            "[metric.invalid] /spec/metrics/1: metric `x`: its windows are a month long, those of `b` a day",
        );
        refused(
            &[
                ("x", made(json!(["a", "b"]))),
                ("a", part("a")),
                ("b", other("dimensions", json!([]))),
            ],
            "[metric.invalid] /spec/metrics/1: metric `x`: `b` has no dimension `state`",
        );
        refused(
            &[("x", json!({"from": "t", "formula": "count(*)"}))],
            "[metric.invalid] /spec: metric `x`: it has no `grain`",
        );
    }

    #[test]
    fn a_metric_knows_what_it_comes_down_to() {
        let top = parts("x", json!({"formula": "a", "metrics": ["a", "b"]}), &["a", "b"]);
        let leaves: Vec<&str> = top.leaves().iter().map(|leaf| leaf.name.as_str()).collect();
        assert_eq!(leaves, ["a", "b"]);
        assert_eq!(top.versions().len(), 3);
        let (reason, hint) = top.check_dimensions(&["stat".to_owned()]).expect_err("there is none");
        assert_eq!(reason, "metric `x` has no dimension `stat`");
        assert_eq!(hint.as_deref(), Some("did you mean `state`?"));
    }
}
