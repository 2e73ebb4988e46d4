//! Rights that end under load: `cargo run --release -p unit --example revocation FOLDER [SECONDS] [RATE]`.
//!
//! FOLDER has no store yet. RATE calls a second are made with the token of a user; three of four change something, one only looks. Ten times a second the user's
//! rights end, by turns because the token is revoked and because the role is taken away; the calls go on for a while, then it is
//! the next user's turn. Nothing may be admitted behind the commit that ended the rights:
//!
//! - a call that is made after the answer to the revocation must be refused, whichever it is;
//! - of calls that change something the audit has a line each, in the order in which they were committed: behind the line of a
//!   revocation there may be none of its user. That finds calls that waited in the queue while their rights ended, too.
//!
//! Figures come as one line of JSON; where a call was late, it ends with 1.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

#[allow(dead_code, reason = "another measurement uses the rest")]
mod bench;

use bench::{ROLE, Unit, manifest};
use kernel::{Call, Principal, ResourceRef};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// How long a user has his rights, and how long he goes on calling without them.
const WITH: Duration = Duration::from_millis(80);
const WITHOUT: Duration = Duration::from_millis(20);
/// How often calls are made: so many at a time as are due.
const STEP: Duration = Duration::from_millis(1);
/// Users that are declared in one go.
const PORTION: usize = 400;
const READER: &str =
    "permit (principal in Role::\"reader\", action in Action::\"Read\", resource);";

/// A user who has rights for a while.
struct Turn {
    token_id: String,
    token: String,
    /// True when the answer to the revocation is there.
    is_over: AtomicBool,
}

#[derive(Default)]
struct Counts {
    made: AtomicU64,
    answered: AtomicU64,
    admitted: AtomicU64,
    /// Refused, or not even recognised.
    refused: AtomicU64,
    /// Admitted though they were made after the answer to the revocation.
    late: AtomicU64,
}

impl Counts {
    fn count(&self, is_admitted: bool, was_over: bool) {
        let counter = if is_admitted { &self.admitted } else { &self.refused };
        counter.fetch_add(1, Ordering::SeqCst);
        if is_admitted && was_over {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().expect("a folder").into();
    let seconds: u64 = arguments.next().map_or(10, |text| text.parse().unwrap());
    let rate: f64 = arguments.next().map_or(20_000.0, |text| text.parse().unwrap());
    let users = usize::try_from(seconds).unwrap() * 10 + 1;
    let reader = manifest("Role", "reader", json!({"policies": READER}));
    let unit = Unit::open(&folder, None, vec![reader]);
    declare(&unit, users);
    let counts = Arc::new(Counts::default());
    let current = RwLock::new(turn(&unit, 0));
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let revocations = std::thread::scope(|scope| {
        scope.spawn(|| changes(&unit, &current, &counts, rate * 0.75, end));
        scope.spawn(|| looks(&unit, &current, &counts, rate * 0.25, end));
        revokes(&unit, &current, users, end)
    });
    let took = begin.elapsed().as_secs_f64();
    while counts.answered.load(Ordering::SeqCst) < counts.made.load(Ordering::SeqCst) {
        std::thread::sleep(STEP);
    }
    let (late, behind) = (counts.late.load(Ordering::SeqCst), behind(&unit));
    let made = counts.made.load(Ordering::SeqCst);
    let (admitted, refused) =
        (counts.admitted.load(Ordering::SeqCst), counts.refused.load(Ordering::SeqCst));
    unit.handle.stop();
    let report = json!({
        "calls": made,
        "calls_per_s": made as f64 / took,
        "revocations": revocations,
        "admitted": admitted,
        "refused": refused,
        "late_by_answer": late,
        "late_by_audit": behind,
    });
    println!("{report}");
    // Both must have been there, or nothing was shown.
    let is_shown = 0 < revocations && 0 < admitted && 0 < refused;
    ExitCode::from(u8::from(!is_shown || late != 0 || behind != 0))
}

/// Declares who calls, and for each of them somebody who ends his rights, so that the audit tells which revocation was whose.
fn declare(unit: &Unit, users: usize) {
    let init = Principal::Unit("init".into());
    let numbers: Vec<usize> = (0..users).collect();
    for portion in numbers.chunks(PORTION) {
        let people = portion.iter().flat_map(|number| {
            let boss = manifest("User", &format!("boss{number}"), json!({"roles": ["owner"]}));
            [caller(*number, json!([ROLE, "reader"])), boss]
        });
        unit.apply(&init, people.collect());
    }
}

fn caller(number: usize, roles: Value) -> Value {
    manifest("User", &format!("caller{number}"), json!({ "roles": roles }))
}

fn turn(unit: &Unit, number: usize) -> Arc<Turn> {
    let (token_id, token) = unit.make_token(&format!("caller{number}"));
    Arc::new(Turn { token_id, token, is_over: AtomicBool::new(false) })
}

/// Ends the rights of one user after the other; returns how often.
fn revokes(unit: &Unit, current: &RwLock<Arc<Turn>>, users: usize, end: Instant) -> usize {
    for number in 0..users {
        std::thread::sleep(WITH);
        if end <= Instant::now() {
            return number;
        }
        let turn = Arc::clone(&current.read().unwrap());
        let boss = Principal::User(format!("boss{number}"));
        if number % 2 == 0 {
            let token = ResourceRef::new("token", turn.token_id.as_str());
            let revoke = Call::new("token.delete", token, boss);
            unit.handle.call(revoke).unwrap();
        } else {
            unit.apply(&boss, vec![caller(number, json!([]))]);
        }
        turn.is_over.store(true, Ordering::SeqCst);
        std::thread::sleep(WITHOUT);
        if number + 1 < users {
            *current.write().unwrap() = self::turn(unit, number + 1);
        }
    }
    users
}

/// Makes as many calls as are due, until the end.
fn paced(counts: &Counts, rate: f64, end: Instant, mut make: impl FnMut()) {
    let begin = Instant::now();
    let mut made = 0_u64;
    while Instant::now() < end {
        let due = (begin.elapsed().as_secs_f64() * rate) as u64;
        for _ in made..due {
            counts.made.fetch_add(1, Ordering::SeqCst);
            make();
        }
        made = due;
        std::thread::sleep(STEP);
    }
}

/// Calls that change something: a signal for which nobody waits, so that there is a line of the audit and little else.
fn changes(
    unit: &Unit,
    current: &RwLock<Arc<Turn>>,
    counts: &Arc<Counts>,
    rate: f64,
    end: Instant,
) {
    paced(counts, rate, end, || {
        let turn = Arc::clone(&current.read().unwrap());
        let was_over = turn.is_over.load(Ordering::SeqCst);
        let args = json!({"signal": "nobody"});
        let Some(call) = unit.call(&turn.token, "signal.publish", ("signal", ""), args) else {
            counts.count(false, was_over);
            return;
        };
        let own = Arc::clone(counts);
        unit.handle.submit(call, Box::new(move |reply| own.count(reply.is_ok(), was_over)));
    });
}

/// Calls that only look.
fn looks(unit: &Unit, current: &RwLock<Arc<Turn>>, counts: &Counts, rate: f64, end: Instant) {
    paced(counts, rate, end, || {
        let turn = Arc::clone(&current.read().unwrap());
        let was_over = turn.is_over.load(Ordering::SeqCst);
        let call = unit.call(&turn.token, "resource.get", ("user", "olga"), json!({}));
        let is_admitted = call.is_some_and(|call| unit.handle.call(call).is_ok());
        counts.count(is_admitted, was_over);
    });
}

/// Returns how many calls were admitted behind the audit line of the revocation of their user's rights.
fn behind(unit: &Unit) -> u64 {
    unit.number(
        "SELECT count(DISTINCT made.number) AS n FROM system.audit made JOIN system.audit ended \
         ON ended.actor = replace(made.actor, 'user:caller', 'user:boss') \
         WHERE made.operation = 'signal.publish' AND made.outcome = 'allowed' \
         AND ended.outcome = 'allowed' AND ended.actor LIKE 'user:boss%' AND ended.number < made.number",
    )
}
