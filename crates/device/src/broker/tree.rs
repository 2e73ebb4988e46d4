//! All subscriptions by the levels of their filters, so that those of a topic are found without looking at the others. Pure.

use super::rows::Scope;
use super::topic;
use crate::mqtt::Qos;
use std::collections::HashMap;

/// A subscription as it stands in memory.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    /// The session.
    pub session: u64,
    /// The filter as it was sent, with `$share/…`.
    pub filter: Box<str>,
    /// The group of a shared one.
    pub group: Option<u64>,
    /// The quality of service that was granted.
    pub qos: Qos,
    /// Whether the session's own messages are left out.
    pub no_local: bool,
    /// Whether messages keep the retain flag that they were published with.
    pub retain_as_published: bool,
    /// Its identifier, of MQTT 5.
    pub identifier: Option<u32>,
    /// From which offset of the log on.
    pub from: u64,
    /// Whose messages the session may hear by it.
    pub scope: Scope,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// Of filters that end here.
    here: Vec<Subscription>,
    /// Of filters that end here with `#`.
    rest: Vec<Subscription>,
    children: HashMap<Box<str>, Node>,
    plus: Option<Box<Node>>,
}

impl Tree {
    /// Adds a subscription, in place of the one that the session had by this filter.
    pub(crate) fn insert(&mut self, subscription: Subscription) {
        let filter = subscription.filter.clone();
        let held = self.root.at(topic::plain(&filter));
        match held.iter_mut().find(|held| is_same(held, &filter, subscription.session)) {
            Some(held) => *held = subscription,
            None => held.push(subscription),
        }
    }

    /// Removes a session's subscription by this filter.
    pub(crate) fn remove(&mut self, filter: &str, session: u64) {
        let levels: Vec<&str> = topic::plain(filter).split('/').collect();
        self.root.remove(&levels, filter, session);
    }

    /// Returns a session's subscription by this filter, to be changed.
    pub(crate) fn get_mut(&mut self, filter: &str, session: u64) -> Option<&mut Subscription> {
        let held = self.root.at(topic::plain(filter));
        held.iter_mut().find(|held| is_same(held, filter, session))
    }

    /// Finds the subscriptions that match a topic's name.
    pub(crate) fn matching<'t>(&'t self, topic: &str, found: &mut Vec<&'t Subscription>) {
        let levels: Vec<&str> = topic.split('/').collect();
        self.root.matching(&levels, topic.starts_with('$'), found);
    }
}

fn is_same(held: &Subscription, filter: &str, session: u64) -> bool {
    held.session == session && *held.filter == *filter
}

impl Node {
    /// Returns where the subscriptions of a filter stand.
    fn at(&mut self, filter: &str) -> &mut Vec<Subscription> {
        let mut node = self;
        for level in filter.split('/') {
            node = match level {
                "#" => return &mut node.rest,
                "+" => node.plus.get_or_insert_default().as_mut(),
                level => node.children.entry(level.into()).or_default(),
            };
        }
        &mut node.here
    }

    fn remove(&mut self, levels: &[&str], filter: &str, session: u64) {
        match levels.split_first() {
            None => self.here.retain(|held| !is_same(held, filter, session)),
            Some((&"#", _)) => self.rest.retain(|held| !is_same(held, filter, session)),
            Some((&"+", below)) => {
                if let Some(child) = &mut self.plus {
                    child.remove(below, filter, session);
                }
                if self.plus.as_deref().is_some_and(Self::is_empty) {
                    self.plus = None;
                }
            }
            Some((level, below)) => {
                let Some(child) = self.children.get_mut(*level) else { return };
                child.remove(below, filter, session);
                if child.is_empty() {
                    self.children.remove(*level);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        let Self { here, rest, children, plus } = self;
        here.is_empty() && rest.is_empty() && children.is_empty() && plus.is_none()
    }

    /// `is_own`: the topic begins with `$`, and these are the children of the root, where no wildcard matches it.
    fn matching<'t>(&'t self, levels: &[&str], is_own: bool, found: &mut Vec<&'t Subscription>) {
        if !is_own {
            found.extend(&self.rest);
        }
        let Some((level, below)) = levels.split_first() else {
            found.extend(&self.here);
            return;
        };
        if let Some(child) = self.children.get(*level) {
            child.matching(below, false, found);
        }
        if let Some(child) = self.plus.as_deref().filter(|_| !is_own) {
            child.matching(below, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};
    use std::collections::BTreeSet;

    fn subscription(session: u64, filter: &str) -> Subscription {
        Subscription {
            session,
            filter: filter.into(),
            group: None,
            qos: Qos::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            identifier: None,
            from: 0,
            scope: Scope::default(),
        }
    }

    fn text(entropy: &SeededEntropy, levels: &[&str]) -> String {
        let count = 1 + entropy.number() % 4;
        let level = |_| levels[entropy.number() as usize % levels.len()];
        (0..count).map(level).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn the_tree_finds_what_matches_and_nothing_else() {
        let entropy = SeededEntropy::new(6);
        for _ in 0..200 {
            let (mut tree, mut held) = (Tree::default(), BTreeSet::new());
            for session in 0..40_u64 {
                let mut filter = text(&entropy, &["a", "b", "+", "", "$x"]);
                if entropy.number().is_multiple_of(3) {
                    filter.push_str("/#");
                }
                if entropy.number().is_multiple_of(5) {
                    filter = format!("$share/g/{filter}");
                }
                tree.insert(subscription(session % 10, &filter));
                held.insert((session % 10, filter));
            }
            let gone: Vec<_> =
                held.iter().filter(|_| entropy.number().is_multiple_of(3)).cloned().collect();
            for (session, filter) in gone {
                tree.remove(&filter, session);
                held.remove(&(session, filter));
            }
            for _ in 0..40 {
                let name = text(&entropy, &["a", "b", "", "c", "$x"]);
                let mut found = Vec::new();
                tree.matching(&name, &mut found);
                let found: BTreeSet<_> =
                    found.iter().map(|held| (held.session, held.filter.to_string())).collect();
                let expected: BTreeSet<_> = held
                    .iter()
                    .filter(|(_, filter)| topic::matches(topic::plain(filter), &name))
                    .cloned()
                    .collect();
                assert_eq!(found, expected, "{name}");
            }
        }
    }

    #[test]
    fn nothing_stays_of_what_is_removed() {
        let mut tree = Tree::default();
        for filter in ["a/b/c", "a/+/c/#", "#", "+/+"] {
            tree.insert(subscription(1, filter));
            tree.insert(subscription(1, filter));
            tree.remove(filter, 1);
        }
        assert!(tree.root.is_empty());
    }
}
