//! What twins show to SQL: `system.twins`, `system.twin_history`, `system.device_events`.

use super::sides::{self, Side, SideName};
use super::state::is_in_step;
use super::{events, last};
use crate::engine::Fleet;
use crate::registry::{self, DeviceSpec};
use crate::relations::{Row, int, relation, wanted, wants};
use base::Problem;
use kernel::{Cell, Column, ColumnType, Reader, Relation, Resource, Scan};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Returns the relations.
pub(crate) fn relations(fleet: &Arc<Fleet>) -> Vec<Relation> {
    use ColumnType::{Bool, Int, Text, Time};
    let column = Column::new;
    vec![
        relation(
            fleet,
            "twins",
            "Twins of devices: what was reported, what is desired, the last telemetry.",
            vec![
                column("device", Text, "The device.").indexed(),
                column("type", Text, "Its type.").indexed(),
                column("desired", Text, "What is desired of it, as JSON."),
                column("desired_version", Int, "The version of that, 0 where nothing was desired."),
                column("desired_at", Time, "When that was changed last, business time."),
                column("reported", Text, "What it has reported, as JSON."),
                column(
                    "reported_version",
                    Int,
                    "The version of that, 0 where nothing was reported.",
                ),
                column("reported_at", Time, "When that was changed last, business time."),
                column("in_step", Bool, "True where all that is desired was reported."),
                column("telemetry", Text, "The last row of each channel, as JSON."),
                column("seen", Time, "When it was heard of last, business time."),
            ],
            twin_rows,
        ),
        relation(
            fleet,
            "twin_history",
            "What twins were, version by version, as far as it is kept.",
            vec![
                column("device", Text, "The device.").indexed(),
                column("side", Text, "desired or reported"),
                column("version", Int, "Rises by one with every change."),
                column("at", Time, "From when on it was so, business time."),
                column("state", Text, "What it was, as JSON."),
                column("changed", Text, "The names of what this version changed, as JSON."),
                column("by", Text, "Who changed it."),
            ],
            history_rows,
        ),
        relation(
            fleet,
            "device_events",
            "What happened to devices, as far as it is kept.",
            vec![
                column("device", Text, "The device.").indexed(),
                column("at", Time, "When, business time."),
                column("wall", Time, "When, wall time."),
                column("event", Text, "What happened."),
                column("detail", Text, "More about it, as JSON."),
            ],
            event_rows,
        ),
    ]
}

/// Takes a device and says whether it wants more.
type Each<'a> = &'a mut dyn FnMut(&Resource, &DeviceSpec) -> Result<bool, Problem>;

/// Gives the devices that are wanted and that the caller may see: the first column is the name, the second, where there is one, the type.
fn each(reader: &Reader, scan: &Scan, has_type: bool, take: Each<'_>) -> Result<(), Problem> {
    let mut look = |name: &str| -> Result<bool, Problem> {
        match registry::seen(reader, name)? {
            Some((device, spec)) => take(&device, &spec),
            None => Ok(true),
        }
    };
    if let Some(name) = wanted(scan, 0) {
        return look(name).map(|_| ());
    }
    let of_type = wanted(scan, 1).filter(|_| has_type);
    let walked = of_type.map_or((registry::ALL, ""), |of_type| ("type", of_type));
    registry::walk(reader, walked, &mut look)
}

fn twin_rows(_: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    each(reader, scan, true, &mut |device, spec| row(twin_cells(reader, scan, device, spec)?))
}

fn twin_cells(
    reader: &Reader,
    scan: &Scan,
    device: &Resource,
    spec: &DeviceSpec,
) -> Result<Vec<Cell>, Problem> {
    let name = device.name.as_str();
    let wants_any = |columns: std::ops::RangeInclusive<usize>| {
        columns.into_iter().any(|column| wants(scan, column))
    };
    let is_step_wanted = wants(scan, 8);
    let side = |name_of: SideName, is_wanted: bool| -> Result<Side, Problem> {
        if is_wanted || is_step_wanted {
            Ok(sides::side(reader, name, name_of)?.unwrap_or_default())
        } else {
            Ok(Side::default())
        }
    };
    let desired = side(SideName::Desired, wants_any(2..=4))?;
    let reported = side(SideName::Reported, wants_any(5..=7))?;
    let telemetry = if wants(scan, 9) {
        let rows = last::all(reader, name)?.into_iter();
        let rows: Map<String, Value> = rows.map(|last| (last.channel, last.row)).collect();
        Cell::json(&Value::Object(rows))
    } else {
        Cell::Null
    };
    let seen = if wants(scan, 10) { last::seen(reader, name)? } else { None };
    let at = |side: &Side| Cell::time((0 < side.version).then_some(side.at));
    Ok(vec![
        Cell::Text(name.to_owned()),
        Cell::Text(spec.type_name.clone()),
        Cell::json(&json!(desired.state)),
        int(desired.version),
        at(&desired),
        Cell::json(&json!(reported.state)),
        int(reported.version),
        at(&reported),
        Cell::Bool(is_in_step(&desired.state, &reported.state)),
        telemetry,
        Cell::time(seen),
    ])
}

fn history_rows(fleet: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let limit = usize::try_from(fleet.config.twin_versions_max).unwrap_or(usize::MAX);
    each(reader, scan, false, &mut |device, _| {
        for name in SideName::ALL {
            for (side, changed) in sides::versions(reader, &device.name, name, limit)? {
                let cells = vec![
                    Cell::Text(device.name.clone()),
                    Cell::Text(name.as_str().to_owned()),
                    int(side.version),
                    Cell::time(Some(side.at)),
                    Cell::json(&json!(side.state)),
                    Cell::json(&json!(changed)),
                    Cell::Text(side.by),
                ];
                if !row(cells)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    })
}

fn event_rows(fleet: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let limit = usize::try_from(fleet.config.device_events_max).unwrap_or(usize::MAX);
    each(reader, scan, false, &mut |device, _| {
        for (at, _, event) in events::page(reader, &device.name, None, limit)? {
            let cells = vec![
                Cell::Text(device.name.clone()),
                Cell::time(Some(at)),
                Cell::time(Some(event.wall)),
                Cell::Text(event.event),
                Cell::json(&event.detail),
            ];
            if !row(cells)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
