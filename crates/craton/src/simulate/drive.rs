//! Plays readings in their time: each device on a thread and a connection of its own. Between them it hears what is wanted of it: it answers
//! commands with what it got, and reports what is desired as if it were so.

use super::door::{self, Door, Stream};
use super::setup::Played;
use base::{Clock, Problem, SystemClock, Time};
use device::client::{Client, Message, Options};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a device listens before it looks whether it is to stop.
const NAP: Duration = Duration::from_millis(100);

/// How readings are played.
pub struct Pace {
    /// How many times as fast as they were taken; 0: one after the other.
    pub speed: f64,
    /// For how long; until the last one where absent.
    pub lasting: Option<Duration>,
    /// So many of each device at most.
    pub readings_max: Option<u64>,
    /// The quality of service of MQTT.
    pub qos: u8,
    /// True where readings are taken when they are sent.
    pub is_live: bool,
    /// Set when nobody wants more.
    pub stop: Arc<AtomicBool>,
}

/// What a device has said.
#[derive(Debug, Serialize)]
pub struct Said {
    /// The device.
    pub device: String,
    /// How many messages the unit has taken; at QoS 0, how many were sent.
    pub messages: u64,
    /// How many of them had rows that were set aside.
    pub set_aside: u64,
    /// The time of the first reading.
    pub from: Option<Time>,
    /// The time of the last reading.
    pub to: Option<Time>,
    /// Why it broke off.
    pub problem: Option<String>,
}

/// Plays what devices say. Returns what each has said, and why the first of those broke off that did.
pub fn play(played: Vec<Played>, door: &Door, pace: &Pace) -> (Vec<Said>, Option<Problem>) {
    let style =
        ProgressStyle::with_template("{spinner} {human_pos} messages  {per_sec}  {elapsed}");
    let bar = ProgressBar::new_spinner();
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let clock = SystemClock::new();
    let outcomes: Vec<(Said, Option<Problem>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = played
            .into_iter()
            .map(|one| scope.spawn(|| Line { door, pace, clock: &clock, bar: &bar }.play(one)))
            .collect();
        // A thread that panics has printed why; the others' readings count.
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    bar.finish_and_clear();
    let mut first = None;
    let said = outcomes.into_iter().map(|(said, problem)| {
        first = first.take().or(problem);
        said
    });
    let said = said.collect();
    (said, first)
}

/// What one device needs to speak.
struct Line<'a> {
    door: &'a Door,
    pace: &'a Pace,
    clock: &'a SystemClock,
    bar: &'a ProgressBar,
}

impl Line<'_> {
    fn play(&self, one: Played) -> (Said, Option<Problem>) {
        let device = one.series.device.clone();
        let mut said =
            Said { device, messages: 0, set_aside: 0, from: None, to: None, problem: None };
        let problem = self.say(one, &mut said).err();
        said.problem = problem.as_ref().map(|problem| problem.message.clone());
        (said, problem)
    }

    fn say(&self, one: Played, said: &mut Said) -> Result<(), Problem> {
        let device = said.device.clone();
        let options =
            Options { client: &device, password: Some(one.token.as_bytes()), ..Options::default() };
        let mut client = Client::connect(self.door.open()?, options)?;
        for wanted in ["commands/#", "twin/desired"] {
            client.subscribe(&format!("devices/{device}/{wanted}"), 1)?;
        }
        let (begun, mut first) = (self.clock.monotonic(), None);
        for reading in one.series.readings {
            let reading = reading?;
            let due = begun + self.due(*first.get_or_insert(reading.at), reading.at);
            if !self.wait(due, begun, &device, &mut client)? || self.is_enough(said.messages) {
                break;
            }
            let at = if self.pace.is_live { self.clock.wall() } else { reading.at };
            let payload = self.payload(reading.payload, at);
            let topic = format!("devices/{device}/{}", reading.topic);
            client.publish(&topic, payload.to_string().as_bytes(), self.pace.qos)?;
            self.bar.inc(1);
            said.messages += 1;
            said.from.get_or_insert(at);
            said.to = Some(at);
        }
        client.flush()?;
        answer(&device, &mut client)?;
        client.flush()?;
        said.set_aside = client.set_aside();
        client.disconnect()
    }

    /// Returns how long after the first reading another one is played.
    fn due(&self, from: Time, at: Time) -> Duration {
        if self.pace.speed <= 0.0 {
            return Duration::ZERO;
        }
        let millis = at.0.saturating_sub(from.0).max(0) as f64 / self.pace.speed;
        Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or(Duration::MAX / 2)
    }

    /// Waits until a reading is due; what was said before is with the unit meanwhile, and what is heard is answered. Returns whether it is
    /// still wanted.
    fn wait(
        &self,
        due: Duration,
        begun: Duration,
        device: &str,
        client: &mut Client<Box<dyn Stream>>,
    ) -> Result<bool, Problem> {
        let end = self.pace.lasting.map(|lasting| begun + lasting);
        let mut is_flushed = false;
        loop {
            is_flushed &= !answer(device, client)?;
            let now = self.clock.monotonic();
            let is_over = end.is_some_and(|end| end <= now);
            if is_over || self.pace.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if due <= now {
                return Ok(true);
            }
            if !is_flushed {
                client.flush()?;
                is_flushed = true;
                continue;
            }
            listen(client, NAP.min(due - now))?;
        }
    }

    fn is_enough(&self, messages: u64) -> bool {
        self.pace.readings_max.is_some_and(|limit| limit <= messages)
    }

    /// Returns a payload, with the time at which it is sent where it is taken then.
    fn payload(&self, mut payload: Map<String, Value>, now: Time) -> Value {
        if self.pace.is_live
            && let Some(at) = payload.get_mut("at")
        {
            *at = json!(now);
        }
        Value::Object(payload)
    }
}

/// Listens so long whether something is wanted.
fn listen(client: &mut Client<Box<dyn Stream>>, patience: Duration) -> Result<(), Problem> {
    let broken = |error: std::io::Error| device::Error::Connection { reason: error.to_string() };
    client.stream().wait_for(patience).map_err(broken)?;
    client.listen()?;
    client.stream().wait_for(door::PATIENCE).map_err(broken)?;
    Ok(())
}

/// Answers what was heard. Returns whether there was something to say.
fn answer(device: &str, client: &mut Client<Box<dyn Stream>>) -> Result<bool, Problem> {
    let mut has_said = false;
    while let Some(message) = client.heard() {
        if let Some((topic, payload)) = reply(device, &message) {
            client.publish(&topic, payload.to_string().as_bytes(), 1)?;
            has_said = true;
        }
    }
    Ok(has_said)
}

/// Returns what a device says to what it hears: the topic, and what.
fn reply(device: &str, message: &Message) -> Option<(String, Value)> {
    let heard: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
    let of = format!("devices/{device}/");
    let wanted = message.topic.strip_prefix(&of)?;
    if wanted == "twin/desired" {
        let state = heard["state"].as_object().filter(|state| !state.is_empty())?;
        return Some((format!("{of}twin/reported"), json!(state)));
    }
    let (command, number) = wanted.strip_prefix("commands/")?.split_once('/')?;
    Some((format!("{of}answers/{number}"), json!({"command": command, "got": heard})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_answers_commands_with_what_it_got_and_reports_what_is_desired() {
        let says = |topic: &str, payload: &str| {
            let message = Message {
                topic: topic.into(),
                payload: payload.as_bytes().to_vec(),
                qos: 1,
                retain: false,
                is_dup: false,
                response_topic: None,
            };
            reply("van-7", &message).map(|(topic, payload)| format!("{topic} {payload}"))
        };
        assert_eq!(
            says("devices/van-7/commands/unlock/42", r#"{"seconds":5}"#).as_deref(),
            Some(r#"devices/van-7/answers/42 {"command":"unlock","got":{"seconds":5}}"#)
        );
        assert_eq!(
            says("devices/van-7/twin/desired", r#"{"version":3,"state":{"mode":"eco"}}"#)
                .as_deref(),
            Some(r#"devices/van-7/twin/reported {"mode":"eco"}"#)
        );
        for (topic, payload) in [
            ("devices/van-7/twin/desired", r#"{"version":0,"state":{}}"#),
            ("devices/van-8/commands/unlock/42", "{}"),
            ("devices/van-7/presence", "{}"),
        ] {
            assert_eq!(says(topic, payload), None, "{topic}");
        }
    }
}
