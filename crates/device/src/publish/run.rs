//! What messages come to: one step for all that came together.
//!
//! What belongs to one message is that message's alone, in what it does and in why it is refused. What costs by the turn is done once
//! for all: one append for each stream, one key for the last row of each channel, one version of each twin, one chunk of the log of
//! messages.

use super::append::{At, By, Gathered, Landed, Landing, Rows};
use super::batch::{Batch, One};
use super::patch;
use super::payload::Injected;
use super::route::{self, Way};
use super::{SET_ASIDE, reason};
use crate::broker::topic::device_of;
use crate::broker::{Message, Origin, Staged, Topics, incoming};
use crate::commands::{self, Answer};
use crate::engine::Fleet;
use crate::mqtt::{Publish, Qos};
use crate::registry::{Channel, Type};
use crate::{Error, key, presence, twin};
use base::{Kind, Problem, Time, nearest};
use kernel::{Principal, Read, Tx};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// On whose topics messages are.
pub(crate) enum Source<'a> {
    /// A device's.
    Device {
        /// Its name.
        name: &'a str,
        /// Its name as JSON.
        json: String,
        /// Its type.
        of: Arc<Type>,
    },
    /// An application topic, by the name of its manifest.
    Topic(&'a str),
}

/// Messages that came with one call, and what came of them.
pub(crate) struct Taken<'a> {
    /// On whose topics.
    pub source: Source<'a>,
    /// The messages.
    pub batch: Batch<'a>,
    /// Who publishes.
    pub publisher: &'a Principal,
    /// True where the session outlives its connection: what it has at QoS 2 is remembered.
    pub is_durable: bool,
    /// When they came, business time.
    pub time: Time,
    /// How many calls led to this one.
    pub depth: u8,
    /// What came of each.
    pub heard: Vec<Heard<'a>>,
}

impl<'a> Taken<'a> {
    /// Returns the messages of a call, of which nothing is known yet.
    pub(crate) fn new(
        source: Source<'a>,
        batch: Batch<'a>,
        call: &'a kernel::Call,
        time: Time,
    ) -> Self {
        let heard = batch.messages.iter().map(|_| Heard::default()).collect();
        let (publisher, depth) = (&call.actor, call.depth);
        Self { source, batch, publisher, is_durable: false, time, depth, heard }
    }

    /// Returns the reason code of a message, and the reason; nothing where all is well.
    ///
    /// What is remembered counts as taken, also where some of its rows were set aside: a code of refusal ends the exchange of QoS 2, and
    /// a client that does not get it sends its good rows again.
    pub(crate) fn outcome(&self, message: usize) -> Option<(u8, String)> {
        if self.is_remembered(message) { None } else { self.heard[message].said.outcome() }
    }

    /// Whether the identifier of a message is remembered, so that it is not taken again: at QoS 2, in a session that stays, where
    /// anything of it is in its stream.
    fn is_remembered(&self, message: usize) -> bool {
        let heard = &self.heard[message];
        let is_kept = match heard.said {
            Said::Accepted => true,
            Said::Aside(_) => 0 < heard.rows,
            Said::Known | Said::Refused(_) | Said::Over(_) | Said::As(_) => false,
        };
        is_kept && self.is_durable && self.batch.messages[message].qos == Qos::ExactlyOnce
    }
}

/// What came of one message.
#[derive(Debug, Default)]
pub(crate) struct Heard<'a> {
    /// In a word.
    pub said: Said,
    /// How many of its rows the stream has taken.
    pub rows: u32,
    /// The rows that were set aside: their numbers in the message, from 1, and why.
    pub faults: Vec<(u32, String)>,
    /// The offset of its last row.
    pub offset: Option<u64>,
    /// The channel whose last row it may be.
    channel: Option<&'a str>,
}

/// What is said of a message.
#[derive(Debug, Clone, Default)]
pub(crate) enum Said {
    /// It is kept.
    #[default]
    Accepted,
    /// It was kept before: it came again.
    Known,
    /// It is kept aside, at least in part, for this reason.
    Aside(String),
    /// Nothing of it is kept.
    Refused(Problem),
    /// Nothing of it is kept, and that is well: what it answers is over, as this says. It came again, or too late.
    Over(String),
    /// The same as of another message of this turn: it came twice in it.
    As(At),
}

impl Said {
    /// Returns the reason code and the reason; nothing where all is well.
    fn outcome(&self) -> Option<(u8, String)> {
        match self {
            Self::Accepted | Self::Known | Self::As(_) => None,
            Self::Aside(said) => Some((crate::mqtt::reason::PAYLOAD, said.clone())),
            Self::Refused(problem) => Some(reason::of_message(problem)),
            // A success that says why: who speaks 3.1.1 would come again with it for ever.
            Self::Over(said) => Some((crate::mqtt::reason::NO_SUBSCRIBERS, said.clone())),
        }
    }
}

/// Messages on their way.
pub(crate) struct Run<'a> {
    fleet: &'a Fleet,
    taken: Vec<Taken<'a>>,
    topics: Option<Arc<Topics>>,
    gathered: Gathered,
    /// The last row of each channel of a device, as it is stored.
    last: HashMap<(&'a str, &'a str), Vec<u8>>,
    /// What devices say when it was, the newest of each, and when it came.
    sent: BTreeMap<&'a str, (Time, Time)>,
    /// What devices have reported of their state.
    reports: BTreeMap<&'a str, Vec<(At, Map<String, Value>)>>,
    /// Answers to commands: by which device, to which command.
    answers: Vec<(At, &'a str, u64)>,
    /// Messages at QoS 2, by session and identifier.
    packets: HashMap<(u64, u16), At>,
    /// Rows that were set aside, by device.
    broken: BTreeMap<&'a str, u64>,
    /// Devices that have said something of which neither twin nor last row tells.
    seen: BTreeSet<&'a str>,
}

impl<'a> Run<'a> {
    /// Returns messages on their way.
    pub(crate) fn new(fleet: &'a Fleet, taken: Vec<Taken<'a>>) -> Self {
        Self {
            fleet,
            taken,
            topics: None,
            gathered: Gathered::default(),
            last: HashMap::new(),
            sent: BTreeMap::new(),
            reports: BTreeMap::new(),
            answers: Vec::new(),
            packets: HashMap::new(),
            broken: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Does what the messages say. Returns them with what came of each.
    ///
    /// # Errors
    /// Where the store cannot be read, or a stream fails: then nothing of any of them is done.
    pub(crate) fn run(mut self, tx: &mut Tx<'_>) -> Result<Vec<Taken<'a>>, Problem> {
        for at in self.places() {
            if !self.came_before(tx, at)?
                && let Err(problem) = self.route(tx, at)
            {
                self.refuse(at, problem);
            }
        }
        self.append(tx)?;
        for ((device, channel), row) in std::mem::take(&mut self.last) {
            tx.put(key::telemetry(device, channel), row);
        }
        self.report(tx);
        self.answer(tx);
        for (device, (sent, received)) in std::mem::take(&mut self.sent) {
            presence::skewed(self.fleet, tx, device, sent, received)?;
        }
        for device in std::mem::take(&mut self.seen) {
            presence::heard(tx, device)?;
        }
        for (device, count) in std::mem::take(&mut self.broken) {
            presence::broken(self.fleet, tx, device, count)?;
        }
        self.pass_on(tx)?;
        self.resolve();
        Ok(self.taken)
    }

    /// Returns where the messages stand, in the order in which they came.
    fn places(&self) -> Vec<At> {
        let of = |(batch, taken): (usize, &Taken<'a>)| {
            (0..taken.batch.messages.len()).map(move |message| At { batch, message })
        };
        self.taken.iter().enumerate().flat_map(of).collect()
    }

    fn one(&self, at: At) -> &One<'a> {
        &self.taken[at.batch].batch.messages[at.message]
    }

    fn heard(&mut self, at: At) -> &mut Heard<'a> {
        &mut self.taken[at.batch].heard[at.message]
    }

    fn refuse(&mut self, at: At, problem: Problem) {
        self.heard(at).said = Said::Refused(problem);
    }

    /// Returns whether a message came before: its identifier at QoS 2 is remembered until the client releases it. What a client says of
    /// that itself counts for nothing.
    fn came_before(&mut self, read: &dyn Read, at: At) -> Result<bool, Problem> {
        let (taken, one) = (&self.taken[at.batch], self.one(at));
        if one.qos != Qos::ExactlyOnce || !taken.is_durable {
            return Ok(false);
        }
        let id = (taken.batch.session, one.packet);
        let said = match self.packets.get(&id) {
            Some(first) => Said::As(*first),
            None if read.get(incoming(id.0, id.1).as_ref())?.is_some() => Said::Known,
            None => {
                self.packets.insert(id, at);
                return Ok(false);
            }
        };
        self.heard(at).said = said;
        Ok(true)
    }

    /// Finds out where a message goes, and gathers what it needs there.
    ///
    /// # Errors
    /// Why it goes nowhere: that message alone.
    fn route(&mut self, read: &dyn Read, at: At) -> Result<(), Problem> {
        let topic = self.one(at).topic;
        let device = match &self.taken[at.batch].source {
            Source::Device { name, .. } => *name,
            Source::Topic(name) => {
                let name = *name;
                return self.application(read, at, name);
            }
        };
        // The call was permitted on one device: it says nothing in the name of another.
        if device_of(topic) != Some(device) {
            return Err(route::forbidden(format!("`{topic}` is no topic of device `{device}`")));
        }
        let way = route::of(topic)?;
        if only_clears(self.one(at)) {
            // It is neither rows, nor a patch, nor an answer, and the channel may be no more.
            return Ok(());
        }
        self.check_room(read, at)?;
        match way {
            Way::Telemetry(channel) => self.rows(read, at, channel, false),
            Way::Event(event) => self.rows(read, at, event, true),
            Way::Reported => {
                let patch = self.patch(at)?;
                self.reports.entry(device).or_default().push((at, patch));
                Ok(())
            }
            Way::Answer(number) => {
                self.answers.push((at, device, number));
                Ok(())
            }
            Way::Application => Ok(()),
        }
    }

    /// Checks that what is to be retained finds room, before anything of it is kept: what is kept is not refused.
    fn check_room(&self, read: &dyn Read, at: At) -> Result<(), Problem> {
        let one = self.one(at);
        match one.retain {
            true => self.fleet.broker.check_room(read, one.topic, one.payload.len()),
            false => Ok(()),
        }
    }

    /// Gathers the rows of telemetry, or of an event.
    fn rows(
        &mut self,
        read: &dyn Read,
        at: At,
        name: &'a str,
        is_event: bool,
    ) -> Result<(), Problem> {
        let taken = &mut self.taken[at.batch];
        let one = &taken.batch.messages[at.message];
        let Source::Device { name: device, json, of } = &taken.source else { return Ok(()) };
        let channel =
            channel(of, name, is_event).ok_or_else(|| unknown(of, device, name, is_event))?;
        let limit = self.fleet.config.payload_bytes_max;
        if limit < one.payload.len() {
            return Err(Error::MessageTooLarge { limit }.into());
        }
        taken.heard[at.message].channel = Some(name).filter(|_| !is_event);
        if let Some(sent) = one.sent {
            let newest = self.sent.entry(*device).or_insert((sent, taken.time));
            *newest = (*newest).max((sent, taken.time));
        }
        let columns = [("device", json.as_str())];
        let rows = Rows {
            by: By::Type(&of.name),
            stream: &channel.stream,
            time: taken.time,
            injected: Injected { columns: &columns, value: channel.value.as_deref() },
            rows_max: self.fleet.config.rows_message_max,
            payload: one.payload,
        };
        self.gathered.add(read, &rows, at)
    }

    /// Reads a patch of the reported state.
    fn patch(&self, at: At) -> Result<Map<String, Value>, Problem> {
        let (payload, limit) = (self.one(at).payload, self.fleet.config.twin_bytes_max);
        if limit < payload.len() {
            return Err(Error::TwinTooLarge { limit }.into());
        }
        serde_json::from_slice(payload).map_err(|error| {
            Error::Payload { reason: format!("expected a JSON object: {error}") }.into()
        })
    }

    /// Checks a message of an application against the topic that was declared for it, and gathers its row where the topic has a stream.
    fn application(&mut self, read: &dyn Read, at: At, name: &str) -> Result<(), Problem> {
        let topics = match &self.topics {
            Some(topics) => Arc::clone(topics),
            None => Arc::clone(self.topics.insert(self.fleet.broker.topics(read)?)),
        };
        let taken = &self.taken[at.batch];
        let one = &taken.batch.messages[at.message];
        // The call was permitted on one topic: the name must be one of its names.
        let found = topics.find(one.topic).filter(|found| *found.name == *name);
        let topic = found.ok_or_else(|| Error::NoTopic { topic: one.topic.to_owned() })?;
        if topic.qos_max < one.qos {
            let reason = format!("it takes QoS {} at most", u8::from(topic.qos_max));
            return Err(Error::TopicName { topic: one.topic.to_owned(), reason }.into());
        }
        if one.retain && !topic.may_retain {
            let reason = "nothing is retained there".to_owned();
            return Err(Error::TopicName { topic: one.topic.to_owned(), reason }.into());
        }
        if topic.message_bytes_max < one.payload.len() {
            return Err(Error::MessageTooLarge { limit: topic.message_bytes_max }.into());
        }
        let Some(stream) = &topic.stream else { return Ok(()) };
        if only_clears(one) {
            return Ok(());
        }
        self.check_room(read, at)?;
        let text = |text: &str| Value::from(text).to_string();
        let level = |(column, level): &'_ (Box<str>, usize)| {
            one.topic.split('/').nth(*level).map(|level| (column.to_string(), text(level)))
        };
        let mut values: Vec<(String, String)> = topic.levels.iter().filter_map(level).collect();
        let own = [
            (&topic.topic_column, one.topic.to_owned()),
            (&topic.publisher_column, taken.publisher.to_string()),
        ];
        for (column, value) in own {
            values.extend(column.as_ref().map(|column| (column.to_string(), text(&value))));
        }
        let columns: Vec<(&str, &str)> =
            values.iter().map(|(column, value)| (column.as_str(), value.as_str())).collect();
        let rows = Rows {
            by: By::Topic(&topic.name),
            stream,
            time: taken.time,
            injected: Injected { columns: &columns, value: None },
            rows_max: self.fleet.config.rows_message_max,
            payload: one.payload,
        };
        self.gathered.add(read, &rows, at)
    }

    /// Has the streams take the rows.
    ///
    /// # Errors
    /// Where a stream fails over rows of many: the kernel runs each call by itself then, so that whoever spoils it spoils only his own.
    /// Where it may work later: nothing was promised to anybody.
    fn append(&mut self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let depth = self.taken.iter().map(|taken| taken.depth).max().unwrap_or_default();
        for append in self.gathered.take() {
            let landed = append.ask(tx, depth);
            match landed.refused() {
                Some(problem) if self.is_for_all(problem) => return Err(problem.clone()),
                Some(problem) => {
                    let aside = landed.aside.iter().map(|(at, _)| *at);
                    landed.messages().chain(aside).for_each(|at| self.refuse(at, problem.clone()));
                }
                None => self.land(tx, &landed),
            }
        }
        Ok(())
    }

    /// Whether a problem is no refusal of the rows, and may look otherwise later, or to each call alone.
    fn is_for_all(&self, problem: &Problem) -> bool {
        match problem.kind {
            Kind::Unavailable => true,
            Kind::Internal => 1 < self.taken.len(),
            _ => false,
        }
    }

    /// Takes note of what a stream has taken, and what it has set aside.
    fn land(&mut self, tx: &mut Tx<'_>, landed: &Landed) {
        for landing in landed.landings() {
            self.land_one(tx, &landing);
        }
        for (at, reason) in &landed.aside {
            let heard = self.heard(*at);
            heard.said = Said::Aside(reason.clone());
            heard.faults = vec![(1, reason.clone())];
            self.count_aside(tx, *at, 1);
        }
    }

    fn land_one(&mut self, tx: &mut Tx<'_>, landing: &Landing<'_>) {
        let taken = &mut self.taken[landing.at.batch];
        let heard = &mut taken.heard[landing.at.message];
        heard.rows = landing.good;
        heard.offset = landing.last.map(|(offset, _)| offset);
        if let (Some((offset, line)), Source::Device { name, .. }) = (landing.last, &taken.source) {
            match heard.channel {
                Some(channel) => {
                    let row = self.last.entry((*name, channel)).or_default();
                    twin::write_last(row, taken.time, offset, line);
                }
                None => {
                    self.seen.insert(*name);
                }
            }
        }
        if let Some(first) = landing.faults.first() {
            heard.said = Said::Aside(first.reason.clone());
            let number = |row: u32| (row + 1).saturating_sub(landing.first);
            heard.faults = landing
                .faults
                .iter()
                .map(|fault| (number(fault.row), fault.reason.clone()))
                .collect();
            self.count_aside(tx, landing.at, landing.faults.len() as u64);
        }
    }

    /// Counts rows that were set aside.
    fn count_aside(&mut self, tx: &mut Tx<'_>, at: At, count: u64) {
        if let Source::Device { name, of, .. } = &self.taken[at.batch].source {
            *self.broken.entry(*name).or_default() += count;
            (0..count).for_each(|_| tx.count(SET_ASIDE, &of.name));
        }
    }

    /// Changes the reported state of devices: once for all that one of them has said, where that comes to the same.
    fn report(&mut self, tx: &mut Tx<'_>) {
        for (device, parts) in std::mem::take(&mut self.reports) {
            let mut parts = parts.into_iter().peekable();
            while let Some(first) = parts.next() {
                let mut merged = first.1.clone();
                let mut of = vec![first];
                while let Some(next) = parts.next_if(|(_, next)| patch::compose(&mut merged, next))
                {
                    of.push(next);
                }
                if 1 < of.len() && self.report_one(tx, device, of[0].0, &merged).is_ok() {
                    continue;
                }
                // One of them is wrong, perhaps: then the others stand alone.
                for (at, patch) in of {
                    if let Err(problem) = self.report_one(tx, device, at, &patch) {
                        self.refuse(at, problem);
                    }
                }
            }
        }
    }

    fn report_one(
        &self,
        tx: &mut Tx<'_>,
        device: &str,
        at: At,
        patch: &Map<String, Value>,
    ) -> Result<u64, Problem> {
        let time = self.taken[at.batch].time;
        tx.attempt(|tx| twin::report(self.fleet, tx, device, patch, time))
    }

    /// Brings answers to their commands.
    fn answer(&mut self, tx: &mut Tx<'_>) {
        for (at, device, number) in std::mem::take(&mut self.answers) {
            let answered =
                answer_of(self.one(at), self.fleet.config.command_bytes_max).and_then(|answer| {
                    tx.attempt(|tx| commands::answered(self.fleet, tx, device, number, answer))
                });
            match answered {
                Ok(()) => {
                    self.seen.insert(device);
                }
                Err(problem) if problem.code == "command.ended" => {
                    self.heard(at).said = Said::Over(reason::of(&problem).1);
                }
                Err(problem) => self.refuse(at, problem),
            }
        }
    }

    /// Gives what was accepted to those who subscribe, keeps what is to be retained, and remembers identifiers of QoS 2.
    fn pass_on(&mut self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let mut staged = Staged::default();
        for batch in 0..self.taken.len() {
            let origin = match self.taken[batch].source {
                Source::Device { name, .. } => Origin::Device(name.into()),
                Source::Topic(name) => Origin::Topic(name.into()),
            };
            for message in 0..self.taken[batch].heard.len() {
                let at = At { batch, message };
                if matches!(self.heard(at).said, Said::Accepted) {
                    self.pass_on_one(tx, &mut staged, &origin, at)?;
                }
                // Behind what may refuse it.
                let taken = &self.taken[batch];
                if taken.is_remembered(message) {
                    let packet = self.one(at).packet;
                    tx.put(incoming(taken.batch.session, packet), Vec::new());
                }
            }
        }
        self.fleet.broker.commit(tx, staged)
    }

    /// Gives one message to those who subscribe. Most are heard by nobody: of those nothing is made.
    fn pass_on_one(
        &mut self,
        tx: &mut Tx<'_>,
        staged: &mut Staged,
        origin: &Origin,
        at: At,
    ) -> Result<(), Problem> {
        let (fleet, wall) = (self.fleet, tx.wall());
        let taken = &mut self.taken[at.batch];
        let one = &mut taken.batch.messages[at.message];
        if !one.retain && fleet.broker.is_unheard(tx, staged, one.topic, origin, one.qos)? {
            return Ok(());
        }
        let message = Message::new(publish(one), taken.batch.session, origin.clone(), wall);
        if one.retain
            && let Err(problem) = tx.attempt(|tx| fleet.broker.retain(tx, &message))
        {
            let has_rows = 0 < taken.heard[at.message].rows;
            match problem.kind {
                _ if matches!(taken.source, Source::Topic(_)) && !has_rows => {
                    self.refuse(at, problem);
                    return Ok(());
                }
                // Another message of this turn has taken the room. What is kept of this one stays: only the copy is missing that would
                // be retained.
                Kind::Exhausted => {}
                _ => return Err(problem),
            }
        }
        fleet.broker.stage(tx, staged, message)
    }

    /// Says of what came twice in this turn what is said of the first.
    fn resolve(&mut self) {
        for at in self.places() {
            if let Said::As(first) = self.heard(at).said {
                let (said, rows) = (self.heard(first).said.clone(), self.heard(first).rows);
                let heard = self.heard(at);
                (heard.said, heard.rows) = (said, rows);
            }
        }
    }
}

/// Whether a message takes away what was retained on its topic, and says nothing else.
fn only_clears(one: &One<'_>) -> bool {
    one.retain && one.payload.is_empty()
}

fn channel<'t>(of: &'t Type, name: &str, is_event: bool) -> Option<&'t Channel> {
    if is_event { of.events.get(name) } else { of.channels.get(name) }
}

fn unknown(of: &Type, device: &str, name: &str, is_event: bool) -> Error {
    let names = if is_event { of.events.keys() } else { of.channels.keys() };
    let nearest = nearest(name, names.map(String::as_str)).map(str::to_owned);
    let channel = name.chars().take(80).collect();
    Error::Channel { device: device.to_owned(), channel, nearest }
}

/// Reads what a device answers to a command: what it says, or why it could not, in a user property or as `{"error": "…"}`.
fn answer_of(one: &One<'_>, limit: usize) -> Result<Answer, Problem> {
    let mut user = one.properties.iter().flat_map(|properties| &properties.user);
    if let Some((_, error)) = user.find(|(name, _)| **name == *"error") {
        return Ok(Answer::Error(error.to_string()));
    }
    if limit < one.payload.len() {
        return Err(Error::MessageTooLarge { limit }.into());
    }
    if one.payload.is_empty() {
        return Ok(Answer::Output(Value::Null));
    }
    let value: Value = serde_json::from_slice(one.payload)
        .map_err(|error| Error::Payload { reason: format!("expected JSON: {error}") })?;
    Ok(match (value.get("error").and_then(Value::as_str), value.as_object().map(Map::len)) {
        (Some(error), Some(1)) => Answer::Error(error.to_owned()),
        _ => Answer::Output(value),
    })
}

/// Returns a message as the broker takes it.
fn publish(one: &mut One<'_>) -> Publish {
    Publish {
        topic: one.topic.into(),
        payload: bytes::Bytes::copy_from_slice(one.payload),
        qos: one.qos,
        retain: one.retain,
        is_dup: false,
        packet: one.packet,
        alias: None,
        properties: one.properties.take(),
    }
}
