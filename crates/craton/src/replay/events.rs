//! What happens in a market, by time: compact events over a market that is multiplied, and their rows.

use super::market::{Item, Market, Payment};
use base::{Problem, Time};
use serde::Serialize;

/// Which unit, stream and number in the order of things an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Retail hears of an order.
    OrderPlaced,
    /// Payment hears that the bank approved.
    PaymentApproved,
    /// Logistics hears that the carrier has the parcel.
    HandedOver,
    /// Logistics hears that the customer has the parcel.
    Delivered,
    /// Retail hears that the order is given up.
    OrderCancelled,
    /// Retail hears what the customer thinks.
    Review,
}

impl Kind {
    /// Returns the unit that hears of it, and by which stream.
    pub fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::OrderPlaced => ("retail", "orders"),
            Self::PaymentApproved => ("payment", "approvals"),
            Self::HandedOver => ("logistics", "handovers"),
            Self::Delivered => ("logistics", "deliveries"),
            Self::OrderCancelled => ("retail", "cancellations"),
            Self::Review => ("retail", "reviews"),
        }
    }
}

/// An event. Its order is that of the replay: time, number of the kind, order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When it happens.
    pub time: Time,
    /// What happens.
    pub kind: Kind,
    /// The rank of the order's id among all ids of all copies: it names the order.
    pub rank: u32,
    /// The place of the order in the market.
    order: u32,
    /// The copy.
    copy: u32,
    /// The place of the review in the market.
    review: u32,
}

/// All events of a market.
#[derive(Debug)]
pub struct Events<'a> {
    market: &'a Market,
    /// The events in the order of the replay.
    pub list: Vec<Event>,
    /// How many orders there are, all copies together.
    pub orders: usize,
}

impl<'a> Events<'a> {
    /// Returns the events of a market that is played so many times: copy `k` has `-k` at its ids and is `k` minutes later.
    pub fn of(market: &'a Market, copies: u32) -> Self {
        let mut ids: Vec<(String, u32, u32)> = Vec::new();
        for copy in 0..copies {
            for (place, order) in (0..).zip(&market.orders) {
                ids.push((copied(&order.id, copy), copy, place));
            }
        }
        ids.sort_unstable();
        let mut list = Vec::new();
        let mut ranks = vec![0; ids.len()];
        for (rank, (_, copy, place)) in (0..).zip(&ids) {
            ranks[*copy as usize * market.orders.len() + *place as usize] = rank;
            let order = &market.orders[*place as usize];
            let happened = [
                (Kind::OrderPlaced, Some(order.placed_at)),
                (Kind::PaymentApproved, order.approved_at),
                (Kind::HandedOver, order.handed_over_at),
                (Kind::Delivered, order.delivered_at),
                (Kind::OrderCancelled, order.cancelled_at()),
            ];
            for (kind, time) in happened {
                let Some(time) = time else { continue };
                list.push(Event {
                    time: shifted(time, *copy),
                    kind,
                    rank,
                    order: *place,
                    copy: *copy,
                    review: 0,
                });
            }
        }
        for copy in 0..copies {
            for (place, review) in (0..).zip(&market.reviews) {
                let rank = ranks[copy as usize * market.orders.len() + review.order];
                let time = shifted(review.created_at, copy);
                let order = u32::try_from(review.order).unwrap_or(u32::MAX);
                list.push(Event { time, kind: Kind::Review, rank, order, copy, review: place });
            }
        }
        list.sort_unstable();
        Self { market, list, orders: ids.len() }
    }

    /// Appends the row of an event as one line of JSON.
    ///
    /// # Errors
    /// Where it cannot be written, which is a defect.
    pub fn write(&self, event: &Event, lines: &mut Vec<u8>) -> Result<(), Problem> {
        let order = &self.market.orders[event.order as usize];
        let order_id = copied(&order.id, event.copy);
        let at = event.time;
        match event.kind {
            Kind::OrderPlaced => line(
                lines,
                &OrderPlaced {
                    order_id,
                    placed_at: at,
                    estimated_at: shifted(order.estimated_at, event.copy),
                    customer_id: copied(&order.customer.id, event.copy),
                    customer_city: &order.customer.city,
                    customer_state: &order.customer.state,
                    payments: &order.payments,
                    items: &order.items,
                },
            ),
            Kind::PaymentApproved => line(lines, &PaymentApproved { order_id, approved_at: at }),
            Kind::HandedOver => line(lines, &HandedOver { order_id, handed_over_at: at }),
            Kind::Delivered => line(lines, &Delivered { order_id, delivered_at: at }),
            Kind::OrderCancelled => line(lines, &OrderCancelled { order_id, cancelled_at: at }),
            Kind::Review => {
                let review = &self.market.reviews[event.review as usize];
                let review_id = copied(&review.id, event.copy);
                line(lines, &Reviewed { review_id, order_id, score: review.score, created_at: at })
            }
        }
    }
}

#[derive(Serialize)]
struct OrderPlaced<'a> {
    order_id: String,
    placed_at: Time,
    estimated_at: Time,
    customer_id: String,
    customer_city: &'a str,
    customer_state: &'a str,
    payments: &'a [Payment],
    items: &'a [Item],
}

#[derive(Serialize)]
struct PaymentApproved {
    order_id: String,
    approved_at: Time,
}

#[derive(Serialize)]
struct HandedOver {
    order_id: String,
    handed_over_at: Time,
}

#[derive(Serialize)]
struct Delivered {
    order_id: String,
    delivered_at: Time,
}

#[derive(Serialize)]
struct OrderCancelled {
    order_id: String,
    cancelled_at: Time,
}

#[derive(Serialize)]
struct Reviewed {
    review_id: String,
    order_id: String,
    score: u8,
    created_at: Time,
}

fn line<T: Serialize>(lines: &mut Vec<u8>, row: &T) -> Result<(), Problem> {
    serde_json::to_writer(&mut *lines, row).map_err(|error| {
        Problem::new(
            base::Code("replay.internal", base::Kind::Internal),
            format!("a row could not be written: {error}"),
        )
    })?;
    lines.push(b'\n');
    Ok(())
}

/// Returns an id as it is in a copy; the first copy is the market itself.
fn copied(id: &str, copy: u32) -> String {
    if copy == 0 { id.to_owned() } else { format!("{id}-{copy}") }
}

fn shifted(time: Time, copy: u32) -> Time {
    Time(time.0 + i64::from(copy) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::generated;

    #[test]
    fn events_come_by_time_kind_and_order_id() {
        let market = generated::market(200, 5);
        let events = Events::of(&market, 3);
        let id = |event: &Event| copied(&market.orders[event.order as usize].id, event.copy);
        assert_eq!(events.orders, 600);
        assert!(events.list.iter().map(|event| (event.time, event.kind, id(event))).is_sorted());
    }

    #[test]
    fn copies_are_later_and_have_ids_of_their_own() {
        let market = generated::market(1, 5);
        let events = Events::of(&market, 2);
        let mut lines = Vec::new();
        let placed = events.list.iter().filter(|event| event.kind == Kind::OrderPlaced);
        placed.for_each(|event| events.write(event, &mut lines).expect("writes"));
        let text = String::from_utf8(lines).expect("text");
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(
            (&rows[0]["order_id"], &rows[1]["order_id"]),
            (&"order-000000".into(), &"order-000000-1".into())
        );
        let time = |row: &serde_json::Value| {
            Time::parse(row["placed_at"].as_str().expect("text")).expect("a time")
        };
        assert_eq!(time(&rows[1]).0 - time(&rows[0]).0, 60_000);
    }
}
