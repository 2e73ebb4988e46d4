//! Promises of the step function about inclusive gateways, event sub-processes, escalations, links, signals, conditions, transactions,
//! suspending and moving.

use super::step::check;
use expect_test::expect;

#[test]
fn an_inclusive_gateway_takes_every_true_flow_and_waits_for_as_many() {
    let model = "start s\n or f default c\n job a a\n job b b\n job c c\n or j\n job d d\n end e\n s > f\n f > a if x\n f > b if y\n f > c\n a > j\n b > j\n c > j\n j > d > e";
    check(
        model,
        "start x=true y=true\n complete a\n complete b\n complete d",
        expect![[r#"
            > start x=true y=true
              active | a: job a x3 | b: job b x3 {"x":true,"y":true}
            > complete a
              done a
              active | b: job b x3 | j: join [1, 0, 0] {"x":true,"y":true}
            > complete b
              done b
              active | d: job d x3 {"x":true,"y":true}
            > complete d
              done d e
              completed {"x":true,"y":true}
        "#]],
    );
    check(
        model,
        "start x=false y=false\n complete c",
        expect![[r#"
            > start x=false y=false
              active | c: job c x3 {"x":false,"y":false}
            > complete c
              done c
              active | d: job d x3 {"x":false,"y":false}
        "#]],
    );
}

#[test]
fn an_inclusive_join_waits_no_longer_for_a_token_that_has_died() {
    check(
        "start s\n or f\n job a a\n job b b\n boundary gone on b error GONE\n or j\n end e\n end e2\n s > f\n f > a if x\n f > b if y\n a > j\n b > j\n j > e\n gone > e2",
        "start x=true y=true\n complete a\n error b GONE",
        expect![[r#"
            > start x=true y=true
              active | a: job a x3 | b: job b x3 {"x":true,"y":true}
            > complete a
              done a
              active | b: job b x3 | j: join [1, 0] {"x":true,"y":true}
            > error b GONE
              ended b
              done gone e2 e
              completed {"x":true,"y":true}
        "#]],
    );
}

#[test]
fn a_link_goes_on_where_it_is_caught() {
    check(
        "start s\n throw l link on\n catch l2 link on\n end e\n s > l\n l2 > e",
        "start",
        expect![[r#"
            > start
              done l l2 e
              completed
        "#]],
    );
}

#[test]
fn an_event_sub_process_that_interrupts_ends_all_else_in_its_scope() {
    check(
        "start s\n job a a\n end e\n on p {\n start m message stop =id\n task t\n end e2\n m > t > e2\n }\n s > a > e",
        "@1 start id=7\n @2 message m why=1",
        expect![[r#"
            > start id=7
              active | m: message stop 7 | a: job a x3 {"id":7}
            > message m why=1
              ended a
              done t e2 p
              completed {"id":7,"why":1}
        "#]],
    );
    check(
        "start s\n sub p {\n start s2\n job a a\n end e2\n on h {\n start m error BAD\n task t\n end e4\n m > t > e4\n }\n s2 > a > e2\n }\n end e\n s > p > e",
        "start\n error a BAD n=1",
        expect![[r#"
            > start
              active | p: inside | a: job a x3
            > error a BAD n=1
              ended a
              done t e4 h p e
              completed {"n":1}
        "#]],
    );
}

#[test]
fn an_event_sub_process_beside_runs_as_often_as_its_event_comes() {
    check(
        "start s\n job a a\n end e\n on p {\n start m beside cycle R2/PT10S\n task t\n end e2\n m > t > e2\n }\n s > a > e",
        "@0 start\n @10 timer m\n @35 complete a",
        expect![[r#"
            > start
              active | m: timer 10 | a: job a x3
            > timer m
              done t e2 p
              active | m: timer 20 | a: job a x3
            > complete a
              done t e2 p a e
              completed
        "#]],
    );
}

#[test]
fn escalations_go_outward_and_end_only_what_they_interrupt() {
    let inside = "start s\n sub p {\n start s2\n throw t escalate LATE\n job a a\n end e2\n s2 > t > a > e2\n }\n end e\n end e3\n s > p > e\n";
    check(
        &format!("{inside} boundary b on p beside escalate LATE\n task told\n b > told > e3"),
        "start\n complete a",
        expect![[r#"
            > start
              done b t told e3
              active | p: inside | a: job a x3
            > complete a
              done a e2 p e
              completed
        "#]],
    );
    check(
        &format!("{inside} boundary b on p escalate\n b > e3"),
        "start",
        expect![[r#"
            > start
              ended t
              ended p
              done b e3
              completed
        "#]],
    );
}

#[test]
fn what_an_event_sub_process_throws_goes_past_itself() {
    check(
        "start s\n sub p {\n start s2\n end e2 escalate X\n on h {\n start m escalate\n end e4 escalate X\n m > e4\n }\n s2 > e2\n }\n boundary b on p escalate X\n end e\n end e3\n s > p > e\n b > e3",
        "start",
        expect![[r#"
            > start
              ended h
              ended p
              done b e3
              completed
        "#]],
    );
}

#[test]
fn a_signal_reaches_all_in_the_instance_who_wait_for_it() {
    check(
        "start s\n and f\n catch c signal go\n throw t signal go\n end e\n end e2\n s > f\n f > c > e\n f > t > e2",
        "start",
        expect![[r#"
            > start
              signal go {}
              done t c e2 e
              completed
        "#]],
    );
}

#[test]
fn a_condition_is_looked_at_when_variables_change_and_comes_once_each_time_it_becomes_true() {
    check(
        "start s\n catch c when n > 5\n end e\n s > c > e",
        "start n=1\n set root n=7",
        expect![[r#"
            > start n=1
              active | c: condition false {"n":1}
            > set root n=7
              done c e
              completed {"n":7}
        "#]],
    );
    check(
        "start s\n job a a\n boundary b on a beside when n > 5\n task told\n end e\n end e2\n s > a > e\n b > told > e2",
        "start\n set root n=7\n set root n=8\n set root n=1\n set root n=9",
        expect![[r#"
            > start
              active | a: job a x3 | b: condition false
            > set root n=7
              done b told e2
              active | a: job a x3 | b: condition true {"n":7}
            > set root n=8
              active | a: job a x3 | b: condition true {"n":8}
            > set root n=1
              active | a: job a x3 | b: condition false {"n":1}
            > set root n=9
              done b told e2
              active | a: job a x3 | b: condition true {"n":9}
        "#]],
    );
}

#[test]
fn a_cancelled_transaction_is_undone_before_its_boundary_event_comes() {
    check(
        "start s\n tx p {\n start s2\n job a a\n job undo_a ua undoing\n boundary ca on a undo undo_a\n end e2 cancel\n s2 > a > e2\n }\n boundary b on p cancel\n end e\n end e3\n s > p > e\n b > e3",
        "start\n complete a n=1\n complete undo_a",
        expect![[r#"
            > start
              active | p: inside | a: job a x3
            > complete a n=1
              done a
              active | p: inside | e2: undoing | undo_a: job ua x3 {"n":1} {"n":1}
            > complete undo_a
              ended p
              done undo_a b e3
              completed {"n":1}
        "#]],
    );
}

#[test]
fn what_comes_to_a_suspended_instance_waits_and_is_taken_in_its_order() {
    let model = "start s\n job a a\n boundary late on a beside timer PT10S\n task told\n end e\n end e2\n s > a > e\n late > told > e2";
    check(
        model,
        "@0 start\n @5 suspend\n @8 complete a x=1\n @20 resume",
        expect![[r#"
            > start
              active | a: job a x3 | late: timer 10
            > suspend
              suspended | a: job a x3 | late: timer 10
            > complete a x=1
              suspended | a: job a x3 | late: timer 10
            > resume
              done a e
              completed {"x":1}
        "#]],
    );
    check(
        model,
        "@0 start\n @5 suspend\n @12 complete a x=1\n @20 resume",
        expect![[r#"
            > start
              active | a: job a x3 | late: timer 10
            > suspend
              suspended | a: job a x3 | late: timer 10
            > complete a x=1
              suspended | a: job a x3 | late: timer 10
            > resume
              done late told e2 a e
              completed {"x":1}
        "#]],
    );
}

#[test]
fn a_moved_token_opens_the_scopes_it_needs_and_ends_those_it_leaves_empty() {
    let model = "start s\n job a a\n sub p {\n start s2\n job b b\n job c c\n end e2\n s2 > b > c > e2\n }\n boundary late on p timer PT10S\n end e\n end e3\n s > a > p > e\n late > e3";
    check(
        model,
        "@0 start\n @1 move a c\n @2 complete c",
        expect![[r#"
            > start
              active | a: job a x3
            > move a c
              ended a
              active | p: inside | late: timer 11 | c: job c x3
            > complete c
              done c e2 p e
              completed
        "#]],
    );
    check(
        model,
        "@0 start\n @0 complete a\n @1 move b a",
        expect![[r#"
            > start
              active | a: job a x3
            > complete a
              done a
              active | p: inside | late: timer 10 | b: job b x3
            > move b a
              ended b
              ended p
              active | a: job a x3
        "#]],
    );
}
