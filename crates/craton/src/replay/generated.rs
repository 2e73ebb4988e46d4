//! A market made from a seed: small, dense in time, and with everything that makes a real one untidy.

use super::market::{Customer, Decimal, Item, Market, Order, Payment, Review};
use base::{Entropy, SeededEntropy, Time};

/// The categories of generated products: the name in the files, the name in English.
pub const CATEGORIES: [(&str, &str); 8] = [
    ("beleza_saude", "health_beauty"),
    ("brinquedos", "toys"),
    ("cama_mesa_banho", "bed_bath_table"),
    ("esporte_lazer", "sports_leisure"),
    ("ferramentas_jardim", "garden_tools"),
    ("informatica_acessorios", "computers_accessories"),
    ("moveis_decoracao", "furniture_decor"),
    ("relogios_presentes", "watches_gifts"),
];

const STATES: [(&str, &str); 6] = [
    ("sao paulo", "SP"),
    ("campinas", "SP"),
    ("rio de janeiro", "RJ"),
    ("belo horizonte", "MG"),
    ("curitiba", "PR"),
    ("salvador", "BA"),
];

/// 2024-03-01T06:00:00Z: the market opens.
const OPENS_AT: i64 = 1_709_272_800;
/// Seconds between two orders, at most. Orders overlap, so that windows hold many of them.
const GAP_S_MAX: u64 = 3_600;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
const PRODUCTS: u64 = 60;
const SELLERS: u64 = 20;

/// Returns the market of a seed.
pub fn market(orders: u32, seed: u64) -> Market {
    let mut dice = Dice(SeededEntropy::new(seed));
    let mut now = OPENS_AT;
    let mut market = Market { orders: Vec::new(), reviews: Vec::new() };
    for number in 0..orders {
        now += i64::try_from(dice.below(GAP_S_MAX)).unwrap_or_default();
        let order = order(&mut dice, number, now);
        market.reviews.extend(review(&mut dice, &order, market.orders.len()));
        market.orders.push(order);
    }
    market
}

/// What becomes of an order.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Delivered,
    Shipped,
    Invoiced,
    Created,
    CancelledPaid,
    CancelledUnpaid,
}

fn order(dice: &mut Dice, number: u32, placed: i64) -> Order {
    let fate = match dice.below(100) {
        0..=66 => Fate::Delivered,
        67..=76 => Fate::Shipped,
        77..=81 => Fate::Invoiced,
        82..=85 => Fate::Created,
        86..=95 => Fate::CancelledPaid,
        _ => Fate::CancelledUnpaid,
    };
    let is_approved = !matches!(fate, Fate::Created | Fate::CancelledUnpaid);
    let approved =
        placed + if dice.one_in(4) { dice.between(HOUR, 3 * DAY) } else { dice.between(0, HOUR) };
    // Some carriers tell of a parcel before the bank has approved, and some of a delivery before the handover.
    let handed_over = if dice.one_in(20) {
        approved - dice.between(0, 2 * HOUR)
    } else {
        approved + dice.between(HOUR, 4 * DAY)
    };
    let delivered = if dice.one_in(40) {
        handed_over - dice.between(0, 6 * HOUR)
    } else {
        handed_over + dice.between(DAY, 18 * DAY)
    };
    let promised =
        if dice.one_in(50) { dice.between(0, DAY) } else { dice.between(10 * DAY, 25 * DAY) };
    let is_handed_over = matches!(fate, Fate::Delivered | Fate::Shipped)
        || (fate == Fate::CancelledPaid && dice.one_in(5));
    let items = if dice.one_in(12) { Vec::new() } else { items(dice) };
    let status = match fate {
        Fate::Delivered => "delivered",
        Fate::Shipped => "shipped",
        Fate::Invoiced => "invoiced",
        Fate::Created => "created",
        Fate::CancelledPaid | Fate::CancelledUnpaid if items.is_empty() => "unavailable",
        Fate::CancelledPaid | Fate::CancelledUnpaid => "canceled",
    };
    let (city, state) = dice.pick(&STATES);
    Order {
        id: format!("order-{number:06}"),
        status: status.into(),
        customer: Customer {
            id: format!("customer-{:05}", dice.below(5_000)),
            city: city.into(),
            state: state.into(),
        },
        placed_at: seconds(placed),
        approved_at: is_approved.then(|| seconds(approved)),
        handed_over_at: is_handed_over.then(|| seconds(handed_over.max(placed - DAY))),
        delivered_at: (fate == Fate::Delivered).then(|| seconds(delivered)),
        estimated_at: seconds((placed + promised) / DAY * DAY),
        payments: payments(dice, &items),
        items,
    }
}

fn items(dice: &mut Dice) -> Vec<Item> {
    let count = if dice.one_in(6) { 2 + dice.below(2) } else { 1 };
    (0..count).map(|_| item(dice)).collect()
}

/// What belongs to a product or a seller follows from its number, so that it is the same in every order.
fn item(dice: &mut Dice) -> Item {
    let (product, seller) = (dice.below(PRODUCTS), dice.below(SELLERS));
    let category = (product % 10 != 9).then(|| CATEGORIES[(product % 8) as usize].1.to_owned());
    let weight =
        if product % 15 == 14 { 19_000 + 200 * product } else { 50 + product * product * 3 };
    Item {
        product_id: format!("product-{product:03}"),
        category,
        weight_g: Decimal::hundredths(weight * 100),
        price: Decimal::hundredths(990 + product * 1_133 + dice.below(3) * 500),
        freight: Decimal::hundredths(700 + dice.below(4_000)),
        seller_id: format!("seller-{seller:03}"),
        seller_state: STATES[(seller % 6) as usize].1.into(),
    }
}

fn payments(dice: &mut Dice, items: &[Item]) -> Vec<Payment> {
    let hundredths =
        |amount: &Decimal| amount.as_str().replace('.', "").parse::<u64>().unwrap_or_default();
    let mut rest: u64 =
        items.iter().map(|item| hundredths(&item.price) + hundredths(&item.freight)).sum();
    if items.is_empty() {
        rest = 2_000 + dice.below(60_000);
    }
    let mut payments = Vec::new();
    if dice.one_in(8) {
        let part = 1 + rest / 4;
        rest -= part;
        payments.push(Payment {
            method: "voucher".into(),
            instalments: 1,
            value: Decimal::hundredths(part),
        });
    }
    let (method, instalments) = match dice.below(10) {
        0..=6 => ("credit_card", 1 + dice.below(10)),
        7 | 8 => ("boleto", 1),
        _ => ("debit_card", 1),
    };
    let instalments = u32::try_from(instalments).unwrap_or(1);
    payments.push(Payment { method: method.into(), instalments, value: Decimal::hundredths(rest) });
    payments
}

fn review(dice: &mut Dice, order: &Order, place: usize) -> Option<Review> {
    let is_written = !dice.one_in(5);
    let score = if order.delivered_at.is_some() { 3 + dice.below(3) } else { 1 + dice.below(3) };
    let after = order.delivered_at.unwrap_or(order.estimated_at).0 / 1_000;
    is_written.then(|| Review {
        id: format!("review-{place:06}"),
        order: place,
        score: u8::try_from(score).unwrap_or(3),
        created_at: seconds((after + DAY) / DAY * DAY),
    })
}

fn seconds(seconds: i64) -> Time {
    Time(seconds * 1_000)
}

/// Reproducible choices.
struct Dice(SeededEntropy);

impl Dice {
    /// Returns a number below `limit`. The bias of the remainder does not matter here.
    fn below(&mut self, limit: u64) -> u64 {
        self.0.number() % limit
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below(to.abs_diff(from))).unwrap_or_default()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::olist;

    #[test]
    fn a_seed_reproduces_its_market_and_two_differ() {
        assert_eq!(market(50, 7), market(50, 7));
        assert_ne!(market(50, 7), market(50, 8));
    }

    #[test]
    fn a_market_has_every_fate_and_untidiness() {
        let market = market(400, 1);
        let some = |what: &str, test: &dyn Fn(&Order) -> bool| {
            assert!(market.orders.iter().any(test), "{what}")
        };
        some("cancelled after payment", &|order| {
            order.cancelled_at().is_some() && order.approved_at.is_some()
        });
        some("cancelled before payment", &|order| {
            order.cancelled_at().is_some() && order.approved_at.is_none()
        });
        some("waiting for payment", &|order| {
            order.cancelled_at().is_none() && order.approved_at.is_none()
        });
        some("late", &|order| order.delivered_at.is_some_and(|time| order.estimated_at < time));
        some("two payments", &|order| order.payments.len() == 2);
        some("no items", &|order| order.items.is_empty());
        some("early handover", &|order| {
            order.handed_over_at.is_some() && order.handed_over_at < order.approved_at
        });
        some("early delivery", &|order| {
            order.delivered_at.is_some() && order.delivered_at < order.handed_over_at
        });
    }

    #[test]
    fn a_market_reads_back_as_it_was_written() {
        let market = market(120, 3);
        let directory = std::env::temp_dir().join(format!("craton-market-{}", std::process::id()));
        olist::write(&market, &CATEGORIES, &directory).expect("writes");
        let read = olist::read(&directory).expect("reads");
        std::fs::remove_dir_all(&directory).expect("removes");
        assert_eq!(read, market);
    }
}
