//! What clients say in order, and what they are answered.

use crate::support::{Client, Message, Unit, message, olga_herself, startup, text, unit, words};
use api::Config;
use kernel::{Call, ResourceRef};
use serde_json::{Value, json};

fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [text(name), text(sql)].concat();
    body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
    types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
    message(b'P', &body)
}

fn bind(portal: &str, statement: &str, values: &[(u16, &[u8])], result: u16) -> Vec<u8> {
    let mut body = [text(portal), text(statement)].concat();
    let count = u16::try_from(values.len()).unwrap().to_be_bytes();
    body.extend(count);
    values.iter().for_each(|(format, _)| body.extend(format.to_be_bytes()));
    body.extend(count);
    for (_, value) in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value);
    }
    body.extend(1_u16.to_be_bytes());
    body.extend(result.to_be_bytes());
    message(b'B', &body)
}

fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[text(portal), rows.to_be_bytes().to_vec()].concat())
}

fn about(kind: u8, what: u8, name: &str) -> Vec<u8> {
    message(kind, &[vec![what], text(name)].concat())
}

fn sync() -> Vec<u8> {
    message(b'S', &[])
}

fn say(client: &mut Client, said: &[Vec<u8>]) -> Vec<Message> {
    client.send(&said.concat());
    client.read_to('Z')
}

#[test]
fn a_session_begins_with_what_clients_want_to_know() {
    let unit = unit(Config::default());
    let mut client = unit.stranger();
    let told = client.sign_in("user:olga", &unit.token);
    let settings: Vec<String> = told
        .iter()
        .filter(|message| message.kind == 'S')
        .map(|message| String::from_utf8_lossy(&message.body).replace('\0', " ").trim().to_owned())
        .collect();
    for expected in [
        "server_version 16.6 (Craton 0.1.0)",
        "client_encoding UTF8",
        "DateStyle ISO, MDY",
        "integer_datetimes on",
        "standard_conforming_strings on",
        "TimeZone UTC",
    ] {
        assert!(settings.iter().any(|setting| setting == expected), "{expected}: {settings:?}");
    }
    assert!(told.iter().any(|message| message.kind == 'K'));
}

#[test]
fn a_wrong_token_and_a_stranger_are_refused_alike() {
    let unit = unit(Config::default());
    for (user, token) in [("olga", "wrong"), ("nobody", unit.token.as_str())] {
        let told = unit.stranger().sign_in(user, token);
        assert_eq!(words(&told), "E:28P01", "{user}");
        assert_eq!(told[0].field(b'S').as_deref(), Some("FATAL"));
        assert!(told[0].field(b'H').unwrap().contains("craton token create"));
    }
    unit.expect_alive();
}

#[test]
fn a_revoked_token_ends_the_right_at_the_next_statement() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    assert_eq!(words(&client.query("SELECT 1")), "T D:0 C:SELECT 1 Z:I");
    let resource = ResourceRef::new("token", unit.token_id.as_str());
    unit.handle.call(Call::new("token.delete", resource, olga_herself())).expect("it is revoked");
    assert_eq!(words(&client.query("SELECT 1")), "E:28000 Z:I");
}

#[test]
fn simple_queries_are_answered_one_after_another() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    assert_eq!(words(&client.query("")), "I Z:I");
    assert_eq!(words(&client.query(" ; -- nothing\n")), "I Z:I");
    assert_eq!(
        words(&client.query("SELECT 2; SELECT 1;")),
        "T D:0 D:1 C:SELECT 2 T D:0 C:SELECT 1 Z:I"
    );
    // What comes after a failure is not carried out, and the place is that in the whole text.
    let told = client.query("SELECT 0;\n SELECT é; SELECT 1");
    assert_eq!(words(&told), "T C:SELECT 0 E:42703 Z:I");
    assert_eq!(told[2].field(b'P').as_deref(), Some("19"));
    assert_eq!(words(&client.query("INSERT INTO orders VALUES (1)")), "E:25006 Z:I");
    assert_eq!(words(&client.query("COPY orders FROM STDIN")), "E:25006 Z:I");
}

#[test]
fn a_large_result_comes_whole() {
    let unit = unit(Config::default());
    let told = unit.client().query("SELECT 100000");
    assert_eq!(told.len(), 100_003);
    assert_eq!(words(&told[100_000..]), "D:99999 C:SELECT 100000 Z:I");
}

#[test]
fn transactions_are_told_and_fail_with_a_statement() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    assert_eq!(words(&client.query("BEGIN")), "C:BEGIN Z:T");
    assert_eq!(words(&client.query("SELECT nothing")), "E:42703 Z:E");
    assert_eq!(words(&client.query("SELECT 1")), "E:25P02 Z:E");
    assert_eq!(words(&client.query("COMMIT")), "C:ROLLBACK Z:I");
    assert_eq!(words(&client.query("SHOW timezone")), "T D:UTC C:SHOW Z:I");
    assert_eq!(words(&client.query("SET application_name = 'x'")), "S C:SET Z:I");
    assert_eq!(words(&client.query("DISCARD ALL")), "S C:DISCARD ALL Z:I");
}

#[test]
fn prepared_statements_take_parameters_and_give_rows_in_portions() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    let told = say(&mut client, &[parse("s", "SELECT $1", &[]), about(b'D', b'S', "s"), sync()]);
    assert_eq!(words(&told), "1 t T Z:I");
    assert_eq!(told[1].body, [&1_u16.to_be_bytes()[..], &20_u32.to_be_bytes()].concat());
    // In text and in binary; both ways of the result.
    let told = say(&mut client, &[bind("", "s", &[(0, b"1")], 0), execute("", 0), sync()]);
    assert_eq!(words(&told), "2 D:0 C:SELECT 1 Z:I");
    let two = 2_i64.to_be_bytes();
    let told = say(&mut client, &[bind("", "s", &[(1, &two)], 1), execute("", 0), sync()]);
    assert_eq!(words(&told[3..]), "C:SELECT 2 Z:I");
    assert_eq!(told[2].body[6..], 1_i64.to_be_bytes());
    // A portal gives so many rows at a time; `Sync` ends it outside a transaction.
    client.query("BEGIN");
    let told = say(&mut client, &[bind("p", "s", &[(0, b"3")], 0), execute("p", 2), sync()]);
    assert_eq!(words(&told), "2 D:0 D:1 s Z:T");
    let told = say(&mut client, &[execute("p", 2), execute("p", 2), sync()]);
    assert_eq!(words(&told), "D:2 C:SELECT 1 C:SELECT 0 Z:T");
    client.query("COMMIT");
    assert_eq!(words(&say(&mut client, &[execute("p", 2), sync()])), "E:34000 Z:I");
    let told = say(&mut client, &[about(b'C', b'S', "s"), about(b'C', b'S', "s"), sync()]);
    assert_eq!(words(&told), "3 3 Z:I");
    assert_eq!(words(&say(&mut client, &[bind("", "s", &[], 0), sync()])), "E:26000 Z:I");
}

#[test]
fn what_follows_an_error_is_skipped_to_the_next_sync() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    let said = [
        parse("", "SELECT nothing", &[]),
        bind("", "", &[], 0),
        about(b'D', b'P', ""),
        execute("", 0),
        parse("", "SELECT 1", &[]),
        sync(),
        parse("", "SELECT 1", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
    ];
    let told = say(&mut client, &said);
    assert!(words(&told).ends_with("E:42703 Z:I"), "{told:?}");
    assert_eq!(words(&client.read_to('Z')), "1 2 D:0 C:SELECT 1 Z:I");
    let said = [parse("", "", &[]), bind("", "", &[], 0), execute("", 0), sync()];
    assert_eq!(words(&say(&mut client, &said)), "1 2 I Z:I");
}

#[test]
fn cursors_and_copies_give_the_same_rows() {
    let unit = unit(Config::default());
    let mut client = unit.client();
    let told = client.query("BEGIN; DECLARE c CURSOR FOR SELECT 3; FETCH 2 FROM c; FETCH ALL c");
    assert_eq!(words(&told), "C:BEGIN C:DECLARE CURSOR T D:0 D:1 C:FETCH 2 T D:2 C:FETCH 1 Z:T");
    assert_eq!(words(&client.query("CLOSE c; COMMIT")), "C:CLOSE CURSOR C:COMMIT Z:I");
    let told = client.query("COPY (SELECT 2) TO STDOUT (FORMAT csv, HEADER)");
    assert_eq!(words(&told), "H d d d c C:COPY 2 Z:I");
    let lines: Vec<&[u8]> = told[1..4].iter().map(|message| message.body.as_slice()).collect();
    assert_eq!(lines.concat(), b"n\n0\n1\n");
    let told = client.query("COPY (SELECT 1) TO STDOUT WITH (FORMAT binary)");
    let data = told.iter().filter(|message| message.kind == 'd');
    let data: Vec<u8> = data.flat_map(|message| message.body.clone()).collect();
    let row = [&1_u16.to_be_bytes()[..], &8_u32.to_be_bytes(), &0_i64.to_be_bytes()].concat();
    let head = [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8]].concat();
    assert_eq!(data, [head, row, vec![0xff, 0xff]].concat());
}

#[test]
fn who_knows_its_secret_cancels_what_a_session_runs() {
    let unit = unit(Config::default());
    let mut client = unit.stranger();
    let told = client.sign_in("olga", &unit.token);
    let key = told.iter().find(|message| message.kind == 'K').unwrap().body.clone();
    client.send(&message(b'Q', &text("SELECT 1000000000000")));
    assert_eq!(client.read().unwrap().kind, 'T');
    let cancel = |key: &[u8]| {
        let mut other = unit.stranger();
        let code = 80_877_102_u32.to_be_bytes();
        other.send(&crate::support::sized(&[&code[..], key].concat()));
        assert_eq!(other.read(), None);
    };
    let mut wrong = key.clone();
    wrong[7] ^= 1;
    cancel(&wrong);
    for _ in 0..1_000 {
        assert_eq!(client.read().unwrap().kind, 'D');
    }
    cancel(&key);
    let rest = client.read_to('Z');
    let end = rest.len() - 2;
    assert_eq!(words(&rest[end..]), "E:57014 Z:I");
    assert_eq!(words(&client.query("SELECT 1")), "T D:0 C:SELECT 1 Z:I");
}

#[test]
fn connections_above_the_limit_are_told_so() {
    let unit = unit(Config { postgres_connections_max: 1, ..Config::default() });
    let first = unit.client();
    let mut second = unit.stranger();
    second.send(&startup(&[("user", "olga")]));
    assert_eq!(words(&second.read_to('E')), "E:53300");
    drop(first);
}

/// The most calls that a test makes until one is over a quota of one a second.
const CALLS_MAX: usize = 1_000;

/// Gives `olga` a quota.
fn quota(unit: &Unit, spec: Value) {
    let quota = json!({"apiVersion": "craton/v1", "kind": "Quota", "metadata": {"name": "slow"}, "spec": spec});
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), olga_herself());
    unit.handle.call(apply.with(json!({"manifests": [quota]}))).expect("a quota");
}

#[test]
fn a_statement_over_the_quota_is_refused_and_the_session_goes_on() {
    let unit = unit(Config::default());
    quota(&unit, json!({"for": "user/olga", "rate": 1}));
    let mut client = unit.client();
    let refused = (0..CALLS_MAX).map(|_| client.query("SELECT 1"));
    let refused = refused.into_iter().find(|answer| words(answer) != "T D:0 C:SELECT 1 Z:I");
    let refused = refused.expect("one a second is soon used up");
    assert_eq!(words(&refused), "E:53400 Z:I");
    let field = |name: u8| refused[0].field(name).unwrap_or_default();
    assert!(field(b'M').starts_with("user:olga may not use more: 1 calls a second"));
    assert!(field(b'H').starts_with("repeat it in "), "{}", field(b'H'));
    assert!(field(b'D').starts_with("code: quota.exceeded, retry_ms: "), "{}", field(b'D'));
    assert_eq!(words(&client.query("SHOW timezone")), "T D:UTC C:SHOW Z:I");
}

/// Checks that what a client says counts as bytes: 50,000 of them at 1,000 a second are paid for in 49 seconds.
fn check_bytes(said: &[Vec<u8>], told: &str) {
    let unit = unit(Config::default());
    quota(&unit, json!({"for": "user/olga", "bytes": 1_000}));
    let mut client = unit.client();
    assert_eq!(words(&say(&mut client, said)), told);
    let refused = client.query("SELECT 1");
    assert_eq!(words(&refused), "E:53400 Z:I");
    let detail = refused[0].field(b'D').unwrap();
    let ms: u64 = detail.rsplit_once(": ").unwrap().1.parse().unwrap();
    // What came back are some hundred bytes. The rest is slow machines.
    assert!((30_000..55_000).contains(&ms), "{detail}");
}

#[test]
fn texts_of_statements_and_values_of_parameters_count_as_bytes() {
    let long = format!("SELECT{}1", " ".repeat(50_000));
    check_bytes(&[message(b'Q', &text(&long))], "T D:0 C:SELECT 1 Z:I");
    let number = "0".repeat(50_000) + "1";
    let bound = bind("", "", &[(0, number.as_bytes())], 0);
    let said = [parse("", "SELECT $1", &[20]), bound, execute("", 0), sync()];
    check_bytes(&said, "1 2 D:0 C:SELECT 1 Z:I");
}

#[test]
fn one_user_takes_no_more_than_his_share_of_the_connections() {
    let unit = unit(Config { postgres_connections_max: 4, ..Config::default() });
    let held = [unit.client(), unit.client(), unit.client()];
    let mut fourth = unit.stranger();
    let end = fourth.sign_in("olga", &unit.token);
    assert!(words(&end).ends_with("E:53300"), "{}", words(&end));
    drop(held);
}
