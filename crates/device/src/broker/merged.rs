//! What several subscriptions of one session that match a message say together: it gets the message once. Pure.

use super::message::Message;
use super::topic;
use super::tree::Subscription;
use crate::mqtt::{Delivery, Place, Qos};
use std::sync::Arc;

/// What matching subscriptions say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The highest quality of service.
    pub qos: Qos,
    /// Whether the message keeps its retain flag.
    pub retain_as_published: bool,
    /// All their identifiers.
    pub ids: Box<[u32]>,
}

impl Merged {
    /// Returns what subscriptions say together; nothing where there are none.
    pub(crate) fn of<'s>(subscriptions: impl Iterator<Item = &'s Subscription>) -> Option<Self> {
        let (mut qos, mut retain_as_published, mut ids) = (None, false, Vec::new());
        for subscription in subscriptions {
            qos = qos.max(Some(subscription.qos));
            retain_as_published |= subscription.retain_as_published;
            ids.extend(subscription.identifier);
        }
        Some(Self { qos: qos?, retain_as_published, ids: ids.into() })
    }

    /// Returns the message as it is delivered.
    pub(crate) fn delivery(&self, message: Arc<Message>, place: Place) -> Delivery {
        let qos = message.qos.min(self.qos);
        let place = if qos == Qos::AtMostOnce { Place::None } else { place };
        let retain = message.retain && self.retain_as_published;
        Delivery { message, place, qos, retain, ids: self.ids.clone() }
    }
}

/// Returns whether a subscription has its session hear a message, whatever its scope says.
pub(crate) fn is_for(subscription: &Subscription, message: &Message, offset: Option<u64>) -> bool {
    let is_own = subscription.no_local && message.publisher == subscription.session;
    let is_early = offset.is_some_and(|offset| offset < subscription.from);
    !is_own && !is_early && topic::matches(topic::plain(&subscription.filter), &message.topic)
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::super::rows::Scope;
    use super::*;

    fn subscription(filter: &str, qos: Qos, identifier: Option<u32>) -> Subscription {
        Subscription {
            session: 4,
            filter: filter.into(),
            group: None,
            qos,
            no_local: false,
            retain_as_published: false,
            identifier,
            from: 5,
            scope: Scope::default(),
        }
    }

    #[test]
    fn the_highest_qos_and_all_identifiers_count() {
        let all = [
            subscription("a", Qos::AtLeastOnce, Some(1)),
            subscription("#", Qos::ExactlyOnce, None),
            subscription("+", Qos::AtMostOnce, Some(7)),
        ];
        let merged = Merged::of(all.iter()).expect("something");
        assert_eq!((merged.qos, &*merged.ids), (Qos::ExactlyOnce, &[1, 7][..]));
        assert_eq!(Merged::of([].iter()), None);
        let delivery =
            merged.delivery(Arc::new(message("a", "x", Qos::AtLeastOnce)), Place::Log(3));
        assert_eq!((delivery.qos, delivery.place), (Qos::AtLeastOnce, Place::Log(3)));
        let delivery = merged.delivery(Arc::new(message("a", "x", Qos::AtMostOnce)), Place::Log(3));
        assert_eq!((delivery.qos, delivery.place), (Qos::AtMostOnce, Place::None));
    }

    #[test]
    fn own_messages_and_earlier_ones_are_left_out() {
        let mut subscription = subscription("$share/g/a", Qos::AtLeastOnce, None);
        let message = message("a", "x", Qos::AtLeastOnce);
        assert!(is_for(&subscription, &message, Some(5)) && is_for(&subscription, &message, None));
        assert!(!is_for(&subscription, &message, Some(4)));
        subscription.no_local = true;
        assert!(!is_for(&subscription, &message, None));
    }
}
