//! A market: orders with what became of them, and reviews.

use base::Time;
use serde::{Serialize, Serializer};

/// Orders and reviews, before they are multiplied.
#[derive(Debug, Clone, PartialEq)]
pub struct Market {
    /// The orders.
    pub orders: Vec<Order>,
    /// The reviews.
    pub reviews: Vec<Review>,
}

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// What the market says became of it: `delivered`, `canceled`, and so on.
    pub status: String,
    /// Who ordered.
    pub customer: Customer,
    /// When it was placed.
    pub placed_at: Time,
    /// When the payment was approved.
    pub approved_at: Option<Time>,
    /// When the parcel was handed to the carrier.
    pub handed_over_at: Option<Time>,
    /// When it arrived.
    pub delivered_at: Option<Time>,
    /// When it was promised.
    pub estimated_at: Time,
    /// How it was paid.
    pub payments: Vec<Payment>,
    /// What was ordered, the first item first.
    pub items: Vec<Item>,
}

impl Order {
    /// Returns when the order was cancelled: one second after the latest that happened, where it was given up.
    pub fn cancelled_at(&self) -> Option<Time> {
        let is_given_up = matches!(self.status.as_str(), "canceled" | "unavailable")
            && self.delivered_at.is_none();
        let happened = [Some(self.placed_at), self.approved_at, self.handed_over_at];
        let latest = happened.into_iter().flatten().max().filter(|_| is_given_up)?;
        Some(Time(latest.0 + 1_000))
    }
}

/// A customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// The id of the person, the same in all his orders.
    pub id: String,
    /// The city.
    pub city: String,
    /// The state.
    pub state: String,
}

/// A payment, or a part of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payment {
    /// How it was paid.
    pub method: String,
    /// In how many parts.
    pub instalments: u32,
    /// How much.
    pub value: Decimal,
}

/// An item of an order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// What.
    pub product_id: String,
    /// The product's category in English, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The product's weight in grams.
    pub weight_g: Decimal,
    /// What it costs.
    pub price: Decimal,
    /// What its way costs.
    pub freight: Decimal,
    /// Who sells it.
    pub seller_id: String,
    /// Where the seller is.
    pub seller_state: String,
}

/// A review of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// Its id; a review of several orders has one id.
    pub id: String,
    /// The place of the order in [`Market::orders`].
    pub order: usize,
    /// From 1 to 5.
    pub score: u8,
    /// When it was asked for.
    pub created_at: Time,
}

/// A decimal number as it was written: never a binary fraction. A JSON number when serialised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    /// Returns the number that a text like `129.9` writes; nothing where it writes none.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number =
            is_digits(whole) && is_digits(fraction) && (whole == "0" || !whole.starts_with('0'));
        (is_number && text.len() <= 15).then(|| Self(text.to_owned()))
    }

    /// Returns an amount given in hundredths.
    pub fn hundredths(amount: u64) -> Self {
        Self(format!("{}.{:02}", amount / 100, amount % 100))
    }

    /// Returns the number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = serde_json::value::RawValue::from_string(self.0.clone())
            .map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_stay_as_they_were_written() {
        for good in ["0", "0.10", "129.9", "13440.00"] {
            let written =
                Decimal::parse(good).and_then(|number| serde_json::to_string(&number).ok());
            assert_eq!(written.as_deref(), Some(good));
        }
        for bad in ["", ".5", "5.", "-1", "01", "1e3", "1,5", "12345678901234567"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::hundredths(1_205).as_str(), "12.05");
    }
}
