//! What one viewer watches, and what of it he may: the policies are asked when he begins and whenever a right has changed.

use super::{Topic, Wanted};
use crate::{Call, Error, Identity, Kernel, Principal, Read, Reader, ResourceRef};
use base::{Kind, Problem, nearest};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name under which what is watched stands in the audit, and refusals of it.
const OPERATION: &str = "live.watch";

/// What one viewer watches.
pub struct View {
    kernel: Arc<Kernel>,
    identity: Identity,
    watched: Vec<Watched>,
    /// Up to which commit he was told.
    told: u64,
    /// The last commit when he began.
    begun: u64,
    /// The number of changes of rights before he was checked.
    rights: u64,
}

/// A topic as one viewer has asked for it.
struct Watched {
    /// As asked for: `kind`, or `kind/name`.
    name: String,
    /// What may be read of whoever hears of it.
    call: Call,
    /// Under which text the topic is found: the name, or its kind where too many names are watched.
    text: String,
    /// `None` only while it is given back.
    topic: Option<Arc<Topic>>,
    is_allowed: bool,
}

impl View {
    /// Begins to watch. Of what the caller may not read he hears nothing.
    ///
    /// # Errors
    /// `live.topic` for what cannot be watched; `policy.forbidden` where there is nothing of it that he may read; `token.invalid`.
    pub fn open(
        kernel: &Arc<Kernel>,
        identity: Identity,
        names: &[String],
    ) -> Result<Self, Problem> {
        let mut view = Self {
            kernel: Arc::clone(kernel),
            identity,
            watched: Vec::new(),
            told: 0,
            begun: 0,
            rights: 0,
        };
        for name in names.iter().collect::<BTreeSet<_>>() {
            let watched = view.watch(name)?;
            view.watched.push(watched);
        }
        view.told = kernel.live().tell();
        view.begun = kernel.commit();
        let refused = view.look_over()?;
        let is_deaf = view.topics().next().is_none();
        for Watched { call, is_allowed, .. } in &view.watched {
            let asked = Call { operation: OPERATION.into(), ..call.clone() };
            match &refused {
                _ if *is_allowed => kernel.note_watched(&asked),
                Some(refused) if is_deaf => kernel.note_refused(&asked, refused),
                _ => {}
            }
        }
        match refused {
            Some(refused) if is_deaf => Err(refused),
            _ => Ok(view),
        }
    }

    /// Returns who watches.
    pub fn principal(&self) -> &Principal {
        &self.identity.principal
    }

    /// Returns the last commit when he began: what is read afterwards has all up to it.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Returns what he watches and may read, by name.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        let allowed = self.watched.iter().filter(|watched| watched.is_allowed);
        allowed.map(|watched| watched.name.as_str())
    }

    /// Returns whether rights have changed since he was checked: then he hears nothing before [`View::check`].
    pub fn is_stale(&self) -> bool {
        self.rights != self.kernel.rights_changes()
    }

    /// Looks anew whether his credential still holds, and what he may read. May wait for the store.
    ///
    /// # Errors
    /// `token.invalid`, of kind `Unauthenticated`; where the store cannot be read.
    pub fn check(&mut self) -> Result<(), Problem> {
        self.look_over().map(|_| ())
    }

    /// Returns what has changed since he was told last; `upto` is what [`super::Live::tell`] has said. What was said before he began, or before
    /// he was told last, tells him nothing.
    pub fn news(&mut self, upto: u64) -> Vec<&str> {
        let told = self.told;
        if upto <= told {
            return Vec::new();
        }
        self.told = upto;
        let is_news = move |watched: &&Watched| {
            watched.is_allowed && watched.topic.as_ref().is_some_and(|topic| topic.is_newer(told))
        };
        self.watched.iter().filter(is_news).map(|watched| watched.name.as_str()).collect()
    }

    /// Begins to watch one topic.
    fn watch(&self, name: &str) -> Result<Watched, Problem> {
        let kernel = &self.kernel;
        let (kind, own) =
            name.split_once('/').map_or((name, None), |(kind, own)| (kind, Some(own)));
        let of_kind = kernel.sites(kind, None);
        let sites = own.map_or_else(|| of_kind.clone(), |own| kernel.sites(kind, Some(own)));
        if sites.is_empty() || own.is_some_and(str::is_empty) {
            return Err(unknown(kernel, name, kind));
        }
        let named_max = kernel.config().watched_names_max;
        let wanted = Wanted { text: name, sites, named_max };
        let found = kernel.live().watch(wanted, || kernel.commit());
        let (text, topic) = match found {
            Some(topic) => (name, Some(topic)),
            None => {
                let wanted = Wanted { text: kind, sites: of_kind, named_max };
                (kind, kernel.live().watch(wanted, || kernel.commit()))
            }
        };
        let resource = ResourceRef::new(kind, own.unwrap_or_default());
        let mut call = Call::new(reading(kernel, kind, own), resource, self.principal().clone());
        call.scope.clone_from(&self.identity.scope);
        let (name, text) = (name.to_owned(), text.to_owned());
        Ok(Watched { name, call, text, topic, is_allowed: false })
    }

    /// Asks for the credential and for every topic; returns why one of them is refused. What is not there, or looks so, is no refusal: it
    /// may come.
    fn look_over(&mut self) -> Result<Option<Problem>, Problem> {
        // Before anything is read: a change in between makes it void at once. While one is being made nothing counts.
        self.rights = self.kernel.rights_changes() & !1;
        let reader = Reader::new(&self.kernel, self.principal().clone())?;
        if let Some(stamp) = &self.identity.stamp {
            self.kernel.is_held(&reader, stamp)?;
        }
        let mut refused = None;
        for watched in &mut self.watched {
            let outcome = may(&self.kernel, &reader, &watched.call);
            watched.is_allowed = outcome.is_ok();
            match outcome {
                Ok(()) => {}
                Err(problem) => match problem.kind {
                    Kind::NotFound => {}
                    Kind::Forbidden | Kind::Unauthenticated => {
                        refused.get_or_insert(problem);
                    }
                    _ => return Err(problem),
                },
            }
        }
        Ok(refused)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        for Watched { text, topic, .. } in &mut self.watched {
            if let Some(topic) = topic.take() {
                self.kernel.live().leave(text, topic);
            }
        }
    }
}

fn may(kernel: &Kernel, read: &dyn Read, call: &Call) -> Result<(), Problem> {
    let operation = kernel.operation(&call.operation)?;
    kernel.authorise(read, operation, call).map(|_| ())
}

/// Returns by which operation somebody reads what he watches: whoever may not do that hears nothing of it.
fn reading(kernel: &Kernel, kind: &str, name: Option<&str>) -> &'static str {
    let (verbs, any) = match name {
        None => (&["list"][..], "resource.list"),
        Some(_) => (&["get", "read"][..], "resource.get"),
    };
    let named = verbs.iter().find_map(|verb| kernel.operation(&format!("{kind}.{verb}")).ok());
    named.filter(|operation| !operation.is_internal).map_or(any, |operation| operation.name)
}

fn unknown(kernel: &Kernel, topic: &str, kind: &str) -> Problem {
    let kinds: BTreeSet<&str> = kernel
        .kinds()
        .map(|kind| kind.name)
        .chain(kernel.operations().map(|operation| operation.kind()))
        .filter(|kind| !kernel.sites(kind, None).is_empty())
        .collect();
    let nearest = nearest(kind, kinds).map(str::to_owned);
    Error::Topic { topic: topic.chars().take(80).collect(), nearest }.into()
}
