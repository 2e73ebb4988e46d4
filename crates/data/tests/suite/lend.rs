//! What another unit reads of a relation: pages at one commit, cut to what is lent, for whoever may read the relation.

use crate::support::{Unit, call, orders, unit, view};
use base::Problem;
use kernel::{Cell, ColumnType, Comparison, Filter, Lending, LentColumn, Page, Reader, Reply};
use serde_json::json;

const ROWS: usize = 25;

fn filled() -> Unit {
    let mut unit = unit();
    let counted =
        view("counted", "SELECT state, count(*) AS c, [1] AS list FROM orders GROUP BY state");
    unit.apply(json!([orders(), counted])).expect("applied");
    let row = |n: usize| {
        let state = ["new", "paid"][n % 2];
        format!(
            "{{\"id\":\"o-{n}\",\"state\":\"{state}\",\"price\":{n}.5,\"n\":{n},\"notes\":{{}}}}\n"
        )
    };
    let lines: String = (0..ROWS).map(row).collect();
    unit.append("orders", &lines).expect("appended");
    unit
}

fn lending(relation: &str) -> Lending {
    let column = |name: &str, column_type| LentColumn { name: name.into(), column_type };
    Lending {
        relation: relation.into(),
        columns: vec![
            column("id", ColumnType::Text),
            column("n", ColumnType::Int),
            column("price", ColumnType::Decimal(2)),
        ],
        rows: None,
        user: "retail".into(),
        select: vec![0, 1],
        filter: None,
        limit: None,
        ms: 10_000,
        page_ms: 5_000,
        page_rows: 10,
        page_bytes: 1 << 20,
    }
}

fn pages_as(unit: &Unit, who: &str, lending: &Lending) -> Result<Vec<Page>, Problem> {
    let args = serde_json::to_value(lending).expect("JSON");
    match unit.kernel.read(&call(who, "sql.lend", ("sql", "")).with(args))? {
        Reply::Stream { pieces, .. } => {
            let page =
                |piece: Result<Vec<u8>, Problem>| Ok(Page::of_piece(piece?).expect("a page"));
            pieces.map(page).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn pages(unit: &Unit, lending: &Lending) -> Result<Vec<Page>, Problem> {
    pages_as(unit, "unit:exchange", lending)
}

fn count(unit: &Unit, lending: &Lending) -> u64 {
    pages(unit, lending).expect("pages").iter().map(|page| page.rows).sum()
}

fn code(result: Result<Vec<Page>, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "done".into())
}

#[test]
fn pages_have_all_rows_and_say_at_which_commit() {
    let unit = filled();
    let pages = pages(&unit, &lending("orders")).expect("pages");
    let rows: Vec<u64> = pages.iter().map(|page| page.rows).collect();
    assert_eq!(rows, [10, 10, 5]);
    assert!(pages.iter().all(|page| page.commit == unit.kernel.commit()));
    let last: Vec<bool> = pages.iter().map(|page| page.is_last).collect();
    assert_eq!(last, [false, false, true]);
}

#[test]
fn rows_are_cut_before_conditions_and_limits() {
    let unit = filled();
    let compare = |column, comparison, value| Filter::Compare { column, comparison, value };
    let mut lent = lending("orders_latest");
    lent.rows = Some("state = 'paid' AND current_user = 'retail'".into());
    assert_eq!(count(&unit, &lent), 12);
    lent.filter = Some(compare(1, Comparison::Less, Cell::Int(10)));
    assert_eq!(count(&unit, &lent), 5);
    lent.limit = Some(3);
    assert_eq!(count(&unit, &lent), 3);
    let price = compare(2, Comparison::GreaterOrEqual, Cell::Decimal("20.50".into()));
    lent.filter = Some(Filter::Any(vec![price, Filter::In { column: 1, values: Vec::new() }]));
    lent.limit = None;
    lent.select = Vec::new();
    assert_eq!(count(&unit, &lent), 2);
    lent.filter = Some(Filter::All(Vec::new()));
    assert_eq!(count(&unit, &lent), 12);
    lent.filter = Some(Filter::Any(Vec::new()));
    assert_eq!(count(&unit, &lent), 0);
}

#[test]
fn a_relation_without_the_agreed_columns_is_not_lent() {
    let unit = filled();
    assert_eq!(code(pages(&unit, &lending("ghost"))), "sql.lent");
    assert_eq!(code(pages(&unit, &lending("counted"))), "sql.lent");
    assert_eq!(code(pages(&unit, &lending("information_schema.tables"))), "sql.lent");
    let mut other = lending("orders");
    other.columns[1].column_type = ColumnType::Text;
    assert_eq!(code(pages(&unit, &other)), "sql.lent");
}

#[test]
fn nobody_reads_by_it_what_he_may_not_read() {
    let unit = filled();
    assert_eq!(code(pages_as(&unit, "user:carl", &lending("orders"))), "sql.lent");
    assert_eq!(code(pages_as(&unit, "user:ann", &lending("orders"))), "done");
    assert_eq!(code(pages_as(&unit, "user:nobody", &lending("orders"))), "policy.forbidden");
}

#[test]
fn relations_are_described_by_what_can_be_lent() {
    let unit = filled();
    let reader = Reader::new(&unit.kernel, kernel::Principal::Anonymous).expect("a reader");
    let described = |relation: &str, rows: Option<&str>| {
        let engines = unit.kernel.engines().iter();
        let mut found =
            engines.filter_map(|engine| engine.describe(&reader, relation, rows).transpose());
        found.next().expect("one engine answers SQL")
    };
    let columns = described("counted", None).expect("columns");
    let columns: Vec<_> =
        columns.iter().map(|column| (column.name.as_str(), column.column_type)).collect();
    assert_eq!(columns, [("state", ColumnType::Text), ("c", ColumnType::Int)]);
    assert!(described("orders", Some("n > 5")).is_ok());
    assert!(described("orders", Some("nn > 5")).is_err());
    assert!(described("ghost", None).is_err());
}
