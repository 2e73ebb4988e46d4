//! The menu and the screen, for whoever asks. Whom a screen is for its manifest says; to others it looks as if it were not there.

use super::read;
use super::spec::{On, ScreenSpec, Text};
use crate::application;
use crate::engine::Desk;
use base::Problem;
use kernel::{Call, Read, Reader, Reply, Resource};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The role for which every screen is.
const OWNER: &str = "owner";

/// A screen in the menu of whoever asks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// The name.
    name: String,
    /// The application it belongs to, where it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    /// What people call the application, where a screen of it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    application_title: Option<Text>,
    /// The heading it stands under.
    heading: Text,
    /// What stands above it.
    title: Text,
    /// Where it stands under its heading.
    order: i32,
    /// Where it is offered.
    on: Vec<On>,
}

/// The menu.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Menu {
    /// By application, then in the order that the screens say.
    items: Vec<Entry>,
}

/// A screen as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Screen {
    /// The name.
    name: String,
    /// Which version of its manifest this is.
    version: u64,
    /// The application it belongs to, where it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    /// What people call the application, where a screen of it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    application_title: Option<Text>,
    /// What its manifest says.
    spec: ScreenSpec,
}

impl Desk {
    /// Answers the caller's menu.
    pub(crate) fn list_screens(&self, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
        let roles = reader.roles()?;
        let all = all(reader)?;
        let titles = titles(&all);
        let shown = all.into_iter().filter(|(_, spec)| is_for(spec, &roles));
        let mut items: Vec<Entry> = shown.filter_map(|(held, spec)| entry(&held, spec)).collect();
        for item in &mut items {
            let title = item.application.as_ref().and_then(|name| titles.get(name));
            item.application_title = title.cloned();
        }
        items.sort_by(|one, other| {
            let key = |entry: &Entry| (entry.application.clone(), entry.order, entry.name.clone());
            key(one).cmp(&key(other))
        });
        Reply::of(&Menu { items })
    }

    /// Answers a screen.
    pub(crate) fn get_screen(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = &call.resource.name;
        let hidden = || kernel::Error::NotFound { resource: call.resource.to_string() };
        let held = reader.resource("screen", name)?.ok_or_else(hidden)?;
        let spec = read::spec(name, &held.spec)?;
        if !is_for(&spec, &reader.roles()?) {
            return Err(hidden().into());
        }
        let application = application::of(&held);
        let title = match &application {
            Some(application) => titles(&all(reader)?).remove(application),
            None => None,
        };
        Reply::of(&Screen {
            name: name.clone(),
            version: held.version,
            application,
            application_title: title,
            spec,
        })
    }
}

/// Returns the screens that are declared, in the order in which they say something of their application.
fn all(reader: &Reader) -> Result<Vec<(Arc<Resource>, ScreenSpec)>, Problem> {
    let mut all = Vec::new();
    for held in reader.resources("screen")? {
        // What is stored was read before: one that cannot be read any more is missed, and does not take the menu along.
        match read::spec(&held.name, &held.spec) {
            Ok(spec) => all.push((held, spec)),
            Err(problem) => log::warn!(target: "desk", "{problem}"),
        }
    }
    all.sort_by_key(|(_, spec)| spec.order);
    Ok(all)
}

/// Returns what people call each application.
fn titles(all: &[(Arc<Resource>, ScreenSpec)]) -> BTreeMap<String, Text> {
    let mut titles = BTreeMap::new();
    for (held, spec) in all {
        if let (Some(name), Some(title)) = (application::of(held), &spec.application) {
            titles.entry(name).or_insert_with(|| title.clone());
        }
    }
    titles
}

fn is_for(spec: &ScreenSpec, roles: &BTreeSet<String>) -> bool {
    let is_among = |wanted: &Vec<String>| wanted.iter().any(|role| roles.contains(role));
    roles.contains(OWNER) || spec.roles.as_ref().is_none_or(is_among)
}

/// Returns the entry of a screen that is in a menu.
fn entry(held: &Resource, spec: ScreenSpec) -> Option<Entry> {
    Some(Entry {
        name: held.name.clone(),
        application: application::of(held),
        application_title: None,
        heading: spec.menu?,
        title: spec.title,
        order: spec.order,
        on: spec.on.unwrap_or_else(|| vec![On::Desk, On::Phone]),
    })
}
