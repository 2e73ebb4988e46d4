//! Tasks in the order in which they should be done: what is due first, then what came first; what is due at no time comes last.
//!
//! Each open task stands under its assignee, or where it has none under the roles that may take it; under its process; and under
//! its business key. A list reads such keys on from where the page before ended, several beside each other where it wants several.

use crate::assignments::{self, announce};
use crate::engine::Processes;
use crate::instance::{Element, Instance, Task};
use crate::lists::SCAN;
use crate::wire::{self, Index, key};
use base::{Key, Problem, Time};
use kernel::{Read, Reader, Tx};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Keys of the older form that are brought forward in one turn.
const FORWARD_MAX: usize = 100;

/// Under whose name a task stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose<'a> {
    /// A person's: his own.
    User(&'a str),
    /// Nobody's yet: members of a role may take it.
    Role(&'a str),
    /// Nobody's yet, and nobody is named.
    Nobody,
}

/// Puts the keys of an open task beside its instance.
pub(crate) fn index(index: &mut Index, instance: &Instance, element: &Element, task: &Task) {
    let due = task.due.unwrap_or(Time(i64::MAX));
    let mut put = |prefix: Key| {
        let ordered = prefix.signed(due.0).signed(element.entered.0);
        index.insert(ordered.number(instance.key).number(element.id.into()).bytes(), Vec::new());
    };
    put(key::tasks_in(&instance.process));
    match &task.assignee {
        Some(assignee) => put(key::tasks_of(Whose::User(assignee))),
        None if task.candidates.is_empty() => put(key::tasks_of(Whose::Nobody)),
        None => task.candidates.iter().for_each(|role| put(key::tasks_of(Whose::Role(role)))),
    }
    if let Some(called) = &instance.business_key {
        let key = key::tasks_called(called).number(instance.key).number(element.id.into());
        index.insert(key.bytes(), Vec::new());
    }
}

/// Keys that are read on in their order.
struct Stream {
    /// With what all begin; what stands behind it is their order.
    prefix: Vec<u8>,
    from: Vec<u8>,
    end: Vec<u8>,
    held: VecDeque<Vec<u8>>,
    is_over: bool,
}

impl Stream {
    /// Returns the order of the next key.
    fn head(&mut self, reader: &Reader) -> Result<Option<&[u8]>, Problem> {
        if self.held.is_empty() && !self.is_over && self.from < self.end {
            let found = reader.scan(&self.from, &self.end, SCAN, false)?;
            self.is_over = found.len() < SCAN;
            if let Some((last, _)) = found.last() {
                self.from.clone_from(last);
                self.from.push(0);
            }
            self.held.extend(found.into_iter().map(|(key, _)| key));
        }
        Ok(self.held.front().and_then(|key| key.get(self.prefix.len()..)))
    }
}

/// Several streams of keys as one, in order, each order once.
pub(crate) struct Merged(Vec<Stream>);

impl Merged {
    /// Returns what begins with one of these keys, behind an order that was seen already.
    pub(crate) fn of(prefixes: impl IntoIterator<Item = Key>, after: &[u8]) -> Self {
        let stream = |prefix: Key| Self::stream(prefix.bytes(), &[], after);
        Self(prefixes.into_iter().map(stream).collect())
    }

    /// Returns what is called by a business key that begins so, behind an order that was seen already.
    pub(crate) fn called(begin: &str, after: &[u8]) -> Self {
        Self(vec![Self::stream(key::tasks_called_all().bytes(), begin.as_bytes(), after)])
    }

    fn stream(prefix: Vec<u8>, begin: &[u8], after: &[u8]) -> Stream {
        let first = [prefix.as_slice(), begin].concat();
        let end = base::prefix_end(&first);
        let from = if after.is_empty() {
            first
        } else {
            first.max([prefix.as_slice(), after, &[0]].concat())
        };
        Stream { prefix, from, end, held: VecDeque::new(), is_over: false }
    }

    /// Returns the next order: the task stands at its end.
    pub(crate) fn next(&mut self, reader: &Reader) -> Result<Option<Vec<u8>>, Problem> {
        let mut least: Option<Vec<u8>> = None;
        for stream in &mut self.0 {
            if let Some(head) = stream.head(reader)?
                && least.as_deref().is_none_or(|least| head < least)
            {
                least = Some(head.to_vec());
            }
        }
        for stream in self.0.iter_mut().filter(|_| least.is_some()) {
            if stream.head(reader)? == least.as_deref() {
                stream.held.pop_front();
            }
        }
        Ok(least)
    }
}

/// Reads the order behind which a page begins; nothing where it is none.
pub(crate) fn order_of(text: &str) -> Vec<u8> {
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>().unwrap_or_default()
}

impl Processes {
    /// Tells of the tasks that a step has made, changed or ended.
    pub(crate) fn tasks_changed(
        &self,
        tx: &mut Tx<'_>,
        before: &Index,
        after: &Index,
    ) -> Result<(), Problem> {
        let (from, end) = (key::tasks().bytes(), base::prefix_end(key::tasks().as_ref()));
        let rows = |index: &Index| index.range(from.clone()..end.clone()).count();
        if rows(before) == 0 && rows(after) == 0 {
            return Ok(());
        }
        let mut is_changed = false;
        for (place, bytes) in after.range(from.clone()..end.clone()) {
            match before.get(place) {
                Some(held) => is_changed |= held != bytes,
                None => {
                    is_changed = true;
                    let row: wire::TaskRow = wire::read(bytes)?;
                    announce(tx, &self.config, &row, row.created_at)?;
                }
            }
        }
        if is_changed
            || before.range(from.clone()..end.clone()).any(|(place, _)| !after.contains_key(place))
        {
            tx.notify(assignments::TOPIC);
        }
        Ok(())
    }

    /// Gives open tasks that an older version has listed the keys of this one, some in each turn. Returns how many.
    pub(crate) fn list_anew(&self, tx: &mut Tx<'_>) -> Result<usize, Problem> {
        if self.is_listed.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let mut count = 0;
        for prefix in key::tasks_before() {
            let found = tx.scan_prefix(prefix.as_ref(), FORWARD_MAX)?;
            count += found.len();
            for (old, _) in found {
                tx.delete(old.clone());
                let Some((number, id)) = wire::tail(&old) else { continue };
                let Some(instance) = self.load(tx, number)? else { continue };
                let Some(element) = instance.element(id) else { continue };
                let mut keys = Index::new();
                if let crate::instance::Wait::Task(task) = &element.wait {
                    index(&mut keys, &instance, element, task);
                }
                for (key, value) in keys {
                    tx.put(key, value);
                }
            }
        }
        self.is_listed.store(count == 0, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::order_of;

    #[test]
    fn the_order_of_a_page_is_read_or_left_out() {
        assert_eq!(order_of("00ff1a"), [0, 255, 26]);
        for text in ["", "0", "zz", "17-3", "ä"] {
            assert!(order_of(text).is_empty(), "{text}");
        }
    }
}
