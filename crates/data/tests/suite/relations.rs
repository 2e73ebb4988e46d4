//! Rows of engines that SQL reads: more than a query may hold, and no more than it wants.

use crate::support::{Unit, unit_of};
use base::{Code, Kind, Problem};
use data::Config;
use kernel::{Cell, Column, ColumnType, Engine, KindOf, Operation, Read, Relation};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows of the relation, some 40 MB of text.
const ROWS: u64 = 400_000;

const BROKEN: Code = Code("numbers.broken", Kind::Internal);

/// Offers `system.numbers`, whose last row cannot be read where `is_broken`.
#[derive(Default)]
struct Numbers {
    given: AtomicU64,
    is_broken: bool,
}

impl Engine for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn kinds(&self) -> Vec<KindOf> {
        Vec::new()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        Vec::new()
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        let columns = vec![
            Column::new("n", ColumnType::Int, "Counts up."),
            Column::new("name", ColumnType::Text, "The number in a hundred digits."),
        ];
        let rows = move |_: &_, _: &_, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            for n in 0..ROWS {
                self.given.fetch_add(1, Ordering::Relaxed);
                if !row(vec![Cell::Int(n.cast_signed()), Cell::Text(format!("{n:0100}"))])? {
                    return Ok(());
                }
            }
            if self.is_broken {
                Err(Problem::new(BROKEN, "the last page is missing"))
            } else {
                Ok(())
            }
        };
        let numbers = Relation::system("numbers", "Numbers.", columns, Arc::new(rows));
        let column = vec![Column::new("text", ColumnType::Text, "Eight million letters.")];
        let rows = |_: &_, _: &_, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            while row(vec![Cell::Text("x".repeat(8_000_000))])? {}
            Ok(())
        };
        Ok(vec![numbers, Relation::system("wide", "Long texts.", column, Arc::new(rows))])
    }
}

/// A unit whose queries may hold less than half of what the numbers need.
fn with(numbers: &Arc<Numbers>) -> Unit {
    let config = Config { query_bytes_max: 16 << 20, ..Config::default() };
    unit_of(config, vec![Arc::clone(numbers) as _])
}

#[test]
fn a_relation_may_be_larger_than_the_memory_of_a_query() {
    let unit = with(&Arc::default());
    let sql = "SELECT count(*) AS n, sum(length(name)) AS long FROM system.numbers";
    assert_eq!(unit.sql(sql).expect("counted"), "n,long\n400000,40000000\n");
}

#[test]
fn both_sides_of_a_join_may_be_the_same_relation() {
    let numbers: Arc<Numbers> = Arc::default();
    let unit = with(&numbers);
    let sql = "SELECT count(*) AS n FROM (SELECT n FROM system.numbers WHERE n % 100 = 0) a \
               JOIN system.numbers b ON a.n = b.n JOIN system.numbers c ON b.n = c.n";
    assert_eq!(unit.sql(sql).expect("joined"), "n\n4000\n");
}

#[test]
fn rows_that_nobody_wants_are_not_read() {
    let numbers: Arc<Numbers> = Arc::default();
    let unit = with(&numbers);
    assert_eq!(unit.sql("SELECT n FROM system.numbers LIMIT 2").expect("rows"), "n\n0\n1\n");
    let given = numbers.given.load(Ordering::Relaxed);
    assert_eq!(given, 2);
    // Any row will do.
    let one = "SELECT count(*) AS n FROM (SELECT n FROM system.numbers WHERE n > 5 LIMIT 1)";
    assert_eq!(unit.sql(one).expect("rows"), "n\n1\n");
    let given = numbers.given.load(Ordering::Relaxed);
    assert!(given < ROWS / 2, "{given}");
}

#[test]
fn what_goes_wrong_at_the_last_row_is_told() {
    let unit = with(&Arc::new(Numbers { is_broken: true, ..Numbers::default() }));
    let problem = unit.sql("SELECT count(*) FROM system.numbers").expect_err("it is not counted");
    assert_eq!(problem.code, BROKEN.0);
}

#[test]
fn rows_that_are_gathered_count_against_the_memory_of_a_query() {
    let config = Config { query_bytes_max: 4 << 20, ..Config::default() };
    let unit = unit_of(config, vec![Arc::<Numbers>::default()]);
    let problem = unit.sql("SELECT count(*) FROM system.wide").expect_err("one row is too much");
    assert_eq!(problem.code, "sql.exhausted");
}

#[test]
fn a_query_reads_so_many_relations_at_the_same_time() {
    let config = Config { query_relations_max: 2, ..Config::default() };
    let unit = unit_of(config, vec![Arc::<Numbers>::default()]);
    let ask = |count: usize| {
        let parts = vec!["SELECT n FROM system.numbers"; count].join(" UNION ALL ");
        unit.sql(&format!("SELECT count(*) AS n FROM ({parts})"))
    };
    assert_eq!(ask(2).expect("counted"), "n\n800000\n");
    assert_eq!(ask(3).expect_err("it has no thread").code, "sql.exhausted");
}
