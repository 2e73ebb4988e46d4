//! Reads and writes a market in the layout of the Olist data set: CSV files with headers, zipped or not.
//!
//! Times are UTC. Categories are translated into English while reading; what has no translation has no category.

use super::error::Error;
use super::market::{Customer, Decimal, Item, Market, Order, Payment, Review};
use base::{Problem, Time};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read, Write};
use std::path::Path;

const ORDERS: &str = "olist_orders_dataset";
const ITEMS: &str = "olist_order_items_dataset";
const PAYMENTS: &str = "olist_order_payments_dataset";
const REVIEWS: &str = "olist_order_reviews_dataset";
const CUSTOMERS: &str = "olist_customers_dataset";
const PRODUCTS: &str = "olist_products_dataset";
const SELLERS: &str = "olist_sellers_dataset";
const TRANSLATION: &str = "product_category_name_translation";

/// Reads a market.
///
/// # Errors
/// `replay.data` with file and line.
pub fn read(directory: &Path) -> Result<Market, Problem> {
    let customers = customers(directory)?;
    let mut payments = payments(directory)?;
    let mut items = items(directory)?;
    let mut orders = Vec::new();
    let mut places = HashMap::new();
    for row in Table::read(directory, ORDERS)?.rows() {
        let id = row.text("order_id")?.to_owned();
        let customer = row.text("customer_id")?;
        let customer = customers.get(customer).ok_or_else(|| row.wrong("customer_id"))?;
        places.insert(id.clone(), orders.len());
        orders.push(Order {
            status: row.text("order_status")?.into(),
            customer: customer.clone(),
            placed_at: row
                .time("order_purchase_timestamp")?
                .ok_or_else(|| row.wrong("order_purchase_timestamp"))?,
            approved_at: row.time("order_approved_at")?,
            handed_over_at: row.time("order_delivered_carrier_date")?,
            delivered_at: row.time("order_delivered_customer_date")?,
            estimated_at: row
                .time("order_estimated_delivery_date")?
                .ok_or_else(|| row.wrong("order_estimated_delivery_date"))?,
            payments: in_order(payments.remove(&id)),
            items: in_order(items.remove(&id)),
            id,
        });
    }
    let reviews = reviews(directory, &places)?;
    Ok(Market { orders, reviews })
}

/// Writes a market; `categories` gives the names that a market of the layout uses for the English ones.
///
/// # Errors
/// `replay.write`.
pub fn write(
    market: &Market,
    categories: &[(&str, &str)],
    directory: &Path,
) -> Result<(), Problem> {
    let failed = |source| Error::Write { path: directory.display().to_string(), source };
    std::fs::create_dir_all(directory).map_err(failed)?;
    for (name, header, rows) in tables(market, categories) {
        let path = directory.join(format!("{name}.csv.gz"));
        let written = std::fs::File::create(&path).and_then(|file| {
            let zipped = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            let mut writer = csv::Writer::from_writer(zipped);
            writer.write_record(header)?;
            rows.iter().try_for_each(|row| writer.write_record(row))?;
            let zipped =
                writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
            zipped.finish()?.flush()
        });
        written.map_err(|source| Error::Write { path: path.display().to_string(), source })?;
    }
    Ok(())
}

/// Rows of an order with the number by which they are ordered.
type Numbered<T> = HashMap<String, Vec<(u32, T)>>;

fn in_order<T>(rows: Option<Vec<(u32, T)>>) -> Vec<T> {
    let mut rows = rows.unwrap_or_default();
    rows.sort_by_key(|(number, _)| *number);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn customers(directory: &Path) -> Result<HashMap<String, Customer>, Problem> {
    let mut customers = HashMap::new();
    for row in Table::read(directory, CUSTOMERS)?.rows() {
        let customer = Customer {
            id: row.text("customer_unique_id")?.into(),
            city: row.text("customer_city")?.into(),
            state: row.text("customer_state")?.into(),
        };
        customers.insert(row.text("customer_id")?.to_owned(), customer);
    }
    Ok(customers)
}

fn payments(directory: &Path) -> Result<Numbered<Payment>, Problem> {
    let mut payments: Numbered<Payment> = HashMap::new();
    for row in Table::read(directory, PAYMENTS)?.rows() {
        let payment = Payment {
            method: row.text("payment_type")?.into(),
            instalments: row.number("payment_installments")?,
            value: row.decimal("payment_value")?,
        };
        let number = row.number("payment_sequential")?;
        payments.entry(row.text("order_id")?.to_owned()).or_default().push((number, payment));
    }
    Ok(payments)
}

fn items(directory: &Path) -> Result<Numbered<Item>, Problem> {
    let products = products(directory)?;
    let mut sellers = HashMap::new();
    for row in Table::read(directory, SELLERS)?.rows() {
        sellers.insert(row.text("seller_id")?.to_owned(), row.text("seller_state")?.to_owned());
    }
    let mut items: Numbered<Item> = HashMap::new();
    for row in Table::read(directory, ITEMS)?.rows() {
        let (product_id, seller_id) =
            (row.text("product_id")?.to_owned(), row.text("seller_id")?.to_owned());
        let (category, weight_g) =
            products.get(&product_id).ok_or_else(|| row.wrong("product_id"))?.clone();
        let item = Item {
            category,
            weight_g,
            price: row.decimal("price")?,
            freight: row.decimal("freight_value")?,
            seller_state: sellers.get(&seller_id).ok_or_else(|| row.wrong("seller_id"))?.clone(),
            product_id,
            seller_id,
        };
        items
            .entry(row.text("order_id")?.to_owned())
            .or_default()
            .push((row.number("order_item_id")?, item));
    }
    Ok(items)
}

/// Returns English category and weight of each product; what has no weight weighs nothing.
fn products(directory: &Path) -> Result<HashMap<String, (Option<String>, Decimal)>, Problem> {
    let mut english = HashMap::new();
    for row in Table::read(directory, TRANSLATION)?.rows() {
        english.insert(
            row.text("product_category_name")?.to_owned(),
            row.text("product_category_name_english")?.to_owned(),
        );
    }
    let mut products = HashMap::new();
    for row in Table::read(directory, PRODUCTS)?.rows() {
        let weight = match row.text("product_weight_g")? {
            "" => Decimal::hundredths(0),
            _ => row.decimal("product_weight_g")?,
        };
        let category = english.get(row.text("product_category_name")?).cloned();
        products.insert(row.text("product_id")?.to_owned(), (category, weight));
    }
    Ok(products)
}

fn reviews(directory: &Path, places: &HashMap<String, usize>) -> Result<Vec<Review>, Problem> {
    let mut reviews = Vec::new();
    for row in Table::read(directory, REVIEWS)?.rows() {
        let score = row.number("review_score")?;
        reviews.push(Review {
            id: row.text("review_id")?.into(),
            order: *places.get(row.text("order_id")?).ok_or_else(|| row.wrong("order_id"))?,
            score: u8::try_from(score).map_err(|_| row.wrong("review_score"))?,
            created_at: row
                .time("review_creation_date")?
                .ok_or_else(|| row.wrong("review_creation_date"))?,
        });
    }
    Ok(reviews)
}

/// A file as a whole.
struct Table {
    file: String,
    columns: HashMap<String, usize>,
    records: Vec<csv::StringRecord>,
}

impl Table {
    fn read(directory: &Path, stem: &str) -> Result<Self, Problem> {
        let zipped = directory.join(format!("{stem}.csv.gz"));
        let is_zipped = zipped.exists();
        let path = if is_zipped { zipped } else { directory.join(format!("{stem}.csv")) };
        let file = path.display().to_string();
        let opened = std::fs::File::open(&path).map_err(|error| {
            Error::data(&file, None, format!("the file cannot be read: {error}"))
        })?;
        let bytes: Box<dyn Read> = if is_zipped {
            Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(opened)))
        } else {
            Box::new(BufReader::new(opened))
        };
        let mut reader = csv::Reader::from_reader(bytes);
        let failed = |error: csv::Error| {
            let line = error.position().map(csv::Position::line);
            Problem::from(Error::data(&file, line, format!("this is not CSV: {error}")))
        };
        let header = reader.headers().map_err(failed)?.clone();
        let columns = header.iter().enumerate().map(|(i, name)| (name.to_owned(), i)).collect();
        let records = reader.records().collect::<Result<_, _>>().map_err(failed)?;
        Ok(Self { file, columns, records })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|record| Row { table: self, record })
    }
}

struct Row<'a> {
    table: &'a Table,
    record: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    fn text(&self, column: &str) -> Result<&'a str, Problem> {
        let place = self.table.columns.get(column);
        place.and_then(|place| self.record.get(*place)).ok_or_else(|| self.wrong(column))
    }

    fn time(&self, column: &str) -> Result<Option<Time>, Problem> {
        match self.text(column)? {
            "" => Ok(None),
            text => Time::parse(text).map(Some).map_err(|_| self.wrong(column)),
        }
    }

    fn number(&self, column: &str) -> Result<u32, Problem> {
        self.text(column)?.parse().map_err(|_| self.wrong(column))
    }

    fn decimal(&self, column: &str) -> Result<Decimal, Problem> {
        Decimal::parse(self.text(column)?).ok_or_else(|| self.wrong(column))
    }

    fn wrong(&self, column: &str) -> Problem {
        let line = self.record.position().map(csv::Position::line);
        Error::data(
            &self.table.file,
            line,
            format!("`{column}` is missing, wrong or refers to nothing"),
        )
        .into()
    }
}

/// A file to write: its name, its header, its rows.
type Written = (&'static str, &'static [&'static str], Vec<Vec<String>>);

const ORDER_COLUMNS: [&str; 8] = [
    "order_id",
    "customer_id",
    "order_status",
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
    "order_estimated_delivery_date",
];
const CUSTOMER_COLUMNS: [&str; 4] =
    ["customer_id", "customer_unique_id", "customer_city", "customer_state"];
const PAYMENT_COLUMNS: [&str; 5] =
    ["order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value"];
const ITEM_COLUMNS: [&str; 6] =
    ["order_id", "order_item_id", "product_id", "seller_id", "price", "freight_value"];
const PRODUCT_COLUMNS: [&str; 3] = ["product_id", "product_category_name", "product_weight_g"];
const REVIEW_COLUMNS: [&str; 4] = ["review_id", "order_id", "review_score", "review_creation_date"];
const TRANSLATION_COLUMNS: [&str; 2] = ["product_category_name", "product_category_name_english"];

fn tables(market: &Market, categories: &[(&str, &str)]) -> Vec<Written> {
    let native: HashMap<&str, &str> =
        categories.iter().map(|(native, english)| (*english, *native)).collect();
    let (mut products, mut sellers) = (BTreeMap::new(), BTreeMap::new());
    for item in market.orders.iter().flat_map(|order| &order.items) {
        let category = item.category.as_deref().and_then(|english| native.get(english)).copied();
        let category = category.unwrap_or_default().to_owned();
        let weight = item.weight_g.as_str().to_owned();
        products.insert(&item.product_id, vec![item.product_id.clone(), category, weight]);
        sellers.insert(&item.seller_id, vec![item.seller_id.clone(), item.seller_state.clone()]);
    }
    let review = |review: &Review| {
        let order = market.orders[review.order].id.clone();
        vec![review.id.clone(), order, review.score.to_string(), text(review.created_at)]
    };
    let translation = |(native, english): &(&str, &str)| vec![(*native).into(), (*english).into()];
    let orders = &market.orders;
    vec![
        (ORDERS, &ORDER_COLUMNS, orders.iter().map(order_row).collect()),
        (CUSTOMERS, &CUSTOMER_COLUMNS, orders.iter().map(customer_row).collect()),
        (PAYMENTS, &PAYMENT_COLUMNS, orders.iter().flat_map(payment_rows).collect()),
        (ITEMS, &ITEM_COLUMNS, orders.iter().flat_map(item_rows).collect()),
        (PRODUCTS, &PRODUCT_COLUMNS, products.into_values().collect()),
        (SELLERS, &["seller_id", "seller_state"], sellers.into_values().collect()),
        (REVIEWS, &REVIEW_COLUMNS, market.reviews.iter().map(review).collect()),
        (TRANSLATION, &TRANSLATION_COLUMNS, categories.iter().map(translation).collect()),
    ]
}

fn order_row(order: &Order) -> Vec<String> {
    let happened = [order.approved_at, order.handed_over_at, order.delivered_at];
    let mut row = vec![order.id.clone(), order.id.clone(), order.status.clone()];
    row.push(text(order.placed_at));
    row.extend(happened.map(|time| time.map(text).unwrap_or_default()));
    row.push(text(order.estimated_at));
    row
}

/// Each order has a customer record of its own, as in the original.
fn customer_row(order: &Order) -> Vec<String> {
    let customer = &order.customer;
    vec![order.id.clone(), customer.id.clone(), customer.city.clone(), customer.state.clone()]
}

fn payment_rows(order: &Order) -> impl Iterator<Item = Vec<String>> {
    (1_u32..).zip(&order.payments).map(|(number, payment)| {
        let value = payment.value.as_str().to_owned();
        let instalments = payment.instalments.to_string();
        vec![order.id.clone(), number.to_string(), payment.method.clone(), instalments, value]
    })
}

fn item_rows(order: &Order) -> impl Iterator<Item = Vec<String>> {
    (1_u32..).zip(&order.items).map(|(number, item)| {
        let (product, seller) = (item.product_id.clone(), item.seller_id.clone());
        let [price, freight] =
            [&item.price, &item.freight].map(|amount| amount.as_str().to_owned());
        vec![order.id.clone(), number.to_string(), product, seller, price, freight]
    })
}

/// Returns an instant as the layout writes it: `2018-10-17 17:30:20`.
fn text(time: Time) -> String {
    time.to_string().replace('T', " ").trim_end_matches('Z').to_owned()
}
