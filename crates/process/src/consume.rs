//! Rows of streams become messages, each exactly once: the cursor moves in the commit in which its row takes effect.

use crate::compiled::{Compiled, On};
use crate::elements::{text_of, wrong};
use crate::engine::Processes;
use crate::instance::Variables;
use crate::messages::Message;
use crate::wire::key;
use base::{Problem, Time};
use kernel::{Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use store::Chunk;

/// A process that listens to a stream.
#[derive(Debug)]
pub(crate) struct Consumer {
    compiled: Arc<Compiled>,
    stream: String,
    log: String,
    cursor: Vec<u8>,
    time_column: Option<String>,
}

/// A row for which no message could be made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub stream: String,
    pub offset: u64,
    pub row: Value,
}

impl Processes {
    /// Consumes rows, `budget` at most. Returns how many, and whether there are more.
    pub(crate) fn consume(&self, tx: &mut Tx<'_>, budget: usize) -> Result<(usize, bool), Problem> {
        let mut done = 0;
        for consumer in self.consumers(tx)?.iter() {
            let from = tx.get(&consumer.cursor)?.map_or(0, |bytes| number(&bytes));
            if tx.log_end(&consumer.log)? <= from {
                continue;
            }
            let mut cursor = from;
            for chunk in tx.chunks(&consumer.log, from, self.config.consume_bytes_max)? {
                // The rest of a chunk comes before the next one.
                if budget <= done {
                    break;
                }
                cursor = cursor.max(chunk.offset);
                let skip = usize::try_from(cursor - chunk.offset).unwrap_or(usize::MAX);
                let rows = self.rows_of(tx, chunk)?;
                for row in rows.iter().skip(skip).take(budget.saturating_sub(done)) {
                    self.consume_row(tx, consumer, cursor, row)?;
                    cursor += 1;
                    done += 1;
                }
            }
            tx.put(consumer.cursor.clone(), cursor.to_be_bytes().to_vec());
            if budget <= done {
                return Ok((done, true));
            }
        }
        Ok((done, false))
    }

    fn consume_row(
        &self,
        tx: &mut Tx<'_>,
        consumer: &Consumer,
        offset: u64,
        row: &Value,
    ) -> Result<(), Problem> {
        let Value::Object(variables) = row else { return Ok(()) };
        let process = &consumer.compiled.name;
        for on in consumer.compiled.on.iter().filter(|on| on.stream == consumer.stream) {
            // What a row causes belongs to the trace of who appended it.
            let trace = tx.carried_by(&consumer.log, offset);
            let result = tx.within(trace, |tx| {
                tx.attempt(|tx| match self.message_of(tx, consumer, on, variables)? {
                    Some(message) => self.publish(tx, message),
                    None => Ok(()),
                })
            });
            match result {
                Err(problem) if problem.kind == base::Kind::Unavailable => return Err(problem),
                Err(problem) => {
                    let kept = Row { stream: consumer.stream.clone(), offset, row: row.clone() };
                    let subject = serde_json::to_value(&kept).unwrap_or(Value::Null);
                    let about = (process.clone(), on.message.clone(), None, tx.business());
                    self.subject_incident(tx, about, subject, &problem)?;
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn message_of(
        &self,
        tx: &Tx<'_>,
        consumer: &Consumer,
        on: &On,
        row: &Variables,
    ) -> Result<Option<Message>, Problem> {
        let time = consumer.time_of(row).unwrap_or_else(|| tx.business());
        if let Some(when) = &on.when {
            match when.evaluate(row, time)? {
                Value::Bool(true) => {}
                Value::Bool(false) | Value::Null => return Ok(None),
                other => return Err(wrong("`when`", "true or false", &other)),
            }
        }
        let value = on.key.evaluate(row, time)?;
        let key = text_of(&value).ok_or_else(|| wrong("`key`", "text or a number", &value))?;
        Ok(Some(Message {
            process: consumer.compiled.name.clone(),
            name: on.message.clone(),
            key,
            variables: row.clone(),
            time,
            expires: time.plus(on.ttl),
            actor: None,
            on_behalf_of: None,
            trace: None,
        }))
    }

    /// Tries a row again for which no message could be made.
    pub(crate) fn consume_again(
        &self,
        tx: &mut Tx<'_>,
        process: &str,
        name: &str,
        kept: &Row,
    ) -> Result<(), Problem> {
        let consumers = self.consumers(tx)?;
        let found = consumers
            .iter()
            .find(|consumer| consumer.compiled.name == process && consumer.stream == kept.stream);
        let (Some(consumer), Value::Object(row)) = (found, &kept.row) else { return Ok(()) };
        let is_meant = |on: &&On| on.stream == kept.stream && on.message == name;
        for on in consumer.compiled.on.iter().filter(is_meant) {
            if let Some(message) = self.message_of(tx, consumer, on, row)? {
                self.publish(tx, message)?;
            }
        }
        Ok(())
    }

    /// Returns who listens to what, as of the latest change of a resource.
    fn consumers(&self, tx: &Tx<'_>) -> Result<Arc<Vec<Consumer>>, Problem> {
        let epoch = tx.kernel().epoch(tx)?;
        let held = self.consumers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, consumers)) = held.filter(|(of, _)| *of == epoch) {
            return Ok(consumers);
        }
        let mut consumers = Vec::new();
        for process in tx.resources("process")? {
            let compiled = self.cache.get(tx, &self.config, &process.name, process.version)?;
            let streams: BTreeSet<&str> = compiled.on.iter().map(|on| on.stream.as_str()).collect();
            for stream in streams {
                let declared = tx.resource("stream", stream)?;
                let time_column = declared.and_then(|stream| {
                    stream.spec.get("time").and_then(Value::as_str).map(str::to_owned)
                });
                consumers.push(Consumer {
                    compiled: Arc::clone(&compiled),
                    stream: stream.to_owned(),
                    log: log_of(stream),
                    cursor: key::cursor(&process.name, stream).bytes(),
                    time_column,
                });
            }
        }
        let consumers = Arc::new(consumers);
        let mut guard = self.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = Some((epoch, Arc::clone(&consumers)));
        Ok(consumers)
    }

    /// Returns the rows of a chunk. The last chunk is remembered: several processes may listen to one stream.
    fn rows_of(&self, read: &dyn Read, chunk: Chunk) -> Result<Arc<Vec<Value>>, Problem> {
        let held = self.decoded.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, rows)) = held.filter(|(of, _)| **of == chunk) {
            return Ok(rows);
        }
        let rows = Arc::new(kernel::rows_from(&read.kernel().lines(&chunk)?, 0)?);
        let mut guard = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = Some((Arc::new(chunk), Arc::clone(&rows)));
        Ok(rows)
    }

    /// Returns the first row of a log that a process has still to consume.
    pub(crate) fn cursor_least(read: &dyn Read, log: &str) -> Result<Option<u64>, Problem> {
        let mut least: Option<u64> = None;
        for (stored, bytes) in read.scan_prefix(key::cursors_all().as_ref(), usize::MAX)? {
            let mut reader = base::KeyReader::new(&stored);
            let (_, _, stream) = (reader.text(), reader.text(), reader.text());
            if stream.is_some_and(|stream| log_of(&stream) == log) {
                let cursor = number(&bytes);
                least = Some(least.map_or(cursor, |least| least.min(cursor)));
            }
        }
        Ok(least)
    }

    /// Has a process listen from the next row on to the streams that are new to it, and no more to those it left out.
    pub(crate) fn listen(
        &self,
        tx: &mut Tx<'_>,
        process: &str,
        compiled: Option<&Compiled>,
    ) -> Result<(), Problem> {
        let wanted: BTreeSet<&str> = compiled
            .iter()
            .flat_map(|compiled| &compiled.on)
            .map(|on| on.stream.as_str())
            .collect();
        let prefix = key::cursors(process);
        let held: Vec<Vec<u8>> =
            tx.scan_prefix(prefix.as_ref(), usize::MAX)?.into_iter().map(|(key, _)| key).collect();
        let mut wanted_keys: Vec<(Vec<u8>, &str)> = Vec::new();
        for stream in wanted {
            wanted_keys.push((key::cursor(process, stream).bytes(), stream));
        }
        for key in &held {
            if !wanted_keys.iter().any(|(wanted, _)| wanted == key) {
                tx.delete(key.clone());
            }
        }
        for (key, stream) in wanted_keys {
            if !held.contains(&key) {
                let end = tx.log_end(&log_of(stream))?;
                tx.put(key, end.to_be_bytes().to_vec());
            }
        }
        Ok(())
    }
}

impl Consumer {
    /// Returns the event time of a row.
    fn time_of(&self, row: &Variables) -> Option<Time> {
        let column = self.time_column.as_deref().unwrap_or("_time");
        match row.get(column).or_else(|| row.get("_time"))? {
            Value::String(text) => Time::parse(text).ok(),
            Value::Number(number) => number.as_i64().map(Time),
            _ => None,
        }
    }
}

pub(crate) fn log_of(stream: &str) -> String {
    format!("stream/{stream}")
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
