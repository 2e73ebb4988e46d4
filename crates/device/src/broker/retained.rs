//! Retained messages: the last one of each topic, for who subscribes later.

use super::feed::FOUND_BYTES_MAX;
use super::message::{Message, Origin};
use super::rights::Hears;
use super::rows::{RetainedCount, Scope, get};
use super::seat::Seat;
use super::{Broker, key, topic};
use crate::mqtt::{Delivery, Place};
use crate::{Error, wire};
use base::{Period, Problem, Time, prefix_end};
use kernel::{Read, Reader, Tx};
use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

/// The version of the stored form, before the message.
const VERSION: u8 = 1;

/// Retained messages of which one sweep looks whether they are still worth something.
const SWEPT_MAX: usize = 256;

/// Retained messages that are read in one go.
const PAGE: usize = 64;

/// How many one look goes through, and how many bytes of them; whoever wants more looks again, and others do meanwhile.
const LOOKS_MAX: usize = 4_096;
const LOOKED_BYTES_MAX: usize = 8 << 20;

impl Broker {
    /// Retains a message, in place of the one before. One without a payload removes it.
    ///
    /// # Errors
    /// `mqtt.limit` where there is no room; where the store cannot be read.
    pub(crate) fn retain(&self, tx: &mut Tx<'_>, message: &Message) -> Result<(), Problem> {
        let key = key::retained(&message.topic);
        let before = tx.get(key.as_ref())?;
        let mut count = without(tx, before.as_deref())?;
        if message.payload.is_empty() {
            if before.is_some() {
                tx.delete(key);
                tx.put(key::retained_count(), wire::write(&count)?);
            }
            return Ok(());
        }
        let mut bytes = vec![VERSION];
        message.write(&mut bytes);
        self.add(&mut count, bytes.len())?;
        tx.put(key, bytes);
        tx.put(key::retained_count(), wire::write(&count)?);
        Ok(())
    }

    /// Checks that a message of about so many bytes finds room among those that are retained.
    ///
    /// # Errors
    /// As [`Broker::retain`].
    pub(crate) fn check_room(
        &self,
        read: &dyn Read,
        topic: &str,
        size: usize,
    ) -> Result<(), Problem> {
        let before = read.get(key::retained(topic).as_ref())?;
        self.add(&mut without(read, before.as_deref())?, size)
    }

    fn add(&self, count: &mut RetainedCount, size: usize) -> Result<(), Problem> {
        count.count += 1;
        count.bytes += size as u64;
        let (most, bytes_most) = (self.config.retained_max, self.config.retained_bytes_max);
        if most < count.count {
            return Err(Error::Full { what: "retained messages", limit: most }.into());
        }
        if bytes_most < count.bytes {
            return Err(
                Error::Full { what: "bytes of retained messages", limit: bytes_most }.into()
            );
        }
        Ok(())
    }

    /// Looks at some retained messages, each time at the next ones: those whose time is over, or whose topic is not declared any more, go.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn sweep_retained(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let first = key::retained_all();
        let end = prefix_end(first.as_ref());
        let from = self.swept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let from = from.unwrap_or_else(|| first.bytes());
        let pairs = tx.scan(&from, &end, SWEPT_MAX, false)?;
        let next = pairs.last().filter(|_| pairs.len() == SWEPT_MAX);
        let next = next.map(|(last, _)| [last.as_slice(), &[0]].concat());
        *self.swept.lock().unwrap_or_else(PoisonError::into_inner) = next;
        let (wall, topics) = (tx.wall(), self.topics(tx)?);
        for (stored, bytes) in pairs {
            let message = read(&bytes)?;
            let is_declared = match &message.origin {
                Origin::Device(device) => tx.resource("device", device)?.is_some(),
                Origin::Topic(_) => topics.find(&message.topic).is_some(),
            };
            if !is_declared || message.remaining(wall).is_none() {
                remove(tx, stored, bytes.len())?;
            }
        }
        Ok(())
    }
}

/// Returns how many messages are retained beside one of them, as it is stored.
fn without(read: &dyn Read, one: Option<&[u8]>) -> Result<RetainedCount, Problem> {
    let mut count: RetainedCount = get(read, &key::retained_count())?.unwrap_or_default();
    if let Some(one) = one {
        count.count = count.count.saturating_sub(1);
        count.bytes = count.bytes.saturating_sub(one.len() as u64);
    }
    Ok(count)
}

fn remove(tx: &mut Tx<'_>, stored: Vec<u8>, size: usize) -> Result<(), Problem> {
    let mut count: RetainedCount = get(tx, &key::retained_count())?.unwrap_or_default();
    count.count = count.count.saturating_sub(1);
    count.bytes = count.bytes.saturating_sub(size as u64);
    tx.delete(stored);
    tx.put(key::retained_count(), wire::write(&count)?);
    Ok(())
}

/// Reads a retained message as it is stored.
///
/// # Errors
/// `device.internal` where it is damaged.
pub(crate) fn read(bytes: &[u8]) -> Result<Message, Problem> {
    match bytes.split_first() {
        Some((&VERSION, bytes)) => Message::read(bytes).map(|(message, _)| message),
        _ => Err(Error::internal("a retained message of another version").into()),
    }
}

/// Returns the retained messages that a session gets by one of its filters, `limit` at most, and behind which topic to go on, where there
/// may be more. A shared filter gets none.
///
/// # Errors
/// Where the store cannot be read.
pub fn retained_for(
    reader: &Reader,
    seat: &Seat,
    filter: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Delivery>, Option<Box<str>>), Problem> {
    let subscription = seat.subscriptions().into_iter().find(|held| *held.filter == *filter);
    let Some(subscription) = subscription.filter(|held| held.group.is_none()) else {
        return Ok((Vec::new(), None));
    };
    let mut found: Vec<Delivery> = Vec::new();
    let mut size = 0;
    let wall = reader.kernel().clock().wall();
    let mut hears = Hears::new(reader);
    let next = each(reader, &narrowed(filter, &subscription.scope), after, &mut |message| {
        let is_own = subscription.no_local && message.publisher == seat.session();
        let may = !is_own
            && hears.answer(seat.principal(), &message.origin, |asked| {
                subscription.scope.hears(&message.origin, asked)
            })?;
        if may && message.remaining(wall).is_some() {
            let qos = message.qos.min(subscription.qos);
            let ids = subscription.identifier.into_iter().collect();
            size += message.size();
            let message = Arc::new(message);
            found.push(Delivery { message, place: Place::Retained, qos, retain: true, ids });
        }
        Ok(found.len() < limit && size < FOUND_BYTES_MAX)
    })?;
    Ok((found, next))
}

/// Returns a filter that matches what one with this scope may hear, and begins with as much text as can be known: who may hear no topic
/// but those of devices need not look through all the others.
fn narrowed<'f>(filter: &'f str, scope: &Scope) -> Cow<'f, str> {
    let is_of_devices = !scope.topics.values().any(|is_allowed| *is_allowed);
    match filter.split_once('/') {
        Some(("+", rest)) if is_of_devices => Cow::Owned(format!("devices/{rest}")),
        None if is_of_devices && filter == "#" => Cow::Borrowed("devices/#"),
        _ => Cow::Borrowed(filter),
    }
}

/// Gives the retained messages that a filter matches, behind a topic, until `give` has enough or many were looked at. Returns behind which
/// topic to go on, where there may be more.
fn each(
    read: &dyn Read,
    filter: &str,
    after: Option<&str>,
    give: &mut dyn FnMut(Message) -> Result<bool, Problem>,
) -> Result<Option<Box<str>>, Problem> {
    let below = key::retained_below(topic::literal(filter));
    let end = prefix_end(&below);
    let mut from = match after {
        Some(topic) => [key::retained(topic).as_ref(), &[0]].concat(),
        None => below,
    };
    let (mut looks, mut looked_bytes) = (0, 0);
    loop {
        let pairs = read.scan(&from, &end, PAGE, false)?;
        for (stored, bytes) in &pairs {
            let topic = key::of_retained(stored).unwrap_or_default();
            looks += 1;
            looked_bytes += bytes.len();
            let has_enough = topic::matches(filter, &topic) && !give(self::read(bytes)?)?;
            if has_enough || LOOKS_MAX <= looks || LOOKED_BYTES_MAX <= looked_bytes {
                return Ok(Some(topic.into()));
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(None),
        }
    }
}

/// Returns until when a retained message is worth something, where that ends.
pub(crate) fn expires(message: &Message) -> Option<Time> {
    let seconds = message.properties.as_ref()?.expiry_secs?;
    Some(message.at.plus(Period::seconds(seconds.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hears_devices_alone_looks_below_them_alone() {
        let of_devices = Scope { topics: [("all".to_owned(), false)].into(), ..Scope::default() };
        for (filter, expected) in [
            ("+/van-7/x", "devices/van-7/x"),
            ("+/#", "devices/#"),
            ("#", "devices/#"),
            ("+", "+"),
            ("devices/van-7/#", "devices/van-7/#"),
        ] {
            assert_eq!(narrowed(filter, &of_devices), expected);
        }
        let of_all = Scope { topics: [("all".to_owned(), true)].into(), ..Scope::default() };
        assert_eq!(narrowed("+/van-7/x", &of_all), "+/van-7/x");
        assert_eq!(narrowed("#", &of_all), "#");
    }
}
