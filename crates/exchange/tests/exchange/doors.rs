//! Who gets in: forged, replayed, expired, altered and misdirected requests do not.

use crate::world::{World, market};
use base::{Clock, SeededEntropy};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use exchange::{Config, Identity, Request, signature};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const T: i64 = 1_500_000_000_000;

/// Returns a request of retail to payment that was delivered once.
fn delivered(world: &World) -> Request {
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.seen.lock().unwrap().clear();
    world.pump("retail", "payment");
    world.seen.lock().unwrap()[0].clone()
}

fn code(world: &World, request: &Request) -> String {
    let response = world.deliver("payment", request);
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    body["code"].as_str().map_or_else(|| response.status.to_string(), str::to_owned)
}

#[test]
fn a_replayed_request_is_refused_also_after_a_restart() {
    let world = market(json!({}), &Config::default());
    let request = delivered(&world);
    assert_eq!(code(&world, &request), "exchange.stale");
    world.clock.wall.fetch_add(1_000, Ordering::SeqCst);
    world.kill("payment");
    assert_eq!(code(&world, &request), "exchange.stale");
    assert_eq!(world.ledger("payment")[0], "pay authorise 1 0 0 0 1 0.30 0.00 0.00");
}

#[test]
fn an_altered_or_forged_request_is_refused_and_audited() {
    let world = market(json!({}), &Config::default());
    let request = delivered(&world);
    let mut altered = request.clone();
    altered.body = String::from_utf8(altered.body).unwrap().replace("129.9", "999.9").into_bytes();
    assert_eq!(code(&world, &altered), "exchange.signature");
    let mut unsigned = request.clone();
    unsigned.headers.clear();
    assert_eq!(code(&world, &unsigned), "token.invalid");
    // Somebody with another key says that he is retail.
    let thief = Identity::generate("thief", &SeededEntropy::new(9), world.clock.wall());
    let mut forged = request.clone();
    forged.headers =
        signature::sign(&thief, &world.unit("payment"), &request, world.clock.wall(), 5).unwrap();
    assert_eq!(code(&world, &forged), "exchange.signature", "a stranger");
    let input = forged.headers["signature-input"].replace(thief.unit(), &world.unit("retail"));
    forged.headers.insert("signature-input".into(), input);
    assert_eq!(code(&world, &forged), "exchange.signature", "under a false name");
    world.clock.wall.fetch_add(6_000, Ordering::SeqCst);
    world.call("payment", "process.finish", ("process", ""), json!({"order": "none"})).unwrap();
    let node = world.node("payment");
    let reader = kernel::Reader::new(&node.kernel, kernel::Principal::Anonymous).unwrap();
    let chunks = kernel::Read::chunks(&reader, "system/audit", 0, usize::MAX).unwrap();
    let text: String =
        chunks.iter().map(|chunk| String::from_utf8_lossy(&chunk.bytes).into_owned()).collect();
    assert!(text.contains("exchange.signature"), "refusals are in the audit");
}

#[test]
fn an_expired_request_or_one_from_the_future_is_refused() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    let request = {
        let node = world.node("retail");
        let reader = kernel::Reader::new(&node.kernel, kernel::Principal::Anonymous).unwrap();
        drop(node);
        let unit = world.unit("payment");
        let node = world.node("retail");
        node.exchange.next(&reader, &unit, 0, false).unwrap().unwrap().request
    };
    world.clock.wall.fetch_add(302_000, Ordering::SeqCst);
    assert_eq!(code(&world, &request), "exchange.stale");
    world.clock.wall.fetch_sub(700_000, Ordering::SeqCst);
    assert_ne!(code(&world, &request), "200");
}

#[test]
fn a_request_for_one_unit_is_nothing_to_another() {
    let world = World::new(&["retail", "payment", "logistics"], &Config::default());
    let args = json!({"name": "x", "peer": "payment", "offers": ["a"]});
    world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
    world.pump("retail", "payment");
    let request = world.seen.lock().unwrap()[0].clone();
    let response = world.deliver("logistics", &request);
    assert_eq!(response.status, 401);
}

#[test]
fn a_peer_cannot_meddle_with_the_contracts_of_another() {
    let world = World::new(&["retail", "payment", "logistics"], &Config::default());
    world.apply("payment", crate::world::offers(json!({}))).unwrap();
    let args = json!({"name": "pay", "peer": "payment", "offers": ["authorise"]});
    world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
    world.settle();
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    let (logistics, payment) = (world.unit("logistics"), world.unit("payment"));
    let messages = [
        json!({"kind": "terminate", "contract": "pay", "reason": "mine"}),
        json!({"kind": "withdraw", "contract": "pay", "call": "1"}),
        json!({"kind": "call", "contract": "pay", "call": "7", "capability": "authorise", "input": {"order": "x"}}),
        json!({"kind": "agreed", "contract": "pay", "first": 1, "signed_at": "2020-01-01T00:00:00Z", "key": 1, "signature": ""}),
        json!({"kind": "disputed", "contract": "pay", "first": 1, "reason": "mine"}),
        json!({"kind": "nonsense"}),
    ];
    let numbered: Vec<Value> = messages
        .into_iter()
        .enumerate()
        .map(|(place, mut message)| {
            message["n"] = json!(place + 1);
            message
        })
        .collect();
    let body =
        json!({"v": 1, "from": logistics, "to": payment, "acknowledged": 0, "messages": numbered});
    let actor = kernel::Principal::Peer(logistics);
    let mut call =
        kernel::Call::new("exchange.messages", kernel::ResourceRef::new("exchange", ""), actor);
    call.body = body.to_string().into_bytes();
    let reply = world.node("payment").writer.turn(&[call]).remove(0).unwrap().into_value();
    assert_eq!(reply["acknowledged"], 6, "what is wrong is noted and does not block the link");
    world.settle();
    assert_eq!(world.state("payment", "pay"), "finalized");
    assert_eq!(world.ledger("payment"), world.ledger("retail"));
    assert_eq!(world.ledger("payment")[0], "pay authorise 1 0 0 0 1 0.30 0.30 0.00");
}

#[test]
fn malformed_envelopes_are_refused_whole() {
    let world = market(json!({}), &Config::default());
    let (retail, payment) = (world.unit("retail"), world.unit("payment"));
    let send = |from: &str, body: Vec<u8>| {
        let mut call = kernel::Call::new(
            "exchange.messages",
            kernel::ResourceRef::new("exchange", ""),
            kernel::Principal::try_from(from.to_owned()).unwrap(),
        );
        call.body = body;
        world
            .node("payment")
            .writer
            .turn(&[call])
            .remove(0)
            .map(|_| ())
            .map_err(|problem| problem.code)
    };
    let peer = format!("peer:{retail}");
    let envelope = |from: &str, to: &str| {
        json!({"v": 1, "from": from, "to": to, "acknowledged": 0, "messages": [{"kind": "x"}]})
            .to_string()
            .into_bytes()
    };
    for body in [
        b"".to_vec(),
        b"{}".to_vec(),
        "[".repeat(100_000).into_bytes(),
        envelope(&payment, &payment),
        envelope(&retail, &retail),
        envelope(&retail, &payment),
    ] {
        assert_eq!(send(&peer, body), Err("exchange.envelope".into()));
    }
    assert!(send("user:olga", envelope(&retail, &payment)).is_err());
    assert!(send("anonymous", envelope(&retail, &payment)).is_err());
}

#[test]
fn peers_are_known_once_by_cards_that_prove_themselves() {
    let world = World::new(&["retail", "payment"], &Config::default());
    let add = |args: Value| {
        world.call("retail", "peer.add", ("peer", ""), args).map_err(|problem| problem.code)
    };
    let card = serde_json::to_value(world.node("payment").exchange.card()).unwrap();
    let own = serde_json::to_value(world.node("retail").exchange.card()).unwrap();
    assert_eq!(add(json!({"name": "pay2", "card": card})), Err("peer.exists".into()));
    assert_eq!(add(json!({"name": "me", "card": own})), Err("peer.card".into()));
    assert_eq!(add(json!({"name": "x"})), Err("peer.card".into()));
    let mut changed = card.clone();
    changed["name"] = json!("payment");
    changed["root"] = own["root"].clone();
    assert_eq!(add(json!({"name": "x", "card": changed})), Err("peer.card".into()));
    add(json!({"name": "payment", "card": card, "url": "http://elsewhere"})).unwrap();
    let peer = world.look("retail", "peer.get", ("peer", "payment"), json!({})).unwrap();
    assert_eq!(peer["url"], "http://elsewhere");
    world.call("retail", "peer.remove", ("peer", "payment"), json!({})).unwrap();
    assert_eq!(
        world.look("retail", "peer.list", ("peer", ""), json!({})).unwrap()["items"],
        json!([])
    );
}

/// Somebody with a key and no unit: signs, sends, polls, as the Python client of the guide does.
struct Customer {
    key: SigningKey,
    unit: String,
    sent: u64,
    handled: u64,
    nonce: u64,
}

impl Customer {
    fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.key.sign(bytes).to_bytes())
    }

    fn request(
        &mut self,
        world: &World,
        method: &str,
        path: &str,
        query: &str,
        body: Vec<u8>,
    ) -> Value {
        self.nonce += 1;
        let digest = format!("sha-256=:{}:", STANDARD.encode(base::sha256(&body)));
        let parameters = format!(
            "(\"@method\" \"@path\" \"@query\" \"content-digest\");created={};nonce=\"{}\";keyid=\"{}:0\";alg=\"ed25519\";tag=\"{}\"",
            world.clock.wall().0 / 1_000,
            self.nonce,
            self.unit,
            world.unit("payment"),
        );
        let signed = format!(
            "\"@method\": {method}\n\"@path\": {path}\n\"@query\": ?{query}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}"
        );
        let headers = [
            ("content-digest", digest),
            ("signature-input", format!("me={parameters}")),
            ("signature", format!("me=:{}:", self.sign(signed.as_bytes()))),
        ];
        let request = Request {
            method: method.into(),
            path: if query.is_empty() { path.into() } else { format!("{path}?{query}") },
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body,
            ..Request::default()
        };
        let response = world.deliver("payment", &request);
        assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
        serde_json::from_slice(&response.body).unwrap()
    }

    fn send(&mut self, world: &World, mut message: Value) {
        self.sent += 1;
        message["n"] = json!(self.sent);
        let envelope = json!({
            "v": 1, "from": self.unit, "to": world.unit("payment"),
            "acknowledged": self.handled, "messages": [message],
        });
        self.request(world, "POST", "/v1/exchange/messages", "", envelope.to_string().into_bytes());
    }

    fn poll(&mut self, world: &World) -> Vec<Value> {
        let query = format!("after={}", self.handled);
        let envelope = self.request(world, "GET", "/v1/exchange/outbox", &query, Vec::new());
        let messages = envelope["messages"].as_array().unwrap().clone();
        self.handled =
            messages.last().map_or(self.handled, |message| message["n"].as_u64().unwrap());
        messages
    }
}

#[test]
fn an_outside_customer_with_a_key_and_no_unit_calls_under_a_contract() {
    let world = World::new(&["payment"], &Config::default());
    world.apply("payment", crate::world::offers(json!({"to": "any"}))).unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key();
    let args = json!({"name": "customer", "key": base::hex(public.as_bytes())});
    let peer = world.call("payment", "peer.add", ("peer", ""), args).unwrap();
    let unit = base::hex(&base::sha256(public.as_bytes()));
    assert_eq!(peer["unit"], json!(unit));
    let mut customer = Customer { key, unit, sent: 0, handled: 0, nonce: 0 };
    customer.send(
        &world,
        json!({"kind": "propose", "contract": "direct", "offers": [{"name": "authorise"}]}),
    );
    let agree = customer.poll(&world).pop().unwrap();
    assert_eq!(agree["kind"], "agree");
    let signature = customer.sign(agree["document"].as_str().unwrap().as_bytes());
    customer.send(
        &world,
        json!({"kind": "verify", "contract": "direct", "key": 0, "signature": signature}),
    );
    assert_eq!(customer.poll(&world)[0]["kind"], "finalize");
    let call = json!({"kind": "call", "contract": "direct", "call": "my-1", "capability": "authorise", "input": {"order": "o-9"}});
    customer.send(&world, call);
    world.finish("payment", "o-9", T);
    let kinds: Vec<Value> =
        customer.poll(&world).iter().map(|message| message["kind"].clone()).collect();
    assert_eq!(kinds, ["receipts", "answer", "receipts"]);
    assert_eq!(world.ledger("payment")[0], "direct authorise 1 1 0 0 0 2.25 0.00 0.00");
}
