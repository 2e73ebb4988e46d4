//! Who hears what: topics, subscriptions, sessions, retained messages, wills, shared subscriptions, the log of messages.
//!
//! Sessions, subscriptions and retained messages are rows, changed in the commit of whatever changes them. Beside them stands in memory what
//! is needed to bring a message to those who hear it: made of the rows at the first use, changed after commits alone, so that it is never
//! ahead of the disk. A message for somebody who may be away stands in one log, once; a session's queue is its place in that log.
//!
//! | files | subject |
//! |---|---|
//! | `topic`, `spec`, `topics` | names and filters; declared topics |
//! | `tree`, `merged`, `audience` | which subscriptions match, what they say together, who hears a topic |
//! | `message`, `log`, `track` | one message, the log of them, how far somebody has come in it |
//! | `seat`, `group`, `shared`, `router`, `feed` | a session and a group as doors see them, what a session hears, and what they share; the way of messages to them; what is read from the log |
//! | `rows`, `key`, `load` | what is stored, where, and how memory is made of it |
//! | `calls`, `sessions`, `ending`, `subscribe`, `rights`, `delivered`, `wills`, `sweep` | what doors ask for; sessions from their beginning to their end |
//! | `operations`, `lists`, `relations`, `tell`, `verify` | the table; what is shown |

pub mod calls;
pub mod feed;
pub mod log;
pub mod topic;

mod audience;
mod delivered;
mod ending;
mod group;
mod key;
mod lists;
mod load;
mod merged;
mod message;
mod operations;
mod relations;
mod retained;
mod rights;
mod router;
mod rows;
mod seat;
mod sessions;
mod shared;
mod spec;
mod subscribe;
mod sweep;
mod tell;
mod topics;
mod track;
mod tree;
mod verify;
mod wills;

pub use audience::Staged;
pub use calls::{
    Close, Hold, Kill, Open, Opened, Record, Release, Subscribe, Subscribed, Unsubscribe,
};
pub use message::{Message, Origin};
pub use router::Router;
pub use rows::Progress;
pub use seat::{Nudge, Seat, SeatShown, Taken, Wake, scopes_anew};
pub use topics::{Topic, Topics};

pub(crate) use key::incoming;
pub(crate) use operations::{kinds, operations};
pub(crate) use relations::relations;
pub(crate) use seat::{hears_itself, still_heard};
pub(crate) use sweep::work;
pub(crate) use tell::{edges, tell};
pub(crate) use topics::changed;
pub(crate) use verify::verify;

use crate::Error;
use crate::config::Config;
use crate::engine::Fleet;
use audience::{Audience, LogState};
use base::{Problem, Time};
use group::Group;
use kernel::{Found, Principal, Read, Site, Tx};
use shared::Shared;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use tree::{Subscription, Tree};

/// What of a device its own clients are to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// Its commands.
    Commands,
    /// Its desired state.
    Desired,
}

/// Who hears what.
pub struct Broker {
    me: Weak<Self>,
    config: Config,
    shared: Arc<Shared>,
    router: Arc<Router>,
    counters: Arc<Counters>,
    /// Whether `state` was made of the rows.
    is_ready: AtomicBool,
    loading: Mutex<bool>,
    state: RwLock<State>,
    /// Rises with every change of what may be heard by whom.
    version: AtomicU64,
    audiences: Mutex<HashMap<Box<str>, Arc<Audience>>>,
    topics: Mutex<Option<(u64, Arc<Topics>)>>,
    log: Arc<Mutex<LogState>>,
    /// Connections that are being opened: memory knows of them after the commit.
    opening: Mutex<HashSet<(u64, u64)>>,
    /// Behind which retained message the next look begins.
    swept: Mutex<Option<Vec<u8>>>,
    /// When the log was last looked at to be cut, wall time.
    kept_house: Arc<Mutex<Option<Time>>>,
}

/// What is counted since the unit began.
#[derive(Debug, Default)]
struct Counters {
    /// Messages that were accepted, by their quality of service.
    received: [AtomicU64; 3],
}

/// What stands in memory beside the rows.
#[derive(Debug, Default)]
struct State {
    tree: Tree,
    seats: HashMap<u64, Arc<Seat>>,
    groups: HashMap<u64, Arc<Group>>,
    by_principal: HashMap<Principal, BTreeSet<u64>>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broker of {} sessions", self.read_state().seats.len())
    }
}

impl Broker {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let shared = Arc::new(Shared::new(config));
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            config: config.clone(),
            router: Arc::new(Router::new(Arc::clone(&shared))),
            shared,
            counters: Arc::default(),
            is_ready: AtomicBool::new(false),
            loading: Mutex::new(false),
            state: RwLock::default(),
            version: AtomicU64::new(0),
            audiences: Mutex::default(),
            topics: Mutex::default(),
            log: Arc::default(),
            opening: Mutex::default(),
            swept: Mutex::default(),
            kept_house: Arc::default(),
        })
    }

    /// Checks that a session has this connection, and returns whether it outlives it. Session 0 is none, and always has it.
    ///
    /// # Errors
    /// `mqtt_session.not_found` where it has another, or is no more.
    pub(crate) fn check_generation(
        &self,
        read: &dyn Read,
        session: u64,
        generation: u64,
    ) -> Result<bool, Problem> {
        if session == 0 {
            return Ok(false);
        }
        let numbered = rows::numbered(read, session)?;
        let is_it = |held: &rows::Numbered| !held.is_group && held.generation == generation;
        numbered
            .filter(is_it)
            .map(|held| held.is_durable)
            .ok_or_else(|| Error::SessionNotFound.into())
    }

    /// Has the clients of a device look for commands or desired state, once this is committed.
    pub(crate) fn announce(&self, tx: &mut Tx<'_>, device: &str, what: Announce) {
        let principal = Principal::Device(device.into());
        let me = Weak::clone(&self.me);
        tx.after_commit(move |_| {
            let Some(broker) = me.upgrade() else { return };
            let nudge = match what {
                Announce::Commands => Nudge::Commands,
                Announce::Desired => Nudge::Desired,
            };
            broker.seats_of(&principal).iter().for_each(|seat| seat.nudge(nudge));
        });
    }

    /// Ends all sessions of a principal that is gone or was switched off. Their wills go with them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn end_sessions_of(
        &self,
        tx: &mut Tx<'_>,
        principal: &Principal,
        code: u8,
    ) -> Result<(), Problem> {
        self.ensure(tx)?;
        let prefix = key::sessions_of(&principal.to_string());
        for (_, bytes) in tx.scan_prefix(prefix.as_ref(), usize::MAX)? {
            let row: rows::SessionRow = crate::wire::read(&bytes)?;
            self.remove(tx, &row, code)?;
        }
        Ok(())
    }

    /// Returns the way of messages to their hearers.
    pub fn router(&self) -> &Arc<Router> {
        &self.router
    }

    /// Returns a session.
    pub fn seat(&self, session: u64) -> Option<Arc<Seat>> {
        self.read_state().seats.get(&session).cloned()
    }

    /// Returns all sessions.
    pub fn seats(&self) -> Vec<Arc<Seat>> {
        self.read_state().seats.values().cloned().collect()
    }

    /// Returns when the next will or end of a session is due, wall time.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn next_due(&self, read: &dyn Read) -> Result<Option<Time>, Problem> {
        let first = read.scan_prefix(key::dues().as_ref(), 1)?;
        Ok(first.first().and_then(|(stored, _)| key::of_due(stored)).map(|(at, _, _)| at))
    }

    /// Takes the numbers of sessions and groups that have come on since they were written down, `limit` at most. Of sessions that end with
    /// their connection nothing is written down.
    pub fn dirty(&self, limit: usize) -> Vec<u64> {
        let state = self.read_state();
        let is_kept = |number: &u64| match state.seats.get(number) {
            Some(seat) => seat.is_durable(),
            None => state.groups.contains_key(number),
        };
        let mut dirty = self.shared.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| dirty.pop_first()).filter(is_kept).take(limit).collect()
    }

    /// Forgets what was made of a commit that did not happen. Who sits here stays; what he hears is read anew.
    pub(crate) fn forget(&self) {
        self.is_ready.store(false, Ordering::SeqCst);
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.let_go();
    }

    /// Lets go of what is remembered to be quick.
    pub(crate) fn let_go(&self) {
        self.audiences.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Changes what a subscription may hear, in memory.
    pub(crate) fn rescope(
        &self,
        seat: &Seat,
        filter: &str,
        change: &mut dyn FnMut(&mut Subscription),
    ) {
        let mut state = self.write_state();
        if seat.rescope(filter, change)
            && let Some(subscription) = state.tree.get_mut(filter, seat.session())
        {
            change(subscription);
        }
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the sessions of a principal.
    fn seats_of(&self, principal: &Principal) -> Vec<Arc<Seat>> {
        let state = self.read_state();
        let numbers = state.by_principal.get(principal).into_iter().flatten();
        numbers.filter_map(|number| state.seats.get(number).cloned()).collect()
    }

    fn group(&self, number: u64) -> Option<Arc<Group>> {
        self.read_state().groups.get(&number).cloned()
    }

    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds a session by its number.
pub(crate) fn find(
    _fleet: &Fleet,
    read: &dyn Read,
    kind: &str,
    name: &str,
) -> Result<Option<Found>, Problem> {
    let Some(number) = name.parse().ok().filter(|_| kind == "mqtt_session") else {
        return Ok(None);
    };
    let Some(row) = rows::session(read, number)? else { return Ok(None) };
    let state = if row.connected { "connected" } else { "offline" };
    let owner = ("owner", row.principal.to_string());
    let attributes = BTreeMap::from([owner, ("state", state.to_owned())]);
    Ok(Some(Found { attributes, ..Found::default() }))
}

/// Returns the first offset of the log of messages that somebody has still to read.
pub(crate) fn reads_from(
    _fleet: &Fleet,
    read: &dyn Read,
    log: &str,
) -> Result<Option<u64>, Problem> {
    if log != self::log::LOG {
        return Ok(None);
    }
    let mut least = None;
    for (_, bytes) in read.scan_prefix(key::progress_all().as_ref(), usize::MAX)? {
        let progress: Progress = crate::wire::read(&bytes)?;
        let first = progress.open.first().copied().unwrap_or(progress.cursor);
        least = Some(least.unwrap_or(first).min(first).min(progress.cursor));
    }
    Ok(least)
}

/// Returns where what can be watched of sessions and topics is kept.
pub(crate) fn sites(kind: &str, name: Option<&str>) -> Vec<Site> {
    let keys = |key: base::Key| Site::Keys(key.bytes());
    match (kind, name) {
        // Where a session stands is known by who has it, not by its number: more is told than belongs to it.
        ("mqtt_session", None) => vec![keys(key::sessions())],
        ("mqtt_session", Some(name)) => match name.parse() {
            Ok(number) => vec![keys(key::sessions()), keys(key::subscriptions(number))],
            Err(_) => Vec::new(),
        },
        ("topic", _) => vec![keys(key::retained_all())],
        _ => Vec::new(),
    }
}
