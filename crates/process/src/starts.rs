//! Timers that start processes.

use crate::compiled::Compiled;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::Variables;
use crate::running::Start;
use crate::wire::{self, key};
use base::{Period, Place, Problem, Time};
use kernel::{Principal, Read, Tx};
use notation::feel::Expression;
use notation::graph::{NodeId, NodeKind, Timer, Trigger};
use serde::{Deserialize, Serialize};

/// A timer that starts a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StartTimer {
    process: String,
    version: u64,
    node: NodeId,
    every: Option<Period>,
    left: Option<u32>,
}

impl Processes {
    /// Sets the start timers of a process as it stands now; those of the version before are gone.
    pub(crate) fn set_start_timers(
        &self,
        tx: &mut Tx<'_>,
        process: &str,
        compiled: Option<&Compiled>,
    ) -> Result<(), Problem> {
        let place = key::start_timers(process);
        if let Some(bytes) = tx.get(place.as_ref())? {
            for (due, node) in wire::read::<Vec<(Time, NodeId)>>(&bytes)? {
                tx.delete(key::start_timer(due, process, node.0));
                tx.delete(key::start_timer_kept(due, process, node.0));
            }
            tx.delete(place);
        }
        let is_suspended = self.is_suspended(tx, process)?;
        let mut set = Vec::new();
        for node in compiled.iter().flat_map(|compiled| &compiled.graph.starts) {
            let Some(compiled) = compiled else { continue };
            let found = compiled.graph.node(*node);
            let NodeKind::Start(Some(Trigger::Timer(timer))) = &found.kind else { continue };
            let at = |problem: Problem| {
                problem.at(Place { line: Some(found.line), ..Place::pointer(found.id.clone()) })
            };
            let (due, every, left) = first(timer, tx.business()).map_err(at)?;
            if left == Some(u32::MAX) {
                continue;
            }
            let timer = StartTimer {
                process: process.into(),
                version: compiled.version,
                node: *node,
                every,
                left,
            };
            let place = if is_suspended {
                key::start_timer_kept(due, process, node.0)
            } else {
                key::start_timer(due, process, node.0)
            };
            tx.put(place, wire::write(&timer)?);
            set.push((due, *node));
        }
        self.remember_start_timers(tx, process, &set)
    }

    /// Starts a process whose timer is due, and sets the next.
    pub(crate) fn fire_start(
        &self,
        tx: &mut Tx<'_>,
        found: Vec<u8>,
        value: &[u8],
        due: Time,
    ) -> Result<(), Problem> {
        let timer: StartTimer = wire::read(value)?;
        tx.delete(found);
        let place = key::start_timers(&timer.process);
        let mut set: Vec<(Time, NodeId)> = tx
            .get(place.as_ref())?
            .map(|bytes| wire::read(&bytes))
            .transpose()?
            .unwrap_or_default();
        set.retain(|held| *held != (due, timer.node));
        if let (Some(every), Some(1..) | None) = (timer.every, timer.left) {
            let next = StartTimer { left: timer.left.map(|left| left - 1), ..timer.clone() };
            let due = due.plus(every);
            tx.put(key::start_timer(due, &timer.process, timer.node.0), wire::write(&next)?);
            set.push((due, timer.node));
        }
        self.remember_start_timers(tx, &timer.process, &set)?;
        let compiled = self.cache.get(tx, &self.config, &timer.process, timer.version)?;
        let start = Start {
            node: timer.node,
            variables: Variables::new(),
            business_key: None,
            correlation_key: None,
            at: due,
            actor: Some(Principal::Unit("timers".into())),
            on_behalf_of: None,
            reply_to: None,
        };
        let result = tx.attempt(|tx| self.start(tx, &compiled, start));
        if let Err(problem) = result {
            let about = (timer.process, String::new(), None, due);
            self.subject_incident(tx, about, serde_json::Value::Null, &problem)?;
        }
        Ok(())
    }

    fn remember_start_timers(
        &self,
        tx: &mut Tx<'_>,
        process: &str,
        set: &[(Time, NodeId)],
    ) -> Result<(), Problem> {
        let place = key::start_timers(process);
        if set.is_empty() {
            tx.delete(place);
        } else {
            tx.put(place, wire::write(&set)?);
        }
        Ok(())
    }
}

/// Returns when a start timer is due first, its period, and how often it comes after that; `u32::MAX` for never.
fn first(timer: &Timer, now: Time) -> Result<(Time, Option<Period>, Option<u32>), Problem> {
    let text = |expression: &Expression| -> Result<String, Problem> {
        let value = expression.evaluate(&Variables::new(), now)?;
        value.as_str().map(str::to_owned).ok_or_else(|| {
            crate::elements::wrong("the timer of a start event", "text such as PT5M", &value)
        })
    };
    Ok(match timer {
        Timer::Date(date) => (Time::parse(&text(date)?)?, None, None),
        Timer::Duration(duration) => (now.plus(Period::parse(&text(duration)?)?), None, None),
        Timer::Cycle { repetitions, every } => {
            let every = Period::parse(&text(every)?)?;
            if every <= Period(0) {
                let found = every.to_string();
                let what = "the period of a cycle".into();
                return Err(Error::Value { what, expected: "longer than nothing", found }.into());
            }
            let left = repetitions.map(|count| count.checked_sub(1).unwrap_or(u32::MAX));
            (now.plus(every), Some(every), left)
        }
    })
}
