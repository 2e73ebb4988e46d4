//! Over a quota: what the HTTP door answers, when it may be asked again, and that others are served.

use crate::support::{Unit, shown, unit};
use api::Config;
use api::probe::{Answer, Client};
use kernel::{Call, Principal, ResourceRef};
use serde_json::{Value, json};
use std::time::Duration;

/// The most calls that a test makes until one is over a quota of one a second.
const CALLS_MAX: usize = 1_000;

fn quota(unit: &Unit, spec: Value) {
    let quota = json!({"apiVersion": "craton/v1", "kind": "Quota", "metadata": {"name": "slow"}, "spec": spec});
    let olga = Principal::User("olga".into());
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), olga);
    unit.handle.call(apply.with(json!({"manifests": [quota]}))).expect("a quota");
}

/// Asks until an answer is no success.
fn until_refused(ask: impl Fn() -> Answer) -> Answer {
    let refused = (0..CALLS_MAX).map(|_| ask()).find(|answer| 300 <= answer.status);
    refused.expect("one a second is soon used up")
}

/// Checks that an answer says that a quota is used up, and when it is worth asking again.
fn check(answer: &Answer) {
    assert!(shown(answer).starts_with("429 quota.exceeded"), "{}", shown(answer));
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    let ms = problem["retry_ms"].as_u64().unwrap();
    assert!(0 < ms && ms <= 1_000, "{ms}");
    assert_eq!(answer.headers["retry-after"], "1", "whole seconds, rounded up");
    assert!(problem["hint"].as_str().unwrap().starts_with("repeat it in "));
}

#[test]
fn reads_and_changes_over_the_rate_are_told_when_to_come_again() {
    let unit = unit(Config::default());
    quota(&unit, json!({"for": "user/olga", "rate": 1}));
    check(&until_refused(|| unit.send("GET", "/v1/notes/a", &[], b"")));
    let json = [("content-type", "application/json")];
    check(&until_refused(|| unit.send("POST", "/v1/notes/a/put", &json, br#"{"text": "x"}"#)));
}

#[test]
fn others_are_served_while_one_is_over_his_quota() {
    let unit = unit(Config::default());
    quota(&unit, json!({"for": "user/ned", "rate": 1}));
    let ned = format!("Bearer {}", unit.wrong);
    let headers = [("authorization", ned.as_str())];
    let ask = || unit.client().send("GET", "/v1/units/whoami", &headers, b"").unwrap();
    check(&until_refused(ask));
    for _ in 0..20 {
        assert_eq!(unit.send("GET", "/v1/notes/a", &[], b"").status, 200);
    }
    assert!(until_refused(ask).status == 429);
}

#[test]
fn one_caller_takes_no_more_than_his_share_of_the_requests() {
    let unit = unit(Config { requests_max: 4, ..Config::default() });
    // Known from now on: who is not known yet has no share of his own.
    assert_eq!(unit.send("GET", "/v1/notes/a", &[], b"").status, 200);
    let under_way: Vec<_> = (0..3)
        .map(|_| {
            let mut client = unit.client();
            let head = format!(
                "POST /v1/notes/a/put HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 13\r\n\r\n",
                unit.right
            );
            client.write(head.as_bytes()).unwrap();
            assert_eq!(client.read(true).unwrap().status, 100);
            client
        })
        .collect();
    let answer = unit.send("GET", "/v1/notes/a", &[], b"");
    assert_eq!(shown(&answer), "503 http.busy");
    let ned = format!("Bearer {}", unit.wrong);
    let answer =
        unit.client().send("GET", "/v1/units/whoami", &[("authorization", ned.as_str())], b"");
    assert_eq!(answer.unwrap().status, 200, "a place is left for others");
    for mut client in under_way {
        client.write(br#"{"text": "x"}"#).unwrap();
        assert_eq!(client.read(false).unwrap().status, 200);
    }
}

/// Sends the head of a request with a body of so many bytes, and waits until the server asks for it.
fn announce(unit: &Unit, token: &str, bytes: usize) -> Client {
    let mut client = unit.client();
    let head = format!(
        "POST /v1/notes/a/append HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {bytes}\r\n\r\n"
    );
    client.write(head.as_bytes()).unwrap();
    assert_eq!(client.read(true).unwrap().status, 100);
    client
}

#[test]
fn bodies_that_are_announced_and_do_not_come_take_nothing_from_others() {
    let (one, all) = (32 << 10, 128 << 10);
    let config = Config { body_bytes_max: one, bodies_bytes_max: all, ..Config::default() };
    let unit = unit(Config { body_stall_seconds_max: 60, ..config });
    // Three quarters of the memory are announced, and one byte of each has come.
    let slow: Vec<_> = (0..3)
        .map(|_| {
            let mut client = announce(&unit, &unit.right, one);
            client.write(b"[").unwrap();
            client
        })
        .collect();
    // Two of these would not fit beside what was announced.
    let others: Vec<_> = (0..2).map(|_| announce(&unit, &unit.wrong, one)).collect();
    for mut client in others {
        client.write(&vec![b' '; one]).unwrap();
        assert_eq!(shown(&client.read(false).unwrap()), "404 resource.not_found");
    }
    for mut client in slow {
        client.write(&vec![b' '; one - 1]).unwrap();
        assert_eq!(client.read(false).unwrap().status, 200);
    }
}

#[test]
fn who_has_announced_his_share_waits_for_himself() {
    let (one, all) = (32 << 10, 64 << 10);
    let config = Config { body_bytes_max: one, bodies_bytes_max: all, ..Config::default() };
    let unit = unit(Config { body_stall_seconds_max: 1, ..config });
    let mut slow = announce(&unit, &unit.right, one);
    // A further one of his would be more than three quarters of the memory.
    let full = vec![b' '; one];
    let mut written = 0;
    let (send, answered) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let json = [("content-type", "application/json")];
            let answer = unit.send("POST", "/v1/notes/a/append", &json, &full);
            send.send(shown(&answer)).unwrap();
        });
        // The slow one goes on, so that it is not given up.
        let answer = loop {
            match answered.recv_timeout(Duration::from_millis(100)) {
                Ok(answer) => break answer,
                Err(_) => slow.write(b" ").unwrap(),
            }
            written += 1;
        };
        assert_eq!(answer, "503 http.busy");
    });
    let mut other = announce(&unit, &unit.wrong, one);
    other.write(&full).unwrap();
    assert_eq!(shown(&other.read(false).unwrap()), "404 resource.not_found");
    slow.write(&full[written..]).unwrap();
    assert_eq!(slow.read(false).unwrap().status, 200);
}

#[test]
fn bodies_that_wait_for_each_other_all_come_to_their_end() {
    let (one, all) = (128 << 10, 512 << 10);
    let config = Config { body_bytes_max: one, bodies_bytes_max: all, ..Config::default() };
    let unit = unit(Config { principal_percent: 100, body_stall_seconds_max: 60, ..config });
    // Eight of them are twice as much as there is; half of each takes all that there is.
    let mut under_way: Vec<_> = [&unit.right, &unit.wrong]
        .into_iter()
        .flat_map(|token| [token; 4])
        .map(|token| announce(&unit, token, one))
        .collect();
    for half in 0..2 {
        for client in &mut under_way {
            client.write(&vec![b' '; one / 2]).unwrap_or_else(|error| panic!("{half}: {error}"));
        }
    }
    let statuses: Vec<_> =
        under_way.iter_mut().map(|client| client.read(false).unwrap().status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 404, 404, 404, 404]);
}
