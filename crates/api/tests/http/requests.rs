//! The HTTP door seen from outside, over real sockets: what it takes, what it answers, how it refuses.

use crate::support::{Unit, shown, unit};
use api::Config;
use api::probe::Client;
use serde_json::{Value, json};
use std::io::ErrorKind;

fn small() -> Config {
    Config { body_bytes_max: 64 << 10, ..Config::default() }
}

fn body(answer: &api::probe::Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_call_is_made_of_path_query_headers_and_body() {
    let unit = unit(Config::default());
    let answer =
        unit.send("GET", "/v1/notes/a%20b?limit=3&text=x&at=2018-01-01T00:00:00Z", &[], b"");
    assert_eq!(
        body(&answer),
        json!({
            "resource": "note/a b", "actor": "user:olga", "args": {"limit": "3", "text": "x"},
            "at": "2018-01-01T00:00:00Z", "key": null,
        })
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let key = ("idempotency-key", "\"k1\"");
    let answer =
        unit.send("POST", "/v1/notes/a/put", &[JSON, key], br#"{"text": "t", "weight": 129.9}"#);
    let expected = json!({"text": "t", "weight": 129.9});
    assert_eq!((&body(&answer)["args"], &body(&answer)["key"]), (&expected, &json!("k1")));
    let answer = unit.send("POST", "/v1/notes/a/put", &[JSON, key], br#"{"text": "another"}"#);
    assert_eq!(shown(&answer), "409 call.key_reused");
    let media = ("content-type", "Application/X-NDJSON; charset=utf-8");
    let answer = unit.send("POST", "/v1/notes/a/append", &[media], b"{}\n{}\n");
    assert_eq!(body(&answer), json!({"media": "application/x-ndjson", "bytes": 6}));
    let answer = unit.send("POST", "/v1/notes/a/later", &[], b"");
    assert_eq!((answer.status, body(&answer)), (202, json!({"accepted": true})));
}

#[test]
fn a_signature_over_the_request_says_who_calls() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    let signature = ("signature", r#"POST /v1/notes/a/put?x=1 {"text": "t"}"#);
    let answer = client
        .send("POST", "/v1/notes/a/put?x=1", &[JSON, signature], br#"{"text": "t"}"#)
        .unwrap();
    assert_eq!(shown(&answer), "400 http.parameter_unknown");
    let signature = ("signature", r#"POST /v1/notes/a/put {"text": "t"}"#);
    let answer =
        client.send("POST", "/v1/notes/a/put", &[JSON, signature], br#"{"text": "t"}"#).unwrap();
    assert_eq!(body(&answer)["actor"], "user:olga");
    let answer =
        client.send("POST", "/v1/notes/a/put", &[JSON, signature], br#"{"text": "T"}"#).unwrap();
    assert_eq!(shown(&answer), "401 token.invalid");
    assert!(answer.headers["www-authenticate"].starts_with("Bearer"));
}

fn streamed(unit: &Unit, query: &str) -> std::io::Result<api::probe::Answer> {
    let token = format!("Bearer {}", unit.right);
    unit.client().send(
        "GET",
        &format!("/v1/notes/a/stream?{query}"),
        &[("authorization", &token)],
        b"",
    )
}

#[test]
fn a_stream_arrives_whole_or_breaks_off() {
    let unit = unit(Config::default());
    let answer = streamed(&unit, "count=1000").unwrap();
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    assert_eq!(answer.body.iter().filter(|byte| **byte == b'\n').count(), 1_000);
    assert_eq!(streamed(&unit, "count=0").unwrap().body, b"");
    let long = streamed(&unit, "count=10000").unwrap();
    assert_eq!(long.body.iter().filter(|byte| **byte == b'\n').count(), 10_000);
    // What fails before anything was sent is a clear refusal; what fails later must not look whole.
    assert_eq!(shown(&streamed(&unit, "fail=0").unwrap()), "503 kernel.stopping");
    assert_eq!(shown(&streamed(&unit, "fail=2").unwrap()), "503 kernel.stopping");
    let late = streamed(&unit, "count=10000&fail=9000").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn pages_answer_without_a_credential() {
    let unit = unit(Config::default());
    for (path, text) in [
        ("/", "shop: a unit run by Craton"),
        ("/health/live", r#"{"status":"live"}"#),
        ("/health/ready", r#"{"status":"ready"}"#),
    ] {
        let answer = unit.client().send("GET", path, &[], b"").unwrap();
        assert_eq!(answer.status, 200);
        assert!(String::from_utf8_lossy(&answer.body).starts_with(text), "{path}");
    }
    let answer = unit.client().send("GET", "/v1/openapi.json", &[], b"").unwrap();
    let document = body(&answer);
    assert_eq!(document["openapi"], "3.1.0");
    let put = &document["paths"]["/v1/notes/{name}/put"]["post"];
    assert_eq!(put["operationId"], "note.put");
    let schema = &put["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["properties"]["weight"]["$ref"], "#/components/schemas/note.put.Weight");
    assert_eq!(document["components"]["schemas"]["note.put.Weight"], json!({"type": "number"}));
}

#[test]
fn metrics_are_for_who_may_see_them() {
    let token = |unit: &Unit| format!("Bearer {}", unit.right);
    let unit = unit(Config::default());
    let answer = unit.client().send("GET", "/metrics", &[], b"").unwrap();
    assert_eq!(shown(&answer), "401 token.invalid");
    let wrong = format!("Bearer {}", unit.wrong);
    let answer = unit.client().send("GET", "/metrics", &[("authorization", &wrong)], b"").unwrap();
    assert_eq!(shown(&answer), "403 policy.forbidden");
    let right = token(&unit);
    let answer = unit.client().send("GET", "/metrics", &[("authorization", &right)], b"").unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8_lossy(&answer.body);
    assert!(
        text.contains("\n# TYPE craton_commits_total counter\ncraton_commits_total "),
        "{text}"
    );
    assert!(!text.contains("craton_door_received_bytes_total{door=\"http\"} 0\n"), "{text}");
}

#[test]
fn metrics_are_open_on_this_machine_where_the_configuration_says_so() {
    let unit = unit(Config { metrics_open_on_loopback: true, ..Config::default() });
    let answer = unit.client().send("GET", "/metrics", &[], b"").unwrap();
    assert_eq!(answer.status, 200);
    // Nothing else is open, and a token that is wrong is not the same as none.
    assert_eq!(
        shown(&unit.client().send("GET", "/v1/tokens", &[], b"").unwrap()),
        "401 token.invalid"
    );
    let forged = [("authorization", "Bearer craton_forged")];
    let answer = unit.client().send("GET", "/metrics", &forged, b"").unwrap();
    assert_eq!(shown(&answer), "401 token.invalid");
}

#[test]
fn a_trace_is_taken_up_and_told() {
    let unit = unit(Config::default());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [JSON, ("traceparent", parent), ("tracestate", "a=1, b=2")];
    let answer = unit.send("POST", "/v1/notes/a/put", &headers, br#"{"text": "T"}"#);
    assert_eq!(answer.status, 200);
    let told = &answer.headers["traceparent"];
    assert!(
        told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && told.ends_with("-01"),
        "{told}"
    );
    assert_ne!(told, parent, "the span is the door's own");
    assert_eq!(answer.headers["tracestate"], "a=1,b=2");
    let spans = unit.handle.kernel().tracer().spans();
    let find = |name: &str| spans.iter().find(|span| span.name == name).expect(name);
    let (door, call) = (find("POST /v1/notes/{name}/put"), find("note.put"));
    assert_eq!(door.parent.map(|parent| parent.to_string()).as_deref(), Some("00f067aa0ba902b7"));
    assert_eq!((call.parent, find("commit").parent), (Some(door.id), Some(call.id)));
    // One that is not written down is passed on as it came; what is no trace is none.
    let silent = parent.replace("-01", "-00");
    let answer = unit.send("GET", "/v1/notes/a", &[("traceparent", &silent)], b"");
    assert_eq!(answer.headers["traceparent"], silent);
    let answer = unit.send("GET", "/v1/notes/a", &[("traceparent", "rubbish")], b"");
    assert_eq!(answer.status, 200);
    assert!(answer.headers.get("traceparent").is_none_or(|told| !told.contains("rubbish")));
}

#[test]
fn a_stranger_does_not_decide_that_a_trace_is_kept() {
    let unit = unit(Config::default());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let kept = || {
        let spans = unit.handle.kernel().tracer().spans();
        spans.iter().filter(|span| span.trace.to_string() == parent[3..35]).count()
    };
    for path in ["/", "/v1/notes/a", "/nowhere", "/sign-in/nobody"] {
        let answer = unit.client().send("GET", path, &[("traceparent", parent)], b"").unwrap();
        let told = &answer.headers["traceparent"];
        assert!(told.starts_with(&parent[..36]) && told.ends_with("-00"), "{path}: {told}");
    }
    let forged = [("traceparent", parent), ("authorization", "Bearer craton_forged"), JSON];
    unit.client().send("POST", "/v1/notes/a/put", &forged, b"{}").unwrap();
    assert_eq!(kept(), 0);
    // Who is known does, also of a request that is refused.
    let ned = format!("Bearer {}", unit.wrong);
    let known = [("traceparent", parent), ("authorization", ned.as_str()), JSON];
    let answer = unit.client().send("POST", "/v1/notes/a/put", &known, b"{}").unwrap();
    assert!(400 <= answer.status && 0 < kept(), "{}", answer.status);
}

#[test]
fn head_and_options_are_answered() {
    let unit = unit(Config::default());
    let answer = unit.send("HEAD", "/v1/notes/a", &[], b"");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_ne!(answer.headers["content-length"], "0");
    let answer = unit.send("OPTIONS", "/v1/notes/a", &[], b"");
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (204, "GET, HEAD, OPTIONS"));
    let answer = unit.send("OPTIONS", "*", &[], b"");
    assert_eq!(answer.status, 204);
}

#[test]
fn what_cannot_be_done_is_refused_with_code_and_hint() {
    let unit = unit(small());
    let check = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        shown(&unit.send(method, path, headers, body))
    };
    let answer = unit.send("GET", "/v1/note/a", &[], b"");
    assert_eq!(shown(&answer), "404 http.not_found");
    assert_eq!(body(&answer)["hint"], "did you mean `GET /v1/notes/{name}`?");
    let answer = unit.send("PATCH", "/v1/notes/a", &[], b"");
    assert_eq!(shown(&answer), "405 http.method_not_allowed");
    assert_eq!(answer.headers["allow"], "GET, HEAD, OPTIONS");
    assert_eq!(check("GET", "/v1/notes/%zz", &[], b""), "400 http.target_invalid");
    assert_eq!(
        check("GET", &format!("/v1/notes/{}", "a".repeat(300)), &[], b""),
        "400 http.target_invalid"
    );
    assert_eq!(check("GET", "/v1/notes/a?limt=1", &[], b""), "400 http.parameter_unknown");
    assert_eq!(
        check("GET", "/v1/notes/a?limit=1&limit=1", &[], b""),
        "400 http.parameter_repeated"
    );
    assert_eq!(check("GET", "/v1/notes/a?at=soon", &[], b""), "400 time.invalid");
    assert_eq!(check("GET", "/v1/notes/missing", &[], b""), "404 resource.not_found");
    assert_eq!(check("GET", "/v1/notes/a", &[], b"{}"), "400 http.body_unexpected");
    assert_eq!(check("POST", "/v1/notes/a/touch", &[JSON], b"{}").split(' ').next(), Some("200"));
    assert_eq!(
        check("POST", "/v1/notes/a/touch", &[JSON], b"{\"a\": 1}"),
        "400 http.body_unexpected"
    );
    let xml = ("content-type", "text/xml");
    assert_eq!(check("POST", "/v1/notes/a/put", &[xml], b"<a/>"), "415 http.media_type");
    assert_eq!(check("POST", "/v1/notes/a/append", &[], b"<a/>"), "415 http.media_type");
    let gzip = ("content-encoding", "gzip");
    assert_eq!(check("POST", "/v1/notes/a/put", &[JSON, gzip], b"x"), "415 http.media_type");
    let empty = ("idempotency-key", "");
    assert_eq!(check("POST", "/v1/notes/a/touch", &[empty], b""), "400 http.header_invalid");
    let twice = ("authorization", "Bearer x");
    assert_eq!(check("POST", "/v1/notes/a/touch", &[twice], b""), "400 http.header_invalid");
    let answer = unit.send("GET", "/v1/notes/a/panic", &[], b"");
    assert_eq!(shown(&answer), "500 kernel.internal");
    assert!(
        !body(&answer)["detail"].as_str().unwrap().contains("a defect"),
        "the detail stays in the log"
    );
}

#[test]
fn broken_json_says_where() {
    let unit = unit(Config::default());
    let answer = unit.send("POST", "/v1/notes/a/put", &[JSON], b"{\n  \"text\": }");
    assert_eq!(shown(&answer), "400 http.json_invalid");
    assert_eq!(body(&answer)["place"], json!({"line": 2, "column": 11}));
    for deep in [
        "[".repeat(100_000),
        format!("{{\"text\":{}", "[".repeat(100_000)),
        "{\"a\":".repeat(100_000),
    ] {
        let answer = unit.send("POST", "/v1/notes/a/put", &[JSON], deep.as_bytes());
        assert_eq!(shown(&answer), "400 http.json_invalid");
    }
    let answer = unit.send("POST", "/v1/notes/a/put", &[JSON], b"\xff\xfe");
    assert_eq!(shown(&answer), "400 http.json_invalid");
}

#[test]
fn oversized_requests_are_refused_and_the_refusal_arrives() {
    let unit = unit(small());
    let answer = unit.send("POST", "/v1/notes/a/put", &[JSON], &vec![b' '; 1 << 20]);
    assert_eq!(shown(&answer), "413 http.body_too_large");
    // Without an announced length the limit holds as well.
    let mut client = unit.client();
    let head = format!(
        "POST /v1/notes/a/put HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        unit.right
    );
    client.write(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    client.write(&chunk).unwrap();
    client.write(&chunk).unwrap();
    assert_eq!(shown(&client.read(false).unwrap()), "413 http.body_too_large");
    let huge = "x".repeat(200 << 10);
    let answer = unit.send("GET", "/v1/notes/a", &[("x-huge", &huge)], b"");
    assert_eq!(shown(&answer), "431 http.head_too_large");
    let many: Vec<(&str, &str)> = (0..200).map(|_| ("x-many", "1")).collect();
    let answer = unit.send("GET", "/v1/notes/a", &many, b"");
    assert_eq!(shown(&answer), "431 http.head_too_large");
}

#[test]
fn nobody_unknown_makes_the_door_read_a_body() {
    let unit = unit(small());
    let mut client = unit.client();
    // The body never comes, and the answer does not wait for it.
    client
        .write(b"POST /v1/notes/a/put HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        .unwrap();
    assert_eq!(shown(&client.read(false).unwrap()), "401 token.invalid");
    // Nor does a signature of nobody.
    let mut client = unit.client();
    client
        .write(b"POST /v1/notes/a/put HTTP/1.1\r\nhost: x\r\nsignature: x\r\ncontent-length: 1000\r\n\r\n")
        .unwrap();
    assert_eq!(shown(&client.read(false).unwrap()), "401 token.invalid");
}

fn raw(unit: &Unit, bytes: &[u8], ends: bool) -> String {
    let mut client = unit.client();
    client.write(bytes).unwrap();
    if ends {
        client.end().unwrap();
    }
    client.read(false).map_or_else(|error| format!("{:?}", error.kind()), |answer| shown(&answer))
}

#[test]
fn malformed_and_truncated_requests_are_refused() {
    let unit = unit(small());
    assert_eq!(raw(&unit, b"hello\r\n\r\n", false), "400 http.malformed");
    assert_eq!(raw(&unit, b"GET / HTTP/9.9\r\n\r\n", false), "400 http.malformed");
    assert_eq!(raw(&unit, b"GET / HTTP/1.1\r\nbad header\r\n\r\n", false), "400 http.malformed");
    assert_eq!(
        raw(&unit, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", false),
        "400 http.malformed"
    );
    assert_eq!(raw(&unit, half(&unit).as_bytes(), true), "400 http.body_truncated");
}

/// A request whose body breaks off.
fn half(unit: &Unit) -> String {
    let token = format!("authorization: Bearer {}\r\n", unit.right);
    format!("POST /v1/notes/a/put HTTP/1.1\r\nhost: x\r\n{token}content-length: 10\r\n\r\n{{\"te")
}

#[test]
fn slow_requests_are_refused() {
    let unit = unit(Config { head_seconds_max: 1, body_stall_seconds_max: 1, ..Config::default() });
    assert_eq!(raw(&unit, b"GET / HTTP/1.1\r\nho", false), "408 http.timeout");
    assert_eq!(raw(&unit, half(&unit).as_bytes(), false), "408 http.timeout");
    // An idle connection just ends.
    assert_eq!(raw(&unit, b"", false), "UnexpectedEof");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let unit = unit(small());
    let mut client = unit.client();
    let token = format!("authorization: Bearer {}\r\n", unit.right);
    let get =
        |limit: u32| format!("GET /v1/notes/a?limit={limit} HTTP/1.1\r\nhost: x\r\n{token}\r\n");
    let all: String = (0..50).map(get).collect::<String>() + "garbage\r\n\r\n";
    client.write(all.as_bytes()).unwrap();
    for limit in 0..50 {
        assert_eq!(body(&client.read(false).unwrap())["args"]["limit"], limit.to_string());
    }
    assert_eq!(shown(&client.read(false).unwrap()), "400 http.malformed");
}

#[test]
fn a_connection_goes_on_after_a_body_that_nobody_read() {
    let unit = unit(small());
    let head = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n")
    };
    let mut client = unit.client();
    for path in ["/v1/nothing", "/v1/notes/a/append"] {
        client.write(head(path, 5).as_bytes()).unwrap();
        // The body comes behind, when the request was refused already.
        std::thread::yield_now();
        client.write(b"hello").unwrap();
        let answer = client.read(false).unwrap();
        assert!(matches!(answer.status, 401 | 404), "{}", shown(&answer));
        assert_eq!(answer.headers.get("connection"), None);
    }
    assert_eq!(client.send("GET", "/health/live", &[], b"").unwrap().status, 200);
    client.write(head("/v1/nothing", 10 << 20).as_bytes()).unwrap();
    let answer = client.read(false).unwrap();
    assert_eq!(shown(&answer), "404 http.not_found");
    assert_eq!(answer.headers["connection"], "close", "so much is not thrown away");
}

#[test]
fn connections_above_the_limit_are_told_so() {
    let unit = unit(Config { connections_max: 2, ..Config::default() });
    let mut held: Vec<Client> = (0..2).map(|_| unit.client()).collect();
    for client in &mut held {
        assert_eq!(client.send("GET", "/health/live", &[], b"").unwrap().status, 200);
    }
    let answer = unit.client().read(false).unwrap();
    assert_eq!(
        (shown(&answer).as_str(), answer.headers["retry-after"].as_str()),
        ("503 http.busy", "1")
    );
}

/// Sends the head of a request and waits until the server asks for its body: then the request is under way.
fn under_way(unit: &Unit) -> Client {
    let mut client = unit.client();
    let head = format!(
        "POST /v1/notes/a/append HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
        unit.right
    );
    client.write(head.as_bytes()).unwrap();
    assert_eq!(client.read(true).unwrap().status, 100);
    client
}

#[test]
fn requests_above_the_limit_are_told_so() {
    let unit = unit(Config { requests_max: 1, ..Config::default() });
    let mut client = under_way(&unit);
    let answer = unit.send("GET", "/v1/notes/a", &[], b"");
    assert_eq!(
        (shown(&answer).as_str(), answer.headers["retry-after"].as_str()),
        ("503 http.busy", "1")
    );
    client.write(b"{}{}").unwrap();
    assert_eq!(client.read(false).unwrap().status, 200);
    assert_eq!(unit.send("GET", "/v1/notes/a", &[], b"").status, 200);
}

#[test]
fn requests_under_way_are_answered_when_the_server_stops() {
    let mut unit = unit(Config::default());
    let mut client = under_way(&unit);
    unit.stop();
    client.write(b"{}{}").unwrap();
    let answer = client.read(false).unwrap();
    assert_eq!((answer.status, &body(&answer)["bytes"]), (200, &json!(4)));
    unit.stopped();
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    // The server waits an hour for answers under way, and a second for a client that takes nothing.
    let config =
        Config { drain_seconds_max: 3_600, write_stall_seconds_max: 1, ..Config::default() };
    let mut unit = unit(config);
    let mut client = unit.client();
    let head = format!(
        "GET /v1/notes/a/stream?count=1000000000 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        unit.right
    );
    client.write(head.as_bytes()).unwrap();
    assert_eq!(client.read(true).unwrap().status, 200);
    unit.stop();
    unit.stopped();
}

#[test]
fn the_reference_lists_every_operation_with_its_route() {
    let unit = unit(Config::default());
    let document = api::document(&api::lines(unit.handle.kernel()), "unit", "1");
    let text = api::reference(&document);
    let put =
        "| `note.put` | `POST /v1/notes/{name}/put` | Write | `{text, weight?}` | Writes a note. |";
    assert!(text.contains(put), "{text}");
    assert!(!text.contains("note.hidden"));
}

#[test]
fn every_code_of_the_door_has_a_page() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let source = ["error.rs", "postgres/error.rs"]
        .map(|file| std::fs::read_to_string(format!("{root}/crates/api/src/{file}")).unwrap())
        .concat();
    let mut codes: Vec<&str> =
        source.split("Code(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    codes.sort_unstable();
    let files = std::fs::read_dir(format!("{root}/docs/errors")).unwrap();
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut pages: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name.starts_with("http.") || name.starts_with("postgres."))
        .collect();
    pages.sort_unstable();
    assert_eq!(codes, pages);
}
