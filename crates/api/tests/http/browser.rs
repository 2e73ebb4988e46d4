//! What browsers are given: live views, sign-in with a password, and the files of the console.

use crate::support::{Unit, shown, unit};
use api::Config;
use api::probe::{Answer, Client};
use base::{Clock, SystemClock};
use kernel::{Call, Principal, ResourceRef};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use std::time::Duration;

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const JSON: (&str, &str) = ("content-type", "application/json");
const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const PASSWORD: &str = "correct horse battery";

/// A stream of events, read line by line.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(unit: &Unit, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(unit.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut head = format!("GET /v1/live?{query} HTTP/1.1\r\nhost: unit\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all((head + "\r\n").as_bytes()).unwrap();
        let mut events = Self(BufReader::new(stream));
        assert_eq!(events.line(), "HTTP/1.1 200 OK");
        while !events.line().is_empty() {}
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Returns the next event: its name and its data.
    fn next(&mut self) -> (String, Value) {
        let (mut name, mut data) = (String::new(), Value::Null);
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("event", event)) => name = event.to_owned(),
                Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
                None if line.is_empty() && !name.is_empty() => return (name, data),
                // Sizes of chunks, their ends, ids, and how soon to come again.
                _ => {}
            }
        }
    }

    fn topics(&mut self) -> String {
        let (name, data) = self.next();
        let topics: Vec<&str> =
            data["topics"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        format!("{name} {}", topics.join(" "))
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn put(unit: &Unit, note: &str) {
    let answer = unit.send("POST", &format!("/v1/notes/{note}/put"), &[JSON], br#"{"text": "t"}"#);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_viewer_is_told_what_changes() {
    let unit = unit(Config::default());
    let token = bearer(&unit.right);
    let mut events =
        Events::open(&unit, "watch=note&watch=note/a&watch=user", &[("authorization", &token)]);
    assert_eq!(events.topics(), "hello note note/a user");
    put(&unit, "b");
    assert_eq!(events.topics(), "changed note");
    put(&unit, "a");
    assert_eq!(events.topics(), "changed note note/a");
}

#[test]
fn a_viewer_hears_four_times_a_second_however_much_is_done() {
    let unit = unit(Config::default());
    let token = bearer(&unit.right);
    let mut events = Events::open(&unit, "watch=note", &[("authorization", &token)]);
    let (_, hello) = events.next();
    let clock = SystemClock::new();
    let until = clock.monotonic() + Duration::from_millis(1_100);
    while clock.monotonic() < until {
        put(&unit, "a");
    }
    let last = unit.handle.kernel().commit();
    let (mut count, mut heard) = (0, hello["commit"].as_u64().unwrap());
    while heard < last {
        let (name, data) = events.next();
        assert_eq!(name, "changed");
        assert!(heard < data["commit"].as_u64().unwrap());
        heard = data["commit"].as_u64().unwrap();
        count += 1;
    }
    assert!((2..=7).contains(&count), "{count} events");
}

#[test]
fn who_comes_again_hears_whether_he_has_missed_something() {
    let unit = unit(Config::default());
    let token = bearer(&unit.right);
    let authorization = ("authorization", token.as_str());
    let mut events = Events::open(&unit, "watch=note", &[authorization]);
    let commit = events.next().1["commit"].to_string();
    drop(events);
    put(&unit, "a");
    let mut events =
        Events::open(&unit, "watch=note", &[authorization, ("last-event-id", &commit)]);
    assert_eq!(events.topics(), "hello note");
    assert_eq!(events.topics(), "changed note");
    // Who has not watched yet knows from what was said of him how far the unit was.
    let me = unit.send("GET", "/v1/units/whoami", &[], b"");
    let me: Value = serde_json::from_slice(&me.body).unwrap();
    let now = me["commit"].as_u64().unwrap();
    let mut events = Events::open(&unit, &format!("watch=note&since={now}"), &[authorization]);
    assert_eq!(events.topics(), "hello note");
    put(&unit, "b");
    let (name, data) = events.next();
    assert_eq!(name, "changed");
    assert!(now < data["commit"].as_u64().unwrap());
}

#[test]
fn who_may_not_read_is_refused_or_hears_nothing() {
    let unit = unit(Config { viewer_topics_max: 2, ..Config::default() });
    let (wrong, right) = (bearer(&unit.wrong), bearer(&unit.right));
    let ask = |query: &str, headers: &[(&str, &str)]| {
        shown(&unit.client().send("GET", &format!("/v1/live?{query}"), headers, b"").unwrap())
    };
    assert_eq!(ask("watch=note", &[]), "401 token.invalid");
    assert_eq!(ask("watch=note", &[("authorization", "Bearer craton_0")]), "401 token.invalid");
    assert_eq!(ask("watch=note", &[("authorization", &wrong)]), "403 policy.forbidden");
    assert_eq!(ask("watch=nots", &[("authorization", &right)]), "400 live.topic");
    assert_eq!(ask("", &[("authorization", &right)]), "400 call.invalid");
    assert_eq!(ask("watch=a&watch=b&watch=c", &[("authorization", &right)]), "400 call.too_large");
    let mut events = Events::open(&unit, "watch=session&watch=note", &[("authorization", &wrong)]);
    assert_eq!(events.topics(), "hello session");
    put(&unit, "a");
    // A session is told; the note was not.
    assert_eq!(password(&unit, "olga").status, 200);
    assert_eq!(sign_in(&unit, "olga", PASSWORD, &[OWN]).status, 200);
    assert_eq!(events.topics(), "changed session");
}

#[test]
fn a_view_ends_with_its_token_and_with_its_unit() {
    let mut unit = unit(Config { drain_seconds_max: 3_600, ..Config::default() });
    let made = unit.send("POST", "/v1/tokens", &[JSON], br#"{"user": "olga"}"#);
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    let token = bearer(made["token"].as_str().unwrap());
    let mut events = Events::open(&unit, "watch=note", &[("authorization", &token)]);
    let right = bearer(&unit.right);
    let mut beside = Events::open(&unit, "watch=note", &[("authorization", &right)]);
    assert_eq!((events.next().0, beside.next().0), ("hello".into(), "hello".into()));
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(unit.send("DELETE", &path, &[], b"").status, 200);
    let (name, data) = events.next();
    assert_eq!((name.as_str(), &data["code"]), ("ended", &json!("token.invalid")));
    put(&unit, "a");
    assert_eq!(beside.topics(), "changed note", "another token goes on");
    // A stream that never ends holds up no stop.
    unit.stop();
    unit.stopped();
}

#[test]
fn places_for_viewers_are_limited_and_shared_out() {
    let unit = unit(Config { viewers_max: 4, principal_percent: 50, ..Config::default() });
    let token = bearer(&unit.right);
    let authorization = ("authorization", token.as_str());
    let held: Vec<_> =
        (0..2).map(|_| Events::open(&unit, "watch=note", &[authorization])).collect();
    let more =
        || shown(&unit.client().send("GET", "/v1/live?watch=note", &[authorization], b"").unwrap());
    assert_eq!(more(), "503 http.busy");
    let wrong = bearer(&unit.wrong);
    Events::open(&unit, "watch=session", &[("authorization", &wrong)]);
    drop(held);
    // They are given back as soon as the unit sees that their viewers have gone.
    let clock = SystemClock::new();
    let until = clock.monotonic() + Duration::from_secs(10);
    while unit.handle.kernel().live().topics() != 0 {
        assert!(clock.monotonic() < until);
        std::thread::yield_now();
    }
    Events::open(&unit, "watch=note", &[authorization]);
}

fn password(unit: &Unit, user: &str) -> Answer {
    let body = json!({"password": PASSWORD}).to_string();
    unit.send("POST", &format!("/v1/users/{user}/set_password"), &[JSON], body.as_bytes())
}

fn sign_in(unit: &Unit, user: &str, password: &str, headers: &[(&str, &str)]) -> Answer {
    let body = json!({"user": user, "password": password}).to_string();
    let headers = [&[JSON], headers].concat();
    unit.client().send("POST", "/sign-in", &headers, body.as_bytes()).unwrap()
}

/// Returns the cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

#[test]
fn a_page_of_the_unit_signs_in_and_out() {
    let unit = unit(Config::default());
    assert_eq!(password(&unit, "olga").status, 200);
    let answer = sign_in(&unit, "olga", PASSWORD, &[OWN]);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&body["user"], &body["roles"]), (&json!("olga"), &json!(["owner"])));
    assert!(body["expires"].is_string() && body.as_object().unwrap().len() == 3, "{body}");
    let set = &answer.headers["set-cookie"];
    assert!(set.contains("; HttpOnly; SameSite=Lax") && !set.contains("Secure"), "{set}");
    assert!(
        !String::from_utf8_lossy(&answer.body).contains(cookie(&answer).split_once('=').unwrap().1)
    );
    let cookie = cookie(&answer);
    let session = ("cookie", cookie.as_str());
    let whoami =
        |session| shown(&unit.client().send("GET", "/v1/units/whoami", &[session], b"").unwrap());
    assert!(whoami(session).contains("user:olga"));
    let mut events = Events::open(&unit, "watch=note", &[session]);
    assert_eq!(events.next().0, "hello");
    let post =
        |path, headers: &[(&str, &str)]| unit.client().send("POST", path, headers, b"").unwrap();
    assert_eq!(shown(&post("/sign-out", &[session])), "403 http.cross_site");
    let answer = post("/sign-out", &[session, OWN]);
    assert_eq!(shown(&answer), r#"200 {"signed_out":true}"#);
    assert!(answer.headers["set-cookie"].starts_with("craton_session=; Path=/; Max-Age=0"));
    assert_eq!(whoami(session), "401 token.invalid");
    assert_eq!(events.next().0, "ended");
    assert_eq!(post("/sign-out", &[session, OWN]).status, 200, "once more does no harm");
    // Over a proxy with TLS the browser says so.
    let answer = sign_in(&unit, "olga", PASSWORD, &[("origin", "https://unit")]);
    assert!(answer.headers["set-cookie"].ends_with("; Secure"), "{:?}", answer.headers);
}

#[test]
fn who_signs_in_anew_ends_the_session_before() {
    let unit = unit(Config::default());
    assert_eq!(password(&unit, "olga").status, 200);
    let first = cookie(&sign_in(&unit, "olga", PASSWORD, &[OWN]));
    let second = cookie(&sign_in(&unit, "olga", PASSWORD, &[OWN, ("cookie", &first)]));
    let whoami = |cookie: &str| {
        unit.client().send("GET", "/v1/units/whoami", &[("cookie", cookie)], b"").unwrap().status
    };
    assert_eq!((whoami(&first), whoami(&second)), (401, 200));
}

#[test]
fn a_sign_in_from_elsewhere_or_of_another_form_is_refused() {
    let unit = unit(Config::default());
    assert_eq!(password(&unit, "olga").status, 200);
    let olga = |headers: &[(&str, &str)]| shown(&sign_in(&unit, "olga", PASSWORD, headers));
    assert_eq!(olga(&[]), "403 http.cross_site");
    assert_eq!(olga(&[("sec-fetch-site", "cross-site")]), "403 http.cross_site");
    assert_eq!(olga(&[("sec-fetch-site", "same-site")]), "403 http.cross_site");
    assert_eq!(olga(&[("origin", "https://evil.example")]), "403 http.cross_site");
    let send = |headers: &[(&str, &str)], body: &[u8]| {
        let headers = [&[OWN], headers].concat();
        shown(&unit.client().send("POST", "/sign-in", &headers, body).unwrap())
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(&[form], b"user=olga"), "415 http.media_type");
    assert_eq!(send(&[], b"{}"), "415 http.media_type");
    assert_eq!(send(&[JSON], b"{}"), "400 call.invalid");
    assert_eq!(send(&[JSON], b"[]"), "400 http.json_invalid");
    let more = br#"{"user": "olga", "password": "x", "scope": []}"#;
    assert_eq!(send(&[JSON], more), "400 call.invalid");
    let large = json!({"user": "olga", "password": "x".repeat(10_000)}).to_string();
    assert_eq!(send(&[JSON], large.as_bytes()), "413 http.body_too_large");
    assert_eq!(shown(&sign_in(&unit, "olga", "wrong", &[OWN])), "401 sign_in.refused");
    assert_eq!(shown(&sign_in(&unit, "nobody", PASSWORD, &[OWN])), "401 sign_in.refused");
    // Guesses are slowed as at every other door.
    let codes: Vec<String> =
        (0..8).map(|_| shown(&sign_in(&unit, "olga", "wrong", &[OWN]))).collect();
    assert_eq!(codes.last().map(String::as_str), Some("429 sign_in.slowed"), "{codes:?}");
}

fn get(client: &mut Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    client.send("GET", path, headers, b"").unwrap()
}

#[test]
fn browsers_get_the_console_and_programs_what_was_there() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    for path in ["/", "/tasks", "/tasks/17-3", "/sign-in", "/data/stream/orders"] {
        let answer = get(&mut client, path, &[HTML]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.headers["cache-control"], "no-cache");
        assert!(answer.headers["vary"].contains("accept"));
        let policy = &answer.headers["content-security-policy"];
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "same-origin");
        assert_eq!(answer.headers["permissions-policy"], "camera=(self), geolocation=()");
        assert_eq!(answer.headers["cross-origin-opener-policy"], "same-origin");
        let tag = ("if-none-match", answer.headers["etag"].as_str());
        let again = get(&mut client, path, &[HTML, tag]);
        assert_eq!((again.status, again.body.len()), (304, 0));
        let head = client.send("HEAD", path, &[HTML], b"").unwrap();
        assert_eq!(head.headers["content-length"], answer.body.len().to_string());
    }
    let answer = get(&mut client, "/", &[]);
    assert!(String::from_utf8_lossy(&answer.body).starts_with("shop: a unit run by Craton"));
    assert_eq!(
        answer.headers["content-security-policy"],
        "default-src 'none'; frame-ancestors 'none'"
    );
    assert_eq!(shown(&get(&mut client, "/tasks", &[])), "404 http.not_found");
    assert_eq!(shown(&get(&mut client, "/sign-in", &[])), "405 http.method_not_allowed");
    let posted = client.send("POST", "/tasks", &[HTML], b"").unwrap();
    assert_eq!(shown(&posted), "404 http.not_found");
}

#[test]
fn nothing_but_files_of_the_console_lies_under_its_folder() {
    let unit = unit(Config::default());
    for path in [
        "/assets/none.js",
        "/assets/../index.html",
        "/assets/../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/%2fetc%2fpasswd",
        "/assets//etc/passwd",
        "/..%2f..%2fetc%2fpasswd.txt",
        "/favicon.ico",
        "/v1/nothing",
    ] {
        let answer = get(&mut unit.client(), path, &[HTML]);
        assert_eq!(shown(&answer), "404 http.not_found", "{path}");
        assert_eq!(
            answer.headers["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
    }
    assert_eq!(shown(&get(&mut unit.client(), "/assets/%zz", &[HTML])), "400 http.target_invalid");
}

#[test]
fn files_of_the_console_are_served_as_they_are() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    for file in console::files() {
        let answer = get(&mut client, file.path, &[]);
        assert_eq!((answer.status, answer.body.as_slice()), (200, file.plain), "{file:?}");
        assert_eq!(answer.headers["content-type"], file.media());
        let caching = &answer.headers["cache-control"];
        assert_eq!(caching.contains("immutable"), file.path.starts_with("/assets/"), "{file:?}");
        let both = [("accept-encoding", "br, gzip")];
        let answer = get(&mut client, file.path, &both);
        let expected = file.brotli.or(file.gzip).unwrap_or(file.plain);
        assert_eq!(answer.body, expected, "{file:?}");
        assert_eq!(answer.headers.contains_key("content-encoding"), expected != file.plain);
    }
}

#[test]
fn whoever_is_told_to_sign_out_may_be_a_token_that_is_no_session() {
    let unit = unit(Config::default());
    let cookie = format!("craton_session={}", unit.right);
    let headers = [OWN, ("cookie", cookie.as_str())];
    assert_eq!(unit.client().send("POST", "/sign-out", &headers, b"").unwrap().status, 200);
    // It is still there: signing out ends sessions alone.
    let olga = Principal::User("olga".into());
    let call = Call::new("unit.whoami", ResourceRef::new("unit", ""), olga);
    assert!(unit.handle.call(call).is_ok());
    assert_eq!(unit.send("GET", "/v1/units/whoami", &[], b"").status, 200);
}
