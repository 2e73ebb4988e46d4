//! Links between units: numbered messages out, each handled once in.
//!
//! Invariants: the messages to a peer are numbered without gaps, written in the commit of what they tell, and stay until
//! the peer acknowledges them; a message of a peer is handled in the commit that remembers its number.

use crate::Error;
use crate::engine::Exchange;
use crate::restore;
use crate::signature::{Request, sign};
use crate::state::{self, Mark, mark_key, number, outbox_key, put_number};
use crate::wire::{Envelope, Message, Peer, VERSION};
use base::{Kind, Problem, Time};
use kernel::{Call, Principal, Read, Reader, Reply, Span, SpanKind, Trace, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The log of messages that could not be handled.
pub(crate) const FAULTS: &str = "system/faults";

/// How many messages are cleared out in one commit.
const CLEARED_MAX: usize = 10_000;

/// In so many bytes from its beginning a message says whether it is traced.
const TRACE_BYTES: usize = 64;

/// Traces whose delivery is written down with one request.
const TRACES_MAX: usize = 64;

/// A request to a peer, ready to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The request.
    pub request: Request,
    /// The number of the last message in it.
    pub last: u64,
    /// The traces of the messages in it that are written down.
    pub traces: Vec<Trace>,
}

/// The numbers of a link, for whoever wants to know whether two units have told each other everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Messages written to the peer.
    pub sent: u64,
    /// Those that it has acknowledged and that are cleared out; may lag while the link is busy.
    pub acknowledged: u64,
    /// Messages of the peer that were handled.
    pub received: u64,
}

/// Whether a unit waits for its peers, and what they have told each other so far. Cheap to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest {
    /// Messages written, by the id of the peer's unit.
    pub sent: BTreeMap<String, u64>,
    /// Messages handled, by the id of the peer's unit.
    pub received: BTreeMap<String, u64>,
    /// True where every message is acknowledged and every batch of receipts countersigned.
    pub is_quiet: bool,
}

/// The numbers of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// By the id of the peer's unit.
    pub peers: BTreeMap<String, LinkCounters>,
    /// Calls that wait for their answer, on both sides.
    pub calls_open: u64,
    /// Batches of receipts, at the provider, that are neither countersigned nor disputed.
    pub receipts_unsettled: u64,
}

#[derive(Serialize)]
struct Numbered<'a> {
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Trace>,
    at: Time,
    #[serde(flatten)]
    message: &'a Message,
}

/// The beginning of a message that came.
#[derive(Deserialize)]
struct Head {
    n: u64,
    at: Option<Value>,
    /// The word for what it is, and the trace it belongs to. Where they are nothing of the kind, nothing depends on them.
    kind: Option<Value>,
    trace: Option<Value>,
}

impl Head {
    fn trace(&self) -> Option<Trace> {
        let text = self.trace.as_ref().and_then(Value::as_str)?;
        Trace::try_from(text.to_owned()).ok()
    }
}

/// What is sent to a peer at once.
struct Enveloped {
    body: Vec<u8>,
    /// The number of the last message.
    last: u64,
    traces: Vec<Trace>,
}

/// Writes a message to a peer into the outbox, as part of this commit.
pub(crate) fn send(
    tx: &mut Tx<'_>,
    unit: &str,
    at: Time,
    message: &Message,
) -> Result<(), Problem> {
    send_numbered(tx, unit, at, message).map(|_| ())
}

/// As [`send`]; returns the number of the message.
pub(crate) fn send_numbered(
    tx: &mut Tx<'_>,
    unit: &str,
    at: Time,
    message: &Message,
) -> Result<u64, Problem> {
    let n = number(tx, &mark_key(unit, Mark::Sent))? + 1;
    let trace = tx.trace();
    let bytes = serde_json::to_vec(&Numbered { n, trace, at, message }).map_err(Error::internal)?;
    put_number(tx, mark_key(unit, Mark::Sent), n);
    tx.put(outbox_key(unit, n), bytes);
    tx.notify(&topic(unit));
    Ok(n)
}

/// Returns the topic under which news for a peer are told.
pub(crate) fn topic(unit: &str) -> String {
    format!("exchange/{unit}")
}

/// Returns whether a topic tells of messages for a peer.
pub fn is_outgoing(name: &str) -> bool {
    name.strip_prefix(crate::engine::PEERS).is_some_and(|unit| !unit.is_empty())
}

/// Returns how many messages to a peer are stored.
pub(crate) fn outbox_length(read: &dyn Read, unit: &str) -> Result<u64, Problem> {
    let sent = number(read, &mark_key(unit, Mark::Sent))?;
    Ok(sent - number(read, &mark_key(unit, Mark::Cleared))?)
}

/// Returns when the oldest message to a peer behind a number was written, business time.
pub(crate) fn oldest(read: &dyn Read, unit: &str, after: u64) -> Result<Option<Time>, Problem> {
    let start = outbox_key(unit, after.saturating_add(1));
    let end = base::prefix_end(kernel::key(b'd').text(unit).as_ref());
    let pairs = read.scan(start.as_ref(), &end, 1, false)?;
    let head = pairs.first().and_then(|(_, bytes)| serde_json::from_slice::<Head>(bytes).ok());
    Ok(head.and_then(|head| Time::deserialize(head.at?).ok()))
}

/// Returns the trace of a message that waits.
fn trace_of(message: &[u8]) -> Option<Trace> {
    let mark = b"\"trace\":\"";
    let begin = message.get(..TRACE_BYTES.min(message.len()))?;
    if !begin.windows(mark.len()).any(|part| part == mark) {
        return None;
    }
    serde_json::from_slice::<Head>(message).ok()?.trace()
}

impl Exchange {
    /// Returns the next request to a peer: its messages after `after`, within the limits of a batch. Nothing where there
    /// are none, or where the peer has no address.
    ///
    /// # Errors
    /// Where the store cannot be read, or no signing key is valid.
    pub fn next(
        &self,
        read: &dyn Read,
        unit: &str,
        after: u64,
        with_card: bool,
    ) -> Result<Option<Outgoing>, Problem> {
        let Some(peer) = state::peer_of(read, unit)? else { return Ok(None) };
        let Some(url) = peer.url.clone() else { return Ok(None) };
        if !restore::is_reconciled(read, unit)? {
            return Ok(None);
        }
        let Some(envelope) = self.envelope(read, unit, after, with_card)? else {
            return Ok(None);
        };
        let Enveloped { body, last, traces } = envelope;
        let request = self.request(read, &peer, &url, "POST", "/v1/exchange/messages", body)?;
        Ok(Some(Outgoing { request, last, traces }))
    }

    /// Returns a signed request to a peer.
    pub(crate) fn request(
        &self,
        read: &dyn Read,
        peer: &Peer,
        url: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request, Problem> {
        let mut request = Request {
            method: method.into(),
            url: format!("{}{path}", url.trim_end_matches('/')),
            path: path.into(),
            headers: BTreeMap::new(),
            body,
            tls_certificate: peer.card.tls_certificate.clone(),
        };
        let wall = read.kernel().clock().wall();
        let identity = self.identity_of(read)?;
        request.headers = sign(&identity, &peer.card.unit, &request, wall, self.entropy.number())?;
        request.headers.insert("content-type".into(), "application/json".into());
        Ok(request)
    }

    /// Returns an envelope; nothing where there is no message.
    fn envelope(
        &self,
        read: &dyn Read,
        unit: &str,
        after: u64,
        with_card: bool,
    ) -> Result<Option<Enveloped>, Problem> {
        let start = outbox_key(unit, after.saturating_add(1));
        let end = base::prefix_end(kernel::key(b'd').text(unit).as_ref());
        let pairs = read.scan(start.as_ref(), &end, self.config.batch_messages_max, false)?;
        let acknowledged = number(read, &mark_key(unit, Mark::Received))?;
        let mut head = json!({
            "v": VERSION, "from": self.identity.unit(), "to": unit, "acknowledged": acknowledged,
        });
        let incarnation = restore::incarnation(read)?;
        if incarnation != 0 {
            head["incarnation"] = incarnation.into();
        }
        if with_card {
            head["card"] = serde_json::to_value(self.card_of(read)?).map_err(Error::internal)?;
        }
        let mut body = head.to_string().into_bytes();
        body.pop();
        body.extend(b",\"messages\":[");
        let (mut last, mut traces) = (None, Vec::new());
        for (key, message) in &pairs {
            if last.is_some() {
                if self.config.batch_bytes_max < body.len() + message.len() {
                    break;
                }
                body.push(b',');
            }
            body.extend(message);
            if traces.len() < TRACES_MAX {
                traces.extend(trace_of(message).filter(|trace| trace.is_sampled));
            }
            last = key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        }
        body.extend(b"]}");
        Ok(last.map(|last| Enveloped { body, last, traces }))
    }

    /// `exchange.messages`: takes messages of a peer, in order, each once.
    pub(crate) fn messages(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let wrong = |reason: String| Error::Envelope { reason };
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "messages come from peers".into() }.into());
        };
        let envelope: Envelope =
            serde_json::from_slice(&call.body).map_err(|error| wrong(error.to_string()))?;
        if envelope.v != VERSION {
            return Err(wrong(format!("its version is {}, known is {VERSION}", envelope.v)).into());
        }
        if envelope.from != *unit || envelope.to != self.identity.unit() {
            return Err(wrong("it is not from this peer to this unit".into()).into());
        }
        let Some(mut peer) = state::peer_of(tx, unit)? else {
            return Err(Error::PeerNotFound { peer: unit.clone() }.into());
        };
        restore::expect_reconciled(tx, unit)?;
        restore::follow_life(tx, unit, envelope.incarnation)?;
        if let Some(card) = envelope.card {
            peer = self.follow(tx, peer, card)?;
        }
        self.clear(tx, unit, envelope.acknowledged)?;
        let before = number(tx, &mark_key(unit, Mark::Received))?;
        let mut received = before;
        for message in &envelope.messages {
            let head: Head = serde_json::from_str(message.get())
                .map_err(|error| wrong(format!("a message has no number: {error}")))?;
            let n = head.n;
            if n <= received {
                continue;
            }
            if n != received + 1 {
                break;
            }
            self.take(tx, &peer, head, message.get())?;
            received = n;
            // What comes behind it may be signed with a key that it has brought.
            if message.get().contains("\"kind\":\"card\"")
                && let Some(held) = state::peer_of(tx, unit)?
            {
                peer = held;
            }
        }
        if before < received {
            put_number(tx, mark_key(unit, Mark::Received), received);
        }
        Ok(Reply::Value(json!({"acknowledged": received})))
    }

    /// Handles one message. What is wrong with it is recorded; only a store that fails stops the link.
    fn take(&self, tx: &mut Tx<'_>, peer: &Peer, head: Head, message: &str) -> Result<(), Problem> {
        let (n, brought) = (head.n, head.trace());
        let tracer = Arc::clone(tx.kernel().tracer());
        let own =
            brought.as_ref().filter(|trace| trace.is_sampled).map(|trace| tracer.child(trace));
        let start = own.as_ref().map_or(0, |_| tracer.now());
        let outcome = tx.within(own.clone().or_else(|| brought.clone()), |tx| {
            self.take_one(tx, peer, head.at, message)
        });
        if let Some(own) = own {
            let kind = head.kind.as_ref().and_then(Value::as_str).unwrap_or_default();
            let name = format!("message {}", state::short(kind));
            let code = outcome.as_ref().err().map(|problem| problem.code.as_str());
            let span = Span::new(&own, brought.map(|trace| trace.span), name, SpanKind::Consumer)
                .between(start, tracer.now())
                .with("craton.peer", &peer.name)
                .ended(code);
            tx.span(span);
        }
        match outcome {
            Err(problem) if problem.kind == Kind::Unavailable => Err(problem),
            Err(problem) => {
                let row =
                    json!({"peer": peer.name, "message": n, "problem": problem, "wall": tx.wall()});
                tx.record(FAULTS, &row).map(|_| ())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Handles one message, and leaves nothing behind where that fails.
    fn take_one(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Option<Value>,
        message: &str,
    ) -> Result<(), Problem> {
        tx.attempt(|tx| {
            let wrong = |error: serde_json::Error| Error::Envelope { reason: error.to_string() };
            let at = match at {
                Some(at) => Time::deserialize(at).map_err(wrong)?,
                None => tx.business(),
            };
            let message: Message = serde_json::from_str(message).map_err(wrong)?;
            self.handle(tx, peer, at, message)
        })
    }

    fn handle(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        message: Message,
    ) -> Result<(), Problem> {
        match message {
            Message::Card { card } => self.follow(tx, Arc::new(peer.clone()), card).map(|_| ()),
            Message::Propose { contract, offers, review } => {
                self.on_propose(tx, peer, at, &contract, offers, review)
            }
            Message::Offer { contract, document } => self.on_offer(tx, peer, &contract, document),
            Message::Accept { contract } => self.on_accept(tx, peer, at, &contract),
            Message::Agree { contract, document, signed } => {
                self.on_agree(tx, peer, at, &contract, document, signed)
            }
            Message::Verify { contract, signed } => self.on_verify(tx, peer, at, &contract, signed),
            Message::Finalize { contract } => self.on_finalize(tx, peer, &contract),
            Message::Terminate { contract, reason } => {
                self.on_terminate(tx, peer, at, &contract, &reason)
            }
            Message::Call { contract, call, capability, input } => {
                self.on_call(tx, peer, at, &contract, call, capability, input)
            }
            Message::Withdraw { contract, call } => {
                self.on_withdraw(tx, peer, at, &contract, &call)
            }
            Message::Taken { contract, fetch, marked } => {
                self.on_taken(tx, peer, at, &contract, &fetch, &marked)
            }
            Message::Refused { contract, call, problem } => {
                self.on_refused(tx, peer, at, &contract, &call, problem)
            }
            Message::Answer { contract, call, output } => {
                self.on_answer(tx, peer, at, &contract, &call, output)
            }
            Message::Failed { contract, call, problem } => {
                self.on_failed(tx, peer, at, &contract, &call, problem)
            }
            Message::Withdrawn { contract, call, reason } => {
                self.on_withdrawn(tx, peer, at, &contract, &call, reason)
            }
            Message::Receipts { contract, first, signed_at, receipts, signed } => self.on_receipts(
                tx,
                peer,
                at,
                &contract,
                crate::wire::Batch { first, signed_at, signed, receipts },
            ),
            Message::Agreed { contract, first, signed_at, signed } => {
                self.on_agreed(tx, peer, &contract, first, signed_at, signed)
            }
            Message::Disputed { contract, first, reason } => {
                self.on_disputed(tx, peer, &contract, first, reason)
            }
            Message::Waived { contract, first } => self.on_waived(tx, peer, &contract, first),
        }
    }

    /// Clears out what a peer has acknowledged. Resending it would do no harm; it only takes room.
    fn clear(&self, tx: &mut Tx<'_>, unit: &str, acknowledged: u64) -> Result<(), Problem> {
        let cleared = number(tx, &mark_key(unit, Mark::Cleared))?;
        let upto = acknowledged.min(number(tx, &mark_key(unit, Mark::Sent))?);
        let upto = upto.min(cleared + CLEARED_MAX as u64);
        if upto <= cleared {
            return Ok(());
        }
        for n in cleared + 1..=upto {
            tx.delete(outbox_key(unit, n));
        }
        put_number(tx, mark_key(unit, Mark::Cleared), upto);
        Ok(())
    }

    /// `exchange.acknowledged`: the sender tells what a peer's answer acknowledged, where nothing else does.
    pub(crate) fn acknowledged(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            peer: String,
            number: u64,
        }
        let parameters: Parameters = call.parameters()?;
        self.clear(tx, &parameters.peer, parameters.number)?;
        Ok(Reply::Value(json!({})))
    }

    /// `exchange.outbox`: the messages for a peer that polls.
    pub(crate) fn outbox(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "messages are for peers".into() }.into());
        };
        restore::expect_reconciled(reader, unit)?;
        let after = call.number("after")?.unwrap_or_default();
        let body = match self.envelope(reader, unit, after, false)? {
            Some(envelope) => envelope.body,
            None => {
                let acknowledged = number(reader, &mark_key(unit, Mark::Received))?;
                let empty = json!({
                    "v": VERSION, "from": self.identity.unit(), "to": unit, "acknowledged": acknowledged, "messages": [],
                });
                return Ok(Reply::Value(empty));
            }
        };
        Ok(Reply::Value(serde_json::from_slice(&body).map_err(Error::internal)?))
    }

    /// Returns whether this unit waits for its peers.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn rest(&self, read: &dyn Read) -> Result<Rest, Problem> {
        let mut rest = Rest::default();
        let mut cleared = BTreeMap::new();
        for (key, bytes) in read.scan_prefix(state::marks_key().as_ref(), usize::MAX)? {
            let Some((unit, mark)) = state::mark_of(&key) else { continue };
            let number = state::number_of(&bytes);
            match mark {
                Mark::Sent => rest.sent.insert(unit, number),
                Mark::Received => rest.received.insert(unit, number),
                Mark::Cleared => cleared.insert(unit, number),
            };
        }
        let acknowledged = self.bell.acknowledged();
        // What was cleared out was acknowledged too, maybe to a process before this one.
        let is_told = |(unit, sent): (&String, &u64)| {
            let cleared = cleared.get(unit).copied().unwrap_or_default();
            acknowledged.get(unit).is_none_or(|number| *sent <= cleared.max(*number))
        };
        rest.is_quiet = rest.sent.iter().all(is_told)
            && read.scan_prefix(state::all_unsettled_key().as_ref(), 1)?.is_empty();
        Ok(rest)
    }

    /// Returns the numbers of all links, and what still waits.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn counters(&self, read: &dyn Read) -> Result<Counters, Problem> {
        let mut counters = Counters::default();
        for peer in state::peers(read)? {
            let unit = &peer.card.unit;
            let mark = |mark| number(read, &mark_key(unit, mark));
            let link = LinkCounters {
                sent: mark(Mark::Sent)?,
                acknowledged: mark(Mark::Cleared)?,
                received: mark(Mark::Received)?,
            };
            counters.peers.insert(unit.clone(), link);
        }
        for contract in state::contracts(read)? {
            counters.calls_open += number(read, &state::open_key(&contract.name))?;
            counters.receipts_unsettled += self.unsettled_count(read, &contract.name)?;
        }
        Ok(counters)
    }

    /// `exchange.status`: the counters.
    pub(crate) fn status(&self, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
        Reply::of(&self.counters(reader)?)
    }
}
