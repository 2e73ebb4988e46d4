//! A small market by seed: orders with every path, in windows in which no order occurs twice.

use base::{Entropy, SeededEntropy, Time};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What happens to an order, at one unit.
#[derive(Debug, Clone)]
pub struct Event {
    pub at: Time,
    pub rank: u8,
    pub order: String,
    pub unit: &'static str,
    pub stream: &'static str,
    pub row: Value,
}

/// The events of a market, window by window.
pub fn market(seed: u64, orders: u64) -> Vec<Vec<Event>> {
    let entropy = SeededEntropy::new(seed ^ 0x6d61_726b_6574);
    let mut events = Vec::new();
    for number in 0..orders {
        order(&entropy, number, &mut events);
    }
    events.sort_by(|left, right| {
        (left.at, left.rank, &left.order).cmp(&(right.at, right.rank, &right.order))
    });
    windows(events)
}

fn order(entropy: &SeededEntropy, number: u64, events: &mut Vec<Event>) {
    let order = format!("o-{number}");
    let chance = |percent: u64| entropy.number() % 100 < percent;
    let hours = |least: i64, most: i64| {
        let span = u64::try_from(most - least).unwrap_or(1);
        (least + i64::try_from(entropy.number() % span).unwrap_or(0)) * 3_600_000
    };
    let placed = Time(1_500_000_000_000 + hours(0, 48));
    let approved = chance(85).then(|| Time(placed.0 + hours(0, 24)));
    let handed = chance(85).then(|| Time(placed.0 + hours(-24, 72)));
    let delivered = handed.filter(|_| chance(85)).map(|handed| Time(handed.0 + hours(-2, 240)));
    let estimated = Time(placed.0 + hours(12, 200));
    let cents = entropy.number() % 90_000 + 100;
    let value = cents as f64 / 100.0;
    let mut event = |at: Time, rank, unit, stream, row| {
        events.push(Event { at, rank, order: order.clone(), unit, stream, row });
    };
    event(
        placed,
        1,
        "retail",
        "orders",
        json!({
            "order_id": order, "placed_at": placed, "estimated_at": estimated, "customer_id": format!("c-{number}"),
            "customer_city": "sao paulo", "customer_state": if chance(50) { "SP" } else { "RJ" },
            "payments": [{"method": "boleto", "instalments": 1, "value": value}],
            "items": [{"product_id": "p", "category": "toys", "weight_g": 400, "price": value, "freight": 12.5,
                "seller_id": "s", "seller_state": "SP"}],
        }),
    );
    if let Some(at) = approved {
        event(at, 2, "payment", "approvals", json!({"order_id": order, "approved_at": at}));
    }
    if let Some(at) = handed {
        event(at, 3, "logistics", "handovers", json!({"order_id": order, "handed_over_at": at}));
    }
    if let Some(at) = delivered {
        event(at, 4, "logistics", "deliveries", json!({"order_id": order, "delivered_at": at}));
    }
    if delivered.is_none() && chance(60) {
        let latest = [Some(placed), approved, handed].into_iter().flatten().max().unwrap_or(placed);
        let at = Time(latest.0 + 1_000);
        event(at, 5, "retail", "cancellations", json!({"order_id": order, "cancelled_at": at}));
    }
}

fn windows(events: Vec<Event>) -> Vec<Vec<Event>> {
    let mut windows: Vec<Vec<Event>> = Vec::new();
    let mut seen = BTreeSet::new();
    for event in events {
        if !seen.insert(event.order.clone()) || windows.is_empty() {
            seen = BTreeSet::from([event.order.clone()]);
            windows.push(Vec::new());
        }
        if let Some(window) = windows.last_mut() {
            window.push(event);
        }
    }
    windows
}
