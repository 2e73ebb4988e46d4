//! No door without a check, generated from the table of operations.

use crate::support::{shown, unit};
use api::Config;
use api::probe::Doors;
use kernel::{Operation, ResourceRef};

const OPEN_TO_ALL: [&str; 4] =
    ["exchange.card", "session.create", "session.begin", "session.finish"];
const OPEN_TO_USERS: [&str; 12] = [
    "clock.list",
    "policy.check",
    "policy.mine",
    "policy.why",
    "unit.whoami",
    "unit.batch",
    "task.list",
    "session.list",
    "running.list",
    "running.kill",
    "running.pause",
    "running.resume",
];

#[test]
fn every_operation_refuses_whoever_may_not() {
    let unit = unit(Config::default());
    let doors = Doors {
        address: unit.address,
        wrong: &unit.wrong,
        right: &unit.right,
        open_to_all: &OPEN_TO_ALL,
        open_to_users: &OPEN_TO_USERS,
    };
    let resource = |operation: &Operation| match operation.kind() {
        "resource" => ResourceRef::new("user", "ned"),
        kind => ResourceRef::new(kind, "probe"),
    };
    let findings = doors.try_all(unit.handle.kernel(), &resource).expect("the unit answers");
    // Of all that was tried only the operation that panics on purpose is at fault.
    let (panics, faults): (Vec<_>, Vec<_>) =
        findings.faults.into_iter().partition(|fault| fault.starts_with("note.panic for Right"));
    // Whoever tries to sign in is told that what he shows is wrong.
    let is_sign_in = |fault: &String| {
        fault.starts_with("session.create for ") && fault.ends_with("401 sign_in.refused")
    };
    let (sign_ins, faults): (Vec<_>, Vec<_>) = faults.into_iter().partition(is_sign_in);
    assert_eq!(sign_ins.len(), 2, "{sign_ins:?}");
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(panics.len(), 1);
    // What they act on is not there, for nobody.
    let undecided = [
        "secret.get",
        "secret.read",
        "secret.set",
        "session.begin",
        "session.end",
        "user.delete_password",
        "user.set_password",
        "token.delete",
    ];
    assert_eq!(findings.undecided, undecided);
    assert!(15 < findings.operations, "{}", findings.operations);
}

#[test]
fn a_door_that_stands_open_is_found() {
    let unit = unit(Config::default());
    // The wrong user's token is one that may do everything: every refusal that should be there is missing.
    let doors = Doors {
        address: unit.address,
        wrong: &unit.right,
        right: &unit.right,
        open_to_all: &[],
        open_to_users: &[],
    };
    let resource = |operation: &Operation| ResourceRef::new(operation.kind(), "probe");
    let findings = doors.try_all(unit.handle.kernel(), &resource).expect("the unit answers");
    assert!(findings.faults.iter().any(|fault| fault.starts_with("note.get for Wrong")));
}

#[test]
fn what_no_door_offers_has_no_route() {
    let unit = unit(Config::default());
    let answer = unit.send("POST", "/v1/notes/a/hidden", &[], b"");
    assert_eq!(shown(&answer), "404 http.not_found");
}
