//! What a client is to hear, and what is looked up for it on a thread that may wait: one thing at a time. What was found waits here
//! until the client has room for it, and no more is looked for before.

use super::Door;
use super::mailbox::Nudges;
use super::rights::{Looked, Rights};
use crate::broker::feed::{read_on, retained_for};
use crate::broker::{Message, Seat, Subscribed, Taken, hears_itself, still_heard, topic};
use crate::commands::{desired_of, open_of};
use crate::mqtt::{Delivery, Machine, Outgoing, Place, Qos, SubscribeTo};
use base::Problem;
use kernel::{Identity, Reader};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Retained messages that are read at once.
const RETAINED_PAGE: usize = 64;

/// Commands that are remembered as delivered, before it is looked up which of them are still open.
const COMMANDS_MAX: usize = 2_000;

/// What is looked up on another thread.
pub(super) type Job = JoinHandle<Result<Found, Problem>>;

/// What was found.
pub(super) enum Found {
    /// What the client may, and what waited for room and may still be heard.
    Rights { looked: Looked, ready: VecDeque<Delivery> },
    /// Retained messages, and where to go on.
    Retained { deliveries: Vec<Delivery>, next: Option<Page> },
    /// What its device is to hear of the unit.
    OfDevice {
        commands: Vec<Message>,
        /// Whether these are all that are open.
        is_all: bool,
        desired: Option<(u64, Message)>,
        /// Whether the policies say that it hears itself.
        is_heard: bool,
    },
    /// Messages of the log.
    Log(Vec<Delivery>),
}

/// Retained messages that are wanted: those of a filter, behind a topic.
pub(super) struct Page {
    filter: Box<str>,
    after: Option<Box<str>>,
}

/// What one client is to hear.
pub(super) struct Finds {
    door: Arc<Door>,
    identity: Identity,
    seat: Arc<Seat>,
    device: Option<Box<str>>,
    /// What is being looked up.
    pub job: Option<Job>,
    is_looking_at_rights: bool,
    is_reading_on: bool,
    /// What waits for room.
    ready: VecDeque<Delivery>,
    taken: Vec<Delivery>,
    has_news: bool,
    is_lagging: bool,
    pages: VecDeque<Page>,
    wants_commands: bool,
    wants_desired: bool,
    /// Commands that this connection was given.
    commands: BTreeSet<u64>,
    /// The version of the desired state that it was given.
    desired: Option<u64>,
}

impl Finds {
    /// Returns what a client is to hear that has just come; what is on its way to it already is not looked for.
    pub(super) fn new(
        door: &Arc<Door>,
        identity: &Identity,
        seat: &Arc<Seat>,
        outgoing: &Outgoing,
    ) -> Self {
        let device: Option<Box<str>> = seat.device().map(Into::into);
        let commands = outgoing.held.values().filter_map(|held| command(held.delivery.place));
        Self {
            door: Arc::clone(door),
            identity: identity.clone(),
            seat: Arc::clone(seat),
            job: None,
            is_looking_at_rights: false,
            is_reading_on: false,
            ready: VecDeque::new(),
            taken: Vec::new(),
            has_news: true,
            is_lagging: false,
            pages: VecDeque::new(),
            wants_commands: device.is_some(),
            wants_desired: device.is_some(),
            commands: commands.collect(),
            desired: None,
            device,
        }
    }

    /// Returns the seat of the session.
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Returns whether it is being looked up what the client may: until that is known nothing is read or delivered.
    pub(super) fn is_looking_at_rights(&self) -> bool {
        self.is_looking_at_rights
    }

    /// Takes note of what there is to look for.
    pub(super) fn nudged(&mut self, nudges: &Nudges) {
        self.has_news |= nudges.news;
        if self.device.is_some() {
            self.wants_commands |= nudges.commands;
            self.wants_desired |= nudges.desired;
        }
    }

    /// Takes note of what was subscribed to.
    pub(super) fn subscribed(&mut self, to: &[SubscribeTo], subscribed: &Subscribed) {
        let outcomes = subscribed.codes.iter().zip(&subscribed.is_new);
        for (to, (code, is_new)) in to.iter().zip(outcomes) {
            if 0x80 <= *code {
                continue;
            }
            let wants_retained = match to.retain_handling {
                0 => true,
                1 => *is_new,
                _ => false,
            };
            if wants_retained && topic::share(&to.filter).is_none() {
                // Who asks again gets all of it again, from the beginning, once.
                self.pages.retain(|page| page.filter != to.filter);
                self.pages.push_back(Page { filter: to.filter.clone(), after: None });
            }
            let Some(device) = &self.device else { continue };
            self.wants_commands = true;
            self.wants_desired = true;
            if topic::matches(&to.filter, &format!("devices/{device}/twin/desired")) {
                // Who subscribes hears it, also where he has heard it before.
                self.desired = None;
            }
        }
    }

    /// Gives the machine what it has room for.
    pub(super) fn deliver(&mut self, machine: &mut Machine, now: Duration) {
        loop {
            let room = machine.room();
            if room == 0 || (self.ready.is_empty() && !self.take(room)) {
                return;
            }
            if let Some(delivery) = self.ready.pop_front() {
                machine.deliver(delivery, now);
            }
        }
    }

    /// Begins to look for what is wanted first, where nothing is being looked for. `stale`: as of which epoch it is known what the client
    /// may, where that may have changed. `room`: how much the client can take.
    pub(super) fn look(&mut self, stale: Option<u64>, room: usize) {
        if self.job.is_some() {
            return;
        }
        let is_free = room != 0 && self.ready.is_empty();
        self.job = if let Some(epoch) = stale {
            self.is_looking_at_rights = true;
            Some(self.look_at_rights(epoch))
        } else if is_free && let Some(page) = self.pages.pop_front() {
            Some(self.look_for_retained(page))
        } else if is_free && (self.wants_commands || self.wants_desired) {
            self.device.clone().map(|device| self.look_for_device(device))
        } else if is_free && self.is_lagging {
            self.is_reading_on = true;
            Some(self.look_in_log(room))
        } else {
            None
        };
    }

    /// Takes what was found; what the client may is given back.
    ///
    /// # Errors
    /// What the look has met.
    pub(super) fn found(
        &mut self,
        found: Result<Found, Problem>,
    ) -> Result<Option<Looked>, Problem> {
        (self.is_looking_at_rights, self.is_reading_on) = (false, false);
        match found? {
            Found::Rights { looked, ready } => {
                self.ready = ready;
                return Ok(Some(looked));
            }
            Found::Retained { deliveries, next } => {
                self.ready.extend(deliveries);
                let is_asked =
                    |next: &Page| self.pages.iter().any(|page| page.filter == next.filter);
                if let Some(next) = next.filter(|next| !is_asked(next)) {
                    self.pages.push_front(next);
                }
            }
            Found::OfDevice { commands, is_all, desired, is_heard } => {
                self.take_commands(commands, is_all, is_heard);
                self.take_desired(desired, is_heard);
            }
            Found::Log(deliveries) => {
                self.is_lagging = false;
                // Whether there is more the seat says.
                self.has_news |= !deliveries.is_empty();
                self.ready.extend(deliveries);
            }
        }
        Ok(None)
    }

    /// Takes messages that wait in memory. Returns whether there were any.
    fn take(&mut self, room: usize) -> bool {
        // What is read from the log comes before them.
        if !self.has_news || self.is_reading_on {
            return false;
        }
        let Taken { is_lagging } = self.seat.take(room, &mut self.taken);
        self.is_lagging = is_lagging;
        self.has_news = self.taken.len() == room;
        self.ready.extend(self.taken.drain(..));
        !self.ready.is_empty()
    }

    fn take_commands(&mut self, commands: Vec<Message>, is_all: bool, is_heard: bool) {
        if is_all {
            let open: BTreeSet<u64> = commands.iter().filter_map(number).collect();
            self.commands.retain(|number| open.contains(number));
        }
        for message in commands {
            let Some(number) = number(&message) else { continue };
            if !self.commands.contains(&number)
                && self.push(message, Place::Command(number), is_heard)
            {
                self.commands.insert(number);
            }
        }
    }

    fn take_desired(&mut self, desired: Option<(u64, Message)>, is_heard: bool) {
        let Some((version, message)) = desired else { return };
        let is_news = self.desired.is_none_or(|known| known < version);
        if is_news && self.push(message, Place::Desired(version), is_heard) {
            self.desired = Some(version);
        }
    }

    /// Has a message of the unit delivered, where the client has subscribed to it.
    fn push(&mut self, message: Message, place: Place, is_heard: bool) -> bool {
        let Some((qos, ids)) = self.seat.wants(&message.topic, is_heard) else { return false };
        let qos: Qos = qos.min(message.qos);
        let message = Arc::new(message);
        self.ready.push_back(Delivery { message, place, qos, retain: false, ids });
        true
    }

    fn look_at_rights(&mut self, epoch: u64) -> Job {
        let (door, seat) = (Arc::clone(&self.door), Arc::clone(&self.seat));
        let identity = self.identity.clone();
        // Nothing is delivered meanwhile.
        let ready = std::mem::take(&mut self.ready);
        tokio::task::spawn_blocking(move || {
            let looked = Rights::look_again(&door, &identity, &seat, epoch)?;
            let ready = match looked {
                // What was found before may be something that is not heard any more.
                Looked::Anew(_) => still_heard(door.kernel(), &seat, ready)?,
                Looked::Same { .. } => ready,
            };
            Ok(Found::Rights { looked, ready })
        })
    }

    fn look_for_retained(&self, page: Page) -> Job {
        let (door, seat) = (Arc::clone(&self.door), Arc::clone(&self.seat));
        tokio::task::spawn_blocking(move || {
            let reader = Reader::new(door.kernel(), seat.principal().clone())?;
            let Page { filter, after } = page;
            let (deliveries, after) =
                retained_for(&reader, &seat, &filter, after.as_deref(), RETAINED_PAGE)?;
            let next = after.map(|after| Page { filter, after: Some(after) });
            Ok(Found::Retained { deliveries, next })
        })
    }

    fn look_for_device(&mut self, device: Box<str>) -> Job {
        let wants_commands = std::mem::take(&mut self.wants_commands);
        let wants_desired = std::mem::take(&mut self.wants_desired);
        let is_all = wants_commands && COMMANDS_MAX <= self.commands.len();
        let known = if is_all { BTreeSet::new() } else { self.commands.clone() };
        let (door, seat) = (Arc::clone(&self.door), Arc::clone(&self.seat));
        tokio::task::spawn_blocking(move || {
            let reader = Reader::new(door.kernel(), seat.principal().clone())?;
            let commands = match wants_commands {
                true => open_of(&reader, &device, door.wall(), &known)?,
                false => Vec::new(),
            };
            let desired = match wants_desired {
                true => desired_of(&door.fleet, &reader, &device)?,
                false => None,
            };
            let is_heard = hears_itself(&reader, &seat)?;
            Ok(Found::OfDevice { commands, is_all, desired, is_heard })
        })
    }

    fn look_in_log(&self, room: usize) -> Job {
        let (door, seat) = (Arc::clone(&self.door), Arc::clone(&self.seat));
        tokio::task::spawn_blocking(move || {
            read_on(door.kernel(), &door.fleet.broker, &seat, room).map(Found::Log)
        })
    }
}

/// Returns the command that is at a place.
pub(super) fn command(place: Place) -> Option<u64> {
    match place {
        Place::Command(number) => Some(number),
        _ => None,
    }
}

/// Returns the number of a command: the last level of its topic.
fn number(message: &Message) -> Option<u64> {
    message.topic.rsplit('/').next()?.parse().ok()
}
