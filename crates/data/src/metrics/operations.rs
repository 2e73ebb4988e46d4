//! Everything that can be done with metrics and KPIs.

use super::explain::{self, Explain};
use super::query::{self, Ask};
use super::show::{self, Evaluate};
use super::{compute, record};
use crate::engine::Data;
use crate::operations::{LIMIT, rows_of, rows_schema};
use kernel::{Operation, Right, decide, operation, read};
use schemars::JsonSchema;
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the JSON schema of a type.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Returns the lines of the table.
pub(crate) fn operations(data: &Arc<Data>) -> Vec<Operation> {
    let mut all = metrics(data);
    all.extend(kpis(data));
    all
}

fn metrics(data: &Arc<Data>) -> Vec<Operation> {
    use Right::Read;
    vec![
        operation(
            "metric.read",
            Read,
            "Returns the values of a metric by all its dimensions.",
            read(data, rows_of),
        )
        .queries(LIMIT)
        .answers(rows_schema()),
        operation(
            "metric.query",
            Read,
            "Returns the values of a metric by any of its dimensions, calculated from the rows.",
            read(data, query::query),
        )
        .takes(schema::<Ask>())
        .answers(json!({})),
    ]
}

fn kpis(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Manage, Read};
    vec![
        operation("kpi.list", Read, "Lists KPIs with their latest values.", read(data, show::list))
            .on_kind()
            .queries(show::LIST_QUERY)
            .answers(json!({"type": "object", "properties": {
                "items": {"type": "array", "items": {"type": "object"}},
            }})),
        operation("kpi.get", Read, "Shows a KPI with its values.", read(data, show::get))
            .queries(show::QUERY)
            .answers(json!({"type": "object"})),
        operation(
            "kpi.explain",
            Read,
            "Goes down from a value of a KPI to the rows behind it.",
            read(data, explain::explain),
        )
        .takes(schema::<Explain>())
        .answers(json!({"type": "object"})),
        operation(
            "kpi.evaluate",
            Manage,
            "Has windows of the past evaluated.",
            decide(data, show::evaluate),
        )
        .takes(schema::<Evaluate>())
        .answers(json!({"type": "object"})),
        operation(
            "kpi.compute",
            Read,
            "Calculates the values of windows that have closed.",
            read(data, compute::compute),
        )
        .internal(),
        operation(
            "kpi.record",
            Manage,
            "Records values of a KPI and starts the processes of its breaches.",
            decide(data, record::record),
        )
        .internal(),
    ]
}
