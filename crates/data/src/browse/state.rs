//! How relations stand: how many rows they have, how new they are, and what their quality rules found.

use super::place::{Kind, Place};
use crate::catalog::{LATEST, base_of};
use crate::derived;
use crate::engine::Shared;
use crate::quality::check::spec_of;
use crate::quality::run::newest_of;
use crate::quality::shown::{Shown, Viewer};
use crate::streams::append::set_aside_log_of;
use crate::streams::marks;
use base::{Problem, Time};
use kernel::{Read, Reader, Resource};
use std::collections::HashMap;
use std::sync::Arc;

/// How a relation stands, as far as it is known without reading it.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) rows: Option<u64>,
    /// When the newest row came, business time.
    pub(crate) newest: Option<Time>,
    /// When it was refreshed last, wall time, where it is kept.
    pub(crate) refreshed: Option<Time>,
}

impl State {
    /// Returns how a relation stands. For those who see all of it: what is hidden counts here too.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn of(shared: &Shared, read: &dyn Read, place: &Place) -> Result<Self, Problem> {
        let Some(resource) = &place.resource else { return Ok(Self::default()) };
        match place.kind {
            Kind::Stream | Kind::Table => Self::of_stream(shared, read, place, resource),
            Kind::SetAside => {
                let log = set_aside_log_of(&resource.name);
                let rows = read.log_end(&log)?.saturating_sub(base_of(read, &log)?);
                Ok(Self { rows: Some(rows), ..Self::default() })
            }
            Kind::View => {
                let kept = derived::state::derived(read, &resource.name)?;
                Ok(Self { refreshed: kept.map(|kept| Time(kept.at)), ..Self::default() })
            }
            Kind::Metric | Kind::Lent | Kind::System => Ok(Self::default()),
        }
    }

    fn of_stream(
        shared: &Shared,
        read: &dyn Read,
        place: &Place,
        resource: &Resource,
    ) -> Result<Self, Problem> {
        let stream = shared.stream(resource)?;
        let extent = shared.extent(read, &stream)?;
        let newest = match extent.end().checked_sub(1).filter(|last| extent.from <= *last) {
            Some(last) => marks::time_of(read, &stream.name, last)?,
            None => None,
        };
        let rows = if place.kind == Kind::Stream {
            let in_files: u64 = extent.files.iter().map(|file| file.rows).sum();
            Some(in_files + extent.end().saturating_sub(extent.tail.base))
        } else {
            // How many keys there are is known of what is in files, and of nothing.
            match shared.newest_files(read, &stream)? {
                Some(newest) if newest.upto == extent.end() => {
                    Some(newest.files.iter().map(|file| file.rows).sum())
                }
                _ => (extent.end() == extent.from).then_some(0),
            }
        };
        Ok(Self { rows, newest, refreshed: None })
    }
}

/// Quality rules by what they are for, as far as a reader may see them.
pub(crate) struct Rules<'r> {
    reader: &'r Reader,
    viewer: Viewer<'r>,
    by_target: HashMap<String, Vec<Arc<Resource>>>,
}

impl<'r> Rules<'r> {
    /// Returns the rules.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn new(shared: &'r Arc<Shared>, reader: &'r Reader) -> Result<Self, Problem> {
        let mut by_target: HashMap<String, Vec<Arc<Resource>>> = HashMap::new();
        for quality in reader.resources("quality")? {
            if reader.allows("quality.get", &quality.reference())? {
                by_target.entry(spec_of(&quality)?.on).or_default().push(quality);
            }
        }
        Ok(Self { reader, viewer: Viewer::new(shared, reader), by_target })
    }

    /// Returns of each rule of a relation what it found on the newest day, with the name of its rules; nothing of those that have
    /// found nothing yet.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn newest(&mut self, place: &Place) -> Result<Option<Vec<Shown>>, Problem> {
        let Some(target) = target(place) else { return Ok(None) };
        let Some(rules) = self.by_target.get(&target) else { return Ok(None) };
        let mut newest = Vec::new();
        for quality in rules {
            for rule in spec_of(quality)?.rules {
                for count in newest_of(self.reader, &quality.name, &rule.name, 1)? {
                    newest.push(self.viewer.look(count)?);
                }
            }
        }
        Ok(Some(newest))
    }

    /// Returns how the rules of a relation stand, in a word.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn word(&mut self, place: &Place) -> Result<&'static str, Problem> {
        let Some(newest) = self.newest(place)? else { return Ok("none") };
        let is_failing = |shown: &Shown| 0 < shown.count.failed || shown.count.error.is_some();
        Ok(match newest.as_slice() {
            [] => "waiting",
            newest if newest.iter().any(|shown| !shown.is_whole) => "hidden",
            newest if newest.iter().any(is_failing) => "failing",
            _ => "ok",
        })
    }
}

/// Returns a relation as quality rules name it.
fn target(place: &Place) -> Option<String> {
    let stream = &place.resource.as_ref()?.name;
    match place.kind {
        Kind::Stream => Some(format!("stream/{stream}")),
        Kind::Table => Some(format!("table/{stream}{LATEST}")),
        _ => None,
    }
}
