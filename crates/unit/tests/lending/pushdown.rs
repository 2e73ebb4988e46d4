//! Handing conditions, columns and limits to the provider never changes a result: what is lent answers every question as the
//! provider's own table does.

use crate::world::{World, manifest};
use base::{Entropy, SeededEntropy};
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;

/// Questions that are asked. `CRATON_SEEDS` asks so many times a hundred.
const QUESTIONS: u64 = 300;

const COLUMNS: [&str; 7] = ["id", "n", "price", "weight", "is_paid", "at", "notes"];

/// Draws from a seed.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.0.number() % limit as u64).expect("it is small")
    }

    fn one<'t>(&self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    fn is(&self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }

    /// Returns a value of a column as SQL writes it; sometimes one that is in no row, or nothing.
    fn literal(&self, column: &str) -> String {
        if self.below(25) == 0 {
            return "NULL".into();
        }
        match column {
            "id" => match self.below(6) {
                0 => self.one(&["''", "'o''clock'", "'ünï'", "'zzz'", "'K-'"]).into(),
                _ => format!("'k-{}'", self.below(60)),
            },
            "n" => match self.below(8) {
                0 => self.one(&["-9223372036854775808", "9223372036854775807", "1000000"]).into(),
                _ => (i64::try_from(self.below(40)).expect("it is small") - 20).to_string(),
            },
            "price" => match self.below(6) {
                0 => self.one(&["0", "-0.01", "12.345", "9999999999.99", "100000000000000"]).into(),
                _ => format!("{}.{:02}", self.below(20), self.below(4) * 25),
            },
            "weight" => match self.below(6) {
                0 => self.one(&["CAST('1e12' AS DOUBLE)", "CAST('-0.0' AS DOUBLE)", "0.1"]).into(),
                _ => format!("{}.{}", self.below(5), self.below(4) * 25),
            },
            "is_paid" => self.one(&["true", "false"]).into(),
            "at" => match self.below(6) {
                0 => {
                    self.one(&["'1900-01-01T00:00:00Z'", "TIMESTAMP '2020-01-05 12:00:00'"]).into()
                }
                _ => format!("'2020-01-{:02}T{:02}:00:00Z'", self.below(28) + 1, self.below(24)),
            },
            _ => self.one(&["'{}'", "'[1]'", "'{\"a\":1}'"]).into(),
        }
    }

    fn comparison(&self) -> String {
        let column = self.one(&COLUMNS);
        let value = || self.literal(column);
        match self.below(14) {
            0 => format!("{column} IS NULL"),
            1 => format!("{column} IS NOT NULL"),
            2 => format!("{column} BETWEEN {} AND {}", value(), value()),
            3 => format!("{column} NOT BETWEEN {} AND {}", value(), value()),
            4 | 5 => {
                let count = self.below(12) + 1;
                let values: Vec<String> = (0..count).map(|_| value()).collect();
                let not = if self.is(2) { "NOT " } else { "" };
                format!("{column} {not}IN ({})", values.join(", "))
            }
            // What is not handed over.
            6 => "n + 1 > 3".into(),
            7 => format!("id LIKE 'k-{}%'", self.below(6)),
            8 => format!("{} = {column}", value()),
            9 => {
                self.one(&["is_paid", "NOT is_paid", "is_paid IS TRUE", "is_paid = (n > 0)"]).into()
            }
            _ => {
                let operator = self.one(&["=", "<>", "<", "<=", ">", ">="]);
                format!("{column} {operator} {}", value())
            }
        }
    }

    fn condition(&self, depth: usize) -> String {
        if depth == 0 || self.is(4) {
            return self.comparison();
        }
        let word = if self.is(5) { "AND" } else { "OR" };
        let parts: Vec<String> =
            (0..self.below(3) + 2).map(|_| self.condition(depth - 1)).collect();
        let joined = parts.join(&format!(" {word} "));
        if self.is(1) { format!("NOT ({joined})") } else { format!("({joined})") }
    }

    fn columns(&self) -> String {
        let chosen: Vec<&str> = COLUMNS.into_iter().filter(|_| self.is(5)).collect();
        match self.below(8) {
            0 => "count(*) AS c".into(),
            1 => "count(n) AS c, sum(price) AS s, min(at) AS a, max(id) AS m".into(),
            2 => "is_paid, count(*) AS c".into(),
            _ if chosen.is_empty() => "id".into(),
            _ => chosen.join(", "),
        }
    }
}

fn row(dice: &Dice) -> String {
    let maybe = |text: String| if dice.below(8) == 0 { "null".into() } else { text };
    let id = maybe(format!("\"k-{}\"", dice.below(60)));
    let n = maybe((i64::try_from(dice.below(40)).expect("it is small") - 20).to_string());
    let price = maybe(format!("{}.{:02}", dice.below(20), dice.below(4) * 25));
    let weight = maybe(dice.one(&["0.25", "0.5", "3.75", "-0.0", "0.0", "1e12", "0.1"]).into());
    let is_paid = maybe(dice.one(&["true", "false"]).into());
    let (day, hour) = (dice.below(28) + 1, dice.below(24));
    let at = maybe(format!("\"2020-01-{day:02}T{hour:02}:00:00Z\""));
    let notes = maybe(dice.one(&["{}", "[1]", "{\"a\":1}"]).into());
    format!(
        "{{\"id\":{id},\"n\":{n},\"price\":{price},\"weight\":{weight},\"is_paid\":{is_paid},\"at\":{at},\"notes\":{notes},\"secret\":\"s\"}}\n"
    )
}

/// Returns retail and payment, which lends a table with rows in files and in the log, and a view of it.
fn lending(page_rows_max: usize) -> Arc<World> {
    let world = World::new(&exchange::Config { page_rows_max, ..exchange::Config::default() });
    let column = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let sales = json!({"schema": [
        column("id", "text"), column("n", "int"), column("price", "decimal(12,2)"),
        column("weight", "float"), column("is_paid", "bool"), column("at", "time"),
        column("notes", "json"), column("secret", "text"),
    ]});
    let all = json!({"sql": "SELECT id, n, price, weight, is_paid, at, notes, secret FROM sales"});
    let offer = |relation: &str| json!({"relation": {"name": relation, "columns": COLUMNS}, "version": 1, "to": "any"});
    let manifests = json!([
        manifest("Stream", "sales", sales),
        manifest("View", "all_sales", all),
        manifest("Offer", "sales", offer("sales")),
        manifest("Offer", "viewed", offer("all_sales")),
    ]);
    world.apply("payment", manifests).expect("applied");
    let dice = Dice(SeededEntropy::new(7));
    let lines = |count: usize| (0..count).map(|_| row(&dice)).collect::<String>();
    world.append("payment", "sales", &lines(300));
    world.seal("payment", "sales");
    world.append("payment", "sales", &lines(100));
    world.conclude("lent", &["sales", "viewed"]);
    world
}

fn sorted(answer: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = answer.lines().collect();
    lines.sort_unstable();
    lines
}

fn questions() -> u64 {
    let seeds = std::env::var("CRATON_SEEDS").ok().and_then(|text| text.parse::<u64>().ok());
    seeds.map_or(QUESTIONS, |seeds| 100 * seeds)
}

#[test]
fn a_lent_table_answers_as_the_table_itself_does() {
    let world = lending(37);
    let (mut pushed, mut answered) = (0, 0);
    for number in 0..questions() {
        let dice = Dice(SeededEntropy::new(1_000 + number));
        let columns = dice.columns();
        let mut rest = String::new();
        if !dice.is(1) {
            write!(rest, " WHERE {}", dice.condition(3)).expect("a text");
        }
        if columns.starts_with("is_paid, count") {
            rest.push_str(" GROUP BY is_paid");
        }
        let own = world.sql("payment", &format!("SELECT {columns} FROM sales{rest}"));
        world.take_seen();
        for lent in ["payment.sales", "payment.viewed"] {
            let question = format!("SELECT {columns} FROM {lent}{rest}");
            let answer = world.sql("retail", &question);
            match (&own, &answer) {
                (Ok(own), Ok(answer)) => assert_eq!(sorted(answer), sorted(own), "{question}"),
                (Err(own), Err(answer)) => assert_eq!(answer.code, own.code, "{question}"),
                _ => panic!("{question}: {own:?} and {answer:?}"),
            }
        }
        world.settle();
        answered += u64::from(own.is_ok());
        pushed += u64::from(world.take_seen().iter().any(|body| !body["where"].is_null()));
    }
    assert!(questions() / 2 < answered, "{answered} questions were answered");
    assert!(questions() / 3 < pushed, "{pushed} questions were handed over, all or in part");
}

#[test]
fn a_limit_gives_so_many_of_the_rows() {
    let world = lending(16);
    for number in 0..questions() / 3 {
        let dice = Dice(SeededEntropy::new(90_000 + number));
        let condition = dice.condition(2);
        let limit = dice.below(60);
        let all = format!("SELECT id, n, at FROM sales WHERE {condition}");
        let Ok(all) = world.sql("payment", &all) else { continue };
        let some = format!("SELECT id, n, at FROM payment.sales WHERE {condition} LIMIT {limit}");
        let some = world.sql("retail", &some).expect("an answer");
        // Who has enough of the rows says so; until that has arrived, the fetch is open.
        world.settle();
        let mut known = sorted(&all);
        for line in some.lines() {
            let place = known.iter().position(|known| *known == line).expect("a row of the table");
            known.remove(place);
        }
        assert_eq!(some.lines().count() - 1, limit.min(all.lines().count() - 1), "{condition}");
    }
}

#[test]
fn what_can_be_handed_over_is() {
    let world = lending(1_000);
    let check = |rest: &str, expected: serde_json::Value| {
        world.sql("retail", &format!("SELECT n FROM payment.sales {rest}")).expect("an answer");
        let seen = world.take_seen();
        assert_eq!(seen.len(), 1, "{rest}");
        let shown = json!({"columns": seen[0]["columns"], "where": seen[0]["where"], "limit": seen[0]["limit"]});
        assert_eq!(shown, expected, "{rest}");
    };
    let all = |conditions: serde_json::Value| json!({"all": conditions});
    check("", json!({"columns": ["n"], "where": null, "limit": null}));
    check("LIMIT 3", json!({"columns": ["n"], "where": null, "limit": 3}));
    let price = json!({"column": "price", "op": "<=", "value": "12.50"});
    let n = json!({"column": "n", "op": ">", "value": 5});
    let both = json!({"columns": ["n"], "where": all(json!([n, price])), "limit": 7});
    check("WHERE n > 5 AND price <= 12.5 LIMIT 7", both);
    let paid = json!({"column": "is_paid", "op": "=", "value": true});
    let at = json!({"column": "at", "op": ">=", "value": 1_577_836_800_000_i64});
    let either =
        json!({"columns": ["n"], "where": all(json!([{"any": [paid, at]}])), "limit": null});
    check("WHERE is_paid OR at >= '2020-01-01T00:00:00Z'", either);
    let list: Vec<i64> = (0..10).collect();
    let within =
        json!({"columns": ["n"], "where": all(json!([{"column": "n", "in": list}])), "limit": 2});
    check("WHERE n IN (0,1,2,3,4,5,6,7,8,9) LIMIT 2", within);
    // A condition that stays here keeps its column and the limit here too.
    let stays = json!({"columns": ["n"], "where": all(json!([n])), "limit": null});
    check("WHERE n > 5 AND n % 2 = 0 LIMIT 7", stays);
    let longer: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let longer = format!("WHERE n IN ({})", longer.join(","));
    check(&longer, json!({"columns": ["n"], "where": null, "limit": null}));
    world.sql("retail", "SELECT count(*) FROM payment.sales").expect("an answer");
    assert_eq!(world.take_seen()[0]["columns"], json!(null), "rows are counted without columns");
}
