//! Lists of instances, the newest first: active ones and those that are over, by process, version, element, state, business key and time.
//!
//! Each of a few ranges of keys holds numbers of instances in order; a page takes the highest of all of them, again and again. A time
//! becomes a range of numbers by what is noted of each hour, so that no page looks at what lies outside of it.

use crate::counts::Instances;
use crate::engine::Processes;
use crate::instance::Instance;
use crate::lists::{self, Page};
use crate::past::{self, CANCELLED, COMPLETED, Rows};
use crate::wire::{self, InstanceRow, LOG_INSTANCES, key};
use base::{Key, Problem, Time};
use kernel::{Call, Found, Read, Reader, Reply, ResourceRef};
use notation::graph::NodeId;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};

/// Keys that are read of a range in one go.
const PAGE: usize = 100;

/// Which instances are listed.
struct Wanted<'a> {
    process: Option<&'a str>,
    business_key: Option<&'a str>,
    variable: Option<(&'a str, &'a str)>,
    version: Option<u64>,
    element: Option<&'a str>,
    state: &'a str,
    from: Option<Time>,
    to: Option<Time>,
}

/// How the keys of a range lead to instances.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// By the last number, to an active one.
    Active,
    /// By the last number but one, to one that has an incident.
    Incident,
    /// By the last number, to one that is over; the value says where the log has it.
    Past,
    /// By the last number, to one that is over.
    PastByNumber,
}

/// A range of keys with what was read of it.
struct Range {
    prefix: Key,
    leads: Leads,
    process: Option<String>,
    /// What was read and not taken: numbers with values, the highest first.
    read: VecDeque<(u64, Vec<u8>)>,
    /// Below which number it goes on; `None` where there is nothing left.
    below: Option<u64>,
    /// The lowest number that is wanted.
    least: u64,
}

impl Range {
    /// Returns the highest number that is not taken yet.
    fn highest(&mut self, read: &dyn Read) -> Result<Option<u64>, Problem> {
        while self.read.is_empty() {
            let Some(below) = self.below else { return Ok(None) };
            let (from, to) =
                (self.prefix.clone().number(self.least), self.prefix.clone().number(below));
            let pairs = read.scan(from.as_ref(), to.as_ref(), PAGE, true)?;
            let is_all = pairs.len() < PAGE;
            for (found, value) in pairs {
                let number = match self.leads {
                    Leads::Incident => wire::tail(&found).map(|(number, _)| number),
                    _ => wire::last(&found),
                };
                let Some(number) = number else { continue };
                if self.read.back().is_none_or(|(last, _)| *last != number) {
                    self.read.push_back((number, value));
                }
            }
            let lowest = self.read.back().map(|(number, _)| *number);
            self.below = lowest.filter(|_| !is_all);
            if is_all && self.read.is_empty() {
                return Ok(None);
            }
        }
        Ok(self.read.front().map(|(number, _)| *number))
    }
}

impl Wanted<'_> {
    fn is_active(&self) -> bool {
        !matches!(self.state, COMPLETED | CANCELLED | "finished")
    }

    /// Returns whether instances that are over are meant: these stand nowhere, and have no variables but in the log.
    fn is_over(&self) -> bool {
        matches!(self.state, COMPLETED | CANCELLED | "finished" | "all")
            && self.variable.is_none()
            && self.element.is_none()
    }

    /// Returns the ways of ending that are meant.
    fn ends(&self) -> &'static [&'static str] {
        match self.state {
            COMPLETED => &[COMPLETED],
            CANCELLED => &[CANCELLED],
            _ => &past::STATES,
        }
    }

    /// Returns the ranges of keys in which all that is wanted is, for one process. `listed` are those of the version and the element,
    /// where one of them is wanted and all instances are listed so.
    fn ranges(&self, process: &str, listed: Option<Vec<Key>>) -> Vec<(Key, Leads)> {
        let mut ranges = Vec::new();
        if self.is_over() {
            let by_version = self.version.filter(|_| listed.is_some());
            ranges.extend(self.past_ranges(process, by_version));
        }
        if self.is_active() {
            ranges.extend(self.active_ranges(process, listed));
        }
        ranges
    }

    fn active_ranges(&self, process: &str, listed: Option<Vec<Key>>) -> Vec<(Key, Leads)> {
        let range = match (self.business_key, self.variable, self.state, listed) {
            (Some(called), ..) => key::instances_by_key(process, called),
            (None, Some((variable, value)), ..) => key::instances_by(process, variable, value),
            (None, None, "failed" | "incident", _) => {
                return vec![(key::incidents_of(process), Leads::Incident)];
            }
            (None, None, "suspended", _) => key::instances_suspended(),
            (None, None, _, Some(listed)) => {
                return listed.into_iter().map(|key| (key, Leads::Active)).collect();
            }
            (None, None, _, None) => key::instances_of(process),
        };
        vec![(range, Leads::Active)]
    }

    fn past_ranges(&self, process: &str, by_version: Option<u64>) -> Vec<(Key, Leads)> {
        if let Some(called) = self.business_key {
            return vec![(key::past_by_key(process, called), Leads::PastByNumber)];
        }
        let range = |end: &&str| match by_version {
            Some(version) => (key::past_by_version(process, version, end), Leads::PastByNumber),
            None => (key::past(process, end), Leads::Past),
        };
        self.ends().iter().map(range).collect()
    }

    fn has_begun(&self, at: Time) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at <= to)
    }

    fn is_of_version(&self, version: u64) -> bool {
        self.version.is_none_or(|wanted| wanted == version)
    }

    fn is_meant(&self, instance: &Instance) -> bool {
        let has = |wanted: Option<&str>, is: Option<&str>| wanted.is_none_or(|_| is == wanted);
        let is_stopped = || {
            instance.incident.is_some()
                || instance.elements.iter().any(|element| element.incident.is_some())
        };
        let is_of_state = match self.state {
            "all" | "open" => true,
            "incident" => is_stopped(),
            state => state == instance.state_name(),
        };
        is_of_state
            && self.is_of_version(instance.version)
            && has(self.process, Some(&instance.process))
            && has(self.business_key, instance.business_key.as_deref())
            && self.has_begun(instance.started_at)
    }
}

/// Returns whether a list is one that begins with the newest: that is asked for, or only such a list has what is wanted.
pub(crate) fn is_newest(call: &Call) -> bool {
    let ends = [COMPLETED, CANCELLED, "finished", "all", "open", "incident"];
    let is_over = call.text("state").is_some_and(|state| ends.contains(&state));
    let given = |name: &str| call.args.get(name).is_some_and(|value| !value.is_null());
    is_over || lists::is_newest(call) || ["from", "to", "version", "element"].into_iter().any(given)
}

impl Processes {
    /// Lists instances, the newest first.
    pub(crate) fn list_newest(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let time = |name: &str| call.text(name).map(Time::parse).transpose();
        let wanted = Wanted {
            process: call.text("process"),
            business_key: call.text("business_key"),
            variable: call.text("variable").zip(call.text("value")),
            version: call.number("version")?,
            element: call.text("element"),
            state: call.text("state").unwrap_or("open"),
            from: time("from")?,
            to: time("to")?,
        };
        let below = call.number("after")?.unwrap_or(u64::MAX);
        let mut page = Page::of(call, &self.config)?;
        let mut ranges = self.ranges(reader, &wanted, below)?;
        let mut rows = Rows::new(reader, LOG_INSTANCES);
        let mut last = None;
        loop {
            let mut highest: Option<(u64, usize)> = None;
            for (place, range) in ranges.iter_mut().enumerate() {
                if let Some(number) = range.highest(reader)? {
                    highest = highest.max(Some((number, place)));
                }
            }
            let Some((number, place)) = highest else { return Ok(page.reply()) };
            let Some(range) = ranges.get_mut(place) else { return Ok(page.reply()) };
            let Some((_, value)) = range.read.pop_front() else { return Ok(page.reply()) };
            // One that has failed and also stands still has several keys.
            if last.replace(number) == Some(number) {
                continue;
            }
            if !page.looks_at(|| number.to_string()) {
                return Ok(page.reply());
            }
            if let Some(row) = self.listed(reader, &wanted, range, (number, &value), &mut rows)? {
                page.items.push(json!(row));
            }
        }
    }

    /// Returns the ranges of keys for all processes that are meant, as far as times leave something of them.
    fn ranges(
        &self,
        read: &dyn Read,
        wanted: &Wanted<'_>,
        below: u64,
    ) -> Result<Vec<Range>, Problem> {
        let processes: BTreeSet<String> = match wanted.process {
            Some(process) => BTreeSet::from([process.to_owned()]),
            None => {
                let mut all = BTreeSet::new();
                if wanted.is_active() {
                    all.extend(past::names_behind(read, &key::instances_all())?);
                }
                if wanted.is_over() {
                    all.extend(past::names_behind(read, &key::past_all())?);
                }
                all
            }
        };
        let is_listed =
            (wanted.version.is_some() || wanted.element.is_some()) && self.is_listed(read)?;
        let mut ranges = Vec::new();
        for process in processes {
            let (mut least, mut below) = (1, below);
            if wanted.from.is_some() || wanted.to.is_some() {
                let between = past::begun_between(read, &process, wanted.from, wanted.to)?;
                let Some((first, last)) = between else { continue };
                (least, below) = (first, below.min(last.saturating_add(1)));
            }
            let listed = is_listed.then(|| self.listed_at(read, wanted, &process)).transpose()?;
            ranges.extend(wanted.ranges(&process, listed).into_iter().map(|(prefix, leads)| {
                Range {
                    prefix,
                    leads,
                    process: Some(process.clone()),
                    read: VecDeque::new(),
                    below: Some(below),
                    least,
                }
            }));
        }
        Ok(ranges)
    }

    /// Returns the keys of the active instances of the version and at the element that are wanted: what is counted says where there are
    /// any.
    fn listed_at(
        &self,
        read: &dyn Read,
        wanted: &Wanted<'_>,
        process: &str,
    ) -> Result<Vec<Key>, Problem> {
        let mut listed = Vec::new();
        for (version, counts) in self.counts(read, process)? {
            let Instances { active, suspended, failed, .. } = counts.instances;
            if !wanted.is_of_version(version) || active + suspended + failed == 0 {
                continue;
            }
            let at = |node: NodeId| key::standing(process, version, Some(node));
            let has_some = |node: NodeId| {
                let counted = counts.elements.get(node.0 as usize);
                counted.is_some_and(|counted| 0 < counted.active)
            };
            match wanted.element {
                Some(element) => {
                    let compiled = self.cache.get(read, &self.config, process, version)?;
                    let node = compiled.graph.find(element);
                    listed.extend(node.filter(|node| has_some(*node)).map(at));
                }
                None => {
                    let nodes = (0..).map(NodeId).take(counts.elements.len());
                    listed.extend(nodes.filter(|node| has_some(*node)).map(at));
                    listed.push(key::standing(process, version, None));
                }
            }
        }
        Ok(listed)
    }

    /// Returns the row of an instance, where it is meant and the caller may see it.
    fn listed(
        &self,
        reader: &Reader,
        wanted: &Wanted<'_>,
        range: &Range,
        (number, value): (u64, &[u8]),
        rows: &mut Rows<'_>,
    ) -> Result<Option<InstanceRow>, Problem> {
        let reference = ResourceRef::new("instance", number.to_string());
        let may_see = |found: &Found| reader.allows_found("instance.get", &reference, found);
        if matches!(range.leads, Leads::Active | Leads::Incident) {
            let Some(instance) = self.load(reader, number)? else { return Ok(None) };
            if !wanted.is_meant(&instance) {
                return Ok(None);
            }
            let row = self.row_of(reader, &instance)?;
            let is_there = |element: &str| row.elements.iter().any(|id| id == element);
            let is_meant = wanted.element.is_none_or(is_there);
            return Ok((is_meant && may_see(&past::found(&row))?).then_some(row));
        }
        let row = match (range.leads, &range.process) {
            (Leads::PastByNumber, Some(process)) => {
                let mut found = None;
                for state in wanted.ends() {
                    if let Some(place) =
                        reader.get(key::past(process, state).number(number).as_ref())?
                    {
                        found = past::row_at(rows, &place, number)?;
                    }
                }
                found
            }
            _ => past::row_at(rows, value, number)?,
        };
        let is_meant = |row: &InstanceRow| {
            wanted.is_of_version(row.version) && wanted.has_begun(row.started_at)
        };
        let Some(mut row) = row.filter(is_meant) else { return Ok(None) };
        row.trail = None;
        Ok(may_see(&past::found(&row))?.then_some(row))
    }
}
