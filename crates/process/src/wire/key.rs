//! The keys, each by what it leads to.
//!
//! | space | key | value |
//! |---|---|---|
//! | `i` | instance | the instance: a version byte, then JSON |
//! | `j` 0 | job type, instance, element | nothing: a job that can be taken |
//! | `j` 1 | until (wall), instance, element | nothing: a job that is held or put off |
//! | `k` 0 | instance, element | the task's row |
//! | `k` 1, `k` 2 | | keys of tasks as an older version wrote them: see [`crate::worklist`] |
//! | `k` 3 | `user`, `role` or `nobody`, name, due, since, instance, element | nothing: whose task it is, or may become |
//! | `k` 4 | process, due, since, instance, element | nothing: a task |
//! | `k` 5 | business key, instance, element | nothing: a task |
//! | `l` | due, instance (0: a start timer), element or process and node | nothing, or the start timer |
//! | `m` | process, message, correlation key, instance, element | nothing: a subscription |
//! | `n` 0 | process, message, correlation key, time, number | a message that waits |
//! | `n` 1 | expiry, number | the key of a message that waits |
//! | `o` | number | a request to evaluate a decision or a script |
//! | `p` 0 | process, business or correlation key, instance | nothing |
//! | `p` 1 | process, instance | nothing |
//! | `p` 2 | engine, token of who waits | the instance |
//! | `p` 3 | process, indexed variable, value, instance | nothing |
//! | `p` 4 | engine, token of who waits | the number of a request |
//! | `p` 5 | instance | nothing: it is suspended |
//! | `p` 6 | process, `completed` or `cancelled`, instance | where the log has it, and its version |
//! | `p` 7 | process, business key, instance | nothing: it is over, and the log has it |
//! | `p` 8 | process, hour | the first and the last number of the instances that began in it |
//! | `p` 9 | process, version | what is counted of it, see [`crate::counts`] |
//! | `p` : | process, instance (0: none), element or number | nothing: an incident |
//! | `p` ; | process, id of the element, instance (0: none), element or number | nothing: an incident |
//! | `p` < | process, version, element of its graph (2^64 - 1: none), instance | nothing: it runs this version and stands there |
//! | `p` = | process, version, `completed` or `cancelled`, instance | nothing: it is over, and ran this version last |
//! | `q` | instance (0: none), element or number | the incident's row |
//! | `r` 0 | process, stream | the offset of the next row to consume |
//! | `r` 1 | instance | nothing: it has moves to make |
//! | `r` 2 | process | its start timers |
//! | `r` 3 | | when the history is looked through for what is old |
//! | `r` 4 | process | who suspended it, and when |
//! | `r` 5 | process, due, node | a start timer that waits until its process is resumed |
//! | `r` 6 | process | how far the messages are looked through that waited for it to be resumed |
//! | `r` 7 | number | a bulk operation |
//! | `r` 8 | number | nothing: a bulk operation that is under way |
//! | `r` 9 | signal, instance, element | nothing: who waits for a signal |
//! | `r` D | instance, element | a task that is over |
//! | `r` E | end, instance, element | nothing: a task that is over |
//! | `r` F | number | that there is a task for somebody, see [`crate::assignments`] |
//! | `r` : | | how far what was there before is counted |

use crate::instance::ElementId;
use crate::worklist::Whose;
use base::{Key, Time};
use notation::graph::NodeId;

fn space(space: u8, part: u8) -> Key {
    kernel::key(space).text(std::str::from_utf8(&[b'0' + part]).unwrap_or_default())
}

/// An instance.
pub fn instance(instance: u64) -> Key {
    kernel::key(b'i').number(instance)
}

/// Jobs of a type that can be taken.
pub fn jobs(job_type: &str) -> Key {
    space(b'j', 0).text(job_type)
}

/// All jobs that can be taken.
pub fn jobs_all() -> Key {
    space(b'j', 0)
}

/// Jobs that are held or put off, by the end of that.
pub fn jobs_held() -> Key {
    space(b'j', 1)
}

/// The rows of tasks.
pub fn tasks() -> Key {
    space(b'k', 0)
}

/// A task's row.
pub fn task(instance: u64, element: ElementId) -> Key {
    tasks().number(instance).number(element.into())
}

/// Tasks as an older version listed them.
pub fn tasks_before() -> [Key; 2] {
    [1, 2].map(|part| space(b'k', part))
}

/// How tasks are listed: beside their rows.
pub fn tasks_listed() -> [Key; 3] {
    [3, 4, 5].map(|part| space(b'k', part))
}

/// Tasks of a person, or of those who may take them, in the order in which they should be done.
pub fn tasks_of(whose: Whose<'_>) -> Key {
    let (kind, name) = match whose {
        Whose::User(name) => ("user", name),
        Whose::Role(name) => ("role", name),
        Whose::Nobody => ("nobody", ""),
    };
    space(b'k', 3).text(kind).text(name)
}

/// Tasks of a process, in the order in which they should be done.
pub fn tasks_in(process: &str) -> Key {
    space(b'k', 4).text(process)
}

/// Tasks of all instances that have a business key.
pub fn tasks_called_all() -> Key {
    space(b'k', 5)
}

/// Tasks of instances of a business key.
pub fn tasks_called(business_key: &str) -> Key {
    tasks_called_all().text(business_key)
}

/// A task that is over.
pub fn ended(instance: u64, element: ElementId) -> Key {
    space(b'r', 20).number(instance).number(element.into())
}

/// Tasks that are over, by their end.
pub fn ended_by_time() -> Key {
    space(b'r', 21)
}

/// Who should hear of a task.
pub fn assignments() -> Key {
    space(b'r', 22)
}

/// Timers by time.
pub fn timers() -> Key {
    kernel::key(b'l')
}

/// A start timer.
pub fn start_timer(due: Time, process: &str, node: u32) -> Key {
    timers().signed(due.0).number(0).text(process).number(node.into())
}

/// Subscriptions of a message.
pub fn subscriptions(process: &str, message: &str, correlation: &str) -> Key {
    kernel::key(b'm').text(process).text(message).text(correlation)
}

/// All messages that wait.
pub fn messages() -> Key {
    space(b'n', 0)
}

/// Messages of a name and a key that wait.
pub fn messages_of(process: &str, message: &str, correlation: &str) -> Key {
    messages().text(process).text(message).text(correlation)
}

/// Messages that wait, by the end of that.
pub fn expiries() -> Key {
    space(b'n', 1)
}

/// Requests.
pub fn requests() -> Key {
    kernel::key(b'o')
}

/// Instances by business or correlation key.
pub fn instances_by_key(process: &str, key: &str) -> Key {
    space(b'p', 0).text(process).text(key)
}

/// Instances by process, of all processes.
pub fn instances_all() -> Key {
    space(b'p', 1)
}

/// Instances that are suspended.
pub fn instances_suspended() -> Key {
    space(b'p', 5)
}

/// Instances that are over, of all processes.
pub fn past_all() -> Key {
    space(b'p', 6)
}

/// Instances of a process that ended so: `completed` or `cancelled`.
pub fn past(process: &str, state: &str) -> Key {
    past_all().text(process).text(state)
}

/// Instances that are over and had a business key, of all processes.
pub fn past_by_key_all() -> Key {
    space(b'p', 7)
}

/// Instances that are over, by business key.
pub fn past_by_key(process: &str, key: &str) -> Key {
    past_by_key_all().text(process).text(key)
}

/// Instances that are over, by the version that they ran last, of all processes.
pub fn past_by_version_all() -> Key {
    space(b'p', 13)
}

/// Instances of a process that ended so and ran this version last.
pub fn past_by_version(process: &str, version: u64, state: &str) -> Key {
    past_by_version_all().text(process).number(version).text(state)
}

/// Which instances of a process began in which hour.
pub fn begun(process: &str) -> Key {
    space(b'p', 8).text(process)
}

/// What is counted of all processes.
pub fn counts_all() -> Key {
    space(b'p', 9)
}

/// What is counted of a process, by version.
pub fn counts(process: &str) -> Key {
    counts_all().text(process)
}

/// How far what was there before is counted.
pub fn counting() -> Key {
    space(b'r', 10)
}

/// Incidents of all processes, by process.
pub fn incidents_by_process() -> Key {
    space(b'p', 10)
}

/// Incidents of a process.
pub fn incidents_of(process: &str) -> Key {
    incidents_by_process().text(process)
}

/// Incidents of all processes, by process and element.
pub fn incidents_by_element() -> Key {
    space(b'p', 11)
}

/// Incidents at an element of a process.
pub fn incidents_at(process: &str, element: &str) -> Key {
    incidents_by_element().text(process).text(element)
}

/// The keys under which an incident is listed beside its row.
pub fn incident_listed(process: &str, element: &str, instance: u64, number: u64) -> [Key; 2] {
    [incidents_of(process), incidents_at(process, element)]
        .map(|key| key.number(instance).number(number))
}

/// Instances by process.
pub fn instances_of(process: &str) -> Key {
    instances_all().text(process)
}

/// Instances by version and by where they stand, of all processes.
pub fn standing_all() -> Key {
    space(b'p', 12)
}

/// Instances of a version that stand at an element of its graph, or nowhere.
pub fn standing(process: &str, version: u64, node: Option<NodeId>) -> Key {
    let node = node.map_or(u64::MAX, |node| node.0.into());
    standing_all().text(process).number(version).number(node)
}

/// The instance whose result somebody waits for.
pub fn waiting(address: &kernel::Address) -> Key {
    space(b'p', 2).text(&address.engine).text(&address.token)
}

/// Instances by an indexed variable.
pub fn instances_by(process: &str, variable: &str, value: &str) -> Key {
    space(b'p', 3).text(process).text(variable).text(value)
}

/// The request whose result somebody waits for.
pub fn requested(address: &kernel::Address) -> Key {
    space(b'p', 4).text(&address.engine).text(&address.token)
}

/// Incidents.
pub fn incidents() -> Key {
    kernel::key(b'q')
}

/// An incident.
pub fn incident(instance: u64, element: u64) -> Key {
    incidents().number(instance).number(element)
}

/// Who suspended processes.
pub fn suspended_all() -> Key {
    space(b'r', 4)
}

/// Who suspended a process.
pub fn suspended(process: &str) -> Key {
    suspended_all().text(process)
}

/// The start timers of a process that wait until it is resumed.
pub fn start_timers_kept(process: &str) -> Key {
    space(b'r', 5).text(process)
}

/// A start timer that waits until its process is resumed.
pub fn start_timer_kept(due: Time, process: &str, node: u32) -> Key {
    start_timers_kept(process).signed(due.0).number(node.into())
}

/// How far the messages of all resumed processes are looked through.
pub fn resumed_all() -> Key {
    space(b'r', 6)
}

/// How far the messages of a resumed process are looked through.
pub fn resumed(process: &str) -> Key {
    resumed_all().text(process)
}

/// All messages of a process that wait.
pub fn messages_in(process: &str) -> Key {
    messages().text(process)
}

/// Bulk operations.
pub fn bulks() -> Key {
    space(b'r', 7)
}

/// A bulk operation.
pub fn bulk(number: u64) -> Key {
    bulks().number(number)
}

/// Bulk operations that are under way.
pub fn bulks_running() -> Key {
    space(b'r', 8)
}

/// Who waits for any signal.
pub fn signals_all() -> Key {
    space(b'r', 9)
}

/// Who waits for a signal.
pub fn signals(name: &str) -> Key {
    signals_all().text(name)
}

/// All instances.
pub fn instances() -> Key {
    kernel::key(b'i')
}

/// The beginnings of all keys that [`super::index`] computes.
pub fn beside_instances() -> Vec<Key> {
    let parts = [0, 1, 2, 3, 5, 10, 11, 12].map(|part| space(b'p', part));
    let others = [
        kernel::key(b'j'),
        kernel::key(b'k'),
        timers(),
        kernel::key(b'm'),
        incidents(),
        ready(),
        signals_all(),
    ];
    others.into_iter().chain(parts).collect()
}

/// All requests that somebody waits for.
pub fn requested_all() -> Key {
    space(b'p', 4)
}

/// All cursors.
pub fn cursors_all() -> Key {
    space(b'r', 0)
}

/// Cursors of a process.
pub fn cursors(process: &str) -> Key {
    space(b'r', 0).text(process)
}

/// The cursor of a process in a stream.
pub fn cursor(process: &str, stream: &str) -> Key {
    cursors(process).text(stream)
}

/// Instances that have moves to make.
pub fn ready() -> Key {
    space(b'r', 1)
}

/// The start timers of a process.
pub fn start_timers(process: &str) -> Key {
    space(b'r', 2).text(process)
}

/// When the history is looked through for what is old.
pub fn history() -> Key {
    space(b'r', 3)
}
