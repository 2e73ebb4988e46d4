//! probe
use crate::support::{orders, unit};
use serde_json::json;
#[test]
fn probe() {
    let mut unit = unit();
    unit.apply(json!([orders()])).expect("applied");
    unit.append("orders", "{\"id\":\"a\",\"price\":1}").expect("appended");
    for n in [6, 8, 9, 10, 12, 30] {
        let sql = format!("WITH t0 AS (SELECT n FROM orders){} SELECT n FROM t{}", (1..n).map(|k| format!(", t{k} AS (SELECT a.n FROM t{} a CROSS JOIN t{} b)", k - 1, k - 1)).collect::<String>(), n - 1);
            let began = unit.kernel.clock().monotonic();
            let code = unit.sql(&sql).map_or_else(|p| p.code, |_| "ok".into());
            eprintln!("{n} {code} {:?}", unit.kernel.clock().monotonic() - began);
    }
}
