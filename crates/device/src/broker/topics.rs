//! The topics that are declared: which one a name belongs to, and what is wrong with one.

use super::Broker;
use super::spec::TopicSpec;
use super::topic;
use crate::Error;
use crate::engine::Fleet;
use crate::mqtt::{Limits, Qos, strict};
use crate::registry::gather;
use base::{Problem, nearest};
use kernel::{Read, Resource, Tx};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// A declared topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name as a resource.
    pub name: Box<str>,
    /// Which names of topics are meant.
    pub filter: Box<str>,
    /// The highest quality of service.
    pub qos_max: Qos,
    /// Whether messages may be retained.
    pub may_retain: bool,
    /// Bytes of a payload.
    pub message_bytes_max: usize,
    /// The stream of which each payload is a row.
    pub stream: Option<Box<str>>,
    /// Columns that are filled from a level of the topic's name.
    pub levels: Vec<(Box<str>, usize)>,
    /// The column for the name of the topic.
    pub topic_column: Option<Box<str>>,
    /// The column for who published.
    pub publisher_column: Option<Box<str>>,
}

impl Topic {
    fn of(resource: &Resource) -> Result<Self, Problem> {
        let spec = TopicSpec::deserialize(&resource.spec).map_err(Error::internal)?;
        let columns = spec.columns.unwrap_or_default();
        Ok(Self {
            name: resource.name.as_str().into(),
            filter: spec.filter.into(),
            qos_max: Qos::try_from(spec.qos_max).unwrap_or(Qos::ExactlyOnce),
            may_retain: spec.retain,
            message_bytes_max: spec.message_bytes_max,
            stream: spec.stream.map(Into::into),
            levels: spec.levels.into_iter().map(|(column, level)| (column.into(), level)).collect(),
            topic_column: columns.topic.map(Into::into),
            publisher_column: columns.publisher.map(Into::into),
        })
    }
}

/// All declared topics. No name belongs to two of them.
#[derive(Debug, Default)]
pub struct Topics {
    all: Vec<Topic>,
    /// Those without a wildcard, by their only name: places in `all`.
    single: HashMap<Box<str>, usize>,
    /// The others.
    wild: Vec<usize>,
}

impl Topics {
    fn new(all: Vec<Topic>) -> Self {
        let mut topics = Self::default();
        for (place, topic) in all.iter().enumerate() {
            if topic.filter.contains(['+', '#']) {
                topics.wild.push(place);
            } else {
                topics.single.insert(topic.filter.clone(), place);
            }
        }
        Self { all, ..topics }
    }

    /// Returns the declared topic that a name belongs to.
    pub fn find(&self, topic: &str) -> Option<&Topic> {
        if let Some(place) = self.single.get(topic) {
            return self.all.get(*place);
        }
        let mut wild = self.wild.iter().filter_map(|place| self.all.get(*place));
        wild.find(|declared| topic::matches(&declared.filter, topic))
    }

    /// Returns all of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.all.iter()
    }
}

impl Broker {
    /// Returns the declared topics. They are held until some resource changes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn topics(&self, read: &dyn Read) -> Result<Arc<Topics>, Problem> {
        let epoch = read.kernel().epoch(read)?;
        let held = self.topics.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, topics)) = held.filter(|(of, _)| *of == epoch) {
            return Ok(topics);
        }
        let declared = read.resources("topic")?;
        let all: Result<Vec<Topic>, Problem> =
            declared.iter().map(|resource| Topic::of(resource)).collect();
        let topics = Arc::new(Topics::new(all?));
        let mut guard = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = Some((epoch, Arc::clone(&topics)));
        Ok(topics)
    }
}

/// Takes note that a topic or a stream changes.
///
/// # Errors
/// `topic.invalid`, `topic.in_use`.
pub(crate) fn changed(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    let Some(resource) = new.or(old) else { return Ok(()) };
    match (resource.kind.as_str(), new) {
        ("topic", Some(topic)) => check(fleet, tx, topic),
        ("stream", new) => check_streams(tx, &resource.name, new),
        _ => Ok(()),
    }
}

/// Checks a topic as it will stand.
fn check(fleet: &Fleet, tx: &Tx<'_>, resource: &Resource) -> Result<(), Problem> {
    let spec = TopicSpec::deserialize(&resource.spec).map_err(Error::internal)?;
    let mut found = Found { name: &resource.name, problems: Vec::new() };
    let limits = Limits::from(&fleet.config);
    if topic::share(&spec.filter).is_some() || spec.filter.starts_with('$') {
        found.add("/spec/filter", "what begins with `$` belongs to nobody".into(), None);
    } else if let Err(reason) = strict::topic_filter(&spec.filter, &limits) {
        found.add("/spec/filter", reason.into(), None);
    } else if spec.filter.split('/').next() == Some("devices") {
        let reason = "what stands below `devices` belongs to devices".into();
        found.add("/spec/filter", reason, Some("choose another first level".into()));
    } else {
        check_overlaps(tx, &mut found, &spec.filter)?;
    }
    if 2 < spec.qos_max {
        found.add("/spec/qos_max", format!("QoS {} does not exist", spec.qos_max), None);
    }
    if spec.message_bytes_max == 0 {
        let hint = Some("leave it away for 65536".into());
        found.add("/spec/message_bytes_max", "no payload has 0 bytes".into(), hint);
    }
    check_stream(tx, &mut found, &spec)?;
    gather(found.problems)
}

fn check_overlaps(tx: &Tx<'_>, found: &mut Found<'_>, filter: &str) -> Result<(), Problem> {
    for other in tx.resources("topic")? {
        let text = other.spec.get("filter").and_then(Value::as_str).unwrap_or_default();
        if other.name != found.name && topic::overlaps(filter, text) {
            let reason =
                format!("`{filter}` and `{text}` of topic `{}` have names in common", other.name);
            found.add("/spec/filter", reason, None);
        }
    }
    Ok(())
}

fn check_stream(tx: &Tx<'_>, found: &mut Found<'_>, spec: &TopicSpec) -> Result<(), Problem> {
    let Some(name) = &spec.stream else {
        if !spec.levels.is_empty() || spec.columns.is_some() {
            let reason = "columns belong to a stream, and none is named".into();
            found.add("/spec/stream", reason, None);
        }
        return Ok(());
    };
    let Some(stream) = tx.resource("stream", name)? else {
        let streams = tx.resources("stream")?;
        let names = streams.iter().map(|stream| stream.name.as_str());
        let hint = nearest(name, names).map(|name| format!("did you mean `{name}`?"));
        found.add("/spec/stream", format!("stream `{name}` does not exist"), hint);
        return Ok(());
    };
    let columns = columns_of(&stream);
    for (pointer, column) in wanted(spec) {
        if !columns.contains(&column) {
            let hint = nearest(column, columns.iter().copied());
            let hint = hint.map(|column| format!("did you mean `{column}`?"));
            found.add(&pointer, format!("stream `{name}` has no column `{column}`"), hint);
        }
    }
    Ok(())
}

/// Checks that no topic loses its stream, or a column of it.
fn check_streams(tx: &Tx<'_>, name: &str, new: Option<&Resource>) -> Result<(), Problem> {
    for resource in tx.resources("topic")? {
        let spec = TopicSpec::deserialize(&resource.spec).map_err(Error::internal)?;
        if spec.stream.as_deref() != Some(name) {
            continue;
        }
        let columns = new.map(columns_of).unwrap_or_default();
        let has_all = wanted(&spec).iter().all(|(_, column)| columns.contains(column));
        if new.is_none() || !has_all {
            let by = format!("stream `{name}`, of which its messages are rows");
            return Err(Error::TopicInUse { name: resource.name.clone(), by }.into());
        }
    }
    Ok(())
}

/// Returns the columns that a topic fills itself, with where it says so.
fn wanted(spec: &TopicSpec) -> Vec<(String, &str)> {
    let levels =
        spec.levels.keys().map(|column| (format!("/spec/levels/{column}"), column.as_str()));
    let columns = spec
        .columns
        .iter()
        .flat_map(|columns| [("topic", &columns.topic), ("publisher", &columns.publisher)]);
    let columns = columns
        .filter_map(|(name, column)| Some((format!("/spec/columns/{name}"), column.as_deref()?)));
    levels.chain(columns).collect()
}

fn columns_of(stream: &Resource) -> Vec<&str> {
    let schema = stream.spec.get("schema").and_then(Value::as_array);
    schema.into_iter().flatten().filter_map(|column| column.get("name")?.as_str()).collect()
}

/// What was found wrong with a topic.
struct Found<'a> {
    name: &'a str,
    problems: Vec<Error>,
}

impl Found<'_> {
    fn add(&mut self, pointer: &str, reason: String, hint: Option<String>) {
        let (name, pointer) = (self.name.to_owned(), pointer.to_owned());
        self.problems.push(Error::Topic { name, reason, pointer, hint });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, filter: &str) -> Topic {
        Topic {
            name: name.into(),
            filter: filter.into(),
            qos_max: Qos::ExactlyOnce,
            may_retain: true,
            message_bytes_max: 1,
            stream: None,
            levels: Vec::new(),
            topic_column: None,
            publisher_column: None,
        }
    }

    #[test]
    fn a_name_belongs_to_one_topic_or_to_none() {
        let topics = Topics::new(vec![topic("one", "a/b"), topic("all", "plant/+/#")]);
        let find = |name: &str| topics.find(name).map(|topic| topic.name.to_string());
        assert_eq!(find("a/b").as_deref(), Some("one"));
        assert_eq!(find("plant/1/line/2").as_deref(), Some("all"));
        assert_eq!((find("a/c"), find("plant")), (None, None));
    }
}
