//! What a session hears: by its subscriptions, as far as the policies say so, and asked anew after a change of rights.

use super::{Seat, bytes};
use crate::broker::Broker;
use crate::broker::merged::{Merged, is_for};
use crate::broker::message::{Message, Origin};
use crate::broker::rights::{self, Hears};
use crate::broker::rows::{Devices, Unasked};
use crate::broker::topic;
use crate::mqtt::{Delivery, Place, Qos};
use base::Problem;
use kernel::{Kernel, Reader};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl Seat {
    /// Returns the quality of service and the identifiers with which the client itself hears a topic, where it does: for commands and desired
    /// state of its device. `is_heard`: whether the policies say that it hears its device, as `hears_itself` finds it.
    pub fn wants(&self, topic: &str, is_heard: bool) -> Option<(Qos, Box<[u32]>)> {
        let device = topic::device_of(topic)?;
        let is_heard = is_heard && self.device() == Some(device);
        let origin = Origin::Device(device.into());
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        let matching = held.values().filter(|subscription| {
            subscription.group.is_none()
                && topic::matches(&subscription.filter, topic)
                && subscription.scope.allows(&origin, Some(is_heard)) == Some(true)
        });
        Merged::of(matching).map(|merged| (merged.qos, merged.ids))
    }

    /// Returns as of how many changes of rights and devices it was looked at what its client may hear.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Returns whether it hears single devices by some subscription.
    fn hears_each(&self) -> bool {
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        held.values().any(|subscription| subscription.scope.devices == Devices::Each)
    }

    /// Takes note that its subscriptions may hear something else: what waits in memory and may not be heard any more goes.
    fn scoped_anew(&self, hears: &mut Hears<'_>) -> Result<(), Problem> {
        let queue = std::mem::take(&mut self.lock().queue);
        let before = bytes(&queue);
        let kept = self.sift(hears, queue)?;
        let gone = before - bytes(&kept);
        let mut state = self.lock();
        let since = std::mem::replace(&mut state.queue, kept);
        state.queue.extend(since);
        state.bytes = state.bytes.saturating_sub(gone);
        drop(state);
        self.wake();
        Ok(())
    }

    /// Returns what of these may still be heard. The rest needs not be delivered any more; what another member of a group may hear goes
    /// back to that.
    fn sift(
        &self,
        hears: &mut Hears<'_>,
        queue: VecDeque<Delivery>,
    ) -> Result<VecDeque<Delivery>, Problem> {
        let (mut kept, mut of_groups, mut own) = (VecDeque::new(), Vec::new(), Vec::new());
        for delivery in queue {
            let message = &delivery.message;
            let is_heard = hears
                .answer(&self.principal, &message.origin, |asked| self.may_hear(message, asked))?;
            match delivery.place {
                _ if is_heard => kept.push_back(delivery),
                Place::Group { .. } => of_groups.push(delivery.place),
                place => own.push(place),
            }
        }
        self.handled(&own);
        for group in self.groups() {
            group.give_back(&of_groups);
        }
        Ok(kept)
    }

    fn may_hear(&self, message: &Message, asked: Option<bool>) -> Result<bool, Unasked> {
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        for subscription in held.values() {
            if is_for(subscription, message, None)
                && subscription.scope.hears(&message.origin, asked)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what its own subscriptions, shared ones left out, say of a message; nothing where it does not hear it. `asked`: what the
    /// policies say of the message's device.
    ///
    /// # Errors
    /// [`Unasked`]
    pub(crate) fn merged(
        &self,
        message: &Message,
        offset: Option<u64>,
        asked: Option<bool>,
    ) -> Result<Option<Merged>, Unasked> {
        if topic::by_unit(&message.topic).is_some_and(|device| self.device() == Some(device)) {
            return Ok(None);
        }
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        let mut matching = Vec::new();
        for subscription in held.values() {
            if subscription.group.is_none()
                && is_for(subscription, message, offset)
                && subscription.scope.hears(&message.origin, asked)?
            {
                matching.push(subscription);
            }
        }
        Ok(Merged::of(matching.into_iter()))
    }

    /// Returns what its subscription in a group says of a message; nothing where it may not hear it. `asked`: what the policies say of the
    /// message's device.
    ///
    /// # Errors
    /// [`Unasked`]
    pub(crate) fn merged_shared(
        &self,
        filter: &str,
        message: &Message,
        asked: Option<bool>,
    ) -> Result<Option<Merged>, Unasked> {
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        let Some(subscription) = held.get(filter) else { return Ok(None) };
        let is_allowed = subscription.scope.hears(&message.origin, asked)?;
        Ok(Merged::of(is_allowed.then_some(subscription).into_iter()))
    }
}

/// Asks anew what the subscriptions of a session may hear, after a change of rights.
///
/// # Errors
/// Where the store cannot be read.
pub fn scopes_anew(kernel: &Arc<Kernel>, broker: &Broker, seat: &Seat) -> Result<(), Problem> {
    let reader = Reader::new(kernel, seat.principal().clone())?;
    let topics = broker.topics(&reader)?;
    let epoch = kernel.epoch(&reader)?;
    let mut is_other = false;
    for subscription in seat.subscriptions() {
        let filter = topic::plain(&subscription.filter);
        let (scope, _) = rights::scope(&reader, &topics, seat.principal(), filter)?;
        if scope != subscription.scope {
            is_other = true;
            broker.rescope(seat, &subscription.filter, &mut |held| held.scope = scope.clone());
        }
    }
    // Before anything is looked through: what comes from now on was asked as late as this, or is asked anew.
    let has_changed = seat.asked.fetch_max(epoch, Ordering::SeqCst) < epoch;
    if is_other || (has_changed && seat.hears_each()) {
        seat.scoped_anew(&mut Hears::new(&reader))?;
    }
    Ok(())
}

/// Returns what may still be heard of deliveries that were found for a session before rights have changed.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn still_heard(
    kernel: &Arc<Kernel>,
    seat: &Seat,
    found: VecDeque<Delivery>,
) -> Result<VecDeque<Delivery>, Problem> {
    let reader = Reader::new(kernel, seat.principal().clone())?;
    seat.sift(&mut Hears::new(&reader), found)
}

/// Returns whether the client of a device hears what the unit says of that, where its subscriptions want to know it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn hears_itself(reader: &Reader, seat: &Seat) -> Result<bool, Problem> {
    match seat.device().filter(|_| seat.hears_each()) {
        Some(device) => Hears::new(reader).device(seat.principal(), device),
        None => Ok(true),
    }
}
